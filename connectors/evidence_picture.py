"""An evidence frame as one PNG: raw, cleaned, reconstruction and residual beside each other, on absolute scales."""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from connectors.dot_matrix_font import LETTER_SHAPE, text_dots
from models.alerts.alert import EvidenceFrame
from models.event_time import format_iso
from models.records import FULL_SCALE_COUNTS, IMAGE_SHAPE

#: The residual's scale ends at so many sigmas on both sides.
RESIDUAL_SCALE_SIGMAS = 10.0

# Perceptually uniform: nine points of matplotlib's viridis (public domain).
_VIRIDIS = (
    *((68, 1, 84), (71, 44, 122), (59, 81, 139), (44, 113, 142), (33, 144, 141)),
    *((39, 173, 129), (92, 200, 99), (170, 220, 50), (253, 231, 37)),
)
# ColorBrewer's RdBu, from blue over white to red.
_BLUE_WHITE_RED = ((5, 48, 97), (67, 147, 195), (247, 247, 247), (214, 96, 77), (103, 0, 31))
_BACKGROUND = (24, 26, 30)
_LETTERS = (230, 232, 235)
_QUIET_LETTERS = (165, 170, 178)
_NOT_A_NUMBER = (128, 128, 128)

# Pictures are written between a shot and its alert: this level takes a third of the time of the usual one.
_COMPRESSION_LEVEL = 1

_SCALE = 3
_MARGIN = 14
_LINE = LETTER_SHAPE[0] * 2 + 4
_BAR = 14
_PANEL = (IMAGE_SHAPE[0] * _SCALE, IMAGE_SHAPE[1] * _SCALE)

Picture = NDArray[np.uint8]


def evidence_png(frame: EvidenceFrame) -> bytes:
    """The picture of a frame.

    Counts are coloured from 0 to 4092 and the residual from -10 to 10 sigmas, whatever the image holds, so that
    pictures of different shots compare; values beyond the ends have the ends' colour, NaN is grey.
    """
    counts = (("raw", frame.raw), ("cleaned", frame.cleaned), ("reconstruction", frame.reconstruction))
    panels = [(title, _count_colours(values), f"peak {_in_words(_largest(values), 0)}") for title, values in counts]
    panels.append(
        (
            "residual",
            _sigma_colours(frame.residual_z),
            f"largest {_in_words(_largest(np.abs(frame.residual_z)), 1)} sigma",
        )
    )
    top = _MARGIN + 3 * _LINE + _MARGIN // 2
    height = top + _LINE + _PANEL[0] + 8 + _BAR + 6 + _LINE + _MARGIN // 2
    canvas = np.empty((height, 4 * _PANEL[1] + 5 * _MARGIN, 3), np.uint8)
    canvas[:] = _BACKGROUND
    _write_heading(canvas, frame)
    for number, (title, colours, note) in enumerate(panels):
        left = _MARGIN + number * (_PANEL[1] + _MARGIN)
        _write(canvas, title, top, left, _LETTERS)
        _write(canvas, note, top, left + _PANEL[1] - _width(note), _QUIET_LETTERS)
        _put(canvas, colours.repeat(_SCALE, axis=0).repeat(_SCALE, axis=1), top + _LINE, left)
    bars = top + _LINE + _PANEL[0] + 8
    width = 3 * _PANEL[1] + 2 * _MARGIN
    _draw_scale(canvas, _VIRIDIS, (bars, _MARGIN, width), np.linspace(0, FULL_SCALE_COUNTS, 5), "counts")
    ends = RESIDUAL_SCALE_SIGMAS
    right = _MARGIN + 3 * (_PANEL[1] + _MARGIN)
    _draw_scale(canvas, _BLUE_WHITE_RED, (bars, right, _PANEL[1]), np.linspace(-ends, ends, 3), "sigma")
    return encode_png(canvas)


def encode_png(picture: Picture) -> bytes:
    """A PNG of uint8, shape (rows, columns, 3), red, green and blue (ISO/IEC 15948)."""
    rows, columns, _ = picture.shape

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    lines = picture.reshape(rows, -1)
    # Each row as its difference from the one above (filter 2): enlarged pixels repeat, so most of it is zeros.
    filtered = np.empty((rows, 1 + 3 * columns), np.uint8)
    filtered[:, 0] = 2
    filtered[0, 1:] = lines[0]
    np.subtract(lines[1:], lines[:-1], out=filtered[1:, 1:])
    header = struct.pack(">IIBBBBB", columns, rows, 8, 2, 0, 0, 0)
    data = zlib.compress(filtered.tobytes(), _COMPRESSION_LEVEL)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def _write_heading(canvas: Picture, frame: EvidenceFrame) -> None:
    lines = (
        (f"{frame.device.name}   {format_iso(frame.event_time_ns)}   {frame.role} shot", _LETTERS),
        (f"{frame.source.file}   sha256 {frame.source.sha256[:16]}", _QUIET_LETTERS),
        (f"{frame.source.path}   alert {frame.alert_id}", _QUIET_LETTERS),
    )
    for number, (text, colour) in enumerate(lines):
        _write(canvas, _fitting(text, canvas.shape[1] - 2 * _MARGIN), _MARGIN + number * _LINE, _MARGIN, colour)


def _draw_scale(
    canvas: Picture,
    colours: tuple[tuple[int, int, int], ...],
    place: tuple[int, int, int],
    ticks: NDArray[np.float64],
    unit: str,
) -> None:
    """A bar from the first tick to the last; ``place`` is its top, left and width."""
    top, left, width = place
    _put(canvas, _colours(np.linspace(0, 1, width), colours)[None].repeat(_BAR, axis=0), top, left)
    for position, tick in zip(np.linspace(0, width, len(ticks)).astype(int).tolist(), ticks, strict=True):
        text = f"{tick:.0f}" if tick != ticks[-1] else f"{tick:.0f} {unit}"
        begin = min(max(position - _width(text) // 2, 0), width - _width(text))
        _write(canvas, text, top + _BAR + 6, left + begin, _QUIET_LETTERS)
        mark = left + min(position, width - 2)
        canvas[top + _BAR : top + _BAR + 4, mark : mark + 2] = _QUIET_LETTERS


def _count_colours(counts: NDArray[np.uint16] | NDArray[np.float32]) -> Picture:
    return _colours(counts.astype(np.float64) / FULL_SCALE_COUNTS, _VIRIDIS)


def _sigma_colours(residual_z: NDArray[np.float32]) -> Picture:
    return _colours(residual_z.astype(np.float64) / (2 * RESIDUAL_SCALE_SIGMAS) + 0.5, _BLUE_WHITE_RED)


def _colours(values: NDArray[np.float64], points: tuple[tuple[int, int, int], ...]) -> Picture:
    """uint8, shape (..., 3): values from 0 to 1 on a scale that runs straight between some colours."""
    places = np.linspace(0, 1, len(points))
    table = np.stack([np.interp(np.linspace(0, 1, 257), places, channel) for channel in zip(*points, strict=True)], -1)
    finite = np.nan_to_num(values, nan=0.0, posinf=1.0, neginf=0.0)
    picture: Picture = np.rint(table).astype(np.uint8)[np.rint(np.clip(finite, 0, 1) * 256).astype(np.intp)]
    picture[np.isnan(values)] = _NOT_A_NUMBER
    return picture


def _largest(values: NDArray[np.uint16] | NDArray[np.float32]) -> float:
    """The largest number, infinity included; NaN counts as 0."""
    return float(np.max(np.where(np.isnan(values), 0, values)))


def _in_words(number: float, digits: int) -> str:
    return f"{number:.{digits}f}" if abs(number) < 1e6 else f"{number:.1e}"


def _write(canvas: Picture, text: str, top: int, left: int, colour: tuple[int, int, int]) -> None:
    dots = text_dots(text, 2)
    canvas[top : top + dots.shape[0], left : left + dots.shape[1]][dots] = colour


def _width(text: str) -> int:
    return (LETTER_SHAPE[1] * len(text) - 1) * 2


def _fitting(text: str, width: int) -> str:
    letters = (width // 2 + 1) // LETTER_SHAPE[1]
    return text if len(text) <= letters else f"{text[: letters - 3]}..."


def _put(canvas: Picture, picture: Picture, top: int, left: int) -> None:
    canvas[top : top + picture.shape[0], left : left + picture.shape[1]] = picture

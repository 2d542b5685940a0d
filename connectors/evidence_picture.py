"""An evidence frame as one PNG: raw, cleaned, reconstruction and residual beside each other, on absolute scales."""

import struct
import zlib
from functools import lru_cache

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
# Places in the palette: four single colours, then two scales whose middle is a colour of its own.
_BACKGROUND, _LETTERS, _QUIET_LETTERS, _NOT_A_NUMBER = range(4)
_SINGLE_COLOURS = ((24, 26, 30), (230, 232, 235), (165, 170, 178), (128, 128, 128))
_SCALE_COLOURS = 125
_COUNTS_AT = len(_SINGLE_COLOURS)
_SIGMAS_AT = _COUNTS_AT + _SCALE_COLOURS

# Pictures are written between a shot and its alert: this level takes a third of the time of the usual one.
_COMPRESSION_LEVEL = 1

_SCALE = 3
_MARGIN = 14
_LINE = LETTER_SHAPE[0] * 2 + 4
_BAR = 14
_PANEL = (IMAGE_SHAPE[0] * _SCALE, IMAGE_SHAPE[1] * _SCALE)
_TITLES = ("raw", "cleaned", "reconstruction", "residual")
_TOP = _MARGIN + 3 * _LINE + _MARGIN // 2

#: Places in a palette, uint8, shape (rows, columns): a third of the work of three colours a pixel.
Picture = NDArray[np.uint8]


def evidence_png(frame: EvidenceFrame) -> bytes:
    """The picture of a frame.

    Counts are coloured from 0 to 4092 and the residual from -10 to 10 sigmas, whatever the image holds, so that
    pictures of different shots compare; values beyond the ends have the ends' colour, NaN is grey.
    """
    panels = [
        (_count_colours(values), f"peak {_in_words(_largest(values), 0)}")
        for values in (frame.raw, frame.cleaned, frame.reconstruction)
    ]
    largest = _in_words(_largest(np.abs(frame.residual_z)), 1)
    panels.append((_sigma_colours(frame.residual_z), f"largest {largest} sigma"))
    canvas = _empty_picture().copy()
    _write_heading(canvas, frame)
    for number, (colours, note) in enumerate(panels):
        left = _panel_left(number)
        _write(canvas, note, _TOP, left + _PANEL[1] - _width(note), _QUIET_LETTERS)
        _put(canvas, colours.repeat(_SCALE, axis=0).repeat(_SCALE, axis=1), _TOP + _LINE, left)
    return encode_png(canvas, _palette())


def encode_png(picture: Picture, palette: NDArray[np.uint8]) -> bytes:
    """A PNG (ISO/IEC 15948).

    Parameters
    ----------
    picture
        uint8, shape (rows, columns): places in the palette.
    palette
        uint8, shape (up to 256, 3): red, green and blue.
    """
    rows, columns = picture.shape

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    # Each row as its difference from the one above (filter 2): enlarged pixels repeat, so most of it is zeros.
    filtered = np.empty((rows, 1 + columns), np.uint8)
    filtered[:, 0] = 2
    filtered[0, 1:] = picture[0]
    np.subtract(picture[1:], picture[:-1], out=filtered[1:, 1:])
    header = struct.pack(">IIBBBBB", columns, rows, 8, 3, 0, 0, 0)
    data = zlib.compress(filtered.data, _COMPRESSION_LEVEL)
    chunks = ((b"IHDR", header), (b"PLTE", palette.tobytes()), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(name, content) for name, content in chunks)


@lru_cache(maxsize=1)
def _palette() -> NDArray[np.uint8]:
    scales = [_colours_between(points) for points in (_VIRIDIS, _BLUE_WHITE_RED)]
    palette: NDArray[np.uint8] = np.concatenate([np.array(_SINGLE_COLOURS, np.uint8), *scales])
    return palette


def _colours_between(points: tuple[tuple[int, int, int], ...]) -> NDArray[np.uint8]:
    """uint8, shape (125, 3): a scale that runs straight between some colours."""
    steps, places = np.linspace(0, 1, _SCALE_COLOURS), np.linspace(0, 1, len(points))
    channels = [np.interp(steps, places, channel) for channel in zip(*points, strict=True)]
    colours: NDArray[np.uint8] = np.rint(np.stack(channels, axis=-1)).astype(np.uint8)
    return colours


@lru_cache(maxsize=1)
def _empty_picture() -> Picture:
    """What is the same in all pictures: titles and scales."""
    height = _TOP + _LINE + _PANEL[0] + 8 + _BAR + 6 + _LINE + _MARGIN // 2
    canvas = np.full((height, _panel_left(len(_TITLES))), _BACKGROUND, np.uint8)
    for number, title in enumerate(_TITLES):
        _write(canvas, title, _TOP, _panel_left(number), _LETTERS)
    bars = _TOP + _LINE + _PANEL[0] + 8
    width = _panel_left(3) - _MARGIN - _panel_left(0)
    _draw_scale(canvas, _COUNTS_AT, (bars, _panel_left(0), width), np.linspace(0, FULL_SCALE_COUNTS, 5), "counts")
    ends = RESIDUAL_SCALE_SIGMAS
    _draw_scale(canvas, _SIGMAS_AT, (bars, _panel_left(3), _PANEL[1]), np.linspace(-ends, ends, 3), "sigma")
    canvas.setflags(write=False)
    return canvas


def _panel_left(number: int) -> int:
    return _MARGIN + number * (_PANEL[1] + _MARGIN)


def _write_heading(canvas: Picture, frame: EvidenceFrame) -> None:
    lines = (
        (f"{frame.device.name}   {format_iso(frame.event_time_ns)}   {frame.role} shot", _LETTERS),
        (f"{frame.source.file}   sha256 {frame.source.sha256[:16]}", _QUIET_LETTERS),
        (f"{frame.source.path}   alert {frame.alert_id}", _QUIET_LETTERS),
    )
    for number, (text, colour) in enumerate(lines):
        _write(canvas, _fitting(text, canvas.shape[1] - 2 * _MARGIN), _MARGIN + number * _LINE, _MARGIN, colour)


def _draw_scale(
    canvas: Picture, colours_at: int, place: tuple[int, int, int], ticks: NDArray[np.float64], unit: str
) -> None:
    """A bar from the first tick to the last; ``place`` is its top, left and width."""
    top, left, width = place
    _put(canvas, _colours(np.linspace(0, 1, width), colours_at)[None].repeat(_BAR, axis=0), top, left)
    for position, tick in zip(np.linspace(0, width, len(ticks)).astype(int).tolist(), ticks, strict=True):
        text = f"{tick:.0f}" if tick != ticks[-1] else f"{tick:.0f} {unit}"
        begin = min(max(position - _width(text) // 2, 0), width - _width(text))
        _write(canvas, text, top + _BAR + 6, left + begin, _QUIET_LETTERS)
        mark = left + min(position, width - 2)
        canvas[top + _BAR : top + _BAR + 4, mark : mark + 2] = _QUIET_LETTERS


def _count_colours(counts: NDArray[np.uint16] | NDArray[np.float32]) -> Picture:
    return _colours(counts.astype(np.float64) / FULL_SCALE_COUNTS, _COUNTS_AT)


def _sigma_colours(residual_z: NDArray[np.float32]) -> Picture:
    return _colours(residual_z.astype(np.float64) / (2 * RESIDUAL_SCALE_SIGMAS) + 0.5, _SIGMAS_AT)


def _colours(values: NDArray[np.float64], first: int) -> Picture:
    """Values from 0 to 1 as places in the palette, on the scale that begins at ``first``; infinities are its ends."""
    places = np.rint(np.clip(values, 0, 1) * (_SCALE_COLOURS - 1))
    picture: Picture = np.where(np.isnan(places), _NOT_A_NUMBER, places + first).astype(np.uint8)
    return picture


def _largest(values: NDArray[np.uint16] | NDArray[np.float32]) -> float:
    """The largest number, infinity included; NaN counts as 0."""
    return float(np.max(np.where(np.isnan(values), 0, values)))


def _in_words(number: float, digits: int) -> str:
    return f"{number:.{digits}f}" if abs(number) < 1e6 else f"{number:.1e}"


def _write(canvas: Picture, text: str, top: int, left: int, colour: int) -> None:
    dots = text_dots(text, 2)
    canvas[top : top + dots.shape[0], left : left + dots.shape[1]][dots] = colour


def _width(text: str) -> int:
    return (LETTER_SHAPE[1] * len(text) - 1) * 2


def _fitting(text: str, width: int) -> str:
    letters = (width // 2 + 1) // LETTER_SHAPE[1]
    return text if len(text) <= letters else f"{text[: letters - 3]}..."


def _put(canvas: Picture, picture: Picture, top: int, left: int) -> None:
    canvas[top : top + picture.shape[0], left : left + picture.shape[1]] = picture


def counts_png(raw: NDArray[np.uint16]) -> bytes:
    """The picture of a raw image alone, coloured as in ``evidence_png``: uint16, shape (102, 128), counts."""
    return encode_png(np.repeat(np.repeat(_count_colours(raw), 2, axis=0), 2, axis=1), _palette())

"""What an odd frame's residual looks like: where it is highest and lowest, how concentrated, how periodic."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from models.causes.odd_frame import CENTRE_X, CENTRE_Y, OddFrame
from models.images.residual import Float32Array, smooth
from models.records import IMAGE_SHAPE

_HEIGHT, _WIDTH = IMAGE_SHAPE
# Where the beam is brighter than this part of its peak, ratios to it mean something.
_BEAM_FRACTION = 0.1
# A z beyond this says no more: a saturated plateau must not hide everything else.
_LARGEST_Z = 60.0
#: Periods in pixels among which a pattern is looked for.
SHORTEST_PERIOD_PX, LONGEST_PERIOD_PX = 3.2, 13.0
_SLOWEST_PERIOD_PX = 40.0
_SECTORS = 12
_LEAST_BEAM_PIXELS = 25
_LEAST_POWER = 1e-20


@dataclass(frozen=True, slots=True, kw_only=True)
class Extreme:
    """The highest (or lowest) point of a smoothed residual.

    Attributes
    ----------
    x, y
        Column and row of the frame, pixels from 0.
    z
        How high, or how low, in sigmas of a pixel: >= 0.
    """

    x: int
    y: int
    z: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """The strongest periodic part of the residual in sigmas, which has lost the camera's own usual structure.

    Attributes
    ----------
    period_px
        Its period.
    share
        The part of all power (periods below 40 px) that lies within the range of patterns.
    peak_share
        The part of that range's power at the one strongest place and around it: near 1 for straight fringes.
    ring_share
        The part of that range's power at the strongest period in all directions.
    evenness
        How evenly that is spread over the directions, 0 to 1: 1 for rings.
    depth
        The strength of the strongest wave, as a part of the local brightness.
    """

    period_px: float
    share: float
    peak_share: float
    ring_share: float
    evenness: float
    depth: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidualShape:
    """One frame's residual, measured.

    Attributes
    ----------
    scales
        float32, shape (3, 102, 128): the residual in sigmas, cut at 60, smoothed by 0, 1 and about 2.2 px.
    beam
        bool, shape (102, 128): where the beam is.
    relative
        float32, same shape: the residual as a part of the local brightness; zero outside of the beam.
    high, low
        The extremes of the second and third scale.
    """

    scales: Float32Array
    beam: NDArray[np.bool_]
    relative: Float32Array
    high: tuple[Extreme, Extreme]
    low: tuple[Extreme, Extreme]


def residual_shape(frame: OddFrame) -> ResidualShape:
    """Measure a frame's residual."""
    scales = np.empty((3, *IMAGE_SHAPE), np.float32)
    np.clip(np.nan_to_num(frame.residual_z), -_LARGEST_Z, _LARGEST_Z, out=scales[0])
    smooth(scales[0], scales[1])
    once, twice = np.empty(IMAGE_SHAPE, np.float32), np.empty(IMAGE_SHAPE, np.float32)
    smooth(scales[1], once)
    for _ in range(2):
        smooth(once, twice)
        once, twice = twice, once
    scales[2] = once
    brightness = np.empty(IMAGE_SHAPE, np.float32)
    smooth(np.maximum(frame.reconstruction, frame.cleaned), brightness)
    least = np.float32(max(_BEAM_FRACTION * float(brightness.max()), 1.0))
    beam = brightness > least
    relative = np.where(beam, (frame.cleaned - frame.reconstruction) / np.maximum(brightness, least), np.float32(0.0))
    return ResidualShape(
        scales=scales,
        beam=beam,
        relative=relative.astype(np.float32),
        high=(_extreme(scales[1]), _extreme(scales[2])),
        low=(_extreme(-scales[1]), _extreme(-scales[2])),
    )


def _extreme(field: Float32Array) -> Extreme:
    y, x = divmod(int(field.argmax()), _WIDTH)
    return Extreme(x=x, y=y, z=max(float(field[y, x]), 0.0))


def distance_in_radii(frame: OddFrame, extreme: Extreme) -> float:
    """How far a point lies from the usual centre of the beam, in radii of the beam."""
    mean = frame.usual.mean
    return float(np.hypot(extreme.x - mean[CENTRE_X], extreme.y - mean[CENTRE_Y])) / frame.usual.radius_px


@cache
def _frequencies() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Cycles per pixel along y and along x of a real transform, shapes (102, 65), and their length."""
    along_y, along_x = np.meshgrid(np.fft.fftfreq(_HEIGHT), np.fft.rfftfreq(_WIDTH), indexing="ij")
    return along_y, along_x, np.hypot(along_y, along_x)


@cache
def _bands() -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.int64]]:
    """Where a pattern may be, where anything but slow changes, and the sector of its direction, 0 to 11."""
    along_y, along_x, frequency = _frequencies()
    within = (frequency >= 1.0 / LONGEST_PERIOD_PX) & (frequency <= 1.0 / SHORTEST_PERIOD_PX)
    sector = np.minimum(((np.arctan2(along_y, along_x) / np.pi + 0.5) * _SECTORS).astype(np.int64), _SECTORS - 1)
    return within, frequency >= 1.0 / _SLOWEST_PERIOD_PX, sector


def pattern_of(shape: ResidualShape) -> Pattern:
    """The strongest periodic part of the residual inside the beam."""
    inside = int(shape.beam.sum())
    if inside < _LEAST_BEAM_PIXELS:
        return Pattern(period_px=0.0, share=0.0, peak_share=0.0, ring_share=0.0, evenness=0.0, depth=0.0)
    power = _power(shape.scales[0], shape.beam)
    within, fast, sector = _bands()
    frequency = _frequencies()[2]
    band = np.where(within, power, 0.0)
    total = float(band.sum())
    width = max(1.5 / np.sqrt(inside), 2.0 / _WIDTH)  # a pattern on a small beam has a wide peak
    near = within & (_distance_from(*divmod(int(band.argmax()), band.shape[1])) <= width)
    peak = float(band[near].sum())
    strongest = float((band * frequency)[near].sum()) / peak
    ring = within & (np.abs(frequency - strongest) <= width)
    by_sector = np.bincount(sector[ring], weights=band[ring], minlength=_SECTORS)
    parts = by_sector / by_sector.sum()
    relative = float(_power(shape.relative, shape.beam)[near].sum())
    return Pattern(
        period_px=1.0 / strongest,
        share=total / float(power[fast].sum()),
        peak_share=peak / total,
        ring_share=float(by_sector.sum()) / total,
        evenness=float(-(parts * np.log(parts + 1e-12)).sum() / np.log(_SECTORS)),
        # Parseval: a wave of this depth on so many pixels has this power in its peak of half a transform.
        depth=2.0 * float(np.sqrt(relative / (_HEIGHT * _WIDTH * inside))),
    )


def _power(field: Float32Array, beam: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The power spectrum of a field inside the beam, without its mean; above 0."""
    level = np.where(beam, field - field[beam].mean(), np.float32(0.0))
    return np.asarray(np.abs(np.fft.rfft2(level)) ** 2 + _LEAST_POWER)


def _distance_from(row: int, column: int) -> NDArray[np.float64]:
    """Distances in the plane of frequencies; the transform of real values holds the first column twice, mirrored."""
    along_y, along_x, _ = _frequencies()
    distance = np.hypot(along_y - along_y[row, column], along_x - along_x[row, column])
    if column == 0:
        distance = np.minimum(distance, np.hypot(along_y + along_y[row, column], along_x))
    return np.asarray(distance)

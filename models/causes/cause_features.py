"""What tells the causes of an odd frame apart, in numbers that depend on neither brightness, place nor direction."""

from dataclasses import dataclass
from math import copysign, isfinite, log1p
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.causes.odd_frame import (
    CENTRE_X,
    CENTRE_Y,
    CONTRAST,
    ELLIPSE_ACROSS,
    ELLIPSE_ALONG,
    LOG_DIAMETER,
    LOG_PEAK,
    LOG_SUM,
    SATURATED,
    OddFrame,
)
from models.causes.residual_shape import Extreme, Pattern, ResidualShape, distance_in_radii, pattern_of, residual_shape
from models.causes.row_steps import RowSteps, row_steps
from models.records import IMAGE_SHAPE

_ROWS, _COLUMNS = np.mgrid[: IMAGE_SHAPE[0], : IMAGE_SHAPE[1]].astype(np.float32)
_NEAR_PX = (4, 9)
_MOST_DEVIATION = 1.5
_LARGEST = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurements:
    """Everything that is measured on an odd frame, once for its words and for its cause."""

    frame: OddFrame
    shape: ResidualShape
    pattern: Pattern
    rows: RowSteps

    @classmethod
    def of(cls, frame: OddFrame) -> "Measurements":
        """Measure a frame."""
        shape = residual_shape(frame)
        return cls(frame=frame, shape=shape, pattern=pattern_of(shape), rows=row_steps(frame))


def cause_features(measured: Measurements) -> dict[str, float]:
    """The features by name, all finite, most of them between -5 and 5."""
    found = {
        **_moments(measured.frame),
        **_extremes(measured),
        **_directions(measured),
        **_pattern(measured.pattern),
        **_edges(measured),
    }
    return {
        name: min(max(float(value), -_LARGEST), _LARGEST) if isfinite(value) else 0.0 for name, value in found.items()
    }


def _log(value: float) -> float:
    """A logarithm that keeps the sign and is gentle around zero."""
    return copysign(log1p(abs(value)), value)


def _moments(frame: OddFrame) -> dict[str, float]:
    """What has changed of the beam's ten numbers, in their units and in sigmas."""
    change = frame.deviation
    sigmas = change / frame.usual.sigma
    radius = frame.usual.radius_px
    move, ellipse = (
        np.hypot(change[CENTRE_X], change[CENTRE_Y]),
        np.hypot(change[ELLIPSE_ALONG], change[ELLIPSE_ACROSS]),
    )
    limited = np.clip(change, -_MOST_DEVIATION, _MOST_DEVIATION)
    return {
        "sum": limited[LOG_SUM],
        "sum_up": max(limited[LOG_SUM], 0.0),
        "sum_sigmas": _log(sigmas[LOG_SUM]),
        "diameter": 5.0 * limited[LOG_DIAMETER],
        "diameter_sigmas": _log(sigmas[LOG_DIAMETER]),
        "peak": limited[LOG_PEAK],
        "peak_sigmas": _log(sigmas[LOG_PEAK]),
        "peak_by_sum": limited[LOG_PEAK] - limited[LOG_SUM],
        "contrast": 2.0 * limited[CONTRAST],
        "contrast_sigmas": _log(sigmas[CONTRAST]),
        "saturated": _log(200.0 * change[SATURATED]),
        "move": _log(move),
        "move_by_radius": 5.0 * move / radius,
        "move_sigmas": _log(np.hypot(sigmas[CENTRE_X], sigmas[CENTRE_Y])),
        "ellipse": 5.0 * ellipse,
        "ellipse_sigmas": _log(np.hypot(sigmas[ELLIPSE_ALONG], sigmas[ELLIPSE_ACROSS])),
        "radius": np.log(radius / 25.0),
    }


def _extremes(measured: Measurements) -> dict[str, float]:
    """How high and low the residual goes on each scale, where, and how much of it lies around there."""
    shape, frame = measured.shape, measured.frame
    found: dict[str, float] = {}
    for number, field in enumerate(shape.scales):
        found |= {
            f"high_{number}": _log(max(float(field.max()), 0.0)),
            f"low_{number}": _log(max(-float(field.min()), 0.0)),
            f"rms_{number}": _log(float(np.sqrt((field * field).mean()))),
        }
    for number, (high, low) in enumerate(zip(shape.high, shape.low, strict=True), start=1):
        power = shape.scales[number] ** 2
        total = float(power.sum()) + 1e-9
        found |= {
            f"high_place_{number}": distance_in_radii(frame, high),
            f"low_place_{number}": distance_in_radii(frame, low),
            f"spread_{number}": _log(total**2 / (float((power * power).sum()) + 1e-9) / 20.0),
            f"high_power_{number}": float(power[shape.scales[number] > 0].sum()) / total,
            f"apart_{number}": np.hypot(high.x - low.x, high.y - low.y) / frame.usual.radius_px,
        }
        for radius in _NEAR_PX:
            found[f"high_near_{number}_{radius}"] = _part_around(power, high, radius) / total
            found[f"low_near_{number}_{radius}"] = _part_around(power, low, radius) / total
    return found


def _part_around(power: NDArray[np.float32], place: Extreme, radius: int) -> float:
    rows = slice(max(place.y - radius, 0), place.y + radius + 1)
    columns = slice(max(place.x - radius, 0), place.x + radius + 1)
    return float(power[rows, columns].sum())


def _directions(measured: Measurements) -> dict[str, float]:
    """The residual's monopole, dipole and quadrupole about the usual centre, and along the beam's move."""
    frame, field = measured.frame, measured.shape.scales[1]
    mean, radius = frame.usual.mean, frame.usual.radius_px
    x, y = (_COLUMNS - mean[CENTRE_X]) / radius, (_ROWS - mean[CENTRE_Y]) / radius
    near = x * x + y * y < 2.25
    weight = np.where(near, field, np.float32(0.0))
    total = float(np.abs(weight).sum()) + 1e-9
    dipole = np.array([(weight * x).sum(), (weight * y).sum()]) / total
    quadrupole = np.array([(weight * (x * x - y * y)).sum(), (weight * 2.0 * x * y).sum()]) / total
    change = frame.deviation
    move = np.array([change[CENTRE_X], change[CENTRE_Y]])
    along = move / max(float(np.hypot(*move)), 1e-6)
    ahead = x * along[0] + y * along[1]
    deltas = np.array([change[ELLIPSE_ALONG], change[ELLIPSE_ACROSS]])
    found = {
        "monopole": 2.0 * float(weight.sum()) / total,
        "dipole": 3.0 * float(np.hypot(*dipole)),
        "dipole_ahead": 3.0 * float(dipole @ along),
        "quadrupole": 3.0 * float(np.hypot(*quadrupole)),
        "quadrupole_with_ellipse": 3.0 * float(quadrupole @ deltas) / max(float(np.hypot(*deltas)), 1e-6),
        "radial": 2.0 * float((weight * (x * x + y * y)).sum()) / total,
    }
    for name, low, high in (("behind", -9.0, -0.5), ("middle", -0.5, 0.5), ("before", 0.5, 9.0)):
        part = weight[(ahead >= low) & (ahead < high)]
        found[f"{name}_signed"] = 2.0 * float(part.sum()) / total
        found[f"{name}_power"] = 2.0 * float(np.abs(part).sum()) / total
    return found


def _pattern(pattern: Pattern) -> dict[str, float]:
    return {
        "pattern_period": pattern.period_px / 5.0,
        "pattern_share": 3.0 * pattern.share,
        "pattern_peak": 3.0 * pattern.peak_share,
        "pattern_ring": 3.0 * pattern.ring_share,
        "pattern_peak_by_ring": 3.0 * pattern.peak_share / (pattern.ring_share + 1e-9),
        "pattern_evenness": 3.0 * pattern.evenness,
        "pattern_depth": np.log(pattern.depth + 1e-3),
    }


def _edges(measured: Measurements) -> dict[str, float]:
    """Steps between rows, light that is cut off, and light where none is expected."""
    frame, rows = measured.frame, measured.rows
    peak = float(frame.reconstruction.max()) + 1.0
    expected, seen = frame.reconstruction > 0.1 * peak, frame.cleaned > 0.1 * peak
    area = float(expected.sum()) + 1.0
    slope = np.hypot(np.diff(frame.cleaned, axis=0)[:, :-1], np.diff(frame.cleaned, axis=1)[:-1]) / peak
    model = np.hypot(np.diff(frame.reconstruction, axis=0)[:, :-1], np.diff(frame.reconstruction, axis=1)[:-1]) / peak
    steepest, usual = _steep(slope), _steep(model)
    return {
        "row_step": _log(5.0 * rows.strength),
        "second_row_step": _log(5.0 * rows.second_strength),
        "column_step": _log(5.0 * rows.across),
        "row_by_column": _log(5.0 * rows.strength) - _log(5.0 * rows.across),
        "cut_off": 5.0 * float((expected & (frame.cleaned < 0.03 * peak)).sum()) / area,
        "added": 5.0 * float((seen & (frame.reconstruction < 0.03 * peak)).sum()) / area,
        "steepness": 5.0 * steepest,
        "steeper": 2.0 * np.log((steepest + 1e-3) / (usual + 1e-3)),
    }


def _steep(slope: NDArray[np.floating[Any]]) -> float:
    """The 20th steepest: single defective pixels say nothing."""
    steep = slope[slope > 0.25 * slope.max()]  # usually few, and then quickly sorted
    return float(np.partition(steep if len(steep) >= 20 else slope.ravel(), -20)[-20])

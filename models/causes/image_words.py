"""What is odd about a camera's frame, in one line, from what is measured on it.

Places are (x, y): columns and rows of the raw frame in pixels, counted from 0 at its upper left corner. Sigmas are the
camera's own, over its recent normal frames. ``right`` means larger x, ``down`` and ``lower`` larger y.
"""

from collections.abc import Callable
from math import atan2, exp, expm1, hypot, isfinite, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from models.alerts.explanation import UNKNOWN_CAUSE, Explanation
from models.causes.cause_classifier import CauseClassifier
from models.causes.cause_features import Measurements, cause_features
from models.causes.odd_frame import (
    CENTRE_X,
    CENTRE_Y,
    ELLIPSE_ACROSS,
    ELLIPSE_ALONG,
    LOG_DIAMETER,
    LOG_SUM,
    SATURATED,
    OddFrame,
)
from models.causes.row_steps import shift_of_rows
from models.causes.wording import direction_of, percent_of, side_of
from models.fault_kinds import FaultKind
from models.records import IMAGE_SHAPE

# A spot is compared with a surface through the ring of pixels at these distances from it: a tilted bowl, since a plane
# through the flanks of a beam lies below its top.
_RING_PX = (7.0, 10.5)
_CORE_PX = 1.5
# A frame with less than this part of the usual light shows no beam worth describing.
_MISSING_PART = 0.05
# Without a known cause, changes of the beam from this many sigmas on are told, and at most so many of them.
_TOLD_SIGMAS = 5.0
_MOST_FACTS = 2
_SATURATED_FRACTION = 1e-3
_AXES = (
    "horizontally",
    "from the upper left to the lower right",
    "vertically",
    "from the lower left to the upper right",
)


def explain_image(frame: OddFrame, classifier: CauseClassifier | None) -> Explanation:
    """What is odd about a frame, and the kind of fault that fits best.

    The same frame gives the same explanation, whatever came before or with it.

    Parameters
    ----------
    frame
        A frame with beam, of a camera that has learned.
    classifier
        Names the cause; None for words alone.
    """
    if frame.deviation[LOG_SUM] < np.log(_MISSING_PART):
        return Explanation(text=f"beam missing: {100 * exp(frame.deviation[LOG_SUM]):.1f} % of the usual light")
    measured = Measurements.of(frame)
    if classifier is None:
        return Explanation(text=_facts(measured))
    cause, probability = classifier.classify(cause_features(measured))
    return Explanation(text=_WORDS.get(cause, _facts)(measured), cause=cause, cause_probability=round(probability, 3))


def _facts(measured: Measurements) -> str:
    """The strongest changes of the beam, or else the strongest spot of the residual."""
    frame = measured.frame
    sigmas = np.abs(frame.deviation / frame.usual.sigma)
    facts: list[tuple[float, Callable[[Measurements], str]]] = [
        (float(np.hypot(sigmas[CENTRE_X], sigmas[CENTRE_Y])), _moved),
        (float(sigmas[LOG_SUM]), _brightness),
        (float(sigmas[LOG_DIAMETER]), _size),
        (float(np.hypot(sigmas[ELLIPSE_ALONG], sigmas[ELLIPSE_ACROSS])), _elliptical),
    ]
    told = sorted((fact for fact in facts if fact[0] >= _TOLD_SIGMAS), key=lambda fact: -fact[0])[:_MOST_FACTS]
    if told:
        return ", ".join(words(measured) for _, words in told)
    high, low = measured.shape.high[0], measured.shape.low[0]
    return _bright_spot(measured) if high.z >= low.z else _dark_spot(measured)


def _bright_spot(measured: Measurements) -> str:
    return _spot(measured, "hot spot", 1.0)


def _dark_spot(measured: Measurements) -> str:
    return _spot(measured, "dark spot", -1.0)


def _spot(measured: Measurements, name: str, sign: float) -> str:
    """Where the residual is highest (or lowest), and the brightness there against its surroundings."""
    extreme = (measured.shape.high if sign > 0 else measured.shape.low)[0]
    contrast = spot_contrast(measured.frame.cleaned, extreme.x, extreme.y)
    words = f"{name} at ({extreme.x}, {extreme.y}) px"
    if not isfinite(contrast) or sign * contrast < 0.005:
        return words
    return f"{words}, {abs(contrast) * 100:.0f} % {'above' if contrast > 0 else 'below'} its surroundings"


def spot_contrast(cleaned: NDArray[np.float32], x: int, y: int) -> float:
    """How far a spot lies above its surroundings, as a part of them; NaN where these are dark.

    Parameters
    ----------
    cleaned
        float32, shape (102, 128), counts above the pedestal.
    """
    reach = int(_RING_PX[1]) + 1
    rows = np.arange(max(y - reach, 0), min(y + reach + 1, IMAGE_SHAPE[0]))
    columns = np.arange(max(x - reach, 0), min(x + reach + 1, IMAGE_SHAPE[1]))
    part = cleaned[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.float64)
    dy, dx = np.meshgrid(rows - y, columns - x, indexing="ij")
    distance = np.hypot(dx, dy)
    ring, core = (distance >= _RING_PX[0]) & (distance <= _RING_PX[1]), distance <= _CORE_PX
    surface = np.stack([np.ones(int(ring.sum())), dx[ring], dy[ring], distance[ring] ** 2], axis=1)
    around = float(np.linalg.lstsq(surface, part[ring], rcond=None)[0][0])
    if around <= 0.02 * float(cleaned.max()):
        return float("nan")
    return float(part[core].mean()) / around - 1.0


def _moved(measured: Measurements) -> str:
    change = measured.frame.deviation
    sigmas = change / measured.frame.usual.sigma
    dx, dy = change[CENTRE_X], change[CENTRE_Y]
    far = hypot(sigmas[CENTRE_X], sigmas[CENTRE_Y])
    return f"beam moved {hypot(dx, dy):.1f} px ({far:.0f} sigma) {direction_of(dx, dy)}"


def _brightness(measured: Measurements) -> str:
    return f"{percent_of(expm1(measured.frame.deviation[LOG_SUM]), 'brighter', 'dimmer')} than usual"


def _size(measured: Measurements) -> str:
    return f"beam {percent_of(expm1(measured.frame.deviation[LOG_DIAMETER]), 'larger', 'smaller')} than usual"


def _elliptical(measured: Measurements) -> str:
    change = measured.frame.deviation
    along, across = change[ELLIPSE_ALONG], change[ELLIPSE_ACROSS]
    strength = min(hypot(along, across), 0.99)
    longer = sqrt((1.0 + strength) / (1.0 - strength)) - 1.0
    axis = _AXES[round(0.5 * atan2(across, along) / (pi / 4)) % 4]
    return f"elliptical: stretched {axis}, {longer * 100:.0f} % against the other axis"


def _clipped(measured: Measurements) -> str:
    """The light that is left moves away from the side that was cut off."""
    change = measured.frame.deviation
    side = side_of(-change[CENTRE_X], -change[CENTRE_Y])
    missing = -expm1(change[LOG_SUM])
    return f"clipped {side}" + (f", {missing * 100:.0f} % of the light missing" if missing >= 0.01 else "")


def _double(measured: Measurements) -> str:
    """A second beam with the part f of the first, at distance d, moves the centroid of both by d f / (1 + f)."""
    change = measured.frame.deviation
    dx, dy = change[CENTRE_X], change[CENTRE_Y]
    part = expm1(change[LOG_SUM])
    sigma = measured.frame.usual.sigma[LOG_SUM]
    direction = direction_of(dx, dy)
    if part < 3.0 * sigma:  # the sum itself scatters too much to tell a strong near one from a weak far one
        return f"double beam, the second one {direction}"
    return f"double beam, separation {hypot(dx, dy) * (1.0 + part) / part:.0f} px {direction}"


def _fringes(measured: Measurements) -> str:
    pattern = measured.pattern
    return f"fringes of period {pattern.period_px:.0f} px, {pattern.depth * 100:.0f} % deep"


def _rings(measured: Measurements) -> str:
    return f"rings of period {measured.pattern.period_px:.0f} px"


def _rows_shifted(measured: Measurements) -> str:
    rows = measured.rows
    shift = shift_of_rows(measured.frame, rows)
    return f"rows {rows.first} to {rows.last} shifted by {abs(shift)} px to the {'right' if shift > 0 else 'left'}"


def _saturated(measured: Measurements) -> str:
    fraction = float(np.nan_to_num(measured.frame.vector[SATURATED]))
    if fraction <= _SATURATED_FRACTION:
        return _brightness(measured)
    return f"saturated: {fraction * 100:.1f} % of the pixels, {_brightness(measured)}"


_WORDS: dict[str, Callable[[Measurements], str]] = {
    FaultKind.HOT_SPOT: _bright_spot,
    FaultKind.DARK_SPOT: _dark_spot,
    FaultKind.CLIPPED: _clipped,
    FaultKind.POINTING_JUMP: _moved,
    FaultKind.DOUBLE_BEAM: _double,
    FaultKind.ENERGY_DROP: _brightness,
    FaultKind.FRINGES: _fringes,
    FaultKind.RINGS: _rings,
    FaultKind.ROW_SHIFT: _rows_shifted,
    FaultKind.SATURATION: _saturated,
    FaultKind.ASTIGMATISM: _elliptical,
    UNKNOWN_CAUSE: _facts,
}

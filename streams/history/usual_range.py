"""What an axis shows: nearly all of a series; the few points far beyond are marked at its edge."""

import numpy as np
from numpy.typing import NDArray

# Beyond such a part of the points at either end, and half their span further, lie outliers.
_BEYOND_PART = 0.02
_ROOM = 0.5
# Outliers that reach less far leave enough room for all else.
_WORTH_A_CUT = 2.0
# Of the value: where nearly all points are the same.
_LEAST_SPAN_PART = 0.02


def usual_range(least: NDArray[np.float64], greatest: NDArray[np.float64]) -> tuple[float, float] | None:
    """The range in which nearly all values of a series lie; it never reaches beyond them.

    Parameters
    ----------
    least, greatest
        Of each point, shape (k,); NaN where nothing is known.

    Returns
    -------
    tuple[float, float] | None
        From the one to the other; None where nothing is known.
    """
    known = np.isfinite(least) & np.isfinite(greatest)
    if not known.any():
        return None
    low = float(np.quantile(least[known], _BEYOND_PART))
    high = float(np.quantile(greatest[known], 1.0 - _BEYOND_PART))
    lowest, highest = float(least[known].min()), float(greatest[known].max())
    span = max(high - low, _LEAST_SPAN_PART * max(abs(low), abs(high)))
    low, high = max(low - _ROOM * span, lowest), min(high + _ROOM * span, highest)
    return (lowest, highest) if highest - lowest <= _WORTH_A_CUT * (high - low) else (low, high)

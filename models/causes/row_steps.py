"""Bands of rows that were read out shifted sideways: where they begin and end, and by how much."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.causes.odd_frame import OddFrame
from models.images.residual import Float32Array

_LARGEST_SHIFT_PX = 32
_LONGEST_BAND_ROWS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSteps:
    """The two strongest steps between neighbouring rows.

    Attributes
    ----------
    first, last
        The rows between them, both included.
    strength, second_strength
        How much the rows change at each of them, as a part of the usual change between rows of the beam's middle.
    across
        The same for the strongest step between columns, for comparison.
    """

    first: int
    last: int
    strength: float
    second_strength: float
    across: float


def row_steps(frame: OddFrame) -> RowSteps:
    """Look for the edges of a shifted band."""
    image = frame.cleaned
    along, across = _steps(image), _steps(np.ascontiguousarray(image.T))
    scale = 0.02 * float(image.sum(axis=1, dtype=np.float64).max()) + 1.0
    best = int(along.argmax())
    near = np.abs(np.arange(len(along)) - best)
    second = int(np.where((near >= 4) & (near <= _LONGEST_BAND_ROWS), along, 0.0).argmax())
    low, high = sorted((best, second))
    return RowSteps(
        first=low + 1,
        last=high,
        strength=float(along[best]) / scale,
        second_strength=float(along[second]) / scale,
        across=float(across.max()) / scale,
    )


def _steps(image: Float32Array) -> NDArray[np.float64]:
    """What changes from row y to y + 1 beyond what changes before and behind: float64, shape (rows - 1,)."""
    change = np.abs(np.diff(image, axis=0)).sum(axis=1, dtype=np.float64)
    padded = np.pad(change, 2, mode="edge")
    around = np.maximum(np.maximum(padded[:-4], padded[4:]), np.minimum(padded[1:-3], padded[3:-1]))
    return np.asarray(np.maximum(change - around, 0.0))


def shift_of_rows(frame: OddFrame, steps: RowSteps) -> int:
    """By how many pixels the band lies to the right of the rows around it (negative: to the left)."""
    image = frame.cleaned
    shifts = np.arange(-_LARGEST_SHIFT_PX, _LARGEST_SHIFT_PX + 1)
    cost = np.zeros(len(shifts))
    for inner, outer in ((steps.first, steps.first - 1), (steps.last, steps.last + 1)):
        if 0 <= outer < len(image):
            rolled = np.stack([np.roll(image[outer], shift) for shift in shifts])
            cost += np.abs(rolled - image[inner]).sum(axis=1, dtype=np.float64)
    return int(shifts[cost.argmin()])

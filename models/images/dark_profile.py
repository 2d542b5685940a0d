"""What a camera records without beam: pedestal, noise, defective pixels, and the threshold that follows from them.

The threshold belongs to the probability that *one more* reading of a pixel is noise, when mean and sigma are known from
n readings only: the prediction interval of the normal distribution, ``mean + t * sigma * sqrt(1 + 1/n)`` with t from
Student's distribution with n - 1 degrees of freedom. For n = 50 that is 5.5 sigma instead of 4.75: a sigma from 50
frames is off by a tenth, and the normal's own quantile would let ten times too many pixels through.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.packed_arrays import pack, unpack
from models.records import FULL_SCALE_COUNTS, IMAGE_SHAPE
from models.state import State

#: Sigma of the rounding to whole counts: no pixel is quieter (a uniform distribution of width 1).
ROUNDING_SIGMA = float(np.sqrt(1.0 / 12.0))
#: The threshold of a defective pixel: nothing is above it.
NEVER = np.uint16(65535)

# A pixel is defective when its pedestal lies this many robust sigmas of all pedestals away from their median, ...
_PEDESTAL_LIMIT = 10.0
# ... when its noise is this many times the median noise (the noise of 16 frames scatters by 18 %), ...
_NOISE_LIMIT = 4.0
# ... or when it does not vary at all although the others do by at least one count.
_LIVE_NOISE_COUNTS = 1.0
# From which windows a defective pixel may be replaced, and how many good pixels they must hold.
_WINDOW_RADII = (1, 2, 3)
_LEAST_NEIGHBOURS = 3
_MOST_NEIGHBOURS = 8


@lru_cache(maxsize=1024)
def prediction_factor(frames: int, probability: float) -> float:
    """How many sigmas of ``frames`` readings one more exceeds with ``probability`` (one-sided, normal noise)."""
    # A sixth of the start's imports, and not needed before the first image.
    from scipy import special  # noqa: PLC0415

    return float(-special.stdtrit(frames - 1, probability) * np.sqrt(1.0 + 1.0 / frames))


@dataclass(frozen=True, slots=True, kw_only=True)
class DarkProfile:
    """Pedestal and noise of every pixel, and what cleaning needs of them.

    A hot or dead pixel is replaced by the mean of its good neighbours: a zero would be a dark spot that the network and
    the moments see in every frame, and would lose its share of the sum.

    Attributes
    ----------
    pedestal
        float32, shape (102, 128), counts.
    sigma
        float32, shape (102, 128), counts, at least ``ROUNDING_SIGMA``.
    threshold
        uint16, shape (102, 128): the largest value that is still noise; 65535 for a defective pixel.
    defects
        int32, shape (k,): flat indices of the hot and dead pixels.
    neighbours
        int32, shape (k, 8): flat indices of good pixels around each defect, -1 where there are fewer.
    frames
        From how many dark frames.
    """

    pedestal: NDArray[np.float32]
    sigma: NDArray[np.float32]
    threshold: NDArray[np.uint16]
    defects: NDArray[np.int32]
    neighbours: NDArray[np.int32]
    frames: int
    probability: float

    @property
    def defective(self) -> NDArray[np.bool_]:
        """Bool, shape (102, 128): the map of hot and dead pixels."""
        return np.equal(self.threshold, NEVER)

    def state(self) -> State:
        """What the profile is made of; the rest is computed again."""
        return {
            "pedestal": pack(self.pedestal),
            "sigma": pack(self.sigma),
            "frames": self.frames,
            "probability": self.probability,
        }


def profile_from_sums(sums: NDArray[Any], squares: NDArray[Any], frames: int, probability: float) -> DarkProfile:
    """The profile from the exact sums of the dark frames.

    Parameters
    ----------
    sums, squares
        Integers, shape (102, 128): sum of the values and of their squares, counts.
    frames
        How many frames were summed, at least 2.
    probability
        A value stays when it belongs to the pixel's noise with at most this probability (one-sided).
    """
    total = sums.astype(np.float64)
    mean = total / frames
    variance = np.maximum(squares.astype(np.float64) - total * mean, 0.0) / (frames - 1)
    return make_profile(mean.astype(np.float32), np.sqrt(variance).astype(np.float32), frames, probability)


def make_profile(
    pedestal: NDArray[np.float32], sigma: NDArray[np.float32], frames: int, probability: float
) -> DarkProfile:
    """The profile from the sample mean and the sample standard deviation (n - 1) of every pixel, both in counts."""
    defective = _find_defects(pedestal, sigma, frames)
    limit = pedestal.astype(np.float64) + prediction_factor(frames, probability) * np.maximum(sigma, ROUNDING_SIGMA)
    threshold = np.clip(np.floor(limit), 0, int(NEVER) - 1).astype(np.uint16)
    threshold[defective] = NEVER
    defects = np.flatnonzero(defective).astype(np.int32)
    return DarkProfile(
        pedestal=pedestal,
        sigma=sigma,
        threshold=threshold,
        defects=defects,
        neighbours=_good_neighbours(defective, defects),
        frames=frames,
        probability=probability,
    )


def profile_from_state(state: State) -> DarkProfile:
    """The profile whose ``state`` this is, bit for bit."""
    pedestal, sigma = unpack(state["pedestal"]), unpack(state["sigma"])
    return make_profile(pedestal, sigma, int(state["frames"]), float(state["probability"]))


def _find_defects(pedestal: NDArray[np.float32], sigma: NDArray[np.float32], frames: int) -> NDArray[np.bool_]:
    """Hot and dead pixels: pedestal or noise beyond robust limits (median and median absolute deviation)."""
    middle = float(np.median(pedestal))
    noise = max(float(np.median(sigma)), ROUNDING_SIGMA)
    spread = 1.4826 * float(np.median(np.abs(pedestal - middle)))
    spread = max(spread, noise / np.sqrt(frames), ROUNDING_SIGMA)
    defective: NDArray[np.bool_] = np.abs(pedestal - middle) > _PEDESTAL_LIMIT * spread
    defective |= sigma > _NOISE_LIMIT * noise
    defective |= pedestal > FULL_SCALE_COUNTS / 2
    if noise >= _LIVE_NOISE_COUNTS:
        defective |= sigma == 0
    return defective


def _good_neighbours(defective: NDArray[np.bool_], defects: NDArray[np.int32]) -> NDArray[np.int32]:
    """Up to eight good pixels around each defect, from the smallest window that holds three (nearest first)."""
    height, width = IMAGE_SHAPE
    neighbours = np.full((len(defects), _MOST_NEIGHBOURS), -1, np.int32)
    for number, defect in enumerate(defects):
        y, x = divmod(int(defect), width)
        for radius in _WINDOW_RADII:
            top, left = max(y - radius, 0), max(x - radius, 0)
            rows, columns = np.nonzero(~defective[top : min(y + radius + 1, height), left : min(x + radius + 1, width)])
            if len(rows) >= _LEAST_NEIGHBOURS or radius == _WINDOW_RADII[-1]:
                rows, columns = rows + top, columns + left
                nearest = np.argsort((rows - y) ** 2 + (columns - x) ** 2, kind="stable")[:_MOST_NEIGHBOURS]
                neighbours[number, : len(nearest)] = rows[nearest] * width + columns[nearest]
                break
    return neighbours

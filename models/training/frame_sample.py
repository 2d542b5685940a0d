"""A bounded sample of one camera's frames, spread evenly over its time, and the normal ones among them."""

import numpy as np
from numpy.typing import NDArray

from models.images.beam_features import FEATURE_COUNT
from models.images.image_scores import beam_vector
from models.records import IMAGE_SHAPE

Float32Array = NDArray[np.float32]

# A frame is left out when a feature lies this many robust sigmas (1.4826 MAD) from the median of its neighbours in
# time; wide enough for heavy tails, since what is learned wrongly from a few odd frames is little.
_LIMIT = 6.0
_SIGMA_PER_MAD = 1.4826
# Least sigmas that are believed, per component of ``beam_vector``: log sum, place (px), log size, ellipse (two), log
# peak, contrast, saturated part.
_SIGMA_FLOOR = np.array([0.01, 0.1, 0.1, 0.01, 0.01, 0.01, 0.02, 0.02, 5e-4])
# A beam drifts: each frame is compared with so many around it.
_NEIGHBOURS = 200
#: A frame with more of its pixels saturated than this says nothing about the beam's shape.
SATURATED_FRACTION = 0.01
_SATURATED = 9


class FrameSample:
    """Keeps at most ``capacity`` frames: every one at first, then every second, every fourth, and so on.

    What is kept depends on the frames and the capacity alone, and lies evenly over all frames that were offered.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._stride = 1
        self._images: list[Float32Array] = []
        self._features: list[NDArray[np.float64]] = []
        self.offered = 0
        self.saturated = 0

    def offer(self, cleaned: Float32Array, features: NDArray[np.float64]) -> None:
        """Take some of the next beam frames in the order of time; saturated ones are counted and left out.

        Parameters
        ----------
        cleaned
            float32, shape (n, 102, 128), counts.
        features
            float64, shape (n, 10): the first columns of ``FEATURE_NAMES[RecordKind.CAMERA]``.
        """
        for image, row in zip(cleaned, features, strict=True):
            if row[_SATURATED] > SATURATED_FRACTION:
                self.saturated += 1
                continue
            if self.offered % self._stride == 0:
                self._images.append(image.copy())
                self._features.append(row.copy())
                if len(self._images) > self._capacity:
                    self._thin()
            self.offered += 1

    def shrink(self, capacity: int) -> None:
        """Make do with less room."""
        self._capacity = capacity
        while len(self._images) > capacity:
            self._thin()

    def _thin(self) -> None:
        self._stride *= 2
        self._images = self._images[::2]
        self._features = self._features[::2]

    def normal(self) -> Float32Array:
        """The frames whose features are usual, in the order of time: float32, shape (n, 102, 128), counts.

        No labels are needed: what most frames around it in time look like is normal.
        """
        vectors = beam_vector(np.array(self._features).reshape(-1, FEATURE_COUNT))
        usual = np.zeros(len(vectors), np.bool_)
        for start in range(0, len(vectors), _NEIGHBOURS):
            first = max(min(start, len(vectors) - _NEIGHBOURS), 0)
            here = slice(start, start + _NEIGHBOURS)
            usual[here] = _usual(vectors[here], vectors[first : first + _NEIGHBOURS])
        kept = np.empty((int(usual.sum()), *IMAGE_SHAPE), np.float32)
        for row, place in enumerate(np.flatnonzero(usual)):
            kept[row] = self._images[place]
        return kept


def _usual(vectors: NDArray[np.float64], around: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which vectors lie near the median of those around them; False for one that is not finite."""
    finite = around[np.isfinite(around).all(axis=1)]
    if not len(finite):
        return np.zeros(len(vectors), np.bool_)
    median = np.median(finite, axis=0)
    sigma = np.maximum(_SIGMA_PER_MAD * np.median(np.abs(finite - median), axis=0), _SIGMA_FLOOR)
    with np.errstate(invalid="ignore"):
        inside: NDArray[np.bool_] = (np.abs(vectors - median) <= _LIMIT * sigma).all(axis=1)
    return inside

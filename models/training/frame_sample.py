"""A bounded sample of one camera's frames, drawn by their content, and the usual ones among them."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from models.images.beam_features import FEATURE_COUNT, beam_vector

Float32Array = NDArray[np.float32]

# A frame is left out when a feature lies this many robust sigmas (1.4826 MAD) from the median of its neighbours in
# time; wide enough for heavy tails, since what is learned wrongly from a few odd frames is little.
_LIMIT = 6.0
_SIGMA_PER_MAD = 1.4826
# Least sigmas that are believed, per component of ``beam_vector``: log sum, place (px), log size, ellipse (two), log
# peak, contrast, saturated part.
_SIGMA_FLOOR = np.array([0.01, 0.1, 0.1, 0.01, 0.01, 0.01, 0.02, 0.02, 5e-4])
#: A beam drifts: each frame is compared with so many around it.
NEIGHBOURS = 200
#: A frame with more of its pixels saturated than this says nothing about the beam's shape.
SATURATED_FRACTION = 0.01
_SATURATED = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledFrames:
    """Frames of one camera in the order of time.

    Attributes
    ----------
    images
        float32, shape (102, 128) each, cleaned counts: the sample's own arrays, not copies; not to be written to.
    event_time_ns
        int64, shape (n,).
    """

    images: list[Float32Array]
    event_time_ns: NDArray[np.int64]

    def kept(self, keep: NDArray[np.bool_]) -> "SampledFrames":
        """Those that are marked."""
        images = [self.images[place] for place in np.flatnonzero(keep)]
        return SampledFrames(images=images, event_time_ns=self.event_time_ns[keep])


def frame_keys(raw: NDArray[np.uint16], event_time_ns: NDArray[np.int64]) -> NDArray[np.uint64]:
    """A number of each frame that looks drawn and follows from its pixels and time alone: uint64, shape (n,)."""
    times = np.ascontiguousarray(event_time_ns, np.int64)
    digests = [
        blake2b(np.ascontiguousarray(image).tobytes(), digest_size=8, key=time.tobytes()).digest()
        for image, time in zip(raw, times, strict=True)
    ]
    return np.frombuffer(b"".join(digests), np.uint64)


class FrameSample:
    """Keeps at most ``capacity`` frames: those with the smallest keys.

    The keys follow from the frames' content, so what is kept is a fair sample of all that was offered, and the same
    one in whatever order, and however often, it was offered.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._largest: list[int] = []  # a heap of the keys with their signs turned
        self._frames: dict[int, tuple[int, Float32Array, NDArray[np.float64]]] = {}
        self.offered = 0
        self.saturated = 0

    def offer(
        self,
        cleaned: Float32Array,
        features: NDArray[np.float64],
        event_time_ns: NDArray[np.int64],
        keys: NDArray[np.uint64],
    ) -> None:
        """Take some of these beam frames; saturated ones are counted and left out.

        Parameters
        ----------
        cleaned
            float32, shape (n, 102, 128), counts.
        features
            float64, shape (n, 10): the first columns of ``FEATURE_NAMES[RecordKind.CAMERA]``.
        event_time_ns
            int64, shape (n,).
        keys
            uint64, shape (n,): ``frame_keys``.
        """
        for place, key in enumerate(keys.tolist()):
            if features[place, _SATURATED] > SATURATED_FRACTION:
                self.saturated += 1
                continue
            self.offered += 1
            full = len(self._largest) >= self._capacity
            if key in self._frames or (full and key > -self._largest[0]):
                continue
            self._frames[key] = (int(event_time_ns[place]), cleaned[place].copy(), features[place].copy())
            heapq.heappush(self._largest, -key)
            self.shrink(self._capacity)

    def shrink(self, capacity: int) -> None:
        """Make do with this room."""
        self._capacity = capacity
        while len(self._largest) > capacity:
            del self._frames[-heapq.heappop(self._largest)]

    def __len__(self) -> int:
        return len(self._frames)

    def inside(self, stretches: Sequence[tuple[int, int]]) -> int:
        """How many of the kept frames lie in stretches of time (first and last, ns since 1970, both included)."""
        times = np.array([time for time, _, _ in self._frames.values()], np.int64)
        return int(in_stretches(times, stretches).sum())

    def usual(self, without: Sequence[tuple[int, int]] = (), certain: Sequence[tuple[int, int]] = ()) -> SampledFrames:
        """The kept frames whose features are usual, and that lie in no stretch of ``without``.

        Frames in stretches of ``certain`` are usual whatever their features.

        No labels are needed: what most frames around it in time look like is normal. Stretches in which most are odd
        have to be named, though.
        """
        ordered = sorted((time, key) for key, (time, _, _) in self._frames.items())
        left = ~in_stretches(np.array([time for time, _ in ordered], np.int64), without)
        frames = [self._frames[ordered[place][1]] for place in np.flatnonzero(left)]
        vectors = beam_vector(np.array([features for _, _, features in frames]).reshape(-1, FEATURE_COUNT))
        usual = np.zeros(len(vectors), np.bool_)
        for here, around in neighbourhoods(len(vectors)):
            usual[here] = _near_median(vectors[here], vectors[around])
        times = np.array([time for time, _, _ in frames], np.int64)
        usual |= in_stretches(times, certain)
        return SampledFrames(images=[image for _, image, _ in frames], event_time_ns=times).kept(usual)


def in_stretches(times_ns: NDArray[np.int64], stretches: Sequence[tuple[int, int]]) -> NDArray[np.bool_]:
    """Which times lie in any of the stretches (first and last, ns since 1970, both included): bool, shape (n,)."""
    inside = np.zeros(len(times_ns), np.bool_)
    for first, last in stretches:
        inside |= (times_ns >= first) & (times_ns <= last)
    return inside


def neighbourhoods(count: int) -> list[tuple[slice, slice]]:
    """Pieces of ``count`` frames in the order of time, each with the ``NEIGHBOURS`` frames that it is compared with."""
    pieces = []
    for start in range(0, count, NEIGHBOURS):
        first = max(min(start, count - NEIGHBOURS), 0)
        pieces.append((slice(start, min(start + NEIGHBOURS, count)), slice(first, min(first + NEIGHBOURS, count))))
    return pieces


def _near_median(vectors: NDArray[np.float64], around: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which vectors lie near the median of those around them; False for one that is not finite."""
    finite = around[np.isfinite(around).all(axis=1)]
    if not len(finite):
        return np.zeros(len(vectors), np.bool_)
    median = np.median(finite, axis=0)
    sigma = np.maximum(_SIGMA_PER_MAD * np.median(np.abs(finite - median), axis=0), _SIGMA_FLOOR)
    with np.errstate(invalid="ignore"):
        inside: NDArray[np.bool_] = (np.abs(vectors - median) <= _LIMIT * sigma).all(axis=1)
    return inside

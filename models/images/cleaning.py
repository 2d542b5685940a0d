"""Cleaning of raw camera images: one pass over the pixels gives the cleaned image and all sums over it.

``clean(raw, profile, out)`` cleans frames with a dark profile; ``clean_by_border(raw, probability, out)`` does it
before there is one, with level and noise of each image's own border. Both write the cleaned images (value minus
pedestal where the value is above the pixel's noise, else 0) into ``out`` and return ``CleanedFrames``: the features
(the first ten of ``FEATURE_NAMES[RecordKind.CAMERA]``), how many pixels are bright, and a hash of the raw frame.
``DarkTracker.clean`` of ``models.images.dark_tracker`` chooses between them frame by frame.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.compilation import kernel
from models.images.beam_features import FEATURE_COUNT, write_features
from models.images.border import BORDER_PIXELS, HISTOGRAM_BINS, border_level
from models.images.dark_profile import DarkProfile, prediction_factor
from models.records import FULL_SCALE_COUNTS, IMAGE_SHAPE

_HEIGHT, _WIDTH = IMAGE_SHAPE
# So far above the pedestal (an eighth of the full scale) a pixel is bright beyond doubt.
_BRIGHT_COUNTS = FULL_SCALE_COUNTS / 8
# Rows of the work array: per column the sum, the sums weighted by y and y squared, the largest value.
_COLUMN_SUMS = 4
# Odd 64-bit constants of the hash (fractions of the golden ratio and of pi), as in splitmix64.
_HASH_STEP = np.uint64(0x9E3779B97F4A7C15)
_HASH_MIX = np.uint64(0xBF58476D1CE4E5B9)
_HASH_SHIFT = np.uint64(32)


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanedFrames:
    """What the pass over n raw frames gave besides the cleaned images.

    Attributes
    ----------
    features
        float64, shape (n, 10): the first columns of ``FEATURE_NAMES[RecordKind.CAMERA]``; an empty image has the sum,
        the peak, the saturated fraction 0 and NaN elsewhere.
    bright_pixels
        int32, shape (n,): pixels more than an eighth of the full scale above the pedestal.
    frame_hash
        uint64, shape (n,): of the raw pixels; equal for equal frames (unequal ones share it once in 2**64).
    """

    features: NDArray[np.float64]
    bright_pixels: NDArray[np.int32]
    frame_hash: NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.features)

    def replace_from(self, start: int, later: "CleanedFrames") -> None:
        """Put other results in the place of those from frame ``start`` on."""
        self.features[start:] = later.features
        self.bright_pixels[start:] = later.bright_pixels
        self.frame_hash[start:] = later.frame_hash


def repeats(frame_hash: NDArray[np.uint64], before: int | None) -> NDArray[np.bool_]:
    """Which frames are bit for bit the one before them.

    Parameters
    ----------
    frame_hash
        uint64, shape (n,), n >= 1: of frames that follow each other (``CleanedFrames.frame_hash``).
    before
        That of the frame before the first one; None without one.
    """
    found = np.zeros(len(frame_hash), np.bool_)
    found[0] = before is not None and int(frame_hash[0]) == before
    found[1:] = frame_hash[1:] == frame_hash[:-1]
    return found


def clean(raw: NDArray[np.uint16], profile: DarkProfile, out: NDArray[np.float32]) -> CleanedFrames:
    """Clean frames with a dark profile.

    Parameters
    ----------
    raw
        uint16, shape (n, 102, 128), counts, C order.
    profile
        The camera's dark profile.
    out
        float32, shape (n, 102, 128): where the cleaned images go, counts above the pedestal, >= 0.
    """
    cleaned = _empty(len(raw))
    _clean_frames(
        raw,
        profile.threshold,
        profile.pedestal,
        profile.defects,
        profile.neighbours,
        out,
        cleaned.features,
        cleaned.bright_pixels,
        cleaned.frame_hash,
    )
    return cleaned


def clean_by_border(raw: NDArray[np.uint16], probability: float, out: NDArray[np.float32]) -> CleanedFrames:
    """Clean frames with the level and the noise of their own borders (ISO 11146-3); arguments as in ``clean``."""
    cleaned = _empty(len(raw))
    factor = prediction_factor(BORDER_PIXELS, probability)
    _clean_frames_by_border(raw, factor, out, cleaned.features, cleaned.bright_pixels, cleaned.frame_hash)
    return cleaned


def _empty(frames: int) -> CleanedFrames:
    return CleanedFrames(
        features=np.empty((frames, FEATURE_COUNT)),
        bright_pixels=np.empty(frames, np.int32),
        frame_hash=np.empty(frames, np.uint64),
    )


@kernel()
def cleaned_value(value: np.uint16, threshold: np.uint16, pedestal: np.float32) -> np.float32:
    """What a pixel becomes: float32, its value less the pedestal where it is more than noise, else 0."""
    return np.float32(value) - pedestal if value > threshold else np.float32(0.0)


@kernel()
def threshold_frame(
    raw: NDArray[np.uint16],
    threshold: NDArray[np.uint16],
    pedestal: NDArray[np.float32],
    out: NDArray[np.float32],
    columns: NDArray[np.float64],
) -> tuple[int, int]:
    """Clean one frame and add up its columns; how many pixels are bright, and how many saturated.

    Only element-wise operations, so that every row is vector code. The arrays are those of one frame as in ``clean``;
    ``columns`` is float64, shape (4, 128): see ``beam_features.write_features``.
    """
    columns[:] = 0.0
    bright = saturated = 0
    for y in range(_HEIGHT):
        row = np.float64(y)
        for x in range(_WIDTH):
            value = raw[y, x]
            cleaned = cleaned_value(value, threshold[y, x], pedestal[y, x])
            out[y, x] = cleaned
            bright += int(cleaned > np.float32(_BRIGHT_COUNTS))
            saturated += int(value > threshold[y, x] and value >= FULL_SCALE_COUNTS)
            wide = np.float64(cleaned)
            columns[0, x] += wide
            columns[1, x] += wide * row
            columns[2, x] += wide * (row * row)
            columns[3, x] = max(columns[3, x], wide)
    return bright, saturated


@kernel()
def _fill_defects(
    out: NDArray[np.float32],
    defects: NDArray[np.int32],
    neighbours: NDArray[np.int32],
    columns: NDArray[np.float64],
) -> None:
    """Put the mean of the good neighbours into every defective pixel and add it to the sums."""
    flat = out.reshape(_HEIGHT * _WIDTH)
    for number in range(len(defects)):
        total, count = 0.0, 0
        for neighbour in neighbours[number]:
            if neighbour >= 0:
                total += flat[neighbour]
                count += 1
        if count == 0:
            continue
        value = np.float32(total / count)
        flat[defects[number]] = value
        y, x = divmod(defects[number], _WIDTH)
        columns[0, x] += value
        columns[1, x] += np.float64(value) * y
        columns[2, x] += np.float64(value) * y * y
        columns[3, x] = max(columns[3, x], np.float64(value))


@kernel()
def _hash_frame(words: NDArray[np.uint64]) -> np.uint64:
    total = np.uint64(0)
    for number in range(len(words)):
        key = np.uint64(number) * _HASH_STEP
        mixed = words[number] ^ key
        mixed = (mixed ^ (mixed >> _HASH_SHIFT)) * _HASH_MIX
        total += (mixed ^ (mixed >> _HASH_SHIFT)) * (key | np.uint64(1))
    return total


@kernel()
def _clean_frames(
    raw: NDArray[np.uint16],
    threshold: NDArray[np.uint16],
    pedestal: NDArray[np.float32],
    defects: NDArray[np.int32],
    neighbours: NDArray[np.int32],
    out: NDArray[np.float32],
    features: NDArray[np.float64],
    bright_pixels: NDArray[np.int32],
    frame_hash: NDArray[np.uint64],
) -> None:
    columns = np.empty((_COLUMN_SUMS, _WIDTH))
    for frame in range(len(raw)):
        bright, saturated = threshold_frame(raw[frame], threshold, pedestal, out[frame], columns)
        _fill_defects(out[frame], defects, neighbours, columns)
        write_features(out[frame], columns, saturated, features[frame])
        bright_pixels[frame] = bright
        frame_hash[frame] = _hash_frame(raw[frame].reshape(_HEIGHT * _WIDTH).view(np.uint64))


@kernel()
def _clean_frames_by_border(
    raw: NDArray[np.uint16],
    factor: float,
    out: NDArray[np.float32],
    features: NDArray[np.float64],
    bright_pixels: NDArray[np.int32],
    frame_hash: NDArray[np.uint64],
) -> None:
    columns = np.empty((_COLUMN_SUMS, _WIDTH))
    histogram = np.empty(HISTOGRAM_BINS, np.int32)
    no_pedestal = np.zeros((_HEIGHT, _WIDTH), np.float32)
    pedestal = np.empty((_HEIGHT, _WIDTH), np.float32)
    threshold = np.empty((_HEIGHT, _WIDTH), np.uint16)
    for frame in range(len(raw)):
        level, sigma = border_level(raw[frame], no_pedestal, histogram)
        pedestal[:] = np.float32(level)
        threshold[:] = np.uint16(min(max(np.floor(level + factor * sigma), 0.0), 65534.0))
        bright, saturated = threshold_frame(raw[frame], threshold, pedestal, out[frame], columns)
        write_features(out[frame], columns, saturated, features[frame])
        bright_pixels[frame] = bright
        frame_hash[frame] = _hash_frame(raw[frame].reshape(_HEIGHT * _WIDTH).view(np.uint64))

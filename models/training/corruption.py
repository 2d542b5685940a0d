"""Frames that are spoiled on purpose: a network that has to give back what they were learns not to copy what is odd."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from models.records import FULL_SCALE_COUNTS, IMAGE_SHAPE

# A part of the frames stays as it is but for noise: the network is to reconstruct these, too.
_SPOILED_PART = 0.7
_MOST_SPOTS = 3
# Radius of a spot, px, and how much it adds or takes away, as part of what is there and of the peak.
_SPOT_PX = (1.5, 6.0)
_SPOT_STRENGTH = (0.05, 0.6)
# Side of a patch that is dark, px, and how often there is one.
_PATCH_PX = (4, 24)
_PATCH_PART = 0.25
# Variance of a pixel's noise for each count, and without light, in counts squared.
_SHOT_NOISE_COUNTS, _READ_NOISE_COUNTS = 0.35, 3.0

_ROWS, _COLUMNS = np.indices(IMAGE_SHAPE).astype(np.float32)


def corrupted(frames: NDArray[np.float32], draw: Generator) -> NDArray[np.float32]:
    """Copies of cleaned frames with noise, most of them with bright or dark spots or a patch removed, too.

    Parameters
    ----------
    frames
        float32, shape (n, 102, 128), in full scales, >= 0. Pixels without light stay without.
    """
    out = frames.copy()
    for image in out:
        if draw.random() < _SPOILED_PART:
            _spoil(image, draw)
    variance = out * np.float32(_SHOT_NOISE_COUNTS / FULL_SCALE_COUNTS)
    variance += np.float32((_READ_NOISE_COUNTS / FULL_SCALE_COUNTS) ** 2)
    noise = draw.standard_normal(out.shape, np.float32) * np.sqrt(variance)
    return np.where(out > 0, np.maximum(out + noise, np.float32(0.0)), np.float32(0.0))


def _spoil(image: NDArray[np.float32], draw: Generator) -> None:
    """Spots and a patch within the light, in place."""
    peak = float(image.max())
    lit = np.flatnonzero(image.ravel() > 0.1 * peak)
    if not len(lit):
        return
    for _ in range(int(draw.integers(1, _MOST_SPOTS + 1))):
        y, x = divmod(int(draw.choice(lit)), IMAGE_SHAPE[1])
        radius, strength = draw.uniform(*_SPOT_PX), draw.uniform(*_SPOT_STRENGTH)
        spot = np.exp(((_ROWS - y) ** 2 + (_COLUMNS - x) ** 2) * np.float32(-0.5 / radius**2)) * np.float32(strength)
        if draw.random() < 0.5:
            image += spot * np.float32(peak)
        else:
            image *= 1 - spot
    if draw.random() < _PATCH_PART:
        y, x = divmod(int(draw.choice(lit)), IMAGE_SHAPE[1])
        height, width = draw.integers(*_PATCH_PX, 2)
        image[y : y + height, x : x + width] = 0.0

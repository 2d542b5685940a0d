"""Random numbers by counter: each stream is its own key, so any part can be made alone and in any order."""

from enum import IntEnum

import numpy as np
from numpy.random import Generator, Philox


class Purpose(IntEnum):
    """What a stream is for."""

    CAMERA = 1
    CAMERA_MINUTE = 2
    PIXELS = 3
    STAGE = 4
    STAGE_MINUTE = 5
    SPECTRUM_NOISE = 6
    FAULT_ORDER = 7
    FAULT = 8
    SCREENS = 9
    PUMP = 10


def random_stream(seed: int, purpose: Purpose, index: int = 0, minute: int = 0) -> Generator:
    """The generator of one purpose, one device or stage or fault (below 2**32) and one minute (below 2**24)."""
    word = (int(purpose) << 56) | (index << 24) | minute
    return Generator(Philox(key=np.array([seed, word], np.uint64)))


def noise_key(seed: int, purpose: Purpose, index: int, minute: int) -> np.uint64:
    """The key of a kernel's own counter-based generator."""
    return np.uint64(random_stream(seed, purpose, index, minute).integers(0, 2**63, dtype=np.uint64))

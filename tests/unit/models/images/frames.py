"""Synthetic frames of one camera for the tests of the image kernels."""

import numpy as np
from numpy.typing import NDArray

from models.records import FULL_SCALE_COUNTS, IMAGE_SHAPE

Y, X = np.mgrid[: IMAGE_SHAPE[0], : IMAGE_SHAPE[1]].astype(np.float64)


class FrameSource:
    """A camera with a pedestal per pixel, read noise, and the hot pixels that a test asks for."""

    def __init__(self, seed: int = 0, noise: float = 4.0, level: float = 60.0) -> None:
        self.rng = np.random.default_rng(seed)
        self.pedestal = level + self.rng.normal(0, 1.0, IMAGE_SHAPE)
        self.noise = np.full(IMAGE_SHAPE, noise)

    def frames(self, count: int, beam: NDArray[np.float64] | float = 0.0) -> NDArray[np.uint16]:
        values = self.pedestal + self.noise * self.rng.standard_normal((count, *IMAGE_SHAPE)) + beam
        return np.clip(np.rint(values), 0, FULL_SCALE_COUNTS).astype(np.uint16)


def gaussian_beam(
    peak: float, x: float = 63.0, y: float = 50.0, width: float = 15.0, height: float = 10.0, angle: float = 0.0
) -> NDArray[np.float64]:
    along = (X - x) * np.cos(angle) + (Y - y) * np.sin(angle)
    across = -(X - x) * np.sin(angle) + (Y - y) * np.cos(angle)
    beam: NDArray[np.float64] = peak * np.exp(-0.5 * ((along / width) ** 2 + (across / height) ** 2))
    return beam

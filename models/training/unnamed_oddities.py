"""Frames that are odd in ways that no kind of fault has a name for: what the classifier has to call unknown."""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

from models.records import FULL_SCALE_COUNTS, IMAGE_SHAPE

Image = NDArray[np.float64]


def disturbed(raw: NDArray[np.uint16], draw: Generator) -> NDArray[np.uint16]:
    """A normal frame, uint16 (102, 128) counts, with one disturbance of random kind and strength."""
    kinds = (_blurred, _with_stray_light, _mottled, _with_shifted_columns)
    return _as_frame(kinds[draw.integers(len(kinds))](raw.astype(np.float64), draw))


def turned(raw: NDArray[np.uint16], draw: Generator) -> NDArray[np.uint16]:
    """A normal frame turned around its middle: a disturbance for proofs, which nothing is trained on."""
    angle = draw.choice([-1.0, 1.0]) * draw.uniform(8.0, 60.0)
    return _as_frame(ndimage.rotate(raw.astype(np.float64), angle, reshape=False, order=1, mode="nearest"))


def _as_frame(image: Image) -> NDArray[np.uint16]:
    return np.asarray(np.clip(np.rint(image), 0, FULL_SCALE_COUNTS), np.uint16)


def _blurred(image: Image, draw: Generator) -> Image:
    return np.asarray(ndimage.gaussian_filter(image, draw.uniform(1.5, 5.0)))


def _with_stray_light(image: Image, draw: Generator) -> Image:
    """A ramp over the whole frame, at its brightest so many parts of the peak."""
    y, x = np.mgrid[: IMAGE_SHAPE[0], : IMAGE_SHAPE[1]]
    angle = draw.uniform(0, 2 * np.pi)
    along = (x / IMAGE_SHAPE[1] - 0.5) * np.cos(angle) + (y / IMAGE_SHAPE[0] - 0.5) * np.sin(angle)
    return np.asarray(image + draw.uniform(0.03, 0.25) * image.max() * (along - along.min()))


def _mottled(image: Image, draw: Generator) -> Image:
    """The beam times a smooth random field."""
    field = ndimage.gaussian_filter(draw.standard_normal(IMAGE_SHAPE), draw.uniform(1.5, 6.0))
    level = np.median(image[:8])
    return np.asarray(level + (image - level) * np.clip(1 + draw.uniform(0.05, 0.35) * field / field.std(), 0, None))


def _with_shifted_columns(image: Image, draw: Generator) -> Image:
    width = int(draw.integers(8, 30))
    first = int(draw.integers(35, 95 - width))
    out = image.copy()
    out[:, first : first + width] = np.roll(out[:, first : first + width], int(draw.integers(4, 20)), axis=0)
    return out


#: How unnamed oddities are made.
Disturbance = Callable[[NDArray[np.uint16], Generator], NDArray[np.uint16]]

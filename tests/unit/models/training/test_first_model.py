"""Outliers of the model in use are found without labels, and drift is none."""

import numpy as np
from numpy.typing import NDArray

from connectors.model_files import default_model
from models.records import IMAGE_SHAPE
from models.training.first_model import outliers

NETWORK = default_model().autoencoder()


def beam(count: int, *, drift_px: float = 0.0, seed: int = 1) -> list[NDArray[np.float32]]:
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[: IMAGE_SHAPE[0], : IMAGE_SHAPE[1]]
    images = []
    for number in range(count):
        y, x = 50 + 0.3 * random.standard_normal(), 64 + drift_px * number / count + 0.3 * random.standard_normal()
        shape = 2500 * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * 14.0**2))
        image = shape * random.normal(1, 0.02) + random.normal(0, 3, IMAGE_SHAPE)
        images.append(np.where(image > 15, image, 0).astype(np.float32))
    return images


def with_spot(image: NDArray[np.float32], part: float) -> NDArray[np.float32]:
    rows, columns = np.mgrid[: IMAGE_SHAPE[0], : IMAGE_SHAPE[1]]
    spot = part * image.max() * np.exp(-((rows - 45) ** 2 + (columns - 70) ** 2) / (2 * 3.0**2))
    return np.asarray(image + spot, np.float32)


def test_odd_frames_are_found_and_few_others() -> None:
    images = beam(500, drift_px=3.0)
    odd = [17, 130, 131, 250, 399, 480]
    for place in odd:
        images[place] = with_spot(images[place], 0.25)
    found = np.flatnonzero(outliers(images, NETWORK)).tolist()
    assert set(odd) <= set(found)
    assert len(found) <= len(odd) + 5


def test_a_frame_that_is_not_finite_is_odd() -> None:
    images = beam(20)
    images[4] = images[4].copy()
    images[4][3, 3] = np.nan
    assert outliers(images, NETWORK)[4]
    assert outliers([np.full(IMAGE_SHAPE, np.nan, np.float32)] * 10, NETWORK).all()


def test_few_frames_have_no_usual() -> None:
    assert not outliers(beam(7), NETWORK).any()
    assert outliers([], NETWORK).shape == (0,)

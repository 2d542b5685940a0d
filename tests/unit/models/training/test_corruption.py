"""Frames are spoiled where there is light, differently in every epoch, and the same way in every training."""

import numpy as np
import pytest
from numpy.typing import NDArray

from models.records import IMAGE_SHAPE
from models.training.corruption import corrupted
from models.training.settings import TrainingSettings

_ROWS, _COLUMNS = np.indices(IMAGE_SHAPE)


def beams(count: int) -> NDArray[np.float32]:
    beam = np.exp(-((_ROWS - 50) ** 2 + (_COLUMNS - 64) ** 2) / (2 * 12.0**2))
    beam[beam < 0.01] = 0.0
    return np.repeat(0.6 * beam[np.newaxis], count, axis=0).astype(np.float32)


def test_most_frames_are_spoiled_and_the_rest_has_noise_alone() -> None:
    frames = beams(200)
    spoiled = corrupted(frames, np.random.default_rng(1))
    np.testing.assert_array_equal(frames, beams(200))  # copies
    assert spoiled.dtype == np.float32
    assert spoiled.min() >= 0.0
    largest = np.abs(spoiled - frames).max(axis=(1, 2))
    assert 0.5 < np.mean(largest > 0.1 * 0.6) < 0.8
    noise = (spoiled - frames)[largest < 0.05][:, 50, 64]
    assert 0.002 < noise.std() < 0.02


def test_a_frame_without_light_stays_dark() -> None:
    assert not corrupted(np.zeros((3, *IMAGE_SHAPE), np.float32), np.random.default_rng(1)).any()


@pytest.mark.training
def test_batches_are_spoiled_anew_in_every_epoch_and_the_same_in_every_training() -> None:
    made = pytest.importorskip("models.training.batches", reason="needs the training extra")

    def batch(epoch: int, *, shuffle: bool = True) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        images = 4092 * beams(40)
        batches = made.Batches([images], TrainingSettings(), shuffle=shuffle, corruption=corrupted)
        batches.begin_epoch(epoch)
        first: tuple[NDArray[np.float32], NDArray[np.float32]] = batches[0]
        return first

    (first, target), (again, _), (later, _) = batch(0), batch(0), batch(1)
    np.testing.assert_allclose(target, beams(32), rtol=1e-6)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, later)
    np.testing.assert_array_equal(batch(0, shuffle=False)[0], batch(1, shuffle=False)[0])

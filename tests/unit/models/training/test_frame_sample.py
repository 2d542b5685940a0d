"""The sample of a camera's normal frames: bounded, even, in order, and without the odd ones."""

import numpy as np
import pytest
from numpy.typing import NDArray

from models.images.beam_features import FEATURE_COUNT
from models.records import IMAGE_SHAPE
from models.training.frame_sample import FrameSample

SATURATED = 9


def frames(count: int, *, first: int = 0, seed: int = 1) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Numbered frames (every pixel is the number) of a steady beam with some jitter."""
    random = np.random.default_rng(seed)
    images = np.broadcast_to(np.arange(first, first + count, dtype=np.float32)[:, None, None], (count, *IMAGE_SHAPE))
    usual = np.array([1e6, 63.0, 50.0, 40.0, 36.0, 0.9, 0.3, 2800.0, 1.2, 0.0])
    features = usual * (1 + 0.01 * random.standard_normal((count, FEATURE_COUNT)))
    return images, features


def numbers(sample: FrameSample) -> list[int]:
    return [int(image[0, 0]) for image in sample.normal()]


def test_all_frames_are_kept_while_there_is_room() -> None:
    sample = FrameSample(50)
    sample.offer(*frames(50))
    assert numbers(sample) == list(range(50))


@pytest.mark.parametrize("piece", [1, 7, 32, 1000])
def test_many_frames_are_thinned_evenly_whatever_the_blocks(piece: int) -> None:
    sample = FrameSample(100)
    images, features = frames(1000)
    for start in range(0, 1000, piece):
        sample.offer(images[start : start + piece], features[start : start + piece])
    assert numbers(sample) == list(range(0, 1000, 16))
    assert sample.offered == 1000


def test_less_room_later_keeps_the_evenness() -> None:
    sample = FrameSample(100)
    images, features = frames(200)
    sample.offer(images[:120], features[:120])
    sample.shrink(20)
    sample.offer(images[120:], features[120:])
    kept = numbers(sample)
    assert len(kept) <= 20
    assert set(np.diff(kept)) == {16}


def test_odd_frames_are_left_out_and_drift_is_not_odd() -> None:
    images, features = frames(600)
    features[:, 1] += np.linspace(0, 15, 600)  # the beam wanders by 15 px, its jitter is 0.6 px
    odd = {40: (0, 0.5), 123: (0, 1.4), 300: (1, 1.3), 451: (3, 1.6), 599: (7, 1.8)}
    for frame, (feature, factor) in odd.items():
        features[frame, feature] *= factor
    features[77, 2] = np.nan
    sample = FrameSample(1000)
    sample.offer(images, features)
    assert set(range(600)) - set(numbers(sample)) == {*odd, 77}


def test_saturated_frames_are_counted_and_left_out() -> None:
    images, features = frames(100)
    features[:30, SATURATED] = 0.2
    sample = FrameSample(1000)
    sample.offer(images, features)
    assert (sample.offered, sample.saturated) == (70, 30)
    assert numbers(sample) == list(range(30, 100))


def test_no_frames() -> None:
    assert FrameSample(10).normal().shape == (0, *IMAGE_SHAPE)


def test_frames_without_known_features_are_not_normal() -> None:
    images, features = frames(10)
    features[:, 1:5] = np.nan
    sample = FrameSample(10)
    sample.offer(images, features)
    assert sample.normal().shape == (0, *IMAGE_SHAPE)

"""The sample of a camera's normal frames: bounded, fair, whatever the order, and without the odd ones."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.images.beam_features import FEATURE_COUNT
from models.records import IMAGE_SHAPE
from models.training.frame_sample import FrameSample, frame_keys, neighbourhoods

SATURATED = 9


def frames(count: int, seed: int = 1) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Numbered frames (every pixel is the number) of a steady beam with some jitter."""
    random = np.random.default_rng(seed)
    images = np.broadcast_to(np.arange(count, dtype=np.float32)[:, None, None], (count, *IMAGE_SHAPE))
    usual = np.array([1e6, 63.0, 50.0, 40.0, 36.0, 0.9, 0.3, 2800.0, 1.2, 0.0])
    features = usual * (1 + 0.01 * random.standard_normal((count, FEATURE_COUNT)))
    return images, features


def offer(
    sample: FrameSample, images: NDArray[np.float32], features: NDArray[np.float64], places: NDArray[np.intp]
) -> None:
    times = 1000 * places
    raw = np.zeros((len(places), 2, 2), np.uint16)
    sample.offer(images[places], features[places], times, frame_keys(raw, times))


def sample_of(images: NDArray[np.float32], features: NDArray[np.float64], capacity: int = 1000) -> FrameSample:
    sample = FrameSample(capacity)
    offer(sample, images, features, np.arange(len(images)))
    return sample


def numbers(sample: FrameSample, without: Sequence[tuple[int, int]] = ()) -> list[int]:
    usual = sample.usual(without)
    found = [int(image[0, 0]) for image in usual.images]
    assert (usual.event_time_ns == 1000 * np.array(found)).all()
    return found


def test_all_frames_are_kept_while_there_is_room() -> None:
    assert numbers(sample_of(*frames(50), capacity=50)) == list(range(50))


def test_the_order_of_reading_and_frames_read_twice_change_nothing() -> None:
    images, features = frames(1000)
    wanted = numbers(sample_of(images, features, capacity=100))
    assert len(wanted) == 100
    order = np.random.default_rng(7).permutation(1000)
    sample = FrameSample(100)
    for places in [*np.array_split(order, 13), np.arange(300)]:
        offer(sample, images, features, places)
    assert numbers(sample) == wanted


def test_the_sample_is_fair_over_time() -> None:
    kept = numbers(sample_of(*frames(4000), capacity=400))
    per_tenth = np.histogram(kept, bins=10, range=(0, 4000))[0]
    assert per_tenth.min() >= 40 - 4 * np.sqrt(40)
    assert per_tenth.max() <= 40 + 4 * np.sqrt(40)


def test_room_that_shrinks_on_the_way_gives_what_little_room_from_the_start_does() -> None:
    images, features = frames(200)
    sample = FrameSample(100)
    offer(sample, images, features, np.arange(120))
    sample.shrink(20)
    offer(sample, images, features, np.arange(120, 200))
    assert numbers(sample) == numbers(sample_of(images, features, capacity=20))


def test_keys_follow_from_pixels_and_time() -> None:
    raw = np.zeros((3, 4, 4), np.uint16)
    raw[1, 0, 0] = 1
    times = np.array([5, 5, 6])
    keys = frame_keys(raw, times)
    assert len(set(keys.tolist())) == 3
    assert (frame_keys(raw[1:], times[1:]) == keys[1:]).all()


def test_frames_in_stretches_that_are_left_out() -> None:
    images, features = frames(100)
    features[20:80, 0] *= 2.0  # most: no rule would find them odd among themselves
    sample = sample_of(images, features)
    stretches = [(20_000, 79_000)]
    assert sample.inside(stretches) == 60
    assert numbers(sample, stretches) == [*range(20), *range(80, 100)]


def test_pieces_are_compared_with_as_many_frames_around_them() -> None:
    assert neighbourhoods(0) == []
    assert neighbourhoods(30) == [(slice(0, 30), slice(0, 30))]
    assert neighbourhoods(450) == [
        (slice(0, 200), slice(0, 200)),
        (slice(200, 400), slice(200, 400)),
        (slice(400, 450), slice(250, 450)),
    ]


def test_odd_frames_are_left_out_and_drift_is_not_odd() -> None:
    images, features = frames(600)
    features[:, 1] += np.linspace(0, 15, 600)  # the beam wanders by 15 px, its jitter is 0.6 px
    odd = {40: (0, 0.5), 123: (0, 1.4), 300: (1, 1.3), 451: (3, 1.6), 599: (7, 1.8)}
    for frame, (feature, factor) in odd.items():
        features[frame, feature] *= factor
    features[77, 2] = np.nan
    sample = sample_of(images, features)
    assert set(range(600)) - set(numbers(sample)) == {*odd, 77}


def test_saturated_frames_are_counted_and_left_out() -> None:
    images, features = frames(100)
    features[:30, SATURATED] = 0.2
    sample = sample_of(images, features)
    assert (sample.offered, sample.saturated) == (70, 30)
    assert numbers(sample) == list(range(30, 100))


def test_no_frames() -> None:
    assert numbers(FrameSample(10)) == []


def test_frames_without_known_features_are_not_normal() -> None:
    images, features = frames(10)
    features[:, 1:5] = np.nan
    assert numbers(sample_of(images, features)) == []

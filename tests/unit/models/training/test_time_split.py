"""The split by time: later frames are later, with a gap, for every camera."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.training.frame_sample import SampledFrames
from models.training.time_split import split_by_time, split_camera

SECOND = 1_000_000_000


def camera(times_ns: NDArray[np.int64]) -> SampledFrames:
    images = [np.full((2, 2), number, np.float32) for number in range(len(times_ns))]
    return SampledFrames(images=images, event_time_ns=times_ns)


def test_the_gap_is_in_neither_part() -> None:
    earlier, later = split_camera(camera(np.arange(1000) * SECOND), 0.2, 10.0)
    assert later.event_time_ns[0] == 800 * SECOND
    assert len(later.images) == 200
    assert earlier.event_time_ns[-1] == 790 * SECOND
    assert [int(image[0, 0]) for image in earlier.images] == list(range(791))


def test_the_gap_is_a_small_part_of_a_short_time() -> None:
    earlier, later = split_camera(camera(np.arange(100) * SECOND // 10), 0.2, 3600.0)
    assert (len(earlier.images), len(later.images)) == (76, 20)


@given(
    st.lists(st.integers(0, 2**40), max_size=60).map(sorted),
    st.floats(0.01, 0.99),
    st.floats(0.0, 1000.0),
)
def test_later_is_strictly_later(times: list[int], share: float, gap_s: float) -> None:
    frames = camera(np.array(times, np.int64))
    earlier, later = split_camera(frames, share, gap_s)
    assert len(later.images) == len(later.event_time_ns) >= min(len(times), 1)
    if len(earlier.images):
        assert earlier.event_time_ns[-1] < later.event_time_ns[0]


@pytest.mark.parametrize("offset", [0, 5_000])
def test_every_camera_is_split_by_its_own_time(offset: int) -> None:
    one, other = camera(np.arange(50) * SECOND), camera((np.arange(20) + offset) * SECOND)
    split = split_by_time([one, other], 0.2, 1.0)
    assert [len(images) for images in split.training] == [40, 16]
    assert [len(images) for images in split.validation] == [10, 4]

"""Pictures of the wall: every count has its value, in every frame and camera the same."""

import numpy as np
import pytest

from models.images.thumbnail import thumbnail
from models.records import FULL_SCALE_COUNTS, IMAGE_SHAPE


def test_each_count_of_a_frame_has_the_value_of_the_formula() -> None:
    frame = (np.arange(IMAGE_SHAPE[0] * IMAGE_SHAPE[1]) % (FULL_SCALE_COUNTS + 1)).reshape(IMAGE_SHAPE)
    expected = np.rint(255 * np.sqrt(frame / FULL_SCALE_COUNTS))
    picture = thumbnail(frame.astype(np.uint16))
    assert picture.dtype == np.uint8
    assert picture.shape == IMAGE_SHAPE
    np.testing.assert_array_equal(picture, expected)


@pytest.mark.parametrize("counts", [4092, 4093, 40_000, 65_535])
def test_what_is_above_the_full_scale_is_shown_at_full_scale(counts: int) -> None:
    assert np.all(thumbnail(np.full(IMAGE_SHAPE, counts, np.uint16)) == 255)


def test_a_read_only_frame_in_a_block_is_shown_and_left_as_it_is() -> None:
    frames = np.full((3, *IMAGE_SHAPE), 1023, np.uint16)
    frames.flags.writeable = False
    picture = thumbnail(frames[1])
    assert np.all(picture == round(255 * (1023 / 4092) ** 0.5))
    assert not picture.flags.writeable
    assert np.all(frames == 1023)

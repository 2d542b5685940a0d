"""The residual's scales against plain NumPy, and what makes a frame stand out."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from models.images.residual import (
    FIELD_SIZE,
    SCALE_SHAPES,
    SCALE_SIGMAS_PX,
    SCALES,
    WHITE_NOISE_PARTS,
    add_frames,
    scale_slice,
    score_frames,
    smooth,
    write_field,
)
from models.records import IMAGE_SHAPE

NOTHING = np.zeros(IMAGE_SHAPE, np.float32)
ONES = np.zeros(FIELD_SIZE, np.float32)
for _scale in range(SCALES):
    ONES[scale_slice(_scale)] = 1.0


def noise(count: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(count, *IMAGE_SHAPE)).astype(np.float32)


def reference_smooth(image: NDArray[np.floating]) -> NDArray[np.float64]:
    weights = np.array([1.0, 4.0, 6.0, 4.0, 1.0]) / 16.0
    along = ndimage.correlate1d(np.asarray(image, np.float64), weights, axis=1, mode="constant")
    return np.asarray(ndimage.correlate1d(along, weights, axis=0, mode="constant"))


def reference_field(residual: NDArray[np.floating]) -> list[NDArray[np.float64]]:
    sharp = np.asarray(residual, np.float64)
    fine = reference_smooth(sharp)
    middle = reference_smooth(fine[::2, ::2])
    return [sharp, fine, middle, reference_smooth(middle[::2, ::2])]


@pytest.mark.parametrize("shape", [(102, 128), (26, 32), (1, 1), (2, 7)])
def test_smoothing_is_the_binomial_filter(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    out = np.empty(shape, np.float32)
    smooth(image, out)
    np.testing.assert_allclose(out, reference_smooth(image), atol=1e-6)


def test_field_holds_all_scales() -> None:
    cleaned, reconstruction, mean = noise(3)
    field = np.zeros(FIELD_SIZE, np.float32)
    write_field(cleaned, reconstruction, mean, field)
    for scale, expected in enumerate(reference_field(cleaned - reconstruction - mean)):
        assert expected.shape == SCALE_SHAPES[scale]
        np.testing.assert_allclose(field[scale_slice(scale)], expected.ravel(), atol=1e-5)


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_scales_are_as_wide_as_they_say(scale: int) -> None:
    """An impulse's mean squared width on the scale, back in pixels of the image."""
    impulse = NOTHING.copy()
    impulse[48, 64] = 1.0
    response = reference_field(impulse)[scale]
    step = IMAGE_SHAPE[1] // response.shape[1]
    offsets = (np.arange(response.shape[1]) - 64 // step) * step
    variance = (response.sum(axis=0) * offsets**2).sum() / response.sum()
    assert np.sqrt(variance) == pytest.approx(SCALE_SIGMAS_PX[scale], rel=0.02)


def test_white_noise_shrinks_as_stated() -> None:
    frames = noise(200, seed=2)
    total, squares = np.zeros(13056, np.float32), np.zeros(FIELD_SIZE, np.float32)
    added = add_frames(frames, np.zeros_like(frames), np.ones(200, np.bool_), NOTHING, total, squares)
    assert added == 200
    for scale, part in enumerate(WHITE_NOISE_PARTS):
        inner = squares[scale_slice(scale)].reshape(SCALE_SHAPES[scale])[3:-3, 3:-3] / 200
        assert inner.mean() == pytest.approx(part, rel=0.08)


def test_scores_are_extremes_and_root_mean_square() -> None:
    cleaned, reconstruction, mean = noise(2, seed=3), noise(2, seed=4), noise(1, seed=5)[0]
    inverse = ONES * np.random.default_rng(6).uniform(0.5, 2.0, FIELD_SIZE).astype(np.float32)
    found = np.full((2, SCALES, 3), np.nan)
    score_frames(cleaned, reconstruction, mean, inverse, found)
    for frame in range(2):
        for scale, field in enumerate(reference_field(cleaned[frame] - reconstruction[frame] - mean)):
            z = field.ravel() * inverse[scale_slice(scale)]
            expected = [z.max(), -z.min(), np.sqrt(np.mean(z * z))]
            np.testing.assert_allclose(found[frame, scale], expected, rtol=1e-4)


@pytest.mark.parametrize(("radius_px", "best_scale"), [(0.4, 0), (1.5, 1), (2.5, 2), (10.0, 3)])
def test_a_spot_stands_out_most_on_its_own_scale(radius_px: float, best_scale: int) -> None:
    rows, columns = np.indices(IMAGE_SHAPE)
    spot = np.exp(-((rows - 48) ** 2 + (columns - 64) ** 2) / (2 * radius_px**2)).astype(np.float32)
    inverse = ONES.copy()
    for scale, part in enumerate(WHITE_NOISE_PARTS):
        inverse[scale_slice(scale)] /= np.sqrt(part)
    found = np.zeros((1, SCALES, 3))
    score_frames(spot[np.newaxis], NOTHING[np.newaxis], NOTHING, inverse, found)
    assert found[0, :, 0].argmax() == best_scale
    score_frames(-spot[np.newaxis], NOTHING[np.newaxis], NOTHING, inverse, found)
    assert found[0, :, 1].argmax() == best_scale


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_frame_that_is_not_finite_scores_infinity_and_harms_no_other(bad: float) -> None:
    frames = noise(3, seed=7)
    expected, found = np.zeros((3, SCALES, 3)), np.zeros((3, SCALES, 3))
    score_frames(frames, np.zeros_like(frames), NOTHING, ONES, expected)
    frames[1, 50, 50] = bad
    score_frames(frames, np.zeros_like(frames), NOTHING, ONES, found)
    assert np.isinf(found[1]).all()
    np.testing.assert_array_equal(found[[0, 2]], expected[[0, 2]])


def test_only_kept_frames_are_added() -> None:
    frames = noise(4, seed=8)
    keep = np.array([True, False, False, True])
    sums = [(np.zeros(13056, np.float32), np.zeros(FIELD_SIZE, np.float32)) for _ in range(2)]
    assert add_frames(frames, np.zeros_like(frames), keep, NOTHING, *sums[0]) == 2
    for frame in frames[keep]:
        add_frames(frame[np.newaxis], NOTHING[np.newaxis], np.ones(1, np.bool_), NOTHING, *sums[1])
    np.testing.assert_array_equal(sums[0][0], sums[1][0])
    np.testing.assert_array_equal(sums[0][1], sums[1][1])

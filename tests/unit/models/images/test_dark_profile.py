import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from models.images.dark_profile import (
    NEVER,
    DarkProfile,
    make_profile,
    prediction_factor,
    profile_from_state,
    profile_from_sums,
)
from models.records import IMAGE_SHAPE
from models.state import decode_state, encode_state
from tests.unit.models.images.frames import FrameSource


def profile_of(frames: NDArray[np.uint16], probability: float = 1e-6) -> DarkProfile:
    wide = frames.astype(np.int64)
    return profile_from_sums(wide.sum(0), (wide * wide).sum(0), len(frames), probability)


def test_pedestal_and_sigma_are_the_samples_own() -> None:
    frames = FrameSource().frames(50)
    profile = profile_of(frames)
    np.testing.assert_allclose(profile.pedestal, frames.mean(0), rtol=1e-6)
    np.testing.assert_allclose(profile.sigma, frames.std(0, ddof=1), rtol=1e-5)


def test_factor_is_that_of_the_prediction_interval() -> None:
    assert prediction_factor(50, 1e-6) == pytest.approx(stats.t.isf(1e-6, 49) * np.sqrt(51 / 50))
    assert prediction_factor(1_000_000, 1e-6) == pytest.approx(stats.norm.isf(1e-6), rel=1e-4)


@pytest.mark.parametrize("frames", [16, 50])
def test_false_alarms_per_pixel_have_the_stated_rate_although_sigma_is_an_estimate(frames: int) -> None:
    """Continuous noise and a large probability, so that the rate can be counted: the normal quantile would fail."""
    rng = np.random.default_rng(1)
    passed = total = plain = 0
    for _ in range(4):
        known = rng.normal(1000, 40, (frames, *IMAGE_SHAPE))
        later = rng.normal(1000, 40, (20, *IMAGE_SHAPE))
        mean, sigma = known.mean(0).astype(np.float32), known.std(0, ddof=1).astype(np.float32)
        profile = make_profile(mean, sigma, frames, 1e-3)
        good = ~profile.defective
        passed += int(np.count_nonzero(later[:, good] > profile.threshold[good]))
        plain += int(np.count_nonzero(later[:, good] > (mean + stats.norm.isf(1e-3) * sigma)[good]))
        total += 20 * int(good.sum())
    assert passed / total == pytest.approx(1e-3, rel=0.08)  # whole counts widen it by 1 % of a sigma
    assert plain / total > 1.2e-3


def test_threshold_is_the_largest_value_that_is_still_noise() -> None:
    pedestal, sigma = np.full(IMAGE_SHAPE, 60.25, np.float32), np.full(IMAGE_SHAPE, 4.0, np.float32)
    profile = make_profile(pedestal, sigma, 50, 1e-6)
    limit = 60.25 + 4 * prediction_factor(50, 1e-6)
    assert (profile.threshold == int(limit)).all()
    assert profile.threshold.dtype == np.uint16


def test_a_silent_camera_keeps_the_rounding_noise() -> None:
    profile = profile_of(np.zeros((50, *IMAGE_SHAPE), np.uint16))
    assert not profile.defective.any()
    assert (profile.threshold == int(prediction_factor(50, 1e-6) * np.sqrt(1 / 12))).all()


def test_hot_noisy_and_dead_pixels_are_mapped_and_nothing_else() -> None:
    source = FrameSource(seed=3)
    source.pedestal[10, 20] += 800
    source.pedestal[0, 0] = 3900
    source.noise[50, 60] *= 8
    source.noise[101, 127] = 0
    profile = profile_of(source.frames(50))
    expected = np.zeros(IMAGE_SHAPE, bool)
    for place in [(10, 20), (0, 0), (50, 60), (101, 127)]:
        expected[place] = True
    np.testing.assert_array_equal(profile.defective, expected)
    assert (profile.threshold[expected] == NEVER).all()


def test_neighbours_of_defects_are_good_and_near() -> None:
    source = FrameSource(seed=4)
    source.pedestal[40:45, 40:45] += 1500
    source.pedestal[0, 127] += 1500
    profile = profile_of(source.frames(50))
    defective = profile.defective.ravel()
    assert len(profile.defects) == 26
    for defect, neighbours in zip(profile.defects, profile.neighbours, strict=True):
        used = neighbours[neighbours >= 0]
        assert len(used) >= 3
        assert not defective[used].any()
        dy, dx = np.abs(np.array(divmod(used, 128)) - np.array(divmod(int(defect), 128))[:, None])
        assert max(dy.max(), dx.max()) <= 3


def test_state_gives_the_same_profile_back() -> None:
    source = FrameSource(seed=5)
    source.pedestal[5, 5] += 900
    profile = profile_of(source.frames(20))
    again = profile_from_state(decode_state(encode_state(profile.state())))
    for name in ("pedestal", "sigma", "threshold", "defects", "neighbours"):
        np.testing.assert_array_equal(getattr(again, name), getattr(profile, name))
    assert (again.frames, again.probability) == (20, 1e-6)

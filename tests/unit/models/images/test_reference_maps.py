"""Rolling maps of the usual residual: averages, forgetting, floors, robustness, saved states."""

import numpy as np
import pytest
from numpy.typing import NDArray

from models.errors import FatalError
from models.images.reference_maps import MapSettings, ReferenceMaps
from models.images.residual import SCALES
from models.records import IMAGE_SHAPE
from models.state import decode_state, encode_state

SIGMA = 20.0


def frames(count: int, seed: int = 0, level: float = 0.0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(level, SIGMA, (count, *IMAGE_SHAPE)).astype(np.float32)


def learned(images: NDArray[np.float32], **settings: float) -> ReferenceMaps:
    maps = ReferenceMaps(MapSettings(**settings))
    nothing = np.zeros_like(images[:32])
    maps.start(images[:32], nothing, 0.0)
    for start in range(32, len(images), 32):
        part = images[start : start + 32]
        maps.learn(part, nothing[: len(part)], np.ones(len(part), np.bool_))
        maps.apply(0.0)
    return maps


def scored(maps: ReferenceMaps, images: NDArray[np.float32]) -> NDArray[np.float64]:
    return maps.scores(images, np.zeros_like(images))


def test_residuals_are_measured_in_their_own_sigmas() -> None:
    maps = learned(frames(480))
    found = scored(maps, frames(32, seed=1))
    np.testing.assert_allclose(found[:, :, 2].mean(axis=0), 1.0, atol=0.05)
    assert 3.5 < found[:, 0, :2].mean() < 4.8  # the largest of 13,056 normal numbers


def test_nothing_is_said_before_the_start() -> None:
    maps = ReferenceMaps(MapSettings())
    assert not maps.ready
    np.testing.assert_array_equal(scored(maps, frames(2)), 0.0)


def test_follows_a_drift() -> None:
    images = frames(2000)
    images += np.linspace(0, 10 * SIGMA, 2000, dtype=np.float32)[:, np.newaxis, np.newaxis]
    maps = learned(images, time_constant_frames=100)
    assert scored(maps, images[-32:])[:, 0, :2].max() < 7.0
    assert scored(maps, images[:1])[0, 0, 1] > 10.0


def test_the_start_bears_odd_frames() -> None:
    """A third of the first frames has a spot; the maps take it for odd, not for usual."""
    images = frames(32)
    images[5:15, 40:44, 60:64] += 50 * SIGMA
    maps = ReferenceMaps(MapSettings())
    maps.start(images, np.zeros_like(images), 0.0)
    found = scored(maps, images)
    assert found[5:15, 0, 0].min() > 15.0
    assert found[15:, 0, 0].max() < 8.0


def test_no_pixel_is_steadier_than_the_floor() -> None:
    flat = np.zeros((64, *IMAGE_SHAPE), np.float32)
    step = flat[:1].copy()
    step[0, 50, 50] = 30.0
    assert scored(learned(flat, read_noise_counts=3.0), step)[0, 0, 0] == pytest.approx(10.0, rel=1e-3)
    bright = flat + 1000.0
    maps = learned(bright, read_noise_counts=3.0, shot_noise_counts=0.1)
    assert scored(maps, bright[:1] + step)[0, 0, 0] == pytest.approx(30.0 / np.sqrt(9.0 + 100.0), rel=1e-3)


def test_the_floor_follows_the_cameras_own_noise() -> None:
    flat = np.zeros((32, *IMAGE_SHAPE), np.float32)
    maps = ReferenceMaps(MapSettings(read_noise_counts=1.0, dark_noise_factor=2.0))
    maps.start(flat, flat, 5.0)
    step = flat[:1].copy()
    step[0, 50, 50] = 30.0
    assert scored(maps, step)[0, 0, 0] == pytest.approx(3.0, rel=1e-3)


def test_variances_never_become_denormal() -> None:
    maps = learned(frames(32), time_constant_frames=64)
    flat = np.zeros((32, *IMAGE_SHAPE), np.float32)
    for _ in range(300):
        maps.learn(flat, flat, np.ones(32, np.bool_))
        maps.apply(0.0)
    variance = maps.state()["variance"]
    assert variance[:13056].min() >= 1e-10


def test_learning_without_applying_changes_nothing_and_cuts_do_not_matter() -> None:
    images, probe = frames(64), frames(3, seed=2)
    whole, parts = learned(images), learned(images)
    more, keep = frames(32, seed=3), np.random.default_rng(4).random(32) < 0.7
    before = scored(whole, probe)
    whole.learn(more, np.zeros_like(more), keep)
    np.testing.assert_array_equal(scored(whole, probe), before)
    for part in np.split(np.arange(32), [1, 2, 20]):
        parts.learn(more[part], np.zeros_like(more[part]), keep[part])
    whole.apply(0.0)
    parts.apply(0.0)
    np.testing.assert_array_equal(scored(whole, probe), scored(parts, probe))
    assert not np.array_equal(scored(whole, probe), before)


def test_z_map_is_the_unsmoothed_residual_in_sigmas() -> None:
    maps, probe = learned(frames(320)), frames(1, seed=5)
    z = maps.z_map(probe[0], np.zeros(IMAGE_SHAPE, np.float32))
    assert z.max() == pytest.approx(scored(maps, probe)[0, 0, 0], rel=1e-5)
    assert z.dtype == np.float32


def test_restored_state_goes_on_the_same() -> None:
    maps = learned(frames(96))
    more = frames(20, seed=6)
    maps.learn(more, np.zeros_like(more), np.ones(20, np.bool_))
    other = ReferenceMaps(MapSettings())
    other.restore(decode_state(encode_state(maps.state())))
    probe = frames(3, seed=7)
    np.testing.assert_array_equal(scored(maps, probe), scored(other, probe))
    for each in (maps, other):
        each.learn(more, np.zeros_like(more), np.ones(20, np.bool_))
        each.apply(3.0)
    np.testing.assert_array_equal(scored(maps, probe), scored(other, probe))
    assert scored(maps, probe).shape == (3, SCALES, 3)


def test_state_of_another_size_is_refused() -> None:
    state = learned(frames(32)).state() | {"variance": np.zeros(5, np.float32)}
    with pytest.raises(FatalError, match="another size"):
        ReferenceMaps(MapSettings()).restore(state)


@pytest.mark.parametrize(
    "wrong", [{"time_constant_frames": 1.0}, {"read_noise_counts": 0.0}, {"shot_noise_counts": -1.0}]
)
def test_wrong_settings(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        MapSettings(**wrong)

"""The rolling Mahalanobis distance against the textbook's, and its start, floors and limits."""

import numpy as np
import pytest
from numpy.typing import NDArray

from models.errors import FatalError
from models.scoring.distance import DistanceSettings, RollingDistance
from models.state import decode_state, encode_state

FLOOR = np.full(4, 1e-6)


def normal_vectors(count: int, seed: int = 0) -> NDArray[np.float64]:
    mixing = np.array([[1.0, 0, 0, 0], [0.9, 0.2, 0, 0], [0, 3, 1e3, 0], [0, 0, 1, 0.1]])
    return np.asarray(np.random.default_rng(seed).normal(size=(count, 4)) @ mixing.T + [1e6, 0, -5, 1])


def applied(vectors: NDArray[np.float64], every: int = 32, **settings: float) -> RollingDistance:
    distance = RollingDistance(DistanceSettings(**settings), FLOOR)
    for start in range(0, len(vectors), every):
        distance.learn(vectors[start : start + every])
        distance.apply()
    return distance


def test_plain_averages_at_the_start() -> None:
    """With a long time constant it is the textbook's distance (up to the shrinkage)."""
    vectors, others = normal_vectors(4000), normal_vectors(50, seed=1)
    found = applied(vectors, time_constant_records=1e7).distances(others)
    deviation = others - vectors.mean(axis=0)
    expected = np.sqrt(np.einsum("ni,ij,nj->n", deviation, np.linalg.inv(np.cov(vectors.T)), deviation))
    np.testing.assert_allclose(found, expected, rtol=0.05)


def test_follows_a_drift_and_forgets() -> None:
    vectors = normal_vectors(6000)
    vectors[:, 1] += np.linspace(0, 30, 6000)
    distance = applied(vectors, time_constant_records=300)
    assert distance.distances(vectors[-100:]).mean() < 3.5
    assert distance.distances(vectors[:1])[0] > 10


def test_learning_without_applying_changes_nothing() -> None:
    distance = applied(normal_vectors(320))
    others = normal_vectors(9, seed=2)
    before = distance.distances(others)
    distance.learn(normal_vectors(500, seed=3) * 2)
    np.testing.assert_array_equal(distance.distances(others), before)


def test_the_cut_of_what_is_learned_changes_nothing() -> None:
    vectors, others = normal_vectors(320), normal_vectors(9, seed=2)
    whole, parts = (RollingDistance(DistanceSettings(), FLOOR) for _ in range(2))
    whole.learn(vectors)
    for part in np.split(vectors, [1, 5, 100, 101]):
        parts.learn(part)
    whole.apply()
    parts.apply()
    np.testing.assert_array_equal(whole.distances(others), parts.distances(others))
    np.testing.assert_array_equal(whole.distances(others), np.concatenate([whole.distances(o[None]) for o in others]))


def test_constant_components_are_measured_by_their_floor() -> None:
    vectors = normal_vectors(500)
    vectors[:, 2] = 7.0
    distance = RollingDistance(DistanceSettings(), np.array([1e-6, 1e-6, 0.5, 1e-6]))
    distance.learn(vectors)
    distance.apply()
    moved = vectors[:1].copy()
    moved[0, 2] += 1.0
    before, after = distance.distances(np.concatenate([vectors[:1], moved]))
    assert after**2 - before**2 == pytest.approx(4.0, rel=1e-6)


def test_vectors_that_are_not_finite_are_far_and_not_learned() -> None:
    distance = applied(normal_vectors(320))
    odd = normal_vectors(3)
    odd[0, 0], odd[1, 3] = np.nan, -np.inf
    found = distance.distances(odd)
    assert np.isinf(found[:2]).all()
    assert np.isfinite(found[2])
    distance.learn(odd)
    distance.apply()
    assert np.isfinite(distance.distances(odd[2:])).all()


def test_components_that_repeat_each_other() -> None:
    vectors = normal_vectors(500)
    vectors[:, 1] = vectors[:, 0]
    found = applied(vectors).distances(vectors)
    assert np.isfinite(found).all()
    assert found.max() < 10


def test_start_leaves_out_the_odd_ones_and_is_honest_about_the_others() -> None:
    size, count = 20, 120
    random = np.random.default_rng(4)
    vectors = random.normal(size=(count, size))
    vectors[10:25] += 100.0
    distance = RollingDistance(DistanceSettings(), np.full(size, 1e-6))
    kept, found = distance.start(vectors)
    assert not kept[10:25].any()
    assert kept.sum() == count - 15
    fresh = distance.distances(random.normal(size=(2000, size)))
    assert found[kept].mean() == pytest.approx(fresh.mean(), rel=0.05)
    assert found[10:25].min() > 50


def test_nothing_is_said_before_there_is_enough() -> None:
    distance = applied(normal_vectors(16))
    assert not distance.ready
    np.testing.assert_array_equal(distance.distances(normal_vectors(3)), 0.0)


def test_restored_state_goes_on_the_same() -> None:
    distance = applied(normal_vectors(320))
    distance.learn(normal_vectors(7, seed=5))
    other = RollingDistance(DistanceSettings(), FLOOR)
    other.restore(decode_state(encode_state(distance.state())))
    for each in (distance, other):
        each.learn(normal_vectors(25, seed=6))
        each.apply()
    others = normal_vectors(9, seed=7)
    np.testing.assert_array_equal(distance.distances(others), other.distances(others))


def test_state_of_another_size_is_refused() -> None:
    with pytest.raises(FatalError, match="4 components instead of 3"):
        RollingDistance(DistanceSettings(), FLOOR[:3]).restore(applied(normal_vectors(64)).state())


def test_wrong_settings() -> None:
    with pytest.raises(ValueError, match="time_constant_records"):
        DistanceSettings(time_constant_records=1.0)
    with pytest.raises(ValueError, match="sigma_floor"):
        RollingDistance(DistanceSettings(), np.zeros(3))


def test_usual_is_the_mean_and_spread_of_what_was_applied() -> None:
    vectors = np.random.default_rng(4).normal([5.0, -1.0], [2.0, 1e-6], (400, 2))
    distance = RollingDistance(DistanceSettings(), np.array([0.1, 0.1]))
    distance.learn(vectors)
    distance.apply()
    mean, sigma = distance.usual()
    np.testing.assert_allclose(mean, vectors.mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(sigma, [vectors[:, 0].std(), 0.1], rtol=1e-6)


def test_a_start_with_next_to_nothing_gives_no_distance() -> None:
    for count in (0, 1, 2):
        vectors = np.full((4, 4), np.nan)
        vectors[:count] = normal_vectors(count)
        kept, distances = RollingDistance(DistanceSettings(), np.full(4, 1e6)).start(vectors)
        assert kept.sum() == count
        assert not distances[:count].any()

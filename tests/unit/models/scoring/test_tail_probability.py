"""Tail probabilities against distributions whose tails are known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from models.errors import FatalError
from models.scoring.tail_probability import (
    TailProbability,
    TailSeed,
    TailSettings,
    corrected,
    fit_seed,
    pareto_fit,
    score_of,
)
from models.state import decode_state, encode_state


def fitted(scores: NDArray[np.float64], seed: TailSeed | None = None, **settings: float) -> TailProbability:
    tail = TailProbability(TailSettings(**settings), seed)  # type: ignore[arg-type]
    tail.learn(scores)
    tail.refit()
    return tail


def test_the_bulk_is_empirical() -> None:
    scores = np.random.default_rng(1).gamma(4.0, size=2000)
    given = np.quantile(scores, [0.1, 0.5, 0.9])
    np.testing.assert_allclose(fitted(scores).p_values(given), [0.9, 0.5, 0.1], atol=2e-3)


@pytest.mark.parametrize("level", [1e-3, 1e-4])
def test_exponential_tail_is_extrapolated(level: float) -> None:
    """On average over samples the probability beyond the sample is right within a factor of two."""
    random = np.random.default_rng(2)
    given = np.array([-np.log(level)])
    logs = [np.log(fitted(random.exponential(size=2000)).p_values(given)[0]) for _ in range(50)]
    assert abs(np.mean(logs) - np.log(level)) < np.log(2.0)


@pytest.mark.parametrize("shape", [-0.2, 0.0, 0.25])
def test_pareto_shape_and_scale_are_found(shape: float) -> None:
    uniform = np.random.default_rng(3).uniform(size=20_000)
    excess = np.sort(((uniform**-shape - 1) / shape if shape else -np.log(uniform)) * 3.0)
    found = pareto_fit(excess, TailSettings(shape_lower=-0.5, shape_prior_exceedances=0.0), 0.0, 1.0)
    np.testing.assert_allclose(found, (shape, 3.0), atol=0.12)


def test_one_odd_record_does_not_dominate() -> None:
    scores = np.random.default_rng(4).exponential(size=2000)
    spoiled = np.append(scores[1:], 1e6)
    clean, odd = (np.log(fitted(values).p_values(np.array([9.0]))[0]) for values in (scores, spoiled))
    assert abs(clean - odd) < np.log(3.0)


def test_continuous_and_never_zero() -> None:
    scores = np.random.default_rng(5).normal(size=500)
    tail = fitted(scores)
    given = np.sort(np.concatenate([scores, np.linspace(-5, 50, 20_001)]))
    found = tail.p_values(given)
    assert np.all(np.diff(found) <= 0)
    assert found[0] == 1.0
    assert found[-1] == TailSettings().probability_floor
    threshold = np.sort(scores)[-26]
    around = tail.p_values(np.array([threshold - 1e-9, threshold + 1e-9]))
    assert abs(around[0] - around[1]) < 1e-6


@pytest.mark.parametrize(("score", "expected"), [(np.nan, 1.0), (np.inf, 1e-15), (-np.inf, 1.0)])
def test_scores_that_are_not_finite(score: float, expected: float) -> None:
    assert fitted(np.arange(100.0)).p_values(np.array([score]))[0] == expected


def test_scores_that_are_not_finite_are_not_learned() -> None:
    tail = fitted(np.array([np.nan, np.inf, 1.0]))
    assert tail.count == 1


def test_constant_scores_have_a_tail() -> None:
    tail = fitted(np.full(2000, 7.0))
    np.testing.assert_array_less(tail.p_values(np.array([7.1])), 1e-6)
    assert tail.p_values(np.array([7.0]))[0] >= 0.05


def test_nothing_is_said_before_the_first_fit() -> None:
    tail = TailProbability(TailSettings())
    tail.learn(np.arange(100.0))
    assert not tail.ready
    assert tail.p_values(np.array([1e9]))[0] == 1.0
    tail.refit()
    assert tail.ready


def test_only_a_refit_changes_the_fit() -> None:
    tail = fitted(np.arange(1000.0))
    before = tail.p_values(np.array([990.0]))
    tail.learn(np.full(1000, 5000.0))
    np.testing.assert_array_equal(tail.p_values(np.array([990.0])), before)
    tail.refit()
    assert tail.p_values(np.array([990.0]))[0] > before[0]


def test_the_seed_counts_most_while_the_device_is_new() -> None:
    scores = np.random.default_rng(6).exponential(size=100_000)
    heavy, light = TailSeed(shape=0.3, scale=0.6), TailSeed(shape=-0.05, scale=0.6)

    def ratio(count: int) -> float:
        given = np.array([10.0])
        return float(
            fitted(scores[:count], heavy).p_values(given)[0] / fitted(scores[:count], light).p_values(given)[0]
        )

    assert ratio(300) > 5 * ratio(2000) > 5


def test_seed_from_several_devices() -> None:
    random = np.random.default_rng(7)
    seed = fit_seed([random.exponential(size=4000) * gain for gain in (1.0, 30.0, 0.01)])
    assert abs(seed.shape) < 0.1
    assert seed.scale == pytest.approx(1.0 / (np.log(20.0) - np.log(2.0)), rel=0.1)
    assert TailSeed.from_json(seed.to_json()) == seed


def test_seed_needs_scores() -> None:
    with pytest.raises(ValueError, match="200 finite"):
        fit_seed([np.arange(10.0)])


@pytest.mark.parametrize("document", [{}, {"shape": "x", "scale": 1}, {"shape": 0.0, "scale": float("nan")}])
def test_damaged_seed(document: dict[str, float]) -> None:
    with pytest.raises(FatalError):
        TailSeed.from_json(document)


def test_restored_state_goes_on_the_same() -> None:
    scores = np.random.default_rng(8).exponential(size=5000)
    tail = fitted(scores[:2500])
    tail.learn(scores[2500:2600])
    other = TailProbability(TailSettings())
    other.restore(decode_state(encode_state(tail.state())))
    given = np.linspace(0, 20, 99)
    np.testing.assert_array_equal(tail.p_values(given), other.p_values(given))
    for each in (tail, other):
        each.learn(scores[2600:])
        each.refit()
    np.testing.assert_array_equal(tail.p_values(given), other.p_values(given))


def test_state_of_another_ring_is_refused() -> None:
    tail = fitted(np.arange(1000.0))
    with pytest.raises(FatalError, match="ring_records"):
        TailProbability(TailSettings(ring_records=500)).restore(tail.state())


@pytest.mark.parametrize(
    "wrong",
    [{"ring_records": 10}, {"shape_lower": 0.4, "shape_upper": 0.1}, {"probability_floor": 0.0}],
)
def test_wrong_settings(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        TailSettings(**wrong)  # type: ignore[arg-type]


def test_the_smallest_of_several_corrected_for_their_number_is_uniform() -> None:
    smallest = np.random.default_rng(9).uniform(size=(5, 100_000)).min(axis=0)
    assert np.mean(corrected(smallest, 5) < 1e-3) == pytest.approx(1e-3, rel=0.3)
    assert corrected(np.array([1e-15]), 2)[0] == pytest.approx(2e-15)
    assert corrected(np.ones(1), 3)[0] == 1.0


def test_a_score_is_never_below_zero() -> None:
    scores = score_of(np.array([1.0, 0.1, 1e-15]))
    np.testing.assert_allclose(scores, [0.0, 1.0, 15.0])
    assert not np.signbit(scores).any()

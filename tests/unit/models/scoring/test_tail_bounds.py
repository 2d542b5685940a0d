"""Bounds of tails: that they hold as often as they say, on tails that are known."""

import numpy as np
import pytest
from numpy.random import default_rng
from numpy.typing import NDArray

from models.scoring.tail_bounds import MINIMUM_VALUES, TailBounds

_CONFIDENCE = 0.9


def _values(shape: float, uniform: NDArray[np.float64]) -> NDArray[np.float64]:
    """Generalised Pareto values of scale 1 for their tail probabilities."""
    return -np.log(uniform) if shape == 0.0 else (uniform**-shape - 1.0) / shape


def _beyond(shape: float, value: float) -> float:
    """The tail probability of a value."""
    return float(np.exp(-value)) if shape == 0.0 else max(1.0 + shape * value, 0.0) ** (-1.0 / shape)


def _realised(shape: float, rate: float, samples: int = 300, size: int = 1500) -> NDArray[np.float64]:
    """How often the level for a rate is really passed, by the rate asked for, in each of many samples."""
    draw = default_rng(7)
    levels = (TailBounds.of(_values(shape, draw.random(size)), _CONFIDENCE).level(rate) for _ in range(samples))
    return np.array([_beyond(shape, level) / rate for level in levels])


@pytest.mark.parametrize("rate", [1e-3, 1e-5, 1e-6], ids=lambda rate: f"one in {1 / rate:.0e}")
@pytest.mark.parametrize(
    ("shape", "least"), [(0.0, 0.88), (-0.2, 0.97), (0.1, 0.7)], ids=["exponential", "bounded", "heavy"]
)
def test_a_rate_is_kept_about_as_often_as_promised(shape: float, least: float, rate: float) -> None:
    """A tail that is heavier than scores have is not fully covered: the prior says what scores are."""
    assert np.mean(_realised(shape, rate) <= 1.0) >= least


@pytest.mark.parametrize("rate", [1e-3, 1e-5])
@pytest.mark.parametrize("shape", [0.0, -0.2, 0.1])
def test_many_devices_together_keep_their_rate(shape: float, rate: float) -> None:
    """The few whose tail was taken for too light don't rule the sum."""
    assert _realised(shape, rate).mean() <= 1.1


def test_bounds_come_closer_with_more_values() -> None:
    little, much = (np.median(_realised(0.0, 1e-5, samples=60, size=size)) for size in (400, 8000))
    assert little < 0.3 * much
    assert much < 1.0


def test_more_confidence_costs_a_higher_level() -> None:
    values = default_rng(1).exponential(size=2000)
    levels = [TailBounds.of(values, confidence).level(1e-5) for confidence in (0.5, 0.8, 0.95)]
    assert levels == sorted(set(levels))


def test_the_rate_at_a_level_is_the_one_the_level_was_made_for() -> None:
    bounds = TailBounds.of(default_rng(2).exponential(size=3000), _CONFIDENCE)
    for rate in (1e-2, 1e-4, 1e-6, 1e-8):
        assert bounds.rate(bounds.level(rate)) == pytest.approx(rate)


def test_below_the_tail_nothing_is_promised() -> None:
    bounds = TailBounds.of(default_rng(3).exponential(size=3000), _CONFIDENCE)
    assert bounds.rate(bounds.start - 0.1) == 1.0
    assert bounds.rate(bounds.start) == pytest.approx(bounds.share)
    assert bounds.level(0.5) == bounds.start


def test_the_order_of_values_means_nothing() -> None:
    values = default_rng(4).exponential(size=500)
    assert TailBounds.of(values, _CONFIDENCE).level(1e-6) == TailBounds.of(values[::-1], _CONFIDENCE).level(1e-6)


@pytest.mark.parametrize("values", [np.zeros(MINIMUM_VALUES), np.full(MINIMUM_VALUES, 15.0)], ids=["zero", "largest"])
def test_values_that_are_all_alike_have_a_short_tail(values: NDArray[np.float64]) -> None:
    bounds = TailBounds.of(values, _CONFIDENCE)
    assert values[0] < bounds.level(1e-8) < values[0] + 1.0


def test_one_value_far_out_makes_the_tail_heavier() -> None:
    values = default_rng(5).exponential(size=1000)
    assert (
        TailBounds.of(np.append(values, 30.0), _CONFIDENCE).level(1e-6)
        > TailBounds.of(values, _CONFIDENCE).level(1e-6) + 1
    )

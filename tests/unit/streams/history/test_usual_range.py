import numpy as np
import pytest

from streams.history.usual_range import usual_range

STEADY = 65.0 + np.sin(np.arange(1_000))


def test_a_few_outliers_leave_the_axis_to_all_else() -> None:
    greatest = STEADY.copy()
    greatest[[100, 500]] = [400.0, 1_000.0]
    low, high = usual_range(STEADY, greatest) or (0, 0)
    assert low == STEADY.min()
    assert STEADY.max() < high < 68.0


def test_what_lasts_is_no_outlier() -> None:
    greatest = STEADY.copy()
    greatest[:100] = 400.0
    assert usual_range(STEADY, greatest) == (STEADY.min(), 400.0)


def test_outliers_that_reach_little_further_are_shown() -> None:
    greatest = STEADY.copy()
    greatest[7] = 67.5
    assert usual_range(STEADY, greatest) == (STEADY.min(), 67.5)


def test_a_constant_with_one_outlier_gets_an_axis_of_some_height() -> None:
    values = np.full(1_000, 50.0)
    values[3] = 1e6
    low, high = usual_range(values, values) or (0, 0)
    assert low == 50.0
    assert 50.0 < high < 52.0


@pytest.mark.parametrize("value", [0.0, -3.5, 7e9])
def test_a_single_value_is_its_own_range(value: float) -> None:
    one = np.array([np.nan, value, np.nan])
    assert usual_range(one, one) == (value, value)


def test_without_anything_known_there_is_none() -> None:
    nothing = np.full(3, np.nan)
    assert usual_range(nothing, nothing) is None
    assert usual_range(nothing[:0], nothing[:0]) is None

"""Runs of missed shots, as they are put together from tables."""

import numpy as np
import pytest

from streams.report.missed_shots import MissedRun, MissedShots


def missed(*tables: list[int]) -> MissedShots:
    """Shots by their numbers; shot n was at 10 n."""
    shots = MissedShots()
    for numbers in tables:
        shots.add(np.array(numbers), 10 * np.array(numbers))
    return shots


def test_the_longest_of_several_runs() -> None:
    found = missed([1, 2, 5, 6, 7, 9])
    assert (found.shots, found.longest) == (6, MissedRun(50, 70, 3))


@pytest.mark.parametrize("cut", range(1, 6))
def test_a_run_goes_on_in_the_next_table(cut: int) -> None:
    numbers = [3, 4, 5, 6, 7, 12]
    found = missed(numbers[:cut], numbers[cut:])
    assert (found.shots, found.longest) == (6, MissedRun(30, 70, 5))


def test_of_equally_long_runs_the_first_counts() -> None:
    assert missed([1, 2], [8, 9]).longest == MissedRun(10, 20, 2)


def test_nothing_was_missed() -> None:
    assert MissedShots().longest.shots == 0

"""A device's latest time follows its records, but no single one of them far."""

import numpy as np
import pytest

from models.triplets.frontier import NEVER_NS, Frontier

STEP = 10


@pytest.mark.parametrize(
    ("batches", "expected"),
    [
        # The first two are not believed, the third confirms them, and with them itself.
        ([[0, 5]], NEVER_NS),
        ([[0, 5, 9]], 9),
        # One step at a time, exactly.
        ([[0, 1, 2], [12]], 12),
        # A larger one is not believed ...
        ([[0, 1, 2], [13]], 2),
        # ... neither a second one, nor after a normal record.
        ([[0, 1, 2], [500, 501]], 2),
        ([[0, 1, 2], [500, 501], [3], [502]], 3),
        # Three in a row are: the stage was off.
        ([[0, 1, 2], [500, 501, 502]], 502),
        ([[0, 1, 2], [500], [501], [502]], 502),
        # The third is wild itself: only up to the others.
        ([[0, 1, 2], [500, 501, 90_000]], 501),
        # A wild one before the jump does not count for it.
        ([[0, 1, 2], [90_000], [500, 501]], 2),
        ([[0, 1, 2], [90_000], [500, 501, 502]], 502),
        # A wild one at the beginning.
        ([[-90_000, 0, 1, 2]], 2),
        # Behind: nothing goes back.
        ([[0, 1, 2], [-90_000]], 2),
        # One record at a time, each a large step further: two behind, but on the way.
        ([[0], [100], [200], [300], [400]], 200),
    ],
)
def test_how_far_it_moves(batches: list[list[int]], expected: int) -> None:
    whole, restored = Frontier(), Frontier()
    for times in batches:
        whole.observe(np.array(times, np.int64), STEP)
        restored.observe(np.array(times, np.int64), STEP)
        again = Frontier()
        again.restore(restored.state())
        restored = again
    assert whole.time_ns == restored.time_ns == expected


def test_the_cut_of_a_series_changes_nothing() -> None:
    times = np.array([0, 1, 2, 3, 400, 401, 402, 9_000, 403, 404, 900, 901, 902, 903], np.int64)
    expected = None
    for size in (1, 2, 3, 5, 14):
        frontier = Frontier()
        for start in range(0, len(times), size):
            frontier.observe(times[start : start + size], STEP)
        expected = frontier.state() if expected is None else expected
        assert frontier.state() == expected


def test_a_record_or_an_advance_ends_silence() -> None:
    frontier = Frontier()
    frontier.silent = True
    frontier.observe(np.array([0], np.int64), STEP)
    assert not frontier.silent
    frontier.silent = True
    frontier.advance(50)
    assert (frontier.silent, frontier.time_ns) == (False, 50)
    frontier.advance(20)
    assert frontier.time_ns == 50

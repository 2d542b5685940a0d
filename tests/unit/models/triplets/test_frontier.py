"""A device's latest time follows its records, but no single one of them far."""

import numpy as np
import pytest

from models.triplets.frontier import NEVER_NS, Frontier

STEP = 10


def frontier() -> Frontier:
    return Frontier(jump_ns=10_000, hold_ns=50)


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
        ([[0, 1, 2], [500, 501, 9_000]], 501),
        # A wild one before the jump does not count for it.
        ([[0, 1, 2], [9_000], [500, 501]], 2),
        ([[0, 1, 2], [9_000], [500, 501, 502]], 502),
        ([[0, 1, 2], [90_000], [500, 501, 502]], 502),
        # A wild one at the beginning.
        ([[-90_000, 0, 1, 2]], 2),
        ([[-9_000, 0, 1, 2]], 2),
        # Behind: nothing goes back.
        ([[0, 1, 2], [-90_000]], 2),
        ([[0, 1, 2], [500, 501, 502], [3, 4, 5]], 502),
        # A jump of up to 10,000 is such a step; one more must last for 50.
        ([[0, 1, 2], [10_002, 10_003, 10_004]], 10_004),
        ([[0, 1, 2], [10_003, 10_004, 10_005]], 2),
        ([[0, 1, 2], [20_000, 20_010, 20_049]], 2),
        ([[0, 1, 2], [20_000, 20_010, 20_050]], 20_050),
        ([[0, 1, 2], [20_000, 20_010], [20_050]], 20_050),
        # Two records are no line, however long it is.
        ([[0, 1, 2], [20_000, 20_050]], 2),
        # The old time goes on in between: the new line begins anew.
        ([[0, 1, 2], [20_000, 20_010], [3], [20_050, 20_060]], 3),
        # Far apart: no line (five minutes are 300e9 ns).
        ([[0, 1, 2], [20_000, 10**12, 2 * 10**12, 3 * 10**12]], 2),
        # One record at a time, each a large step further: two behind, but on the way.
        ([[0], [100], [200], [300], [400]], 200),
    ],
)
def test_how_far_it_moves(batches: list[list[int]], expected: int) -> None:
    whole, restored = frontier(), frontier()
    for times in batches:
        whole.observe(np.array(times, np.int64), STEP)
        restored.observe(np.array(times, np.int64), STEP)
        again = frontier()
        again.restore(restored.state())
        restored = again
    assert whole.time_ns == restored.time_ns == expected


def test_the_cut_of_a_series_changes_nothing() -> None:
    times = np.array([0, 1, 2, 3, 400, 401, 402, 90_000, 403, 404, 900, 901, 902, 903], np.int64)
    expected = None
    for size in (1, 2, 3, 5, 14):
        subject = frontier()
        for start in range(0, len(times), size):
            subject.observe(times[start : start + size], STEP)
        expected = subject.state() if expected is None else expected
        assert subject.state() == expected


def test_a_record_or_an_advance_ends_silence() -> None:
    subject = frontier()
    subject.silent = True
    subject.observe(np.array([0], np.int64), STEP)
    assert not subject.silent
    subject.silent = True
    subject.advance(50)
    assert (subject.silent, subject.time_ns) == (False, 50)
    subject.advance(20)
    assert subject.time_ns == 50


def test_an_advance_is_believed_unless_it_jumps() -> None:
    subject = frontier()
    subject.advance(0)
    subject.advance(10_000)
    assert subject.time_ns == 10_000
    for until in (30_000, 30_020, 30_049):
        subject.advance(until)
        assert subject.time_ns == 10_000
    subject.advance(30_050)
    assert subject.time_ns == 30_050

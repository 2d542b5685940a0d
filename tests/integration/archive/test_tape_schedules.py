"""Random faults in random order: no file that was called safe, or was freed, is ever lost."""

import random

import pytest

from tests.support.ltfs.drive import TapeShelf
from tests.support.ltfs.tape_schedule import TapeSchedule


@pytest.mark.parametrize("seed", range(20))
def test_nothing_safe_is_lost(ltfs: TapeShelf, seed: int) -> None:
    run(ltfs, seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(20, 200))
def test_nothing_safe_is_lost_in_many_schedules(ltfs: TapeShelf, seed: int) -> None:
    run(ltfs, seed)


def run(ltfs: TapeShelf, seed: int) -> None:
    """One schedule; what it did stands in the assertion."""
    schedule = TapeSchedule(ltfs, random.Random(seed))  # noqa: S311 - no secret
    for _ in range(schedule.random.randint(4, 6)):
        schedule.step()
        schedule.check()
    schedule.settle()
    schedule.check()
    schedule.restore_from_tapes()

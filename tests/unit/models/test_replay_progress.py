"""How far a replay has come: of one model, of two, and of one that goes on where it was cut off."""

from dataclasses import replace

import pytest

from models.event_time import MINUTE_NS
from models.replay_progress import ReplayProgress

BEGUN = ReplayProgress(
    model="ae-1",
    number=1,
    models=1,
    files_done=0,
    files=10,
    files_before=0,
    records_done=0,
    records=18_000,
    began_ns=0,
    reached_ns=0,
    elapsed_s=0.0,
)


def test_at_the_beginning_nothing_is_known_of_speed() -> None:
    assert (BEGUN.part, BEGUN.speed, BEGUN.left_s) == (0.0, None, None)


def test_on_the_way() -> None:
    half = replace(BEGUN, files_done=5, reached_ns=5 * MINUTE_NS, elapsed_s=10.0)
    assert half.part == 0.5
    assert half.speed == pytest.approx(30.0)
    assert half.left_s == pytest.approx(10.0)


def test_another_model_takes_as_long_again() -> None:
    first = replace(BEGUN, models=2, files_done=5, elapsed_s=10.0)
    assert first.part == 0.25
    assert first.left_s == pytest.approx(30.0)
    second = replace(first, number=2)
    assert second.part == 0.75
    assert second.left_s == pytest.approx(10.0)


def test_what_was_done_before_counts_as_done_and_not_as_speed() -> None:
    again = replace(BEGUN, files_done=6, files_before=4, elapsed_s=4.0)
    assert again.part == 0.6
    assert again.left_s == pytest.approx(8.0)
    assert replace(again, files_done=4).left_s is None


def test_nothing_to_do_is_no_division_by_zero() -> None:
    assert replace(BEGUN, files=0).part == 0.0

"""The life of an alarm, case by case."""

from collections.abc import Callable

import pytest

from models.alarms.life_cycle import AlarmLife, AlarmState, AlarmTiming, RefusedStepError
from models.event_time import DAY_NS, HOUR_NS

PLAIN = AlarmTiming()
DELAYED = AlarmTiming(on_delay_ns=10, off_delay_ns=20)
LATCHING = AlarmTiming(latching=True, off_delay_ns=5)


def test_the_usual_way() -> None:
    life = AlarmLife().raised(5, PLAIN)
    assert (life.state, life.announcements, life.active_since_ns) == (AlarmState.UNACKNOWLEDGED, 1, 5)
    life = life.acknowledged(6, PLAIN)
    assert life.state is AlarmState.ACKNOWLEDGED
    assert life.returned(7, PLAIN).state is AlarmState.NORMAL


def test_one_that_is_over_before_it_was_seen_stays() -> None:
    life = AlarmLife().raised(5, PLAIN).returned(6, PLAIN)
    assert life.state is AlarmState.RETURNED
    assert life.acknowledged(7, PLAIN).state is AlarmState.NORMAL
    again = life.raised(8, PLAIN)
    assert (again.state, again.announcements) == (AlarmState.UNACKNOWLEDGED, 2)


def test_a_new_condition_of_an_acknowledged_alarm_is_announced() -> None:
    life = AlarmLife().raised(5, PLAIN).acknowledged(6, PLAIN).raised(7, PLAIN)
    assert (life.state, life.announcements) == (AlarmState.UNACKNOWLEDGED, 2)


def test_a_short_condition_is_never_announced() -> None:
    life = AlarmLife().raised(0, DELAYED)
    assert life.state is AlarmState.NORMAL
    assert life.next_ns(DELAYED) == 10
    assert life.returned(9, DELAYED).passed(50, DELAYED) == AlarmLife(now_ns=50)
    assert life.passed(10, DELAYED).state is AlarmState.UNACKNOWLEDGED


def test_chatter_belongs_to_what_was_announced() -> None:
    life = AlarmLife().raised(0, DELAYED).passed(10, DELAYED).acknowledged(11, DELAYED).returned(12, DELAYED)
    assert life.state is AlarmState.ACKNOWLEDGED
    chatter = life.raised(31, DELAYED)
    assert (chatter.state, chatter.announcements) == (AlarmState.ACKNOWLEDGED, 1)
    assert life.passed(32, DELAYED).state is AlarmState.NORMAL
    assert life.raised(33, DELAYED).passed(43, DELAYED).announcements == 2


def test_where_nothing_more_will_come_nothing_waits_for_the_off_delay() -> None:
    life = AlarmLife().raised(0, DELAYED).passed(10, DELAYED).returned(12, DELAYED)
    assert life.settled(13, DELAYED).state is AlarmState.RETURNED
    assert life.settled(13, DELAYED).next_ns(DELAYED) is None
    holds = AlarmLife().raised(0, DELAYED)
    assert holds.settled(5, DELAYED) == holds.passed(5, DELAYED)
    latched = AlarmLife().raised(0, LATCHING).returned(1, LATCHING)
    assert latched.settled(2, LATCHING).state is AlarmState.LATCHED_UNACKNOWLEDGED
    assert latched.shelved(2, LATCHING, 9).settled(3, LATCHING).state is AlarmState.SHELVED


def test_one_that_latches_is_reset_by_a_person_once_it_was_seen() -> None:
    life = AlarmLife().raised(0, LATCHING).returned(1, LATCHING).passed(6, LATCHING)
    assert life.state is AlarmState.LATCHED_UNACKNOWLEDGED
    with pytest.raises(RefusedStepError, match="acknowledge it first"):
        life.reset(7, LATCHING)
    life = life.acknowledged(7, LATCHING)
    assert life.state is AlarmState.LATCHED
    assert life.reset(8, LATCHING).state is AlarmState.NORMAL


def test_a_new_condition_of_a_latched_alarm_is_announced() -> None:
    life = AlarmLife().raised(0, LATCHING).returned(1, LATCHING).passed(6, LATCHING).acknowledged(7, LATCHING)
    again = life.raised(8, LATCHING)
    assert (again.state, again.announcements, again.active_since_ns) == (AlarmState.UNACKNOWLEDGED, 2, 8)


def test_a_latched_alarm_has_no_chatter() -> None:
    timing = AlarmTiming(latching=True, on_delay_ns=10, off_delay_ns=20)
    life = AlarmLife().raised(0, timing).passed(10, timing).returned(11, timing).passed(31, timing)
    short = life.acknowledged(32, timing).raised(40, timing).returned(45, timing)
    assert (short.state, short.announcements) == (AlarmState.LATCHED, 1)
    assert short.raised(50, timing).passed(60, timing).announcements == 2


def test_what_is_due_happens_in_its_order() -> None:
    """The shelving ends before the off-delay does: what came and went under it is over then, and no chatter follows."""
    life = AlarmLife().raised(0, DELAYED).passed(10, DELAYED).acknowledged(11, DELAYED)
    life = life.shelved(12, DELAYED, 20).returned(13, DELAYED)
    assert life.passed(100, DELAYED) == life.passed(20, DELAYED).passed(100, DELAYED)
    assert life.passed(100, DELAYED).state is AlarmState.NORMAL
    assert life.raised(21, DELAYED).passed(31, DELAYED).announcements == 2


def test_one_that_latched_under_a_cover_is_announced_when_that_ends() -> None:
    life = AlarmLife().shelved(0, LATCHING, 10).raised(1, LATCHING).returned(8, LATCHING).passed(10, LATCHING)
    assert (life.state, life.announcements) == (AlarmState.LATCHED_UNACKNOWLEDGED, 1)


def test_one_whose_kind_latches_no_longer_is_let_go() -> None:
    life = AlarmLife().raised(0, LATCHING).returned(1, LATCHING).passed(6, LATCHING).acknowledged(7, LATCHING)
    assert life.passed(8, PLAIN).state is AlarmState.NORMAL


@pytest.mark.parametrize("cover", ["shelved", "suppressed", "out of service"])
def test_what_comes_back_while_covered_is_announced_when_the_cover_ends(cover: str) -> None:
    seen = AlarmLife().raised(0, PLAIN).acknowledged(1, PLAIN).returned(2, PLAIN)
    if cover == "shelved":
        covered = seen.shelved(3, PLAIN, 10)
        ended = covered.raised(4, PLAIN).passed(10, PLAIN)
    elif cover == "suppressed":
        covered = seen.suppressed(3, PLAIN, "idle")
        ended = covered.raised(4, PLAIN).unsuppressed(10, PLAIN, "idle")
    else:
        covered = seen.taken_out(3, PLAIN)
        ended = covered.raised(4, PLAIN).put_back(10, PLAIN)
    assert covered.raised(4, PLAIN).announcements == 1
    assert (ended.state, ended.announcements) == (AlarmState.UNACKNOWLEDGED, 2)
    assert covered.raised(4, PLAIN).returned(5, PLAIN).passed(10, PLAIN).announcements == 1


def test_one_cover_below_another_keeps_it_still() -> None:
    life = AlarmLife().raised(0, PLAIN).shelved(1, PLAIN, 10).suppressed(2, PLAIN, "idle").taken_out(3, PLAIN)
    assert life.state is AlarmState.OUT_OF_SERVICE
    life = life.put_back(4, PLAIN)
    assert life.state is AlarmState.SUPPRESSED
    life = life.unsuppressed(5, PLAIN, "idle")
    assert (life.state, life.announcements) == (AlarmState.SHELVED, 1)
    assert life.passed(10, PLAIN).announcements == 2


def test_one_that_was_covered_before_anybody_saw_it_can_be_acknowledged() -> None:
    life = AlarmLife().raised(0, PLAIN).shelved(1, PLAIN, 10)
    assert life.acknowledged(2, PLAIN).returned(3, PLAIN).passed(10, PLAIN).state is AlarmState.NORMAL


def test_shelving_again_changes_the_end() -> None:
    assert AlarmLife().shelved(0, PLAIN, 10).shelved(1, PLAIN, 5).next_ns(PLAIN) == 5


def test_what_makes_no_sense_is_refused() -> None:
    life = AlarmLife(now_ns=10)
    attempts: list[tuple[Callable[[], AlarmLife], str]] = [
        (lambda: life.acknowledged(11, PLAIN), "nothing to acknowledge"),
        (lambda: life.reset(11, PLAIN), "not latched"),
        (lambda: life.shelved(11, PLAIN, 11), "in the future"),
        (lambda: life.unshelved(11, PLAIN), "not shelved"),
        (lambda: life.put_back(11, PLAIN), "in service"),
        (lambda: life.taken_out(11, PLAIN).taken_out(12, PLAIN), "out of service already"),
    ]
    for attempt, words in attempts:
        with pytest.raises(RefusedStepError, match=words):
            attempt()


def test_two_who_ask_the_clock_at_once_take_nothing_back() -> None:
    life = AlarmLife().raised(100, PLAIN).acknowledged(50, PLAIN)
    assert (life.now_ns, life.state) == (100, AlarmState.ACKNOWLEDGED)


def test_what_was_to_last_lasts_as_long_after_the_clock_was_set_right() -> None:
    year_ns, hour_ns = 365 * DAY_NS, HOUR_NS
    delayed = AlarmTiming(on_delay_ns=hour_ns, off_delay_ns=hour_ns)
    life = AlarmLife().shelved(year_ns, PLAIN, year_ns + hour_ns).raised(year_ns + 1, PLAIN)
    assert life.passed(0, PLAIN).next_ns(PLAIN) == hour_ns - 1
    assert life.passed(hour_ns, PLAIN).passed(2 * hour_ns, PLAIN).announcements == 1
    waiting = AlarmLife().raised(year_ns, delayed)
    assert waiting.passed(0, delayed).next_ns(delayed) == hour_ns
    gone = waiting.passed(year_ns + hour_ns, delayed).returned(year_ns + hour_ns, delayed)
    assert gone.raised(0, delayed).announcements == 1
    assert gone.passed(0, delayed).passed(hour_ns, delayed).state is AlarmState.RETURNED
    assert AlarmLife(now_ns=year_ns).raised(5, delayed).next_ns(delayed) == 5 + hour_ns

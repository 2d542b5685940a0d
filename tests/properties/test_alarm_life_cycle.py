"""The life of an alarm: random histories lose no announcement, and hide none without an end."""

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from models.alarms.life_cycle import AlarmLife, AlarmState, AlarmTiming, RefusedStepError

_TIMINGS = st.builds(AlarmTiming, on_delay_ns=st.integers(0, 5), off_delay_ns=st.integers(0, 5), latching=st.booleans())
_SHELVED_NS = 4
_NAMES = (
    *("raised", "returned", "acknowledged", "reset", "shelved", "unshelved"),
    *("idle", "fires", "work", "done", "out", "back", "tick", "settled"),
)
_STEPS = st.lists(st.tuples(st.integers(0, 6), st.sampled_from(_NAMES)), max_size=60)


def step(life: AlarmLife, name: str, now: int, timing: AlarmTiming) -> AlarmLife:
    steps: dict[str, Callable[[], AlarmLife]] = {
        "raised": lambda: life.raised(now, timing),
        "returned": lambda: life.returned(now, timing),
        "acknowledged": lambda: life.acknowledged(now, timing),
        "reset": lambda: life.reset(now, timing),
        "shelved": lambda: life.shelved(now, timing, now + _SHELVED_NS),
        "unshelved": lambda: life.unshelved(now, timing),
        "idle": lambda: life.suppressed(now, timing, "idle"),
        "fires": lambda: life.unsuppressed(now, timing, "idle"),
        "work": lambda: life.suppressed(now, timing, "work"),
        "done": lambda: life.unsuppressed(now, timing, "work"),
        "out": lambda: life.taken_out(now, timing),
        "back": lambda: life.put_back(now, timing),
        "tick": lambda: life.passed(now, timing),
        "settled": lambda: life.settled(now, timing),
    }
    return steps[name]()


def attempted(life: AlarmLife, name: str, now: int, timing: AlarmTiming) -> AlarmLife:
    try:
        return step(life, name, now, timing)
    except RefusedStepError:
        return life.passed(now, timing)


@given(_TIMINGS, _STEPS)
def test_what_was_announced_is_seen_by_an_acknowledgement_alone(
    timing: AlarmTiming, steps: list[tuple[int, str]]
) -> None:
    life, now = AlarmLife(), 0
    for wait, name in steps:
        now += wait
        before = life.passed(now, timing)
        life = attempted(life, name, now, timing)
        if not before.seen and life.seen:
            assert name == "acknowledged"
        if before.announcements < life.announcements:
            assert not life.is_covered
            assert not life.seen
        if before.is_covered and not life.is_covered and life.is_active:
            assert life.announcements == before.announcements + 1
        if before.latched and not life.latched and life.condition_since_ns is None:
            assert name == "reset"


@given(_TIMINGS, _STEPS)
def test_nothing_is_covered_for_ever_unless_somebody_or_the_stage_says_so(
    timing: AlarmTiming, steps: list[tuple[int, str]]
) -> None:
    life, now = AlarmLife(), 0
    for wait, name in steps:
        now += wait
        life = attempted(life, name, now, timing)
        assert life.shelved_until_ns is None or life.now_ns < life.shelved_until_ns <= now + _SHELVED_NS
    later = life.passed(now + _SHELVED_NS, timing)
    assert later.is_covered == (life.out_of_service or bool(life.suppressed_by))
    # What lasts is announced in the end: nobody who waits for the delays is left without a word.
    if not later.is_covered and later.condition_since_ns is not None:
        in_the_end = later.passed(later.now_ns + timing.on_delay_ns, timing)
        assert in_the_end.is_active
        assert in_the_end.announcements > 0


@settings(max_examples=300)
@given(_TIMINGS, _STEPS, st.lists(st.integers(0, 400), max_size=30))
def test_looking_changes_nothing(timing: AlarmTiming, steps: list[tuple[int, str]], looks: list[int]) -> None:
    seldom = often = AlarmLife()
    now = 0
    for wait, name in steps:
        for look in sorted(look for look in looks if now <= look < now + wait):
            often = often.passed(look, timing)
        now += wait
        seldom, often = (attempted(life, name, now, timing) for life in (seldom, often))
        assert seldom == often


@given(_TIMINGS, _STEPS)
def test_between_what_is_due_nothing_happens(timing: AlarmTiming, steps: list[tuple[int, str]]) -> None:
    life, now = AlarmLife(), 0
    for wait, name in steps:
        due = life.next_ns(timing)
        if due is not None and due > now + 1:
            assert life.passed(due - 1, timing).state == life.state
        now += wait
        life = attempted(life, name, now, timing)
        due = life.next_ns(timing)
        assert due is None or due > life.now_ns


@given(_TIMINGS, _STEPS)
def test_the_strongest_cover_is_shown(timing: AlarmTiming, steps: list[tuple[int, str]]) -> None:
    life, now = AlarmLife(), 0
    for wait, name in steps:
        now += wait
        life = attempted(life, name, now, timing)
        covers = [
            (life.out_of_service, AlarmState.OUT_OF_SERVICE),
            (bool(life.suppressed_by), AlarmState.SUPPRESSED),
            (life.shelved_until_ns is not None, AlarmState.SHELVED),
        ]
        strongest = next((state for holds, state in covers if holds), None)
        assert (life.state == strongest) if strongest else not life.is_covered

"""What people have put aside of an incident."""

import pytest

from models.alarms.alarm import Alarm
from models.alarms.life_cycle import AlarmLife
from models.alarms.priority import Priority
from models.alarms.put_aside import AsideCause, PutAside, put_aside
from models.alerts.alert import AlertKind
from models.devices import Stage

NOW_NS = 100
FREE, IDLE = AlarmLife(), AlarmLife(suppressed_by=("idle",))
WORKED_AT = AlarmLife(suppressed_by=("idle", "maintenance"))
SHELVED, LONGER, OVER = (AlarmLife(shelved_until_ns=until_ns) for until_ns in (200, 300, NOW_NS))
OUT = AlarmLife(out_of_service=True, shelved_until_ns=200)


def alarm(number: int, life: AlarmLife, priority: Priority = Priority.HIGH) -> Alarm:
    return Alarm(
        id=f"{number}",
        kind=AlertKind.NO_BEAM,
        subject="",
        stage=Stage.parse("LA-A3-31"),
        device="",
        priority=priority,
        life=life,
        covered_by=f"anna{number}",
    )


@pytest.mark.parametrize("lives", [(), (FREE,), (IDLE,), (OVER,), (FREE, IDLE, OVER)])
def test_what_nobody_has_put_aside_calls_people(lives: tuple[AlarmLife, ...]) -> None:
    assert put_aside([alarm(number, life) for number, life in enumerate(lives)], NOW_NS) is None


@pytest.mark.parametrize(
    ("lives", "expected"),
    [
        ((SHELVED,), PutAside(cause=AsideCause.SHELVED, until_ns=200, by="anna0")),
        ((LONGER, SHELVED), PutAside(cause=AsideCause.SHELVED, until_ns=200, by="anna1")),
        ((OUT,), PutAside(cause=AsideCause.OUT_OF_SERVICE, by="anna0")),
        ((WORKED_AT,), PutAside(cause=AsideCause.MAINTENANCE)),
        ((OUT, WORKED_AT), PutAside(cause=AsideCause.MAINTENANCE)),
        ((OUT, WORKED_AT, LONGER), PutAside(cause=AsideCause.SHELVED, until_ns=300, by="anna2")),
    ],
)
def test_of_what_is_put_aside_as_a_whole_it_is_said_what_ends_first(
    lives: tuple[AlarmLife, ...], expected: PutAside
) -> None:
    found = put_aside([alarm(number, life) for number, life in enumerate(lives)], NOW_NS)
    assert found == expected
    assert found.is_whole


def test_what_is_put_aside_in_part_is_as_urgent_as_the_rest() -> None:
    found = put_aside(
        [alarm(0, SHELVED), alarm(1, FREE, Priority.LOW), alarm(2, IDLE, Priority.MEDIUM)],
        NOW_NS,
    )
    assert found is not None
    assert (found.is_whole, found.left, found.by) == (False, Priority.MEDIUM, "anna0")

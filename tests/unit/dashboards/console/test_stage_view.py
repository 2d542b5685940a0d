"""How stages and cameras stand in their lists."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from dashboards.console.stage_view import Known, Standing, camera_rows, stage_rows
from models.alarms.alarm import Alarm
from models.alarms.life_cycle import AlarmLife
from models.alarms.priority import Priority
from models.alarms.suppression import Cause, Suppression
from models.alerts.alert import AlertKind
from models.devices import Device, parse_device
from tests.support.alarms import alert

CAMERA, OTHER = parse_device("LA_A3_31-Camera_1-Camera-1"), parse_device("LA_A3_31-Camera_2-Camera-1")
METER = parse_device("LA_A3_31-EM_1-EnergyMeter-1")
CURRENT = Known(current={CAMERA.name, OTHER.name, str(CAMERA.stage)}, now_ns=100)
NORMAL = Standing(maintenance="", urgent="", priority="", notes="", is_normal=True)


def alarm(device: Device, priority: Priority = Priority.HIGH, shelved_until_ns: int | None = None) -> Alarm:
    return Alarm(
        id=f"{device.name}{priority}",
        kind=AlertKind.NO_BEAM,
        subject=device.name,
        stage=device.stage,
        device=device.name,
        priority=priority,
        life=AlarmLife(shelved_until_ns=shelved_until_ns),
    )


def standings(known: Known) -> Sequence[Standing]:
    """Of the stage, and of both cameras."""
    [stage] = stage_rows({CAMERA.stage: [CAMERA, OTHER, METER]}, [], known)
    return [stage.standing, *(row.standing for row in camera_rows([CAMERA, OTHER, METER], known))]


def test_green_is_only_what_is_known_to_be_normal() -> None:
    assert standings(CURRENT) == [NORMAL] * 3
    unknown = replace(NORMAL, notes="no current data", is_normal=False)
    assert standings(Known()) == [unknown] * 3
    assert standings(replace(CURRENT, current={str(CAMERA.stage), OTHER.name})) == [NORMAL, unknown, NORMAL]


@pytest.mark.parametrize(
    ("unseen", "expected"),
    [
        ({"i": [alarm(CAMERA)]}, [("1 unacknowledged", "high", "")] * 2 + [("", "", "")]),
        (
            {"i": [alarm(CAMERA), alarm(OTHER, Priority.LOW)], "j": [alarm(OTHER, Priority.MEDIUM)]},
            [
                ("2 unacknowledged", "high", ""),
                ("1 unacknowledged", "high", ""),
                ("2 unacknowledged", "medium", ""),
            ],
        ),
        (
            {"i": [alarm(CAMERA, shelved_until_ns=200)], "j": [alarm(METER, Priority.LOW)]},
            [("1 unacknowledged", "low", "1 put aside"), ("", "", "1 put aside"), ("", "", "")],
        ),
        ({"i": [alarm(CAMERA, shelved_until_ns=100)]}, [("1 unacknowledged", "high", "")] * 2 + [("", "", "")]),
        ({"i": [alarm(parse_device("LB_A1_11-EM_1-EnergyMeter-1"))]}, [("", "", "")] * 3),
    ],
)
def test_what_nobody_has_seen_counts_where_it_is(
    unseen: dict[str, list[Alarm]], expected: list[tuple[str, str, str]]
) -> None:
    found = standings(replace(CURRENT, unseen=unseen))
    assert [(each.urgent, each.priority, each.notes) for each in found] == expected
    assert [each.is_normal for each in found] == [each == ("", "", "") for each in expected]


def test_what_goes_on_and_was_seen_is_no_green_and_no_alarm() -> None:
    found = standings(replace(CURRENT, open_alerts=[alert(CAMERA.name)]))
    assert [(each.urgent, each.notes, each.is_normal) for each in found] == [
        ("", "1 episode open", False),
        ("", "1 episode open", False),
        ("", "", True),
    ]


def test_where_somebody_works_it_is_said() -> None:
    worked_at = Suppression(number=1, stage="LA-A3-31", cause=Cause.MAINTENANCE, from_ns=0, by="anna", why="lens")
    assert {each.maintenance for each in standings(replace(CURRENT, maintenance=[worked_at]))} == {
        "maintenance, by anna"
    }

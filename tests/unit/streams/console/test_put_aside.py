"""What people have shelved or taken out of service is calm wherever it is shown, and is not forgotten."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.control_room.rooms import ControlRooms
from connectors.live_board import BOARD_NAME, LiveBoardReader
from models.alerts.alert import AlertKind, Severity
from models.event_time import HOUR_NS
from streams.console.events import EventHub
from tests.support.alarms import ControlRoom, alert, control_room
from tests.support.console_pages import text_of
from tests.support.consoles import HTML, console_client
from tests.unit.streams.console.test_events import Following

HIGH = alert()
#: Of the same incident.
LOW = alert("LA_A3_31-Camera_2-Camera-1", AlertKind.DRIFT, at_s=1.0, severity=Severity.LOW)
_SHELVED = "shelved until 2022-07-01 11:00 UTC, by anna"


@pytest.fixture
def room(tmp_path: Path) -> Iterator[ControlRoom]:
    with control_room(tmp_path) as room:
        room.take(HIGH, LOW)
        yield room


@pytest.fixture
def follower(room: ControlRoom) -> Iterator[Following]:
    hub = EventHub(room.state, LiveBoardReader(room.state / BOARD_NAME), ControlRooms(room.state), room.clock)
    with asyncio.Runner() as runner:
        yield Following(hub, runner)


def shelve(room: ControlRoom, kind: AlertKind) -> None:
    [alarm] = room.reader.alarms(kind=kind)
    room.desk.shelve(alarm.id, until_ns=room.clock.now_ns() + HOUR_NS, by="anna", why="spare on its way")


def on_the_wall(room: ControlRoom) -> dict[str, Any]:
    [shown] = console_client(room.state, clock=room.clock).get("/live/incidents").json()["incidents"]
    return dict(shown)


def by_the_api(room: ControlRoom, path: str = "") -> dict[str, Any]:
    answer = console_client(room.state, clock=room.clock).get(f"/api/v1/incidents{path}").json()
    return dict(answer if path else answer["items"][0])


def listed(room: ControlRoom, show: str) -> str:
    return str(console_client(room.state, clock=room.clock).get(f"/incidents?show={show}", headers=HTML).text)


def test_shelved_in_part_it_is_as_urgent_as_the_rest(room: ControlRoom, follower: Following) -> None:
    shelve(room, AlertKind.IMAGE_ANOMALY)
    shown = on_the_wall(room)
    assert (shown["priority"], shown["put_aside"], shown["aside_words"]) == ("low", "", f"in part {_SHELVED}")
    assert shown["at"]["LA-A3-31"]["device"] == LOW.device
    counted = follower.told()["status"]["incidents"]
    assert (counted["unacknowledged"], counted.get("high", 0), counted["low"]) == (1, 0, 1)
    assert by_the_api(room)["put_aside"] is None
    page = listed(room, "unacknowledged")
    assert "unseen-yet" in page
    assert f"in part {_SHELVED}" in text_of(page)
    assert " data-row>" not in listed(room, "put_aside")


def test_shelved_as_a_whole_it_is_calm_and_full_again_when_that_ends(room: ControlRoom, follower: Following) -> None:
    shelve(room, AlertKind.IMAGE_ANOMALY)
    shelve(room, AlertKind.DRIFT)
    shown = on_the_wall(room)
    assert (shown["put_aside"], shown["aside_words"]) == ("shelved", _SHELVED)
    counted = follower.told()["status"]["incidents"]
    assert (counted["unacknowledged"], "high" in counted) == (0, False)
    assert counted["put_aside"] == {"maintenance": 0, "shelved": 1, "out_of_service": 0}
    page = listed(room, "open")
    assert _SHELVED in text_of(page)
    assert "unseen-yet" not in page
    assert "chip high" not in page
    assert " data-row>" not in listed(room, "unacknowledged")
    assert " data-row>" in listed(room, "put_aside")
    incident = by_the_api(room)
    aside = ("shelved", "2022-07-01T11:00:00.000Z", "anna")
    for answer in (incident, by_the_api(room, f"/{incident['id']}")):
        assert (answer["put_aside"], answer["put_aside_until"], answer["put_aside_by"]) == aside

    room.clock.advance(3_600)  # and no watch runs that would write it down
    assert (on_the_wall(room)["put_aside"], on_the_wall(room)["priority"]) == ("", "high")
    told = follower.told()
    assert "incidents" in told, "the wall asks anew"
    assert told["status"]["incidents"]["high"] == 1
    assert "unseen-yet" in listed(room, "unacknowledged")


def test_a_program_that_knows_an_answer_is_told_when_a_shelving_is_over(room: ControlRoom) -> None:
    shelve(room, AlertKind.IMAGE_ANOMALY)
    client = console_client(room.state, clock=room.clock)
    known = {"If-None-Match": client.get("/api/v1/incidents").headers["ETag"]}
    assert client.get("/api/v1/incidents", headers=known).status_code == 304
    room.clock.advance(3_600)
    assert client.get("/api/v1/incidents", headers=known).status_code == 200


def test_what_is_out_of_service_is_calm_too(room: ControlRoom, follower: Following) -> None:
    for alarm in room.reader.alarms():
        room.desk.take_out(alarm.id, by="ben", why="camera dismounted")
    shown = on_the_wall(room)
    assert (shown["put_aside"], shown["aside_words"]) == ("out_of_service", "out of service, by ben")
    assert follower.told()["status"]["incidents"]["put_aside"]["out_of_service"] == 1
    assert "out of service, by ben" in text_of(listed(room, "open"))


def test_what_calls_somebody_stands_before_what_is_put_aside(room: ControlRoom) -> None:
    room.take(alert("LB_A1_11-EM_1-EnergyMeter-1", AlertKind.ENERGY_STEP, at_s=7_200, severity=Severity.LOW))
    client = console_client(room.state, clock=room.clock)

    def shown() -> list[tuple[str, str]]:
        found = client.get("/live/incidents").json()["incidents"]
        return [(each["priority"], each["put_aside"]) for each in found]

    assert shown() == [("high", ""), ("low", "")]
    shelve(room, AlertKind.IMAGE_ANOMALY)
    shelve(room, AlertKind.DRIFT)
    assert shown() == [("low", ""), ("high", "shelved")]

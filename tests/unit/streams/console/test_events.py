"""What changes is told to all who follow, without loss, and never faster than they take it."""

import asyncio
import json
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.control_room.incident_search import IncidentQuestion
from connectors.control_room.other_room import OtherRoom
from connectors.control_room.reader import ControlRoomReader
from connectors.control_room.rooms import ControlRooms
from connectors.live_board import BOARD_NAME, LiveBoardReader, LiveBoardWriter, LiveReading
from models.alerts.alert import AlertKind
from models.devices import parse_device
from models.errors import RetryableError
from models.event_time import HOUR_NS
from models.records import Refusal
from models.results import Scoring
from streams.console.events import EventHub, Follower
from tests.support.alarms import alert, control_room, installation_alert
from tests.support.console_state import write_alerts
from tests.support.consoles import console_client
from tests.support.hanging_disk import hanging_disk
from tests.support.manual_clock import ManualClock
from tests.support.watching import wait_until
from tests.unit.connectors.state.examples import STAGE, START_NS

METER = parse_device("LA_A3_31-EM_1-EnergyMeter-1")
NOTHING_ASIDE = {"maintenance": 0, "shelved": 0, "out_of_service": 0}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START_NS)


def hub_of(state: Path, clock: ManualClock) -> EventHub:
    return EventHub(state, LiveBoardReader(state / BOARD_NAME), ControlRooms(state), clock)


def show(state: Path, clock: ManualClock) -> LiveBoardWriter:
    board = LiveBoardWriter(state / BOARD_NAME, clock)
    board.show(reading())
    return board


def reading(at_ns: int = START_NS) -> LiveReading:
    return LiveReading(
        device=METER,
        event_time_ns=at_ns,
        scoring=Scoring.SCORED,
        refusal=Refusal.NONE,
        score=1.0,
        anomalous=False,
        values={"energy_j": 302.0},
    )


class Following:
    """One who follows."""

    def __init__(self, hub: EventHub, runner: asyncio.Runner, who: str = "anna") -> None:
        self._runner = runner
        self._who = who
        self._hub = hub
        self.follower = self._runner.run(self._follow())

    async def _follow(self) -> Follower:
        return self._hub.follow(self._who)

    def told(self, looks: int = 1) -> dict[str, Any]:
        """What so many looks have told."""

        async def look() -> list[tuple[str, str]]:
            for _ in range(looks):
                self._hub.look()
            return await self.follower.next(0.2)

        return {event: json.loads(data) for event, data in self._runner.run(look())}


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


def test_whoever_comes_is_told_how_things_stand(tmp_path: Path, clock: ManualClock, runner: asyncio.Runner) -> None:
    write_alerts(tmp_path, 3, every_s=3_600, clock=clock)
    with show(tmp_path, clock):
        one = Following(hub_of(tmp_path, clock), runner)
        status = one.told()["status"]
    assert status["now_ms"] == clock.now_ns() // 1_000_000
    assert status["newest_ms"] == START_NS // 1_000_000
    assert (status["devices"], status["no_state"]) == (1, "")
    found = ControlRoomReader(tmp_path).incidents(IncidentQuestion(unacknowledged=True))
    assert status["incidents"]["unacknowledged"] == len(found) > 0


def test_what_lies_only_under_maintenance_is_counted_apart_as_on_the_wall(
    tmp_path: Path, clock: ManualClock, runner: asyncio.Runner
) -> None:
    with control_room(tmp_path) as room:
        there = alert(device="LA_A2_00-Camera_1-Camera-1", at_s=3_600)
        room.take(alert(), there)
        hub = EventHub(room.state, LiveBoardReader(room.state / BOARD_NAME), ControlRooms(room.state), clock)
        one = Following(hub, runner)
        assert one.told()["status"]["incidents"] == {
            "unacknowledged": 2,
            "put_aside": NOTHING_ASIDE,
            "unread": False,
            "high": 2,
        }
        for stage, outside in ((there.stage, 1), (STAGE, 0)):
            room.desk.start_maintenance(stage, until_ns=room.clock.now_ns() + HOUR_NS, by="anna", why="lens")
            told = one.told()["status"]["incidents"]
            assert (told["unacknowledged"], told["put_aside"]["maintenance"]) == (outside, 2 - outside)
            assert told.get("high", 0) == outside, "the strip's mark is of those that are counted"
            wall = console_client(room.state, clock=room.clock).get("/live/incidents").json()["incidents"]
            assert sum(not each["put_aside"] for each in wall) == outside
        room.desk.end_maintenance(STAGE, by="anna", why="")
        assert one.told()["status"]["incidents"]["unacknowledged"] == 1


def test_what_is_new_is_told_once(tmp_path: Path, clock: ManualClock, runner: asyncio.Runner) -> None:
    write_alerts(tmp_path, 1, every_s=1, clock=clock)
    with show(tmp_path, clock) as board:
        one = Following(hub_of(tmp_path, clock), runner)
        assert set(one.told()) == {"status", "incidents", "state", "frames"}
        clock.advance(0.5)
        assert one.told() == {}
        board.show(reading())
        newest = one.told()["frames"]["number"]
        board.show(reading())
        assert one.told() == {}, "at most twice a second"
        clock.advance(0.5)
        later = one.told()
        assert later["frames"]["number"] > newest
        with sqlite3.connect(tmp_path / "decisions.sqlite") as connection:
            connection.execute("UPDATE meta SET value = value + 1")
        connection.close()
        assert "incidents" in one.told()
        clock.advance(1.0)
        assert set(one.told()) == {"status"}


def test_of_what_a_slow_one_missed_it_gets_the_latest(
    tmp_path: Path, clock: ManualClock, runner: asyncio.Runner
) -> None:
    with show(tmp_path, clock) as board:
        hub = hub_of(tmp_path, clock)
        one = Following(hub, runner)
        for _ in range(100):
            board.show(reading())
            clock.advance(1.0)
            hub.look()
        waiting = one.told(0)
        assert len(waiting) <= 4
        with LiveBoardReader(tmp_path / BOARD_NAME) as reader:
            assert waiting["frames"]["number"] == reader.readings()[0].number


def test_without_any_file_there_is_nothing_and_no_failure(
    tmp_path: Path, clock: ManualClock, runner: asyncio.Runner
) -> None:
    one = Following(hub_of(tmp_path, clock), runner)
    status = one.told()["status"]
    assert f"no state of a watch in {tmp_path}" in status["no_state"]
    assert (status["newest_ms"], status["devices"], status["incidents"]) == (
        0,
        0,
        {"unacknowledged": 0, "put_aside": NOTHING_ASIDE, "unread": False},
    )


def test_decisions_that_can_not_be_read_are_told(tmp_path: Path, clock: ManualClock, runner: asyncio.Runner) -> None:
    (tmp_path / "decisions.sqlite").write_bytes(b"no database at all" * 100)
    one = Following(hub_of(tmp_path, clock), runner)
    assert "damaged" in one.told()["status"]["incidents"]["failure"]


def test_followers_are_bounded_and_told_of_the_end(
    tmp_path: Path, clock: ManualClock, runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.console.events._MOST_FOLLOWERS", 1)
    hub = hub_of(tmp_path, clock)
    one = Following(hub, runner)
    with pytest.raises(RetryableError) as raised:
        Following(hub, runner)
    assert raised.value.reason == "too_many_followers"
    hub.close()
    assert one.told(0)["end"] == {"reason": "the console ends"}
    assert one.follower.ended
    hub.leave(one.follower)
    Following(hub, runner)


def test_one_user_leaves_room_for_others(
    tmp_path: Path, clock: ManualClock, runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.console.events._MOST_OF_ONE", 2)
    hub = hub_of(tmp_path, clock)
    first, _ = Following(hub, runner), Following(hub, runner)
    with pytest.raises(RetryableError, match="anna looks at this console in 2 windows already"):
        Following(hub, runner)
    assert "status" in Following(hub, runner, "berta").told()
    hub.leave(first.follower)
    Following(hub, runner)


def test_another_disk_that_hangs_holds_up_nothing_and_is_told_as_unread(
    tmp_path: Path, clock: ManualClock, runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    with control_room(tmp_path / "watch") as watch, control_room(tmp_path / "tape") as tape:
        for n, room in enumerate((watch, tape)):
            room.take(installation_alert(AlertKind.RECEIVER_FAILING, "receiver/chat", at_s=n))
        with hanging_disk(tape.state, monkeypatch) as waiting:
            rooms = ControlRooms(watch.state, [tape.state])
            hub = EventHub(watch.state, LiveBoardReader(watch.state / BOARD_NAME), rooms, clock)
            one = Following(hub, runner)
            incidents = one.told()["status"]["incidents"]
            assert (incidents["unacknowledged"], incidents["unread"]) == (1, True)
            [alarm] = watch.reader.alarms()
            watch.desk.acknowledge(alarm.id, by="anna")
            assert one.told()["status"]["incidents"]["unacknowledged"] == 0
            assert len(waiting) == 1
        waiting[0].join()
        clock.advance(0.25)
        incidents = one.told()["status"]["incidents"]
        assert (incidents["unacknowledged"], incidents["unread"]) == (1, False)


def test_what_is_decided_while_the_file_can_not_be_read_is_told_when_it_can(
    tmp_path: Path, clock: ManualClock, runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = threading.Event()

    class Unsteady(sqlite3.Connection):
        def execute(self, *asked: Any) -> sqlite3.Cursor:
            if failing.is_set():
                raise sqlite3.OperationalError("disk I/O error")
            return super().execute(*asked)

    def opened(file: Path, options: str) -> sqlite3.Connection:
        return sqlite3.connect(f"{file.as_uri()}?{options}", uri=True, isolation_level=None, factory=Unsteady)

    monkeypatch.setattr("streams.console.events.connect", opened)
    with control_room(tmp_path) as room:
        one = Following(hub_of(tmp_path, clock), runner)
        one.told()
        clock.advance(1.0)
        assert "incidents" not in one.told()
        failing.set()
        clock.advance(1.0)
        one.told()
        room.take(alert())
        failing.clear()
        clock.advance(1.0)
        told = one.told()
        assert "incidents" in told
        assert told["status"]["incidents"]["unacknowledged"] == 1
        clock.advance(1.0)
        assert "incidents" not in one.told()


def test_other_control_rooms_are_looked_into_a_few_times_a_second(
    tmp_path: Path, clock: ManualClock, runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    with control_room(tmp_path / "watch") as watch, control_room(tmp_path / "tape") as tape:
        asked, ask = list[Path](), OtherRoom.reader

        def count(room: OtherRoom) -> ControlRoomReader | None:
            asked.append(room.state)
            return ask(room)

        rooms = ControlRooms(watch.state, [tape.state])
        hub = EventHub(watch.state, LiveBoardReader(watch.state / BOARD_NAME), rooms, clock)
        one = Following(hub, runner)
        one.told()
        monkeypatch.setattr(OtherRoom, "reader", count)
        for _ in range(20):
            clock.advance(0.05)
            hub.look()
        assert 3 <= len(asked) <= 5
        one.told(0)
        tape.take(installation_alert(AlertKind.RECEIVER_FAILING, "receiver/chat"))
        for _ in range(6):
            clock.advance(0.05)
            hub.look()
        assert "incidents" in one.told(0), "a quarter of a second later at the latest"


def test_the_end_waits_for_no_look_that_hangs(
    tmp_path: Path, clock: ManualClock, runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.console.events._ENDING_S", 0.05)
    hub = hub_of(tmp_path, clock)
    one = Following(hub, runner)
    looking, free = threading.Event(), threading.Event()

    def look() -> None:
        looking.set()
        free.wait()

    monkeypatch.setattr(hub, "look", look)
    hub.start()
    looking.wait()
    hub.close()
    assert hub._thread.is_alive()
    free.set()
    hub._thread.join()
    assert one.told(0)["end"] == {"reason": "the console ends"}


def test_after_a_look_that_fails_the_next_one_tells_and_nothing_is_lost(
    tmp_path: Path, clock: ManualClock, runner: asyncio.Runner
) -> None:
    hub = hub_of(tmp_path, clock)
    one = Following(hub, runner)
    said, looks = list[str](), list[int]()

    def changed() -> bool:
        looks.append(len(looks))
        if len(looks) in {1, 2, 4}:
            raise OSError(5, "Input/output error")
        return False

    write_alerts(tmp_path, 1, every_s=1, clock=clock)
    hub.look_after("replays", changed)
    hub.start(said.append)
    wait_until(lambda: len(looks) > 4)
    hub.close()
    assert "incidents" in one.told(0)
    sentence = "windows of the console can't be told what changes (OSError: [Errno 5] Input/output error); "
    assert said == [f"{sentence}it is tried again and again"] * 2, "once each time"

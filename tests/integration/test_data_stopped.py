"""Snapshots that stop coming: who hears of it, once, over a restart, until they come again."""

import json
import threading
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from connectors.control_room.reader import ControlRoomReader
from models.alarms.life_cycle import AlarmState
from models.alerts.alert import AlertKind
from tests.support.receiver import Receiver, receiving
from tests.support.served_console import served_console
from tests.support.small_recorder import SmallRecorder
from tests.support.watch_results import WatchResults, read_results
from tests.support.watching import wait_until, watch_live

KIND = AlertKind.DATA_STOPPED.value
LIMIT_S = 2.0


def stops(results: WatchResults) -> list[dict[str, Any]]:
    return [alert for alert in results.alerts if alert["kind"] == KIND]


def told(receiver: Receiver) -> list[str]:
    return [message["event"] for message in receiver.messages if message.get("kind") == KIND]


def on_the_wall(state: Path) -> list[tuple[str, list[str], bool]]:
    """What, about what, and whether it goes on."""
    with (
        served_console(state) as console,
        urllib.request.urlopen(f"{console}/live/incidents", timeout=20) as answer,  # noqa: S310 - the test's own
    ):
        return [(one["what"], one["subjects"], one["open"]) for one in json.load(answer)["incidents"]]


def test_a_stop_is_told_once_over_a_restart_and_so_is_the_return(tmp_path: Path) -> None:
    data, state = tmp_path / "data", tmp_path / "state"
    recorder = SmallRecorder(tmp_path / "aside", data)
    with receiving() as receiver:
        options: dict[str, Any] = {
            "data_stopped_after_s": LIMIT_S,
            "receivers": [{"name": "shift", "url": receiver.url}],
        }
        with watch_live(data, state, **options) as live:
            recorder.deliver_until_missed(state)
            live.until(lambda results: bool(stops(results)))
            wait_until(lambda: told(receiver) == ["opened"])
        [opened] = stops(read_results(state))
        assert (opened["status"], opened["severity"], opened["reasons"]) == ("open", "medium", ["nothing_comes"])
        assert ("no new snapshot lies in the watched folders", ["recorders"], True) in on_the_wall(state)
        with ExitStack() as coming, watch_live(data, state, **options):
            time.sleep(2 * LIMIT_S)
            assert stops(read_results(state)) == [opened]
            coming.enter_context(recorder.delivering())  # beyond the end of the watch: it sees no other stop
            wait_until(lambda: told(receiver) == ["opened", "closed"])
        [closed] = stops(read_results(state))
    assert closed == {**opened, "status": "closed", "last_shot": closed["last_shot"]}
    assert closed["last_shot"] > closed["first_shot"]
    [alarm] = [alarm for alarm in ControlRoomReader(state).alarms() if alarm.kind is AlertKind.DATA_STOPPED]
    assert alarm.state is AlarmState.UNACKNOWLEDGED  # it may be chatter for minutes to come
    activation = ControlRoomReader(state).activation(opened["id"])
    assert activation is not None
    assert {one["incident"] for one in receiver.messages if one.get("kind") == KIND} == {activation.incident_id}


def test_an_old_folder_that_is_read_to_its_end_is_no_stop(day: Path, tmp_path: Path) -> None:
    with watch_live(day, tmp_path / "state", data_stopped_after_s=0.5) as live:
        live.until(lambda results: results.ledger["files"]["accepted"] >= 6)
        time.sleep(2)
    assert stops(read_results(tmp_path / "state")) == []


def test_a_mount_that_hangs_is_told_and_the_watch_goes_on_when_it_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, state = tmp_path / "data", tmp_path / "state"
    recorder = SmallRecorder(tmp_path / "aside", data)
    answers = threading.Event()
    answers.set()
    monkeypatch.setattr("connectors.folder_probe._is_there", lambda _: answers.wait(300))
    with watch_live(data, state, data_stopped_after_s=LIMIT_S) as live:
        recorder.deliver_until_missed(state)
        answers.clear()
        wait_until(lambda: bool(live.told))
        recorder.deliver()
        live.until(lambda results: bool(stops(results)))
        [opened] = stops(read_results(state))
        assert (opened["status"], opened["reasons"]) == ("open", ["folder_hangs"])
        assert [f"{data} does not answer" in sentence for sentence in live.told] == [True]
        answers.set()
        with recorder.delivering():
            live.until(lambda results: [alert["status"] for alert in stops(results)] == ["closed"])
        live.until(lambda results: results.ledger["files"]["accepted"] == recorder.minute)
    assert live.told[1:] == ["the watched folders answer again"]

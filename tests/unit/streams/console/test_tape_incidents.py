"""What the keeper of the tapes tells is shown and decided in the console of the watch, beside the watch's own."""

import html
import json
import re
import sqlite3
from contextlib import AbstractContextManager, closing
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from connectors.access.role import Role
from connectors.access.tokens import ApiTokens
from connectors.control_room.database import DECISIONS_NAME, ControlRoomDatabase
from connectors.control_room.reader import ControlRoomReader
from connectors.live_board import BOARD_NAME, LiveBoardReader
from connectors.state.commit import Commit
from connectors.state.directory import StateDirectory
from models.alarms.alarm import alarm_id
from models.alarms.life_cycle import AlarmState
from models.alerts.alert import AlertChange, AlertEvent, AlertKind
from models.errors import RetryableError
from models.event_time import HOUR_NS, format_iso
from streams.archive.places import TAPE_ALERTS_FOLDER
from streams.console.events import EventHub
from tests.support.alarms import START, control_room, installation_alert
from tests.support.console_pages import post, text_of, told
from tests.support.console_state import write_state
from tests.support.consoles import HTML, console_client
from tests.support.damaged_tables import damage
from tests.support.hanging_disk import hanging_disk
from tests.support.manual_clock import ManualClock
from tests.support.signing_in import add_user
from tests.support.tape_needs import DAMAGED, NO_ROOM, needed


@pytest.fixture
def state(tmp_path: Path) -> Path:
    write_state(tmp_path, ManualClock())
    return tmp_path


@pytest.fixture
def tapes(state: Path) -> ControlRoomReader:
    """Where the settings say nothing, the archive's folder lies in the state directory."""
    return needed(state / "archive", NO_ROOM, DAMAGED, clock=ManualClock())


def program(state: Path, clock: ManualClock) -> TestClient:
    """One with an operator's token."""
    client = console_client(state, clock=clock)
    add_user(state, "ada", Role.OPERATOR)
    token = ApiTokens(state, clock).create("ada", Role.OPERATOR, purpose="test", days=3)
    client.headers["Authorization"] = f"Bearer {token}"
    return client


def test_they_are_on_the_list_and_on_the_wall(state: Path, tapes: ControlRoomReader) -> None:
    client = console_client(state)
    [incident] = tapes.incidents()
    page = client.get("/incidents", headers=HTML).text
    assert set(re.findall(r'href="/incidents/([0-9a-f]{16})" data-row', page)) == {
        incident.id,
        *(each.id for each in ControlRoomReader(state).incidents()),
    }
    assert "PW0002L8" in page
    wall = client.get("/live/incidents").json()
    assert (len(wall["incidents"]), wall["unread"]) == (3, False)
    [shown] = [each for each in wall["incidents"] if each["id"] == incident.id]
    assert (shown["stages"], shown["episodes"]) == ([], 2)
    assert client.get("/incidents?kind=tape_trouble", headers=HTML).text.count("data-row") == 1


def test_an_incident_of_a_cartridge_has_a_page_without_pictures(state: Path, tapes: ControlRoomReader) -> None:
    client = console_client(state)
    [incident] = tapes.incidents()
    page = client.get(f"/incidents/{incident.id}", headers=HTML)
    words = text_of(page.text)
    for each in ("tape/PW0002L8/copy_damaged", "whom to call", "What is known", "Who was told"):
        assert each in words, each
    for missing in ("Shots around", "data-evidence", "data-around", "All of it as one page"):
        assert missing not in page.text, missing
    for alert in tapes.members(incident.id):
        answer = client.get(f"/alerts/{alert}", headers=HTML)
        assert answer.headers["location"] == f"/incidents/{incident.id}?alert={alert}"


def test_steps_go_to_whoever_keeps_the_alarm_and_stand_in_its_audit_log(state: Path, tapes: ControlRoomReader) -> None:
    client = console_client(state)
    [incident] = tapes.incidents()
    before = ControlRoomReader(state).audit()
    page = post(client, f"/incidents/{incident.id}/acknowledge", why="fetching one")
    assert told(page)[1] is False
    assert "fetching one" in text_of(page)
    again, refused = told(post(client, f"/incidents/{incident.id}/acknowledge"))
    assert refused
    assert "acknowledged the incident" in again
    trouble = next(each for each in tapes.alarms() if each.kind is AlertKind.TAPE_TROUBLE)
    page = post(client, f"/alarms/{trouble.id}/shelve", length="1h", why="drive is cleaned", incident=incident.id)
    assert "drive is cleaned" in text_of(page)
    post(client, f"/incidents/alert/{trouble.latest_alert_id}/verdict", verdict="true", incident=incident.id)
    assert [entry.action for entry in tapes.audit() if entry.action != "settings"] == [
        "acknowledge",
        "shelve",
        "verdict",
    ]
    assert ControlRoomReader(state).audit() == before
    assert {alarm.state for alarm in tapes.alarms()} == {AlarmState.ACKNOWLEDGED, AlarmState.SHELVED}


def test_programs_see_and_decide_them(state: Path, tapes: ControlRoomReader) -> None:
    clock = ManualClock()
    client = program(state, clock)
    found = client.get("/api/v1/incidents?limit=2").json()
    ids = [each["id"] for each in found["items"]]
    rest = client.get("/api/v1/incidents", params={"limit": 2, "cursor": found["next"]}).json()
    ids += [each["id"] for each in rest["items"]]
    [incident] = tapes.incidents()
    assert rest["next"] is None
    assert sorted(ids) == sorted([incident.id, *(each.id for each in ControlRoomReader(state).incidents())])
    assert found["troubles"] == []
    one = client.get(f"/api/v1/incidents/{incident.id}")
    assert sorted(one.json()["members"]) == sorted(tapes.members(incident.id))
    tag = {"If-Match": one.headers["ETag"]}
    acknowledged = client.post(f"/api/v1/incidents/{incident.id}/acknowledge", json={"why": "seen"}, headers=tag)
    assert acknowledged.json()["acknowledged_by"] == "ada"
    assert client.post(f"/api/v1/incidents/{incident.id}/acknowledge", headers=tag).status_code == 412
    alarms = client.get("/api/v1/alarms?kind=tape_wanted").json()["items"]
    assert [each["id"] for each in alarms] == [each.id for each in tapes.alarms(kind=AlertKind.TAPE_WANTED)]
    body = {"until": format_iso(clock.now_ns() + HOUR_NS), "why": "tapes are ordered"}
    shelved = client.post(f"/api/v1/alarms/{alarms[0]['id']}/shelve", json=body)
    assert shelved.json()["state"] == "shelved"
    assert [each.action for each in tapes.audit()][-2:] == ["acknowledge", "shelve"]
    [episode, *_] = one.json()["members"]
    judged = client.post(f"/api/v1/episodes/{episode}/verdict", json={"verdict": "true", "why": "really"})
    assert judged.json()["judgement"]["by"] == "ada"
    assert client.get(f"/api/v1/episodes/{episode}").json() == judged.json()
    assert [each.action for each in tapes.audit()][-1] == "verdict"


def test_programs_page_through_the_logs_of_both_and_each_is_whole(state: Path, tapes: ControlRoomReader) -> None:
    client = program(state, ManualClock())
    for each in (*tapes.incidents(), *ControlRoomReader(state).incidents()):
        assert client.post(f"/api/v1/incidents/{each.id}/acknowledge").status_code == 200
    found: list[dict[str, object]] = []
    cursor: dict[str, str] = {}
    for _ in range(20):
        page = client.get("/api/v1/audit", params={"limit": 2, **cursor}).json()
        found += page["items"]
        assert page["troubles"] == []
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    of = {room: [each for each in found if each["room"] == room] for room in ("own", "tape")}
    for room, reader in (("own", ControlRoomReader(state)), ("tape", tapes)):
        assert [(each["number"], each["hash"]) for each in of[room]] == [(e.number, e.hash) for e in reader.audit()]
    assert len(found) == len(of["own"]) + len(of["tape"]) > 4
    assert all(of.values())


def test_programs_see_the_episodes_of_both(state: Path, tapes: ControlRoomReader) -> None:
    client = program(state, ManualClock())
    own = client.get("/api/v1/episodes?device=*Camera*").json()["items"]
    [incident] = tapes.incidents()
    seen: list[dict[str, str]] = []
    cursor: dict[str, str] = {}
    while page := client.get("/api/v1/episodes", params={"limit": 2, **cursor}).json():
        seen += page["items"]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert {each["id"] for each in seen} == {*(each["id"] for each in own), *tapes.members(incident.id)}
    assert len(seen) == len(own) + 2
    assert [(each["first_shot"], each["id"]) for each in seen] == sorted(
        (each["first_shot"], each["id"]) for each in seen
    )
    [episode, _] = [each for each in seen if each["stage"] is None]
    client.post(f"/api/v1/episodes/{episode['id']}/verdict", json={"verdict": "true", "why": "really"})
    [judged] = client.get("/api/v1/episodes?verdict=true").json()["items"]
    assert (judged["id"], judged["judgement"]["by"]) == (episode["id"], "ada")


def test_programs_hear_of_an_episode_about_tapes_as_soon_as_it_is_committed(
    state: Path, tapes: ControlRoomReader
) -> None:
    client = console_client(state)
    tag = {"If-None-Match": client.get("/api/v1/episodes").headers["ETag"]}
    assert client.get("/api/v1/episodes", headers=tag).status_code == 304
    later = installation_alert(AlertKind.TAPE_TROUBLE, "tape/PW0009L8/read_failed", at_s=60)
    with StateDirectory.open(tapes.state) as directory:
        directory.commit(Commit(alerts=[AlertEvent(change=AlertChange.OPENED, alert=later)]))
    fresh = client.get("/api/v1/episodes", headers=tag)
    assert fresh.status_code == 200
    assert later.id in {each["id"] for each in fresh.json()["items"]}


def test_pages_of_episodes_go_on_where_one_of_both_has_been_looked_through(
    state: Path, tapes: ControlRoomReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page ends where enough was looked at in one of both, and has of the other what comes before that."""
    monkeypatch.setattr("streams.console.api.episodes._MOST_SCANNED", 1)
    monkeypatch.setattr("streams.console.api.episodes._AT_ONCE", 1)
    client = console_client(state)
    seen: list[str] = []
    cursor: dict[str, str] = {}
    for _ in range(20):
        page = client.get("/api/v1/episodes", params={"stage": "?", "limit": 5, **cursor}).json()
        seen += [each["id"] for each in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert (seen, page["next"]) == ([], None), "no stage is of one letter, and it ends"
    cursor = {}
    for _ in range(20):
        page = client.get("/api/v1/episodes", params={"limit": 5, **cursor}).json()
        seen += [each["id"] for each in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert len(seen) == len(set(seen)) == 5


def test_programs_hear_who_was_told_of_them(state: Path, tapes: ControlRoomReader) -> None:
    [incident] = tapes.incidents()
    with closing(sqlite3.connect(tapes.state / DECISIONS_NAME)) as connection, connection:
        connection.execute(
            "INSERT INTO receipts (receiver, subject_id, event_id, type, body, created_ns, delivered_ns, status,"
            " attempts) VALUES ('chat', ?, 'e1', 'incident.opened', '', 1, 2, '204', 1)",
            (incident.id,),
        )
    client = console_client(state)
    found = client.get(f"/api/v1/receipts?subject={incident.id}").json()["items"]
    assert [(each["receiver"], each["status"]) for each in found] == [("chat", "204")]
    assert "chat" in text_of(client.get(f"/incidents/{incident.id}", headers=HTML).text)


def test_an_alarm_that_both_keep_is_decided_at_both(state: Path) -> None:
    with control_room(state / "watch") as watch, control_room(state / "watch/archive/tape") as tape:
        for n, room in enumerate((watch, tape)):
            room.take(installation_alert(AlertKind.RECEIVER_FAILING, "receiver/chat", at_s=n))
        client = program(watch.state, ManualClock(START))
        [alarm] = watch.reader.alarms()
        watch.desk.acknowledge(alarm.id, by="anna")
        done = client.post(f"/api/v1/alarms/{alarm.id}/acknowledge")
        assert (done.status_code, done.json()["state"]) == (200, "acknowledged"), done.text
        assert {room.reader.alarms()[0].state for room in (watch, tape)} == {AlarmState.ACKNOWLEDGED}
        refused = client.post(f"/api/v1/alarms/{alarm.id}/acknowledge")
        assert (refused.status_code, refused.json()["reason"]) == (409, "already_acknowledged")
        assert "anna" in refused.json()["detail"]


def test_a_step_that_one_of_both_can_not_take_is_taken_by_the_other_and_said(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with control_room(state / "watch") as watch, control_room(state / "watch/archive/tape") as tape:
        for n, room in enumerate((watch, tape)):
            room.take(installation_alert(AlertKind.RECEIVER_FAILING, "receiver/chat", at_s=n))
        client = program(watch.state, ManualClock(START))
        [alarm] = watch.reader.alarms()
        [incident] = watch.reader.incidents()
        step = ControlRoomDatabase.step

        def full(database: ControlRoomDatabase) -> AbstractContextManager[sqlite3.Connection]:
            if database.state == tape.state:
                raise RetryableError("the disk is full", reason="disk_full")
            return step(database)

        monkeypatch.setattr(ControlRoomDatabase, "step", full)
        page = post(client, f"/alarms/{alarm.id}/shelve", length="1h", why="known", incident=incident.id)
        words, bad = told(page)
        assert (bad, words.startswith("Shelved by ")) == (False, True), words
        assert words.endswith(f" What {tape.state} keeps of it stays as it was: the disk is full.")
        assert watch.reader.alarms()[0].state is AlarmState.SHELVED
        done = client.post(f"/api/v1/alarms/{alarm.id}/unshelve")
        assert done.status_code == 200, done.text
        assert done.json()["troubles"] == [f"What {tape.state} keeps of it stays as it was: the disk is full."]
        assert watch.reader.alarms()[0].state is not AlarmState.SHELVED
        again = client.post(f"/api/v1/alarms/{alarm.id}/unshelve")
        assert again.json()["reason"] == "disk_full", "what is to be mended, rather than that the other has done it"


def test_a_named_archive_that_comes_later_is_found_and_windows_hear_of_it(tmp_path: Path) -> None:
    state, archive = tmp_path / "state", tmp_path / "archive"
    write_state(state, ManualClock())
    client, clock = console_client(state, archive={"folder": archive}), ManualClock()
    parts = client.app.state.parts  # type: ignore[attr-defined]
    with closing(EventHub(state, LiveBoardReader(state / BOARD_NAME), parts.control_room, clock)) as hub:
        heard: list[str] = []
        hub._tell = lambda event, data: heard.append(f"{event} {json.dumps(data)}")  # type: ignore[method-assign]
        hub.look()
        heard.clear()
        [incident] = needed(archive, NO_ROOM).incidents()
        clock.advance(1.0)  # others are looked into some times a second
        hub.look()
    assert heard[0] == "incidents {}"
    assert '"unacknowledged": 3' in heard[-1]
    assert client.get(f"/incidents/{incident.id}", headers=HTML).status_code == 200


def test_one_sentence_tells_of_tapes_that_can_not_be_read_and_the_rest_works(
    state: Path, tapes: ControlRoomReader
) -> None:
    [incident] = tapes.incidents()
    (state / "archive" / TAPE_ALERTS_FOLDER / DECISIONS_NAME).write_bytes(b"no database" * 1000)
    for name in ("-wal", "-shm"):
        (state / "archive" / TAPE_ALERTS_FOLDER / f"{DECISIONS_NAME}{name}").unlink(missing_ok=True)
    client = console_client(state)
    page = client.get("/incidents", headers=HTML).text
    assert page.count("data-row") == 2
    assert re.findall(r'class="told bad" role="status">([^<]*)<', page) == [
        *client.get("/api/v1/incidents").json()["troubles"]
    ]
    assert "damaged" in page
    assert client.get("/live/incidents").json()["unread"] is True
    own = ControlRoomReader(state).incidents()[0]
    assert told(post(client, f"/incidents/{own.id}/acknowledge"))[1] is False
    assert client.get(f"/incidents/{incident.id}", headers=HTML).status_code == 503
    refused = client.get(f"/api/v1/incidents/{incident.id}")
    assert (refused.status_code, refused.json()["reason"]) == (500, "state_damaged")


def test_what_an_answer_lacks_stands_in_it_and_it_has_not_the_tag_of_the_whole_one(
    state: Path, tapes: ControlRoomReader
) -> None:
    client = program(state, ManualClock())
    client.post(f"/api/v1/incidents/{tapes.incidents()[0].id}/acknowledge")
    paths = [f"/api/v1/{each}" for each in ("alarms", "incidents", "episodes", "audit")]
    whole = {path: client.get(path) for path in paths}
    assert not any(answer.json()["troubles"] for answer in whole.values())
    kept = (tapes.state / DECISIONS_NAME).read_bytes()
    damage(tapes.state, "alarms", "incidents", "audit", "verdicts")
    for path, before in whole.items():
        answer = client.get(path)
        [sentence] = answer.json()["troubles"]
        assert "damaged" in sentence, path
        assert len(answer.json()["items"]) < len(before.json()["items"]), path
        assert "ETag" not in answer.headers, path
    assert "damaged" in client.get("/incidents", headers=HTML).text
    assert client.get("/live/incidents").json()["unread"] is True
    (tapes.state / DECISIONS_NAME).write_bytes(kept)
    for path, before in whole.items():
        answer = client.get(path)
        assert (answer.json(), answer.headers["ETag"]) == (before.json(), before.headers["ETag"]), path


def test_a_disk_of_tapes_that_hangs_holds_up_no_page_and_no_step(
    state: Path, tapes: ControlRoomReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    [theirs], own = tapes.incidents(), ControlRoomReader(state).incidents()[0]
    with hanging_disk(tapes.state, monkeypatch) as waiting:
        client = console_client(state)
        [sentence] = client.get("/api/v1/incidents").json()["troubles"]
        assert "does not answer" in sentence
        assert sentence in html.unescape(client.get("/incidents", headers=HTML).text)
        assert client.get("/live/incidents").json()["unread"] is True
        assert client.get("/", headers=HTML).status_code == 200
        assert told(post(client, f"/incidents/{own.id}/acknowledge"))[1] is False
        assert client.get(f"/incidents/{theirs.id}", headers=HTML).status_code == 503
        refused = client.get(f"/api/v1/incidents/{theirs.id}")
        assert (refused.status_code, refused.json()["reason"]) == (503, "disk_error")
        for resource in ("audit", "episodes", "alarms"):
            answer = client.get(f"/api/v1/{resource}").json()
            assert answer["troubles"] == [sentence], resource
            assert answer["items"], resource
        assert len(waiting) == 1
    waiting[0].join()
    assert client.get(f"/incidents/{theirs.id}", headers=HTML).status_code == 200


def test_maintenance_of_stages_is_the_watch_s_alone(state: Path, tapes: ControlRoomReader) -> None:
    client = console_client(state)
    post(client, "/stages/LA-A3-31/maintenance/start", length="1h", why="new crystal")
    with closing(sqlite3.connect(tapes.state / DECISIONS_NAME)) as connection:
        assert connection.execute("SELECT count(*) FROM suppressions").fetchone() == (0,)
    assert len(ControlRoomReader(state).maintenance()) == 1
    assert alarm_id(installation_alert(AlertKind.TAPE_WANTED, "tape/tape/no_room")) in {
        alarm.id for alarm in tapes.alarms()
    }

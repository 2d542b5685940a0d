"""The commands of the control room, as a user types them."""

import json
import sqlite3
from contextlib import AbstractContextManager, closing
from pathlib import Path

import pytest

from connectors.clock import SystemClock
from connectors.control_room.database import DECISIONS_NAME, ControlRoomDatabase
from connectors.control_room.reader import ControlRoomReader
from dashboards.words import utc_words
from models.alarms.life_cycle import AlarmState
from models.alerts.alert import AlertKind
from models.errors import RetryableError
from models.event_time import HOUR_NS, format_iso
from tests.support.alarms import ControlRoom, alert, control_room, installation_alert, over
from tests.support.commands import Run
from tests.support.consoles import console_client
from tests.support.damaged_tables import damage
from tests.support.hanging_disk import hanging_disk
from tests.support.tape_needs import DAMAGED, NO_ROOM, needed

LATER = "2099-01-01T00:00"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Of a watch that has found three things."""
    with control_room(tmp_path / "state") as room:
        room.take(alert(), alert(kind=AlertKind.NO_BEAM), alert("LB_A3_31-Camera_1-Camera-1", AlertKind.DRIFT))
        room.take(over(alert(kind=AlertKind.NO_BEAM)))
    return tmp_path / "state"


def listed(command: Run, state: Path, *options: str | Path) -> dict[str, dict[str, str]]:
    code, out, _ = command("alarms", "list", "--json", "--state", state, *options)
    assert code == 0
    return {document["kind"]: document for document in map(json.loads, out.splitlines())}


def test_an_alarm_is_seen_and_somebody_else_is_told_so(command: Run, state: Path) -> None:
    id_ = listed(command, state)["image_anomaly"]["id"]
    code, out, _ = command("alarms", "acknowledge", id_[:7], "--reason", "dust", "--state", state)
    assert (code, out) == (0, f"{id_} image_anomaly LA_A3_31-Camera_1-Camera-1: acknowledged\n")
    code, _, err = command("alarms", "acknowledge", id_, "--state", state)
    assert code == 1
    assert "acknowledged the alarm image_anomaly" in err
    assert listed(command, state)["image_anomaly"]["state"] == "acknowledged"


def test_an_incident_is_seen_at_once(command: Run, state: Path) -> None:
    incident = next(each for each in ControlRoomReader(state).incidents() if each.episodes == 2)
    code, out, _ = command("alarms", "acknowledge", incident.id, "--state", state)
    assert (code, len(out.splitlines())) == (0, 2)
    assert set(listed(command, state)) == {"image_anomaly", "drift"}  # no_beam was over
    assert set(listed(command, state, "--all")) == {"image_anomaly", "drift", "no_beam"}


def test_alarms_are_put_off_taken_out_and_put_back(command: Run, state: Path) -> None:
    id_ = listed(command, state)["drift"]["id"]
    code, _, err = command("alarms", "shelve", id_, "--until", LATER, "--reason", "spare", "--state", state)
    assert code == 1
    assert "at most 24 hours" in err
    assert command("alarms", "out-of-service", id_, "--reason", "dismounted", "--state", state)[0] == 0
    found = listed(command, state)["drift"]
    assert (found["state"], found["covered_why"]) == ("out_of_service", "dismounted")
    assert command("alarms", "in-service", id_, "--state", state)[0] == 0
    for step in ("unshelve", "reset"):
        assert command("alarms", step, id_, "--state", state)[0] == 1
    code, out, _ = command("alarms", "list", "--state", state)
    assert (code, len(out.splitlines())) == (0, 4)
    assert out.startswith("state\tpriority\twhat\twhere\tid\t")


def test_a_stage_is_under_maintenance_until_it_is_not(command: Run, state: Path) -> None:
    start = ("maintenance", "start", "--stage", "la-a3-31", "--reason", "new crystal", "--state", state)
    code, out, _ = command(*start, "--until", LATER)
    assert (code, out) == (0, "LA-A3-31 is under maintenance until 2099-01-01T00:00:00.000Z\n")
    assert listed(command, state)["image_anomaly"]["state"] == "suppressed"
    code, out, _ = command("maintenance", "list", "--json", "--state", state)
    assert (code, json.loads(out)["why"]) == (0, "new crystal")
    assert command("maintenance", "end", "--stage", "LA-A3-31", "--state", state)[0] == 0
    assert command("maintenance", "list", "--state", state)[1] == "no stage is under maintenance\n"
    heads, _ = command("maintenance", "list", "--all", "--state", state)[1].splitlines()
    assert heads.split("\t")[:3] == ["stage", "since", "until"]
    code, _, err = command("maintenance", "end", "--stage", "LA-A3-31", "--state", state)
    assert (code, "is not under maintenance" in err) == (1, True)
    assert command("maintenance", "start", "--stage", "A3", "--reason", "x", "--state", state)[0] == 2
    assert command(*start, "--until", "2001-01-01")[0] == 1


def test_what_was_done_is_listed_and_what_was_done_to_the_list_is_found(command: Run, state: Path) -> None:
    for stage in ("LA-A3-31", "LB-A3-31"):
        command("maintenance", "start", "--stage", stage, "--reason", "new crystal", "--state", state)
    code, out, _ = command("audit", "list", "--json", "--state", state)
    assert code == 0
    entries = [json.loads(line) for line in out.splitlines()]
    assert [(entry["action"], entry["subject"], entry["why"]) for entry in entries] == [
        ("start_maintenance", "LA-A3-31", "new crystal"),
        ("start_maintenance", "LB-A3-31", "new crystal"),
    ]
    heads, entry = command("audit", "list", "--after", "1", "--state", state)[1].splitlines()
    assert (heads.split("\t")[0], entry.split("\t")[0]) == ("number", "2")
    code, out, _ = command("audit", "verify", "--state", state)
    assert (code, out) == (0, f"2 entries, each as it was written; the last one's hash is {entries[-1]['hash']}\n")
    change_first(state)
    code, _, err = command("audit", "verify", "--state", state)
    assert (code, err) == (1, "petawatch: entry 1 is not as it was written\n")


def test_the_log_names_what_people_know_beside_the_ids(command: Run, state: Path) -> None:
    ids = {kind: document["id"] for kind, document in listed(command, state, "--all").items()}
    room = ControlRoomReader(state)
    incident = next(each for each in room.incidents() if each.episodes == 2)
    command("alarms", "out-of-service", ids["drift"], "--reason", "dismounted", "--state", state)
    command("alarms", "acknowledge", incident.id, "--state", state)
    command("alarms", "acknowledge", room.alarms(kind=AlertKind.DRIFT)[0].latest_alert_id, "--state", state)
    rows = [line.split("\t") for line in command("audit", "list", "--state", state)[1].splitlines()]
    subjects = [row[4] for row in rows]
    assert subjects[:3] == [
        "subject",
        f"drift of LB_A3_31-Camera_1-Camera-1 ({ids['drift'][:8]})",
        f"the incident of {utc_words(incident.first_shot_ns)} ({incident.id[:8]})",
    ]
    # Ids among the details are named, too.
    assert all(incident.id not in cell for row in rows for cell in row)


def test_commands_and_the_api_name_the_same_things_in_the_same_way(command: Run, state: Path) -> None:
    command("maintenance", "start", "--stage", "LA-A3-31", "--reason", "new crystal", "--state", state)
    client = console_client(state, open_to_everyone=True)
    for group in ("alarms", "maintenance", "audit"):
        options = ("--all",) if group == "alarms" else ()
        documents = map(json.loads, command(group, "list", "--json", *options, "--state", state)[1].splitlines())
        by_command = sorted(documents, key=lambda document: json.dumps(document, sort_keys=True))
        items = client.get(f"/api/v1/{group}").json()["items"]
        assert by_command == sorted(items, key=lambda document: json.dumps(document, sort_keys=True)) != []


@pytest.mark.parametrize("group", ["alarms", "maintenance", "audit"])
def test_where_there_is_no_watch_there_is_nothing_to_list(command: Run, tmp_path: Path, group: str) -> None:
    code, _, err = command(group, "list", "--state", tmp_path / "nothing")
    assert code == 1
    assert err.count("\n") == 1


@pytest.fixture
def tapes(state: Path) -> ControlRoomReader:
    """Of a keeper that needs tapes; without settings the archive's folder lies in the state directory."""
    return needed(state / "archive", NO_ROOM, DAMAGED)


def change_first(room: Path) -> None:
    """Somebody has changed the first entry of a log."""
    with closing(sqlite3.connect(room / DECISIONS_NAME)) as connection:
        connection.execute("DROP TRIGGER audit_is_not_changed")
        connection.execute("UPDATE audit SET why = 'nothing' WHERE number = 1")
        connection.commit()


def test_alarms_about_tapes_are_listed_and_decided_where_their_keeper_has_them(
    command: Run, state: Path, tapes: ControlRoomReader
) -> None:
    found = listed(command, state)
    assert set(found) == {"image_anomaly", "no_beam", "drift", "tape_wanted", "tape_trouble"}
    before = ControlRoomReader(state).audit()
    code, out, err = command("alarms", "acknowledge", found["tape_wanted"]["id"][:9], "--state", state)
    assert (code, err) == (0, "")
    assert out.startswith(f"{found['tape_wanted']['id']} tape_wanted ")
    shelve = ("alarms", "shelve", found["tape_trouble"]["id"], "--reason", "drive is cleaned", "--state", state)
    later = format_iso(SystemClock().now_ns() + HOUR_NS)
    assert command(*shelve, "--until", later)[0] == 0
    assert {alarm.state for alarm in tapes.alarms()} == {AlarmState.ACKNOWLEDGED, AlarmState.SHELVED}
    assert [entry.action for entry in tapes.audit()][-2:] == ["acknowledge", "shelve"]
    assert ControlRoomReader(state).audit() == before
    assert set(listed(command, tapes.state)) == {"tape_wanted", "tape_trouble"}, "asked for itself it is the one room"


def test_settings_say_where_the_archive_with_the_alarms_about_tapes_is(
    command: Run, state: Path, tmp_path: Path
) -> None:
    needed(tmp_path / "elsewhere", NO_ROOM)
    config = tmp_path / "petawatch.toml"
    config.write_text(f'[archive]\nfolder = "{tmp_path / "elsewhere"}"\n', encoding="utf-8")
    found = listed(command, state, "--config", config)
    assert set(found) - set(listed(command, state)) == {"tape_wanted"}
    options = ("--state", state, "--config", config)
    assert command("alarms", "acknowledge", found["tape_wanted"]["id"], *options)[0] == 0
    code, out, _ = command("audit", "list", "--json", *options)
    assert (code, [json.loads(line)["room"] for line in out.splitlines()][-1]) == (0, "tape")
    assert f"\n{tmp_path / 'elsewhere/tape'}: " in command("audit", "verify", *options)[1]


def _alarm_of_both(watch: ControlRoom, tape: ControlRoom) -> str:
    """The id of an alarm that two rooms keep."""
    for n, room in enumerate((watch, tape)):
        room.take(installation_alert(AlertKind.RECEIVER_FAILING, "receiver/chat", at_s=n))
    [id_] = {alarm.id for room in (watch, tape) for alarm in room.reader.alarms()}
    return id_


def test_an_alarm_that_both_keep_is_decided_at_both_and_said_once(command: Run, tmp_path: Path) -> None:
    with control_room(tmp_path / "state") as watch, control_room(tmp_path / "state/archive/tape") as tape:
        id_ = _alarm_of_both(watch, tape)
        code, out, err = command("alarms", "acknowledge", id_, "--state", watch.state)
        assert (code, out, err) == (0, f"{id_} receiver_failing receiver/chat: acknowledged\n", "")
        assert {room.reader.alarms()[0].state for room in (watch, tape)} == {AlarmState.ACKNOWLEDGED}


def test_a_step_that_one_of_both_can_not_take_is_taken_by_the_other_and_said(
    command: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with control_room(tmp_path / "state") as watch, control_room(tmp_path / "state/archive/tape") as tape:
        id_ = _alarm_of_both(watch, tape)
        step = ControlRoomDatabase.step

        def full(database: ControlRoomDatabase) -> AbstractContextManager[sqlite3.Connection]:
            if database.state == tape.state:
                raise RetryableError("the disk is full", reason="disk_full")
            return step(database)

        monkeypatch.setattr(ControlRoomDatabase, "step", full)
        code, out, err = command("alarms", "acknowledge", id_, "--state", watch.state)
        assert (code, err) == (1, f"petawatch: What {tape.state} keeps of it stays as it was: the disk is full.\n")
        assert out == f"{id_} receiver_failing receiver/chat: acknowledged\n"


def test_where_an_alarm_of_both_can_not_be_read_the_step_is_said_to_be_missing_there(
    command: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with control_room(tmp_path / "state") as watch, control_room(tmp_path / "state/archive/tape") as tape:
        id_ = _alarm_of_both(watch, tape)
        away = f"the disk under {tape.state} does not answer; look after it, or after its mount"
        with hanging_disk(tape.state, monkeypatch):
            code, out, err = command("alarms", "acknowledge", id_, "--state", watch.state)
        assert (code, err) == (1, f"petawatch: What {tape.state} keeps of it stays as it was: {away}.\n")
        assert out == f"{id_} receiver_failing receiver/chat: acknowledged\n"
        assert [room.reader.alarms()[0].life.seen for room in (watch, tape)] == [True, False]


def test_each_log_is_listed_with_its_room_and_checked_by_itself(
    command: Run, state: Path, tapes: ControlRoomReader
) -> None:
    assert len(command("audit", "verify", "--state", state)[1].splitlines()) == 2
    command("alarms", "acknowledge", tapes.alarms()[0].id, "--state", state)
    command("maintenance", "start", "--stage", "LA-A3-31", "--reason", "new crystal", "--state", state)
    command("alarms", "acknowledge", tapes.alarms()[1].id, "--state", state)
    heads, *rows = [line.split("\t") for line in command("audit", "list", "--state", state)[1].splitlines()]
    own, theirs = ControlRoomReader(state).audit(), tapes.audit()
    assert (heads[0], heads[-1]) == ("number", "room")
    assert [(row[-1], row[3].split(" (")[0]) for row in rows if "acknowledge" in row[3] or "maintenance" in row[3]] == [
        ("tape", "acknowledge"),
        ("own", "start maintenance"),
        ("tape", "acknowledge"),
    ], "by time"
    assert any("tape/PW0002L8" in row[4] for row in rows), "ids are named by whoever keeps them"
    documents = [json.loads(line) for line in command("audit", "list", "--json", "--state", state)[1].splitlines()]
    for room, entries in (("own", own), ("tape", theirs)):
        assert [each["hash"] for each in documents if each["room"] == room] == [entry.hash for entry in entries]
    after = command("audit", "list", "--json", "--after", f"{len(theirs) - 1}", "--state", state)[1].splitlines()
    assert ("tape", len(theirs)) in {(each["room"], each["number"]) for each in map(json.loads, after)}
    code, out, err = command("audit", "verify", "--state", state)
    ends = "each as it was written; the last one's hash is"
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        f"{state}: 1 entry, {ends} {own[-1].hash}",
        f"{tapes.state}: {len(theirs)} entries, {ends} {theirs[-1].hash}",
    ]
    change_first(tapes.state)
    code, out, err = command("audit", "verify", "--state", state)
    assert (code, err) == (1, f"petawatch: {tapes.state}: entry 1 is not as it was written\n")
    assert out == f"{state}: 1 entry, {ends} {own[-1].hash}\n", "the other is checked nevertheless"


def test_a_disk_of_tapes_that_hangs_is_told_in_a_sentence_and_the_rest_works(
    command: Run, state: Path, tapes: ControlRoomReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    [theirs] = tapes.incidents()
    command("maintenance", "start", "--stage", "LA-A3-31", "--reason", "new crystal", "--state", state)
    away = f"the disk under {tapes.state} does not answer; look after it, or after its mount"
    with hanging_disk(tapes.state, monkeypatch):
        for group in ("alarms", "audit"):
            code, out, err = command(group, "list", "--json", "--state", state)
            assert (code, err) == (1, f"petawatch: What {tapes.state} keeps is missing here: {away}.\n"), group
            assert out, group
        code, out, err = command("audit", "verify", "--state", state)
        assert (code, err) == (1, f"petawatch: The audit log in {tapes.state} was not checked: {away}.\n")
        assert out.startswith(f"{state}: 1 entry, each ")
        [drift] = ControlRoomReader(state).alarms(kind=AlertKind.DRIFT)
        assert command("alarms", "acknowledge", drift.id, "--state", state)[0] == 0
        code, _, err = command("alarms", "acknowledge", theirs.id, "--state", state)
        assert (code, err) == (1, f"petawatch: {away}\n"), "it is not called unknown"


def test_a_list_says_what_it_lacks_though_the_rest_of_that_room_can_be_read(
    command: Run, state: Path, tapes: ControlRoomReader
) -> None:
    damage(tapes.state, "alarms")
    code, out, err = command("alarms", "list", "--json", "--state", state)
    assert {json.loads(line)["kind"] for line in out.splitlines()} == {"image_anomaly", "no_beam", "drift"}
    assert (code, err.count("\n"), err.startswith(f"petawatch: What {tapes.state} keeps is missing here: ")) == (
        1,
        1,
        True,
    )


def test_a_log_that_was_removed_is_named_and_the_other_is_checked(
    command: Run, state: Path, tapes: ControlRoomReader
) -> None:
    gone = "has no audit log: somebody removed decisions.sqlite, or nothing that keeps alarms ever ran there; find out"
    for of, other in ((tapes.state, state), (state, tapes.state)):
        kept = {path: path.read_bytes() for path in of.glob(f"{DECISIONS_NAME}*")}
        for path in kept:
            path.unlink()
        code, out, err = command("audit", "verify", "--state", state)
        assert (code, err) == (1, f"petawatch: {of} {gone} which\n")
        assert [line.startswith(f"{other}: ") for line in out.splitlines()] == [True]
        for path, content in kept.items():
            path.write_bytes(content)
    assert command("audit", "verify", "--state", state)[0] == 0


def test_a_damaged_log_of_the_watch_keeps_nobody_from_checking_the_other(
    command: Run, state: Path, tapes: ControlRoomReader
) -> None:
    (state / DECISIONS_NAME).write_bytes(b"no database" * 1000)
    code, out, err = command("audit", "verify", "--state", state)
    assert (code, err.count("\n"), "damaged" in err) == (1, 1, True)
    assert out.startswith(f"{tapes.state}: ")

"""The commands of the control room, as a user types them."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from connectors.control_room.database import DECISIONS_NAME
from connectors.control_room.reader import ControlRoomReader
from dashboards.words import time_words
from models.alerts.alert import AlertKind
from tests.support.alarms import alert, control_room, over
from tests.support.commands import Run
from tests.support.consoles import console_client

LATER = "2099-01-01T00:00"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Of a watch that has found three things."""
    with control_room(tmp_path / "state") as room:
        room.take(alert(), alert(kind=AlertKind.NO_BEAM), alert("LB_A3_31-Camera_1-Camera-1", AlertKind.DRIFT))
        room.take(over(alert(kind=AlertKind.NO_BEAM)))
    return tmp_path / "state"


def listed(command: Run, state: Path, *options: str) -> dict[str, dict[str, str]]:
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
    with closing(sqlite3.connect(state / DECISIONS_NAME)) as connection:
        connection.execute("DROP TRIGGER audit_is_not_changed")
        connection.execute("UPDATE audit SET why = 'nothing' WHERE number = 1")
        connection.commit()
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
        f"the incident of {time_words(incident.first_shot_ns)} ({incident.id[:8]})",
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

"""Resources that a watched day alone does not fill: copies, receipts, evidence that goes, results of replays."""

import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from connectors.catalog.opening import CATALOG_NAME
from connectors.catalog.sqlite_catalog import SqliteCatalog
from connectors.control_room.outbox import note_receipt
from connectors.state.commit import Commit
from connectors.state.directory import StateDirectory
from models.alerts.alert import AlertStatus
from models.archive.copies import CopyState
from models.archive.keys import archive_key
from models.archive.volumes import Volume, VolumeState
from streams.archive.places import archive_folder
from streams.console.replays.question import ReplayQuestion
from streams.console.replays.run import ReplayRun, ReplayStatus
from streams.console.replays.runner import ReplayRunner
from streams.settings import load_settings
from tests.support.catalog_examples import archived, bundle_copy, bundle_of, store_copy
from tests.support.consoles import console_client
from tests.support.manual_clock import ManualClock
from tests.support.outboxes import kept_outbox
from tests.unit.connectors.state.examples import START_NS, alert_event, commit_of, file_record, source

_ID = "0123456789abcdef"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    with StateDirectory.open(tmp_path) as directory:
        directory.commit(commit_of(0))
    return tmp_path


@pytest.fixture
def client(state: Path) -> TestClient:
    return console_client(state)


def test_files_say_where_their_copies_are(state: Path, client: TestClient) -> None:
    of = source("file0")
    file = archived(0, key=archive_key(of.file), path=of.file, sha256=of.sha256)
    bundle = bundle_of(file)
    folder = archive_folder(load_settings(None).archive, state)
    folder.mkdir()
    catalog = SqliteCatalog(folder / CATALOG_NAME)
    catalog.add_files([file])
    catalog.add_store_copies([store_copy(file, checked_ns=START_NS)])
    catalog.add_bundle(bundle)
    catalog.put_volume(Volume(uuid="V1", barcode="PW0001L8", state=VolumeState.FILLING))
    catalog.put_bundle_copy(bundle_copy(bundle.id, state=CopyState.SAFE, read_back_ns=START_NS))
    catalog.close()
    [found] = client.get("/api/v1/files").json()["items"]
    assert found["key"] == file.key
    assert found["copies"]["cataloged"]
    [stored], [taped] = found["copies"]["store"], found["copies"]["tape"]
    assert (stored["store"], stored["checked"], stored["read_back"]) == (
        "s3://archive",
        "2022-07-01T09:34:00.000Z",
        None,
    )
    assert (taped["barcode"], taped["volume_state"], taped["state"]) == ("PW0001L8", "filling", "safe")


def test_a_file_that_the_catalog_does_not_know(state: Path, client: TestClient) -> None:
    folder = archive_folder(load_settings(None).archive, state)
    folder.mkdir()
    SqliteCatalog(folder / CATALOG_NAME).close()
    [found] = client.get("/api/v1/files").json()["items"]
    assert found["copies"] == {"cataloged": False, "store": [], "tape": []}


def test_files_in_pages_the_latest_first_while_others_come(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as directory:
        for number in range(5):
            directory.commit(Commit(files=[file_record(source(f"f{number}"), 0)]))
        client = console_client(tmp_path)
        first = client.get("/api/v1/files?limit=2").json()
        directory.commit(Commit(files=[file_record(source("later"), 0)]))
        second = client.get("/api/v1/files", params={"limit": 2, "cursor": first["next"]}).json()
        third = client.get("/api/v1/files", params={"limit": 2, "cursor": second["next"]}).json()
    paths = [Path(file["path"]).stem for page in (first, second, third) for file in page["items"]]
    assert (paths, third["next"]) == (["f4", "f3", "f2", "f1", "f0"], None)
    assert client.get("/api/v1/files?contains=later&status=accepted").json()["items"][0]["latest"]


def test_receipts_of_an_alert(state: Path, client: TestClient) -> None:
    with kept_outbox(state) as kept:
        kept.put("shift", _ID, created_ns=START_NS)
        [message] = kept.waiting().values()
        with kept.database.step() as connection:
            note_receipt(connection, message, "200", START_NS + 10**9)
    [found] = client.get(f"/api/v1/receipts?subject={_ID}&subject={'f' * 16}").json()["items"]
    assert (found["receiver"], found["status"], found["type"]) == ("shift", "200", "alert.opened")
    assert (found["created"], found["delivered"]) == ("2022-07-01T09:34:00.000Z", "2022-07-01T09:34:01.000Z")
    assert client.get(f"/api/v1/receipts?subject={'f' * 16}").json()["items"] == []
    assert client.get("/api/v1/receipts?subject=../etc").status_code == 422


def test_evidence_that_is_no_longer_kept_is_gone_and_nothing_outside_is_given(state: Path, client: TestClient) -> None:
    event = alert_event(START_NS)
    id_ = event.alert.id
    closed = replace(event, alert=replace(event.alert, status=AlertStatus.CLOSED))
    with StateDirectory.open(state) as directory:
        directory.commit(Commit(alerts=[closed]))
    (state / "evidence").mkdir()
    (state / "evidence" / "a.png").write_bytes(b"\x89PNG")
    with sqlite3.connect(state / "petawatch.sqlite") as connection:
        rows = [
            ("first", "evidence/a.png", "evidence/a.npz"),
            ("last", "../secret.png", "evidence/../petawatch.sqlite"),
        ]
        connection.executemany(
            "INSERT INTO evidence (alert_id, role, event_time_ns, png, npz) VALUES (?, ?, 1, ?, ?)",
            [(id_, *row) for row in rows],
        )
    connection.close()
    state.parent.joinpath("secret.png").write_bytes(b"secret")
    first = client.get(f"/api/v1/evidence/{id_}/first.png")
    assert (first.status_code, first.content) == (200, b"\x89PNG")
    assert "immutable" in first.headers["cache-control"]
    for gone in ("first.npz", "last.png", "last.npz"):
        answer = client.get(f"/api/v1/evidence/{id_}/{gone}")
        assert (answer.status_code, answer.json()["reason"]) == (410, "expired")
    for gone in ("first", "last.png", "last"):
        assert client.get(f"/incidents/alert/{id_}/evidence/{gone}").status_code == 410
    assert client.get(f"/api/v1/evidence/{id_}/worst.png").status_code == 404
    found = client.get(f"/api/v1/episodes/{id_}").json()["evidence"]
    shown = {each["role"]: (each["png"], each["npz"]) for each in found}
    assert shown["first"] == (f"/api/v1/evidence/{id_}/first.png", None)


def test_the_models_as_the_registry_listed_them(state: Path, client: TestClient) -> None:
    found = client.get("/api/v1/models")
    assert (found.json()["shipped"], found.json()["shadow"], found.json()["versions"]) == (True, None, None)
    assert client.get("/api/v1/models", headers={"If-None-Match": found.headers["etag"]}).status_code == 304


def test_the_result_of_a_replay(state: Path, client: TestClient) -> None:
    question = ReplayQuestion(from_ns=START_NS, to_ns=START_NS + 10**9)
    runner = ReplayRunner(state, None, ManualClock())
    run = ReplayRun(id=question.id, question=question, by="ada", asked_ns=START_NS, status=ReplayStatus.FINISHED)
    folder = state / "console-replays" / run.id
    folder.mkdir(parents=True)
    runner._kept.write(replace(run, ended_ns=START_NS))
    document: dict[str, object] = {
        "from": "2022-07-01T09:34:00.000Z",
        "to": "2022-07-01T09:34:01.000Z",
        "alerts": [],
        "comparison": None,
    }
    (folder / "result.json").write_text(json.dumps(document | {"files": ["a"]}))
    [listed] = client.get("/api/v1/replays").json()["items"]
    assert (listed["id"], listed["status"], listed["from"]) == (run.id, "finished", document["from"])
    assert client.get(f"/api/v1/replays/{run.id}/result").json() == document | {"files": ["a"]}
    assert client.get(f"/api/v1/replays/{run.id}").json() == listed


def test_a_replay_that_has_no_result_says_so(state: Path, client: TestClient) -> None:
    question = ReplayQuestion(from_ns=START_NS, to_ns=START_NS + 10**9)
    run = ReplayRun(id=question.id, question=question, by="ada", asked_ns=START_NS, status=ReplayStatus.FAILED)
    (state / "console-replays" / run.id).mkdir(parents=True)
    ReplayRunner(state, None, ManualClock())._kept.write(run)
    answer = client.get(f"/api/v1/replays/{run.id}/result")
    assert (answer.status_code, answer.json()["reason"]) == (409, "replay_not_finished")

"""The REST API over a watched day: what it tells, how people and programs use it, and what a fuzzer finds."""

import dataclasses
import http.client
import io
import json
import re
import shutil
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import schemathesis
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import CHECKS
from schemathesis.generation import GenerationMode

from connectors.access.role import Role
from connectors.access.tokens import ApiTokens
from connectors.clock import SystemClock
from connectors.live_board import BOARD_NAME, LiveBoardWriter
from connectors.state.row_stream import RowQuestion, RowTable, stream_rows
from models.devices import parse_device
from models.errors import FatalError
from models.event_time import HOUR_NS, format_iso, parse_iso
from models.live_reading import LiveReading
from models.records import Refusal
from models.results import Scoring
from streams.console.access.access import Access
from streams.console.api import RESOURCES, rows
from streams.console.api.openapi import openapi_document
from streams.console.app import create_app
from streams.console.listening import listening
from streams.console.parts import make_parts
from streams.console.replays.runner import ReplayRunner
from streams.settings import load_settings
from tests.support.consoles import QUICK_PASSWORDS
from tests.support.signing_in import add_user
from tests.support.watch_results import WatchResults
from tests.support.watching import wait_until

CAMERA = "LA_A3_31-Camera_1-Camera-1"
# Stands for the command that replays.
_NO_REPLAY = "import sys; sys.exit('Error: the fuzzer replays nothing')"


@dataclasses.dataclass(frozen=True)
class _Api:
    """The API of a watched day, and what may be asked of it."""

    application: FastAPI
    token: str
    ids: dict[str, list[str]]
    results: WatchResults

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def get(self, path: str, **question: Any) -> Any:
        answer = self.client().get(f"/api/v1/{path}", params=question)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def client(self) -> TestClient:
        return TestClient(self.application, base_url="http://127.0.0.1", headers=self.headers)

    def items(self, path: str, **question: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            page = self.get(path, **question, **cursor)
            found += page["items"]
            if page.get("next") is None:
                return found
            cursor = {"cursor": page["next"]}


@pytest.fixture(scope="module")
def api(undisturbed: WatchResults, session_folder: Path) -> Iterator[_Api]:
    """That of the undisturbed watch."""
    with _api_of(session_folder, "api-state", undisturbed) as found:
        yield found


@pytest.fixture(scope="module")
def fuzzed(undisturbed: WatchResults, session_folder: Path) -> Iterator[_Api]:
    """One in which anything may be changed."""
    with _api_of(session_folder, "fuzzed-state", undisturbed) as found:
        yield found


@contextmanager
def _api_of(session_folder: Path, name: str, results: WatchResults) -> Iterator[_Api]:
    state, clock = session_folder / name, SystemClock()
    shutil.copytree(session_folder / "undisturbed", state)
    add_user(state, "ada", Role.ADMIN, clock)
    token = ApiTokens(state, clock).create("ada", Role.OPERATOR, purpose="test", days=3)
    options = load_settings(None, console={"hosts": ("testserver",)})  # by that name the fuzzer's checks ask
    access = Access(state, "127.0.0.1", options.console, clock, passwords=QUICK_PASSWORDS)
    parts = make_parts(state, options, clock, access)
    parts = dataclasses.replace(parts, replays=ReplayRunner(state, None, clock, program=_NO_REPLAY))
    with LiveBoardWriter(state / BOARD_NAME, clock) as board:
        board.show(_reading())
        found = _Api(create_app(parts), token, {}, results)
        for path in ("episodes", "incidents", "alarms"):
            found.ids[path] = [entry["id"] for entry in found.items(path)]
        yield found
    parts.close()


def _reading() -> LiveReading:
    picture = np.arange(102 * 128, dtype=np.uint32).reshape(102, 128).astype(np.uint8)
    return LiveReading(
        device=parse_device(CAMERA),
        event_time_ns=parse_iso("2022-07-01T09:34:00.100Z"),
        scoring=Scoring.SCORED,
        refusal=Refusal.NONE,
        score=1.5,
        anomalous=False,
        values={"centroid_x_px": 64.0, "centroid_y_px": float("nan")},
        thumbnail=picture,
    )


_OPERATIONS = [
    (method, path)
    for path, methods in openapi_document(RESOURCES, "petawatch-80")["paths"].items()
    for method in sorted(methods)
]
#: Not what a valid question is, by the document alone: times, stretches and cursors are texts there.
_CHECKS: list[Any] = [check for check in CHECKS.get_all() if check.__name__ != "positive_data_acceptance"]


@pytest.mark.parametrize(("method", "path"), _OPERATIONS, ids=[f"{method} {path}" for method, path in _OPERATIONS])
def test_a_fuzzer_finds_nothing(fuzzed: _Api, method: str, path: str) -> None:
    api = fuzzed
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", api.application, headers=api.headers)
    operation = schema[path][method]
    questions = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    questions |= operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)
    known = {"alert_id": api.ids["episodes"], "incident_id": api.ids["incidents"], "alarm_id": api.ids["alarms"]}

    @settings(
        max_examples=12,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=questions, number=st.integers(0, 9))
    def ask(case: schemathesis.Case[Any], number: int) -> None:
        for name, ids in known.items():
            if number and name in case.path_parameters:
                case.path_parameters[name] = ids[number % len(ids)]
        answer = case.call(base_url="http://127.0.0.1", headers=api.headers)
        case.validate_response(answer, checks=_CHECKS, headers=api.headers)

    ask()


def test_episodes_are_the_alerts(api: _Api) -> None:
    found = {episode["id"]: episode for episode in api.items("episodes", limit=7)}
    assert list(found) == [alert["id"] for alert in api.results.alerts]
    for alert in api.results.alerts:
        episode = found[alert["id"]]
        for name in ("kind", "severity", "status", "device", "shots", "score", "reasons", "explanation", "model"):
            assert episode[name] == alert[name]
        assert (episode["first_shot"], episode["last_shot"]) == (alert["first_shot"], alert["last_shot"])
        assert [each["role"] for each in episode["evidence"]] == [each["role"] for each in alert["evidence"]]
        assert api.get(f"episodes/{alert['id']}") == episode


def test_episodes_by_what_they_are(api: _Api) -> None:
    alerts = api.results.alerts

    def ids(**question: Any) -> set[str]:
        return {episode["id"] for episode in api.items("episodes", **question)}

    assert ids(kind="image_anomaly") == {alert["id"] for alert in alerts if alert["kind"] == "image_anomaly"}
    assert ids(severity="high") == {alert["id"] for alert in alerts if alert["severity"] == "high"}
    assert ids(device="*Camera*") == {alert["id"] for alert in alerts if "Camera" in alert["device"]}
    assert ids(status="open") | ids(status="closed") == {alert["id"] for alert in alerts}
    middle = alerts[len(alerts) // 2]["first_shot"]
    assert ids(**{"from": middle}) == {alert["id"] for alert in alerts if alert["last_shot"] >= middle}
    assert ids(to=middle) == {alert["id"] for alert in alerts if alert["first_shot"] < middle}
    assert ids(verdict="unclear") == set()


def test_a_verdict_is_given_once_and_seen_by_all(api: _Api) -> None:
    client, id_ = api.client(), api.ids["episodes"][3]
    before = client.get(f"/api/v1/episodes/{id_}")
    answer = client.post(
        f"/api/v1/episodes/{id_}/verdict",
        json={"verdict": "false", "why": "shutter test"},
        headers={"If-Match": before.headers["etag"]},
    )
    assert answer.status_code == 200
    judgement = answer.json()["judgement"]
    assert (judgement["verdict"], judgement["why"], judgement["by"]) == ("false", "shutter test", "ada")
    late = client.post(
        f"/api/v1/episodes/{id_}/verdict",
        json={"verdict": "true"},
        headers={"If-Match": before.headers["etag"]},
    )
    assert (late.status_code, late.json()["reason"]) == (412, "changed")
    assert id_ in {episode["id"] for episode in api.items("episodes", verdict="false")}
    assert api.items("audit")[-1]["action"] == "verdict"


def test_evidence_is_the_file_and_stays(api: _Api) -> None:
    client = api.client()
    evidence = next(each for episode in api.items("episodes") for each in episode["evidence"])
    picture = client.get(evidence["png"])
    assert picture.headers["content-type"] == "image/png"
    assert picture.content[:4] == b"\x89PNG"
    assert client.get(evidence["png"], headers={"If-None-Match": picture.headers["etag"]}).status_code == 304
    arrays = np.load(io.BytesIO(client.get(evidence["npz"]).content), allow_pickle=False)
    assert arrays["raw"].shape == (102, 128)
    assert json.loads(str(arrays["metadata"]))["role"] == evidence["role"]


@pytest.mark.parametrize(
    "path", ["..%2f..%2fdecisions", "first/../../../petawatch.sqlite%23", "%2e%2e/first", "first%00"]
)
def test_evidence_leads_nowhere_else(api: _Api, path: str) -> None:
    answer = api.client().get(f"/api/v1/evidence/{api.ids['episodes'][0]}/{path}.png")
    assert answer.status_code in {404, 422}


def test_an_incident_is_acknowledged_once(api: _Api) -> None:
    client = api.client()
    incident = next(each for each in api.items("incidents", limit=2) if each["acknowledged"] is None)
    path = f"/api/v1/incidents/{incident['id']}"
    assert client.get(path).json()["members"]
    first = client.post(f"{path}/acknowledge", json={"why": "seen"})
    assert (first.status_code, first.json()["acknowledged_by"]) == (200, "ada")
    again = client.post(f"{path}/acknowledge")
    assert (again.status_code, again.json()["reason"]) == (409, "already_acknowledged")
    assert "ada acknowledged" in again.json()["detail"]


def test_alarms_are_shelved_and_unshelved(api: _Api) -> None:
    client, id_ = api.client(), api.ids["alarms"][0]
    until = format_iso(SystemClock().now_ns() + HOUR_NS)
    shelved = client.post(f"/api/v1/alarms/{id_}/shelve", json={"until": until, "why": "camera swap"})
    assert shelved.status_code == 200, shelved.text
    assert (shelved.json()["state"], shelved.json()["shelved_until"]) == ("shelved", until)
    assert [alarm["id"] for alarm in api.items("alarms", state="shelved")] == [id_]
    assert client.post(f"/api/v1/alarms/{id_}/unshelve").json()["shelved_until"] is None
    assert client.post(f"/api/v1/alarms/{id_}/unshelve").json()["reason"] == "refused"


def test_a_stage_goes_into_maintenance_and_out(api: _Api) -> None:
    client = api.client()
    begun = client.post("/api/v1/maintenance/LA-A3-31/start", json={"why": "realignment"})
    assert (begun.status_code, begun.json()["stage"], begun.json()["until"]) == (200, "LA-A3-31", None)
    assert [each["why"] for each in api.items("maintenance")] == ["realignment"]
    assert client.post("/api/v1/maintenance/LA-A3-31/end").status_code == 200
    assert client.post("/api/v1/maintenance/LA-A3-31/end").json()["reason"] == "no_maintenance"
    assert api.items("maintenance") == []


def test_files_ledger_stages_and_devices(api: _Api, snapshots: list[Path]) -> None:
    found = api.items("files", limit=4)
    assert sorted(Path(file["path"]).name for file in found) == sorted(path.name for path in snapshots)
    assert all(file["balanced"] and file["copies"] is None for file in found)
    ledger = api.get("ledger")
    assert {name: ledger[name] for name in api.results.ledger} == api.results.ledger
    stages = {stage["name"]: stage["devices"] for stage in api.items("stages")}
    assert CAMERA in stages["LA-A3-31"]
    devices = {device["name"]: device["kind"] for device in api.items("devices")}
    assert devices[CAMERA] == "camera"
    assert api.get("models")["shipped"]


def test_live_readings(api: _Api) -> None:
    [reading] = api.items("live")
    assert reading["device"] == CAMERA
    assert reading["values"] == {"centroid_x_px": 64.0, "centroid_y_px": None}
    picture = api.client().get(reading["picture"])
    assert picture.content[:4] == b"\x89PNG"
    assert api.client().get(reading["picture"], headers={"If-None-Match": picture.headers["etag"]}).status_code == 304


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("replays", b"{", {}, 422),
        ("replays", b"\xff", {}, 400),
        ("replays", b"{}", {"Content-Type": "text/plain"}, 415),
        ("replays", b'{"from": "2022-07-01", "to": "2022-07-02", "into": "/"}', {}, 422),
        ("replays", b" " * 20_000, {}, 413),
    ],
)
def test_wrong_bodies(api: _Api, path: str, body: bytes, headers: dict[str, str], status: int) -> None:
    answer = api.client().post(f"/api/v1/{path}", content=body, headers={"Content-Type": "application/json", **headers})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_other_media_types_methods_and_paths(api: _Api) -> None:
    client = api.client()
    assert client.get("/api/v1/ledger", headers={"Accept": "text/html"}).status_code == 406
    refused = client.put("/api/v1/ledger")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET")
    nothing = client.get("/api/v1/nothing")
    assert (nothing.status_code, nothing.json()["reason"]) == (404, "not_found")


def test_the_example_of_the_guide_reads_shots_into_a_data_frame(api: _Api) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "control-room.md").read_text(encoding="utf-8")
    match = re.search(r"```python\n(import urllib\.request\n.*?)```", guide, re.DOTALL)
    assert match is not None
    with _served(api.application) as address:
        example = match[1].replace("http://127.0.0.1:8080", address).replace("petawatch_...", api.token)
        names: dict[str, Any] = {}
        exec(example, names)  # noqa: S102 - what operators are told to do
    shots = names["shots"]
    rows = [row for row in api.results.shots.to_pylist() if row["kind"] == "camera"]
    assert len(shots) == len(rows) > 0
    assert list(shots.device) == [row["device"] for row in rows]
    assert list(shots.columns) == api.results.shots.column_names


def test_a_stream_that_breaks_off_is_no_whole_one_to_its_reader(api: _Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaking(state: Path, question: RowQuestion) -> Iterator[RowTable]:
        yield next(stream_rows(state, question))
        raise FatalError("the disk fails", reason="disk_error")

    monkeypatch.setattr(rows, "stream_rows", breaking)
    with _served(api.application) as address:
        request = urllib.request.Request(f"{address}/api/v1/shots?format=arrow", headers=api.headers)  # noqa: S310
        with urllib.request.urlopen(request) as answer, pytest.raises(http.client.IncompleteRead):  # noqa: S310
            pa.ipc.open_stream(answer).read_all()


@contextmanager
def _served(application: FastAPI) -> Iterator[str]:
    """The application behind a real server on this computer."""
    with listening("127.0.0.1", 0) as listener:
        server = uvicorn.Server(uvicorn.Config(application, log_level="critical", lifespan="off"))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            wait_until(lambda: server.started)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(60)
    assert not thread.is_alive()

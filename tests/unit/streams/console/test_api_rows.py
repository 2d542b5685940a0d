"""Rows by the API: every one once, the same as an export, told apart by entity tags."""

import asyncio
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.state.commit import Commit
from connectors.state.directory import StateDirectory
from connectors.state.reader import StateReader
from connectors.state.row_columns import Rows
from models.event_time import HOUR_NS, MINUTE_NS, format_iso
from models.results import Outcome
from streams.console import api_work as work_module
from streams.console.api import rows as rows_module
from streams.console.api.shots import Shot
from streams.console.api.triplets import Triplet
from tests.support.consoles import console_client
from tests.unit.connectors.state.examples import (
    CAMERA,
    METER,
    START_NS,
    STEP_NS,
    commit_of,
    decided,
    file_record,
    source,
)

_ARROW = {"Accept": "application/vnd.apache.arrow.stream"}


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateDirectory]:
    with StateDirectory.open(tmp_path / "state") as directory:
        for number in range(4):
            directory.commit(commit_of(number))
            if number == 1:
                directory.flush()
        yield directory


@pytest.fixture
def client(state: StateDirectory) -> TestClient:
    return console_client(state.path)


def _pages(client: TestClient, path: str, **question: Any) -> Iterator[dict[str, Any]]:
    cursor: dict[str, str] = {}
    while True:
        answer = client.get(f"/api/v1/{path}", params=question | cursor)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        yield page
        if page["next"] is None:
            return
        cursor = {"cursor": page["next"]}


def _exported(state: Path, what: Rows = Rows.SHOTS, *stretch: int | None) -> pa.Table:
    with StateReader.open(state) as reader:
        return reader.exported(what, *stretch)


@pytest.mark.parametrize(("what", "model"), [(Rows.SHOTS, Shot), (Rows.TRIPLETS, Triplet)])
def test_the_documented_fields_are_those_of_an_export(what: Rows, model: Any, client: TestClient) -> None:
    page = next(_pages(client, what))
    assert list(page["items"][0]) == list(model.model_fields) == rows_module.exported_columns(what)


@pytest.mark.parametrize("what", list(Rows))
def test_as_arrow_it_is_the_export(what: Rows, client: TestClient, state: StateDirectory) -> None:
    answer = client.get(f"/api/v1/{what}", headers=_ARROW)
    assert answer.headers["content-type"] == _ARROW["Accept"]
    assert pa.ipc.open_stream(answer.content).read_all().combine_chunks().equals(_exported(state.path, what))
    assert client.get(f"/api/v1/{what}?format=arrow").content == answer.content


def test_arrow_of_a_stretch_and_some_fields(client: TestClient, state: StateDirectory) -> None:
    from_ns, to_ns = START_NS + 20 * STEP_NS, START_NS + 70 * STEP_NS
    answer = client.get(
        "/api/v1/shots",
        params={
            "from": format_iso(from_ns),
            "to": format_iso(to_ns),
            "fields": "score,event_time",
            "device": "*Camera*",
        },
        headers=_ARROW,
    )
    found = pa.ipc.open_stream(answer.content).read_all()
    rows = _exported(state.path, Rows.SHOTS, from_ns, to_ns)
    wanted = rows.filter(pa.compute.equal(rows["device"], CAMERA.name)).select(["event_time", "score"])
    assert found.combine_chunks().equals(wanted.combine_chunks())
    assert len(found) == 50


def test_what_was_not_scored_has_no_score(client: TestClient, state: StateDirectory) -> None:
    late = decided(METER, 5, of=source("late"), outcome=Outcome.LATE, start_ns=START_NS - HOUR_NS)
    unscored = replace(late.scored, scoring=np.zeros(5, np.uint8), score=np.zeros(5, np.float32))
    state.commit(Commit(files=[file_record(source("late"), 5)], decided=[replace(late, scored=unscored)]))
    for fields in ({}, {"fields": "score"}):
        question = {"to": format_iso(START_NS - MINUTE_NS), **fields}
        page = next(_pages(client, "shots", **question))
        assert [row["score"] for row in page["items"]] == [None] * 5
        answer = client.get("/api/v1/shots", params=question, headers=_ARROW)
        assert pa.ipc.open_stream(answer.content).read_all()["score"].to_pylist() == [None] * 5


def test_arrow_of_nothing_is_a_table_without_rows(client: TestClient) -> None:
    answer = client.get("/api/v1/shots?from=1999-01-01&to=1999-01-02&format=arrow")
    table = pa.ipc.open_stream(answer.content).read_all()
    assert (len(table), table.column_names) == (0, rows_module.exported_columns(Rows.SHOTS))


@pytest.mark.parametrize("limit", [1, 7, 100, 1000])
def test_pages_together_are_the_export(limit: int, client: TestClient, state: StateDirectory) -> None:
    pages = list(_pages(client, "shots", limit=limit, to=format_iso(START_NS + 40 * STEP_NS)))
    found = [row for page in pages for row in page["items"]]
    expected = _exported(state.path, Rows.SHOTS, None, START_NS + 40 * STEP_NS)
    assert [row["device"] for row in found] == expected["device"].to_pylist()
    assert [row["score"] for row in found] == pytest.approx(expected["score"].to_pylist())
    times = expected["event_time"].cast(pa.int64()).to_pylist()
    assert [_ns(row["event_time"]) for row in found] == times
    assert all(len(page["items"]) <= limit for page in pages)


@settings(max_examples=10, deadline=None)
@given(
    limit=st.integers(1, 40),
    added=st.lists(st.tuples(st.integers(0, 6), st.integers(1, 9), st.sampled_from([METER, CAMERA])), max_size=6),
    copies=st.integers(0, 5),
)
def test_each_row_comes_once_while_others_are_added(limit: int, added: list[tuple[int, int, Any]], copies: int) -> None:
    with tempfile.TemporaryDirectory() as folder, StateDirectory.open(Path(folder)) as state:
        state.commit(commit_of(0, rows=20))
        for number in range(copies):
            of = source(f"copy{number}")
            block = decided(CAMERA, 3, of=of, outcome=Outcome.DUPLICATE)
            state.commit(Commit(files=[file_record(of, 3)], decided=[block]))
        rows = _exported(Path(folder))
        times = rows["event_time"].cast(pa.int64()).to_pylist()
        first = list(zip(times, rows["device"].to_pylist(), rows["file"].to_pylist(), strict=True))
        found: list[tuple[int, str, str]] = []
        more = iter(enumerate(added))
        for page in _pages(console_client(Path(folder)), "shots", limit=limit):
            found += _identities(page["items"])
            if (step := next(more, None)) is not None:
                number, (minute, rows, device) = step
                of = source(f"later{number}")
                block = decided(
                    device, rows, of=of, start_ns=START_NS + minute * MINUTE_NS + number, outcome=Outcome.LATE
                )
                state.commit(Commit(files=[file_record(of, rows)], decided=[block]))
                if number % 2:
                    state.flush()
        assert len(found) == len(set(found))
        assert set(first) <= set(found)


def _identities(rows: list[dict[str, Any]]) -> list[tuple[int, str, str]]:
    return [(_ns(row["event_time"]), row["device"], row["file"]) for row in rows]


def _ns(text: str) -> int:
    return int(np.datetime64(text.removesuffix("Z"), "ns").astype(np.int64))


def test_a_page_that_looks_at_too_much_ends_before_it_is_full(
    client: TestClient, state: StateDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows_module, "MOST_SCANNED", 1)
    pages = list(_pages(client, "shots", device=METER.name, limit=5))
    rows = [row for page in pages for row in page["items"]]
    expected = [row for row in _exported(state.path).to_pylist() if row["device"] == METER.name]
    assert [row["score"] for row in rows] == pytest.approx([row["score"] for row in expected])
    assert len(list(_pages(client, "shots", device="nobody", limit=5))) > 1


def test_filters(client: TestClient, state: StateDirectory) -> None:
    everything = _exported(state.path).to_pylist()

    def number(**question: Any) -> int:
        return sum(len(page["items"]) for page in _pages(client, "shots", limit=1000, **question))

    assert number(kind="camera") == sum(row["kind"] == "camera" for row in everything) > 0
    assert number(anomalous=True) == sum(row["anomalous"] for row in everything) > 0
    assert number(stage="LA-A3-*") == len(everything)
    assert number(stage="LB-*") == 0
    triplets = _exported(state.path, Rows.TRIPLETS).to_pylist()
    pages = _pages(client, "triplets", complete=False, idle=False, stage="LA-A3-31", limit=7)
    found = [row for page in pages for row in page["items"]]
    assert len(found) == sum(not row["complete"] and not row["idle"] for row in triplets)


def test_who_has_the_latest_answer_is_told_so(client: TestClient, state: StateDirectory) -> None:
    first = client.get("/api/v1/shots?limit=3")
    tag = {"If-None-Match": f'"other", W/{first.headers["etag"]}'}
    again = client.get("/api/v1/shots?limit=3", headers=tag)
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert client.get("/api/v1/shots?limit=4", headers=tag).status_code == 200
    assert client.get("/api/v1/shots?limit=3", headers={"If-None-Match": "*"}).status_code == 304
    state.commit(commit_of(7))
    changed = client.get("/api/v1/shots?limit=3", headers=tag)
    assert (changed.status_code, changed.json()) == (200, first.json())


def test_a_cursor_is_good_for_its_own_question_alone(client: TestClient) -> None:
    cursor = next(_pages(client, "shots", limit=2))["next"]
    assert client.get("/api/v1/shots", params={"cursor": cursor, "limit": 9}).status_code == 200
    for path, question in (("triplets", {}), ("shots", {"device": "x"}), ("shots", {"from": "2022-07-01"})):
        answer = client.get(f"/api/v1/{path}", params={"cursor": cursor, **question})
        assert (answer.status_code, answer.json()["reason"]) == (422, "cursor")


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ("from=yesterday", "time"),
        ("to=0001-01-01", "time"),
        ("from=9999-12-31", "time"),
        ("from=2022-07-01&to=2022-07-01", "stretch"),
        ("fields=score,hdf5_group", "fields"),
        ("fields=", "fields"),
        ("cursor=", "cursor"),
        ("cursor=%5B%5D", "cursor"),
        ("cursor=bnVsbA", "cursor"),
        ("limit=1001", "bad_request"),
        ("kind=elephant", "bad_request"),
        ("device=" + "x" * 101, "bad_request"),
    ],
)
def test_a_wrong_question_is_one_sentence(client: TestClient, question: str, reason: str) -> None:
    answer = client.get(f"/api/v1/shots?{question}")
    problem = answer.json()
    assert answer.status_code == problem["status"] == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["reason"] == reason
    assert problem["detail"].endswith(".")
    assert "\n" not in problem["detail"]


def test_too_many_exports_at_once_are_refused_and_their_places_are_given_back(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.get("/api/v1/shots?limit=1")
    work = client.app.state.parts.api_work  # type: ignore[attr-defined]
    for _ in range(work_module.MOST_STREAMS):
        assert client.get("/api/v1/shots", headers=_ARROW).status_code == 200
    taken = 0
    while work.open_streams.acquire(blocking=False):
        taken += 1
    assert taken == work_module.MOST_STREAMS
    answer = client.get("/api/v1/shots", headers=_ARROW)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "5")
    assert client.get("/api/v1/shots").status_code == 200
    work.open_streams.release()
    assert client.get("/api/v1/shots?format=arrow&from=2022-07-01").status_code == 200


@pytest.mark.parametrize("ending", ["stalls", "hangs up"])
def test_a_client_that_stalls_or_hangs_up_gives_its_place_back(
    ending: str, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work_module, "STALL_S", 0.05)
    client.get("/api/v1/shots?limit=1")
    sent: list[str] = []

    async def receive() -> dict[str, Any]:
        if ending == "stalls" or not sent:
            await asyncio.sleep(30)
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message["type"])
        if message["type"] == "http.response.body":
            await asyncio.sleep(30)

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/api/v1/shots",
        "query_string": b"format=arrow",
        "headers": [(b"host", b"127.0.0.1")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "scheme": "http",
    }
    asyncio.run(asyncio.wait_for(client.app(scope, receive, send), 20))
    assert sent[0] == "http.response.start"
    work = client.app.state.parts.api_work  # type: ignore[attr-defined]
    for _ in range(work_module.MOST_STREAMS):
        assert work.open_streams.acquire(blocking=False)


def test_without_a_watch_yet_it_is_a_problem_that_passes(tmp_path: Path) -> None:
    answer = console_client(tmp_path).get("/api/v1/shots")
    assert (answer.status_code, answer.json()["reason"]) == (503, "state_missing")
    assert "retry-after" in answer.headers


def test_days_apart_need_no_more_pages(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        for number in range(3):
            of = source(f"f{number}")
            block = decided(CAMERA, 2, of=of, start_ns=START_NS + number * 100 * HOUR_NS)
            state.commit(Commit(files=[file_record(of, 2)], decided=[block]))
            state.flush()
    pages = list(_pages(console_client(tmp_path), "shots", limit=6))
    assert [len(page["items"]) for page in pages] == [6]

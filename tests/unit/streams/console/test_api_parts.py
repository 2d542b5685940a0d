"""What the API's resources have in common: problems, entity tags, places to work, the document."""

import asyncio
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from connectors.access.role import Role
from dashboards.console.api_view import document_entries, operation_groups, pieces
from models.errors import FatalError, PetawatchError, RecordError, RetryableError
from streams.console import api_work as work_module
from streams.console.api import RESOURCES
from streams.console.api.openapi import openapi_document
from streams.console.api.questions import time_of
from streams.console.api.validators import NotModifiedError, require_match, tag_answer, tag_of
from streams.console.api_work import ApiWork
from streams.console.problems import RefusedError, problem, status_of
from tests.support.consoles import HTML, console_client
from tests.support.manual_clock import ManualClock
from tests.support.signing_in import add_user, operating_program


def _request(**headers: str) -> Request:
    return Request(
        {"type": "http", "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()]}
    )


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (RecordError("", reason="unknown_alert"), 404),
        (RecordError("", reason="already_acknowledged"), 409),
        (RecordError("", reason="reason_too_long"), 422),
        (RecordError("", reason="no_end"), 422),
        (RecordError("", reason="expired"), 410),
        (RetryableError("", reason="state_busy"), 503),
        (RetryableError("", reason="replay_busy"), 429),
        (FatalError("", reason="state_missing"), 503),
        (FatalError("", reason="state_damaged"), 500),
    ],
)
def test_the_status_follows_from_the_failure(error: PetawatchError, status: int) -> None:
    assert status_of(error) == status


def test_problems_end_with_a_full_stop_and_have_words_for_bare_statuses() -> None:
    assert b'"detail":"It is so."' in problem(409, "It is so", "so").body
    assert b"/api shows all" in problem(404, "Not Found", "not_found").body
    assert problem(503, "Away.", "away").headers["retry-after"] == "5"


@pytest.mark.parametrize("known", ["*", "{tag}", "W/{tag}", '"x", {tag}', '"x",W/{tag} , "y"'])
def test_a_tag_that_is_known_is_no_new_answer(known: str) -> None:
    tag = tag_of("state", 7)
    with pytest.raises(NotModifiedError):
        tag_answer(_request(**{"If-None-Match": known.format(tag=tag)}), tag)


@pytest.mark.parametrize("known", ["", '"x"', "x", '"', "state"])
def test_a_tag_that_is_not_known_is_given(known: str) -> None:
    request, tag = _request(**{"If-None-Match": known}), tag_of("state", 7)
    tag_answer(request, tag)
    assert request.state.tag == tag


def test_a_step_is_taken_on_what_was_read() -> None:
    tag = tag_of(1)
    for seen in ({}, {"If-Match": "*"}, {"If-Match": f'"x", {tag}'}):
        require_match(_request(**seen), tag)
    with pytest.raises(RefusedError) as refused:
        require_match(_request(**{"If-Match": '"x"'}), tag)
    assert refused.value.status_code == 412


def test_times_that_no_database_holds_are_refused() -> None:
    assert time_of("from", None) is None
    assert time_of("from", "1970-01-01T00:00:01Z") == 10**9
    for text in ("1699-12-31", "2200-01-01", "2022-13-01", "\u0662022-01-01", "now"):
        with pytest.raises(RefusedError):
            time_of("from", text)


def test_what_takes_too_long_is_answered_and_keeps_its_thread_until_it_ends() -> None:
    free, at_work = threading.Event(), threading.Semaphore(0)

    def wait() -> None:
        at_work.release()
        free.wait(60)

    async def ask() -> tuple[set[int], int]:
        work = ApiWork()
        statuses = {await _status(work, wait, limit_s=0.05) for _ in range(work_module.MOST_AT_WORK + 5)}
        free.set()
        return statuses, await _status(work, lambda: None)

    assert asyncio.run(ask()) == ({503}, 200)
    assert sum(at_work.acquire(blocking=False) for _ in range(100)) == work_module.MOST_AT_WORK


def test_only_some_wait_and_pages_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work_module, "MOST_WAITING", 2)
    free = threading.Event()

    async def ask() -> tuple[int, int, list[int]]:
        work = ApiWork()
        asked = [asyncio.create_task(_status(work, lambda: free.wait(60))) for _ in range(work_module.MOST_AT_WORK + 2)]
        await asyncio.sleep(0)  # all of them have begun
        refused = await _status(work, lambda: None)
        page = await asyncio.to_thread(lambda: 1)  # the other threads are free
        free.set()
        return refused, page, await asyncio.gather(*asked)

    assert asyncio.run(ask()) == (429, 1, [200] * (work_module.MOST_AT_WORK + 2))


async def _status(work: ApiWork, do: Callable[[], object], *, limit_s: float = 60.0) -> int:
    try:
        await work.do(do, limit_s=limit_s)
    except RefusedError as error:
        return error.status_code
    return 200


def test_a_mistake_of_the_program_is_a_problem_without_its_traces(tmp_path: Path) -> None:
    client = console_client(tmp_path)
    application = client.app
    assert isinstance(application, FastAPI)
    application.state.parts = None
    answer = TestClient(application, base_url="http://127.0.0.1", raise_server_exceptions=False).get("/api/v1/ledger")
    assert (answer.status_code, answer.json()["reason"]) == (500, "internal_error")
    assert "Traceback" not in answer.text
    assert "File" not in answer.text


_DOCUMENT = openapi_document(RESOURCES, "petawatch-80")


def _operations() -> list[tuple[str, dict[str, Any]]]:
    return [(method, operation) for path in _DOCUMENT["paths"].values() for method, operation in path.items()]


def test_every_path_says_what_it_is_how_it_is_guarded_and_what_it_refuses() -> None:
    for method, operation in _operations():
        assert operation["description"].strip().endswith(".")
        assert operation["tags"][0] in {tag["name"] for tag in _DOCUMENT["tags"]}
        schemes = {name for way in operation["security"] for name in way}
        assert schemes == ({"token", "session"} if method == "get" else {"token", "session", "csrf"})
        refusals = {"401", "403", "404", "406", "422", "429", "503"}
        refusals |= {"304"} if method == "get" else {"400", "409", "412", "413", "415"}
        assert refusals <= set(operation["responses"])
    identifiers = [operation["operationId"] for _, operation in _operations()]
    assert len(set(identifiers)) == len(identifiers)


def test_every_parameter_and_answer_says_what_it_means() -> None:
    for method, operation in _operations():
        for row in operation.get("parameters", ()):
            assert row.get("description", "").endswith("."), (operation["operationId"], row["name"])
        for status, answer in operation["responses"].items():
            assert answer["description"].endswith("."), (operation["operationId"], status)
            wanted = "application/problem+json" if status[0] == "4" or status[0] == "5" else None
            assert wanted is None or list(answer["content"]) == [wanted]
            assert ("Retry-After" in answer.get("headers", {})) is (status in {"429", "503"})
        assert method != "get" or "ETag" in operation["responses"]["200"]["headers"]


def test_the_examples_are_ones(tmp_path: Path) -> None:
    """What the document gives as an example of a parameter is understood."""
    client = operating_program(tmp_path)
    for path, methods in _DOCUMENT["paths"].items():
        for row in methods.get("get", {}).get("parameters", ()):
            for example in row["schema"].get("examples", row.get("examples", ())):
                url = _concrete(path.replace("{" + row["name"] + "}", example))
                asked = {row["name"]: example} if row["in"] == "query" else {}
                assert client.get(url, params=asked).status_code != 422, (path, row["name"], example)


def _every_field(check: Callable[[str, dict[str, Any]], None]) -> None:
    for name, schema in _DOCUMENT["components"]["schemas"].items():
        for field, words in schema.get("properties", {}).items():
            check(f"{name}.{field}", words)


def test_every_field_says_what_it_means() -> None:
    def check(name: str, words: dict[str, Any]) -> None:
        assert words.get("description", "").endswith((".", "...")), name

    _every_field(check)


def _concrete(path: str) -> str:
    """A path of the document with ids and names that have the right form."""
    known = {"role": "first", "stage": "LA-A3-31", "device": "camera"}
    return re.sub(r"{(\w+)}", lambda match: known.get(match[1], "0123456789abcdef"), path)


@pytest.mark.parametrize(
    ("method", "path"), [(method, path) for path, methods in _DOCUMENT["paths"].items() for method in methods]
)
def test_every_path_refuses_a_parameter_that_it_does_not_have(method: str, path: str, tmp_path: Path) -> None:
    known = [row["name"] for row in _DOCUMENT["paths"][path][method].get("parameters", ()) if row["in"] == "query"]
    client = operating_program(tmp_path)
    for name in ("no_such", "no_such=1&no_such", "no such", "x" * 5_000, *(f"{each}s" for each in known)):
        answer = client.request(method, f"{_concrete(path)}?{name}=1", json={})
        document = answer.json()
        assert (answer.status_code, document["reason"]) == (422, "unknown_parameter"), answer.text
        assert document["detail"].endswith(f" {', '.join(known)}." if known else "takes none.")
        assert len(document["detail"]) < 400
        assert name not in {f"{each}s" for each in known} or f"did you mean `{name[:-1]}`?" in document["detail"]


@pytest.mark.parametrize(
    ("method", "path"), [(method, path) for path, methods in _DOCUMENT["paths"].items() for method in methods]
)
def test_every_documented_parameter_is_known_and_repeated_only_where_that_means_something(
    method: str, path: str, tmp_path: Path
) -> None:
    client = operating_program(tmp_path)
    for row in _DOCUMENT["paths"][path][method].get("parameters", ()):
        if row["in"] != "query":
            continue
        url, name = _concrete(path), row["name"]
        assert client.request(method, f"{url}?{name}=1", json={}).json().get("reason") != "unknown_parameter"
        twice = client.request(method, f"{url}?{name}=1&{name}=2", json={}).json().get("reason")
        many = "array" in {form.get("type") for form in (row["schema"], *row["schema"].get("anyOf", ()))}
        assert (twice == "repeated_parameter") is not many


def test_a_parameter_is_found_wrong_only_for_those_who_may_ask(tmp_path: Path) -> None:
    add_user(tmp_path, "ada", Role.VIEWER, ManualClock())
    answer = console_client(tmp_path).get("/api/v1/shots?form=2022-07-01")
    assert (answer.status_code, "from" in answer.json()["detail"]) == (401, False)


def test_pages_take_what_they_do_not_know(tmp_path: Path) -> None:
    assert console_client(tmp_path).get("/settings?no_such=1", headers=HTML).status_code == 200


def test_the_page_shows_every_path_and_runs_no_script_of_its_own(tmp_path: Path) -> None:
    page = console_client(tmp_path).get("/api", headers=HTML)
    for path in _DOCUMENT["paths"]:
        assert f"<code>{path}</code>" in page.text
    for name in _DOCUMENT["components"]["schemas"]:
        assert f'id="document-{name}"' in page.text
    assert "<script>" not in page.text
    assert "http://" not in page.text.replace("http://127.0.0.1", "")
    assert "https://" not in page.text


def test_the_view_of_the_document() -> None:
    groups = {group.name: group for group in operation_groups(_DOCUMENT)}
    shots = next(each for each in groups["rows"].operations if each.path == "/api/v1/shots")
    assert shots.answers == ("application/json", "application/vnd.apache.arrow.stream")
    assert {row.name: row.type for row in shots.parameters}["limit"] == "integer from 1 to 1000"
    episodes = next(each for each in groups["alerts"].operations if each.path == "/api/v1/episodes")
    kind = next(row for row in episodes.parameters if row.name == "kind")
    assert (kind.type, kind.document) == ("AlertKind", "AlertKind")
    alarms = next(each for each in groups["alarms"].operations if each.path == "/api/v1/alarms")
    assert next(row for row in alarms.parameters if row.name == "state").document == "AlarmState"
    shelve = next(each for each in groups["alarms"].operations if each.path.endswith("/shelve"))
    assert [(row.name, row.required) for row in shelve.body] == [("why", True), ("until", True)]
    kinds = next(entry for entry in document_entries(_DOCUMENT) if entry.name == "Verdict")
    assert kinds.words == ("true", "false", "unclear")
    assert [(piece.text, piece.is_code) for piece in pieces("see `a`, `b`")] == [
        ("see ", False),
        ("a", True),
        (", ", False),
        ("b", True),
    ]

"""The pages of replays, around a process that stands for the command."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from models.event_time import parse_iso
from streams.console.replays.runner import ReplayRunner
from tests.support.console_state import write_state
from tests.support.consoles import HTML, console_client
from tests.support.manual_clock import ManualClock
from tests.support.signing_in import csrf_token
from tests.support.watching import wait_until

ALERT = {
    "device": "",
    "stage": {"front_end": "LA", "amp": "A3", "arm": "31"},
    "first_shot": "2022-07-01T09:32:04.400Z",
    "severity": "high",
    "explanation": "",
    "kind": "no_beam",
    "reasons": ["no_beam"],
    "score": None,
}
CAMERA = {
    "device": "LA-1",
    "shots": 600,
    "odd_both": 1,
    "odd_first_only": 2,
    "odd_second_only": 3,
    "differences": {"0.5": 0.25},
}
CAVEAT = "it starts without an archived state: all devices learn anew"
RESULT = {
    "caveat": CAVEAT,
    "alerts": [ALERT],
    "results": ["/archive/replays/a"],
    "comparison": {
        "models": ["ae-1", "ae-2"],
        "first_only": [ALERT],
        "second_only": [],
        "both": [],
        "cameras": [CAMERA],
    },
}
PROGRESS = {
    "model": "ae-2",
    "number": 2,
    "models": 2,
    "files_done": 6,
    "files": 12,
    "files_before": 0,
    "records_done": 10_800,
    "records": 21_600,
    "began_ns": parse_iso("2022-07-01T11:00"),
    "reached_ns": parse_iso("2022-07-01T11:03"),
    "elapsed_s": 9.0,
}
PROGRAM = f"""
import pathlib, sys, time
arguments = sys.argv[1:]
if "2022-07-01T09:34" in arguments[arguments.index("--from") + 1]:
    sys.exit("Error: no snapshot is known")
if "2022-07-01T09:35" in arguments[arguments.index("--from") + 1]:
    pathlib.Path(arguments[arguments.index("--progress") + 1]).write_text({json.dumps(PROGRESS)!r})
    time.sleep(600)
pathlib.Path(arguments[arguments.index("--page") + 1]).write_text("<p>all of it</p>")
print({json.dumps(RESULT)!r})
"""


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    write_state(tmp_path)
    (tmp_path / "models" / "ae-2").mkdir(parents=True)
    (tmp_path / "models" / "ae-2" / "model.json").touch()
    client = console_client(tmp_path)
    parts = client.app.state.parts  # type: ignore[attr-defined]
    runner = ReplayRunner(tmp_path, None, ManualClock(), program=PROGRAM)
    object.__setattr__(parts, "replays", runner)
    yield client
    runner.close()


def start(client: TestClient, **fields: str) -> tuple[int, str]:
    token = csrf_token(client.get("/replay", headers=HTML).text)
    answer = client.post("/replay", data={"csrf": token, **fields}, headers=HTML)
    return answer.status_code, answer.headers.get("location", answer.text)


def test_a_stretch_is_chosen_started_and_looked_at(client: TestClient) -> None:
    page = client.get("/replay", headers=HTML).text
    choose = re.search(r'href="(/replay\?from=[^"]*)"', page)
    assert choose is not None
    chosen = client.get(choose[1].replace("&amp;", "&"), headers=HTML).text
    assert 'name="from" required value="2022-07-01T09:00:00.000Z"' in chosen
    status, path = start(client, **{"from": "2022-07-01T09:00", "to": "2022-07-01T09:50", "model": "ae-2"})
    assert status == 303
    wait_until(lambda: "finished" in client.get(path, headers=HTML).text)
    found = client.get(path, headers=HTML).text
    for words in ("ae-1, compared with ae-2", "no beam: no beam", "only ae-1", "LA-A3-31", "+0.25", CAVEAT):
        assert words in found, words
    assert ">ae-2</dd>" in found
    assert CAVEAT in client.get("/replay", headers=HTML).text
    [told] = client.get("/api/v1/replays").json()["items"]
    assert told["sentence"] == CAVEAT
    whole = client.get(f"{path}/page")
    assert whole.text == "<p>all of it</p>"
    assert "script-src" not in whole.headers["content-security-policy"]
    assert f'href="{path}"' in client.get("/replay", headers=HTML).text


def test_what_can_not_be_replayed_is_told_where_it_was_asked(client: TestClient) -> None:
    for fields, words in [
        ({"from": "soon", "to": "2022-07-01"}, "is no ISO 8601 time"),
        ({"from": "2022-07-02", "to": "2022-07-01"}, "begins before its end"),
        ({"from": "2022-07-01", "to": "2022-07-01T01:00", "model": "--config"}, "is no name of a model"),
        (
            {"from": "2022-07-01T09:34", "to": "2022-07-01T09:35", "model": "ae-3"},
            "No model ae-3 is kept here; there are ae-",
        ),
        ({"from": "2022-07-01T05:00", "to": "2022-07-01T06:00"}, "snapshot between 2022-07-01T05:00:00.000Z and"),
    ]:
        status, page = start(client, **fields)
        assert status == 422
        assert words in page.replace("&#39;", "'")
    assert client.get("/api/v1/replays").json()["items"] == []
    status, path = start(client, **{"from": "2022-07-01T09:34", "to": "2022-07-01T09:44"})
    wait_until(lambda: "failed" in client.get(path, headers=HTML).text)
    page = client.get(path, headers=HTML).text
    assert "no snapshot is known" in page
    assert "Try again" in page
    assert "Go on" not in page
    assert client.get(f"{path}/page").status_code == 404
    assert client.get("/replay/0123456789abcdef", headers=HTML).status_code == 404
    token = csrf_token(client.get("/replay", headers=HTML).text)
    assert client.post(f"{path}/cancel", data={"csrf": token}, headers=HTML).status_code == 409


def test_a_replay_that_runs_shows_how_far_it_has_come(client: TestClient) -> None:
    _, path = start(client, **{"from": "2022-07-01T09:35", "to": "2022-07-01T09:41", "model": "ae-2"})
    wait_until(lambda: "<progress" in client.get(path, headers=HTML).text)
    page = client.get(path, headers=HTML).text
    assert 'value="75"' in page
    assert re.search(r"<dt>asked at</dt><dd>[-0-9]+ [:0-9]+ UTC</dd>", page)
    for words in (
        "ae-2, number 2 of 2",
        "6 of 12",
        "10,800 of 21,600",
        "2022-07-01 11:03:00 UTC",
        "20 times as fast",
        "9.0 s",
    ):
        assert words in page, words
    assert "running 75 %" in client.get("/replay", headers=HTML).text

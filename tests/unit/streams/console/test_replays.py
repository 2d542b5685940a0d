"""Replays that the console starts: one after the other, remembered, ended with the console."""

import errno
import json
import os
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.clock import SystemClock
from connectors.control_room.reader import ControlRoomReader
from connectors.durable_files import replace_file
from models.errors import RecordError, RetryableError
from models.event_time import DAY_NS, MINUTE_NS, parse_iso
from models.replay_progress import ReplayProgress
from streams.console.replays.kept_runs import MOST_KEPT, KeptRuns
from streams.console.replays.question import ReplayQuestion
from streams.console.replays.run import ReplayRun, ReplayStatus
from streams.console.replays.runner import MOST_WAITING, ReplayRunner
from tests.support.watching import wait_until

_FROM_NS = parse_iso("2022-07-01T09:00:00.000250Z")
_QUESTION = ReplayQuestion(from_ns=_FROM_NS, to_ns=_FROM_NS + MINUTE_NS)
_PROGRESS = ReplayProgress(
    model="ae-1",
    number=1,
    models=1,
    files_done=3,
    files=12,
    files_before=0,
    records_done=5_400,
    records=21_600,
    began_ns=_FROM_NS,
    reached_ns=_FROM_NS + MINUTE_NS,
    elapsed_s=4.0,
)

#: Stands for the command: says what it was asked, and ends as the first word of the state folder's file says.
_PROGRAM = """
import json, pathlib, shutil, sys, time
arguments = sys.argv[1:]
state = pathlib.Path(arguments[arguments.index("--state") + 1])
print("petawatch: fetches files", file=sys.stderr, flush=True)
(state / "progress").exists() and shutil.copy(state / "progress", arguments[arguments.index("--progress") + 1])
while not (state / "go").exists():
    time.sleep(0.02)
if (state / "go").read_text() == "fail":
    print("Error: no file of this stretch is known", file=sys.stderr)
    sys.exit(1)
pathlib.Path(arguments[arguments.index("--page") + 1]).write_text("<p>done</p>")
print(json.dumps({"arguments": arguments}))
"""


@contextmanager
def _runner(state: Path, config: Path | None = None) -> Iterator[ReplayRunner]:
    runner = ReplayRunner(state, config, SystemClock(), program=_PROGRAM)
    try:
        yield runner
    finally:
        runner.close()


def _status(runner: ReplayRunner, run: ReplayRun) -> ReplayStatus:
    found = runner.run(run.id)
    assert found is not None
    return found.status


def test_a_replay_runs_and_its_results_are_there_after_a_restart(tmp_path: Path) -> None:
    question = replace(_QUESTION, model="petawatch-ae-2", fresh=True)
    with _runner(tmp_path, tmp_path / "petawatch.toml") as runner:
        run = runner.start(question, by="ada")
        wait_until(lambda: _status(runner, run) is ReplayStatus.RUNNING)
        wait_until(lambda: runner.runs()[0].sentence == "fetches files")
        assert runner.result(run.id) is None
        assert runner.page(run.id) is None
        (tmp_path / "go").write_text("")
        wait_until(lambda: _status(runner, run) is ReplayStatus.FINISHED)
    with _runner(tmp_path) as again:
        found = again.run(run.id)
        result = again.result(run.id)
        page = again.page(run.id)
    assert found is not None
    assert (found.question, found.by) == (question, "ada")
    assert found.ended_ns is not None
    assert found.ended_ns >= found.asked_ns
    assert page is not None
    assert page.read_text() == "<p>done</p>"
    assert result is not None
    arguments = result["arguments"]
    assert arguments[0] == "replay"
    assert arguments[-1] == "--fresh"
    assert arguments[arguments.index("--from") + 1] == "2022-07-01T09:00:00.000250Z"
    assert arguments[arguments.index("--to") + 1] == "2022-07-01T09:01:00.000250Z"
    assert arguments[arguments.index("--model") + 1] == "petawatch-ae-2"
    assert arguments[arguments.index("--config") + 1] == str(tmp_path / "petawatch.toml")


def test_one_that_fails_says_why_and_may_be_started_again(tmp_path: Path) -> None:
    (tmp_path / "go").write_text("fail")
    with _runner(tmp_path) as runner:
        run = runner.start(_QUESTION, by="ada")
        wait_until(lambda: _status(runner, run) is ReplayStatus.FAILED)
        found = runner.run(run.id)
        assert found is not None
        assert found.sentence == "no file of this stretch is known"
        assert runner.result(run.id) is None
        (tmp_path / "go").write_text("")
        assert runner.start(_QUESTION, by="bob").id == run.id
        wait_until(lambda: _status(runner, run) is ReplayStatus.FINISHED)
        assert [each.by for each in runner.runs()] == ["bob"]


def test_one_that_is_seen_to_have_ended_may_be_started_at_that_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "go").write_text("fail")
    with _runner(tmp_path) as runner, ThreadPoolExecutor(1) as others:
        started: list[Future[ReplayRun]] = []
        write = runner._kept.write

        def write_and_start(run: ReplayRun) -> None:
            write(run)
            if run.status is ReplayStatus.FAILED and not started:
                (tmp_path / "go").write_text("")
                started.append(others.submit(runner.start, _QUESTION, by="bob"))
                wait(started, timeout=0.3)

        monkeypatch.setattr(runner._kept, "write", write_and_start)
        run = runner.start(_QUESTION, by="ada")
        wait_until(lambda: bool(started))
        assert started[0].result(timeout=60).by == "bob"
        wait_until(lambda: _status(runner, run) is ReplayStatus.FINISHED)


def test_they_run_one_after_the_other_and_only_some_may_wait(tmp_path: Path) -> None:
    questions = [replace(_QUESTION, to_ns=_FROM_NS + (2 + number) * MINUTE_NS) for number in range(MOST_WAITING)]
    with _runner(tmp_path) as runner:
        first = runner.start(_QUESTION, by="ada")
        wait_until(lambda: _status(runner, first) is ReplayStatus.RUNNING)
        waiting = [runner.start(question, by="ada") for question in questions]
        assert {_status(runner, run) for run in waiting} == {ReplayStatus.WAITING}
        with pytest.raises(RetryableError, match="4 replays wait already"):
            runner.start(replace(_QUESTION, fresh=True), by="ada")
        with pytest.raises(RecordError, match="runs or waits already"):
            runner.start(_QUESTION, by="bob")
        with pytest.raises(RecordError, match="runs or waits already"):
            runner.start(questions[-1], by="bob")
        (tmp_path / "go").write_text("")
        wait_until(lambda: all(_status(runner, run) is ReplayStatus.FINISHED for run in (first, *waiting)))


def test_what_runs_or_waits_can_be_cancelled(tmp_path: Path) -> None:
    with _runner(tmp_path) as runner:
        running = runner.start(_QUESTION, by="ada")
        waiting = runner.start(replace(_QUESTION, fresh=True), by="ada")
        wait_until(lambda: _status(runner, running) is ReplayStatus.RUNNING)
        for run in (waiting, running):
            assert runner.cancel(run.id, by="bob").status is ReplayStatus.CANCELLED
        with pytest.raises(RecordError, match="has ended already"):
            runner.cancel(running.id, by="bob")
        with pytest.raises(RecordError, match="there is no replay"):
            runner.cancel("0" * 16, by="bob")
    entries = ControlRoomReader(tmp_path).audit()
    assert [(entry.action, entry.who, entry.subject) for entry in entries] == [
        ("start_replay", "ada", running.id),
        ("start_replay", "ada", waiting.id),
        ("cancel_replay", "bob", waiting.id),
        ("cancel_replay", "bob", running.id),
    ]
    assert entries[1].details["fresh"] is True


def test_a_console_that_ends_ends_its_replays(tmp_path: Path) -> None:
    with _runner(tmp_path) as runner:
        running = runner.start(_QUESTION, by="ada")
        waiting = runner.start(replace(_QUESTION, fresh=True), by="ada")
        wait_until(lambda: _status(runner, running) is ReplayStatus.RUNNING)
    with _runner(tmp_path) as again:
        assert {_status(again, run) for run in (running, waiting)} == {ReplayStatus.INTERRUPTED}
        (tmp_path / "go").write_text("")
        again.start(_QUESTION, by="ada")
        wait_until(lambda: _status(again, running) is ReplayStatus.FINISHED)


@pytest.mark.parametrize(
    "question",
    [
        replace(_QUESTION, to_ns=_FROM_NS),
        replace(_QUESTION, to_ns=_FROM_NS + DAY_NS + 1),
        replace(_QUESTION, model="--into"),
        replace(_QUESTION, model="../../etc"),
        replace(_QUESTION, model="/etc/passwd"),
    ],
)
def test_what_can_not_be_replayed_is_refused_before_anything_runs(tmp_path: Path, question: ReplayQuestion) -> None:
    with _runner(tmp_path) as runner:
        with pytest.raises(RecordError):
            runner.start(question, by="ada")
        assert runner.runs() == []


@pytest.mark.parametrize("id_", ["", "..", "0" * 15, "0" * 16, "../../../../etc/pw", "G" * 16])
def test_an_id_that_nobody_knows(tmp_path: Path, id_: str) -> None:
    with _runner(tmp_path) as runner:
        assert runner.run(id_) is None
        assert runner.result(id_) is None
        assert runner.page(id_) is None


def test_only_the_latest_are_kept(tmp_path: Path) -> None:
    with _runner(tmp_path) as runner:
        for number in range(MOST_KEPT + 3):
            question = replace(_QUESTION, to_ns=_FROM_NS + (number + 1) * MINUTE_NS)
            run = ReplayRun(
                id=question.id, question=question, by="ada", asked_ns=number, status=ReplayStatus.FINISHED, ended_ns=1
            )
            folder = tmp_path / "console-replays" / run.id
            folder.mkdir(parents=True)
            runner._kept.write(run)
        damaged = tmp_path / "console-replays" / ("f" * 16)
        damaged.mkdir()
        (damaged / "run.json").write_text(json.dumps({"id": 3}))
        (tmp_path / "go").write_text("")
        started = runner.start(replace(_QUESTION, fresh=True), by="ada")
        assert len(runner.runs()) == MOST_KEPT
        assert started.id in {run.id for run in runner.runs()}


@pytest.mark.parametrize("file", ["run.json", "result.json"])
def test_a_full_disk_ends_one_replay_and_not_those_that_follow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    full = threading.Event()

    def write(path: Path, data: bytes) -> None:
        if full.is_set() and path.name == file:
            raise OSError(errno.ENOSPC, "No space left on device")
        replace_file(path, data)

    for module in ("kept_runs", "runner"):
        monkeypatch.setattr(f"streams.console.replays.{module}.replace_file", write)
    with _runner(tmp_path) as runner:
        run = runner.start(_QUESTION, by="ada")
        wait_until(lambda: _status(runner, run) is ReplayStatus.RUNNING)
        full.set()
        (tmp_path / "go").write_text("")
        wait_until(lambda: _status(runner, run).ended)
        found = runner.run(run.id)
        assert found is not None
        assert found.status is (ReplayStatus.FINISHED if file == "run.json" else ReplayStatus.FAILED)
        assert ("No space left" in found.sentence) is (file == "result.json")
        full.clear()
        for question in (_QUESTION, replace(_QUESTION, fresh=True)):
            again = runner.start(question, by="ada")
            wait_until(lambda id_=again: _status(runner, id_) is ReplayStatus.FINISHED)  # type: ignore[misc]


def test_two_consoles_of_one_state_directory_do_not_replay_at_once(tmp_path: Path) -> None:
    with _runner(tmp_path) as one, _runner(tmp_path) as other:
        run = one.start(_QUESTION, by="ada")
        wait_until(lambda: _status(one, run) is ReplayStatus.RUNNING)
        for question in (_QUESTION, replace(_QUESTION, fresh=True)):
            with pytest.raises(RetryableError, match=f"another console .* process {os.getpid()} "):
                other.start(question, by="bob")
        assert not _status(other, run).ended
        with pytest.raises(RecordError, match="belongs to another console"):
            other.cancel(run.id, by="bob")
        (tmp_path / "go").write_text("")
        wait_until(lambda: _status(other, run) is ReplayStatus.FINISHED)
        wait_until(lambda: not one.runs() or one._lock is None)
        assert other.start(_QUESTION, by="bob").id == run.id
        wait_until(lambda: _status(other, run) is ReplayStatus.FINISHED)


def test_one_that_runs_says_how_far_it_has_come(tmp_path: Path) -> None:
    (tmp_path / "progress").write_text(json.dumps(_PROGRESS.document()))
    with _runner(tmp_path) as runner:
        changed = runner.changes()
        assert changed()  # nothing was looked at before
        run = runner.start(_QUESTION, by="ada")
        wait_until(lambda: _progress(runner, run) is not None)
        assert _progress(runner, run) == _PROGRESS
        wait_until(changed)
        (tmp_path / "go").write_text("")
        wait_until(lambda: _status(runner, run) is ReplayStatus.FINISHED)
        assert _progress(runner, run) is None
        wait_until(changed)
        wait_until(lambda: not changed())


def _progress(runner: ReplayRunner, run: ReplayRun) -> ReplayProgress | None:
    found = runner.run(run.id)
    assert found is not None
    return found.progress


def test_replays_whose_folder_can_not_be_listed_are_none_that_are_known(tmp_path: Path) -> None:
    (tmp_path / "replays").touch()
    kept = KeptRuns(tmp_path / "replays")
    assert kept.ids() == []
    assert kept.mark() == []

"""Runs the replays of a console: each as a process, one after the other, the others wait."""

import json
import threading
from collections import deque
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from connectors.clock import Clock
from connectors.control_room.audit_log import add_entry
from connectors.control_room.database import ControlRoomDatabase
from connectors.disk_failures import disk_failures
from connectors.durable_files import replace_file
from connectors.process_lock import LockHeldError, ProcessLock
from models.errors import RecordError, RetryableError
from models.event_time import MICROSECOND_NS, SECOND_NS, format_iso
from streams.console.replays.changes import ReplayChanges
from streams.console.replays.kept_runs import KeptRuns
from streams.console.replays.process_log import caveat_of, document_of, last_line
from streams.console.replays.question import ReplayQuestion
from streams.console.replays.run import ReplayRun, ReplayStatus
from streams.processes.command_process import COMMAND, CommandProcess
from streams.replay.progress import read_progress

#: Replays that wait beside the one that runs.
MOST_WAITING = 4

_FOLDER = "console-replays"
# Held by the console whose replays run or wait: two of one state directory would write into one another's results.
_LOCK = "lock"
_LOOK_EVERY_S = 0.2
# Whoever waits for the list of replays waits as well.
_LOG_WAIT_S = 2.0

# How a replay ended, and the sentence that goes with it.
_End = tuple[ReplayStatus, str]


class ReplayRunner:
    """The replays of one console; for any threads.

    What was asked and what came of it lies below the state directory, so that it is there after a restart.

    Parameters
    ----------
    config
        The console's file of settings, for the processes.
    program
        What the processes run; the command line by default.
    """

    def __init__(self, state: Path, config: Path | None, clock: Clock, *, program: str = COMMAND) -> None:
        self._state = state
        self._config = config
        self._clock = clock
        self._program = program
        self._folder = state / _FOLDER
        self._kept = KeptRuns(self._folder)
        self._changed = threading.Condition()
        self._waiting: deque[str] = deque()
        self._running: str = ""
        self._process: CommandProcess | None = None
        self._cancelled = False
        self._thread: threading.Thread | None = None
        self._lock: ProcessLock | None = None
        self._closed = False

    def start(self, question: ReplayQuestion, *, by: str) -> ReplayRun:
        """Begin a replay, or let it wait its turn; one that has ended begins again.

        Raises
        ------
        RecordError
            ``replay_stretch``, ``replay_model``, or ``replay_running`` when the same one has not ended.
        RetryableError
            ``replay_busy`` when too many wait, or another console of the state directory replays; ``disk_full`` or
            ``disk_failed``.
        FatalError, RetryableError
            As ``ControlRoomDatabase``; nothing is begun.
        """
        question.check()
        run = ReplayRun(id=question.id, question=question, by=by, asked_ns=self._clock.now_ns())
        with self._changed:
            if run.id == self._running or run.id in self._waiting:
                raise RecordError(
                    f"this replay, {run.id}, runs or waits already; look at it, or cancel it first",
                    reason="replay_running",
                )
            if len(self._waiting) >= MOST_WAITING or self._closed:
                raise RetryableError(
                    f"{len(self._waiting)} replays wait already; start it when one of them has ended",
                    reason="replay_busy",
                )
            self._take_lock()
            try:
                self._kept.remove_old(self.runs())
                self._note("start_replay", run.id, by, asdict(question))
                with disk_failures(self._folder):
                    self._kept.begin(run)
                self._waiting.append(run.id)
            finally:
                self._release_when_idle()
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name="replays", daemon=True)
                self._thread.start()
            self._changed.notify_all()
        return run

    def runs(self) -> list[ReplayRun]:
        """All that are remembered, those asked last first."""
        found = [run for id_ in self._kept.ids() if (run := self.run(id_)) is not None]
        return sorted(found, key=lambda run: (-run.asked_ns, run.id))

    def run(self, id_: str) -> ReplayRun | None:
        """One replay as it stands; None when it is not known."""
        with self._changed:
            run = self._kept.read(id_)
            if run is None or run.status.ended:
                return run
            if id_ == self._running:
                sentence, progress = last_line(self._kept.log(id_)), read_progress(self._kept.progress(id_))
                return replace(run, status=ReplayStatus.RUNNING, sentence=sentence, progress=progress)
            elsewhere = self._running_elsewhere()
            if elsewhere:
                return replace(run, sentence=f"another console has it, {elsewhere}")
            return run if id_ in self._waiting else replace(run, status=ReplayStatus.INTERRUPTED)

    def changes(self) -> ReplayChanges:
        """Says whether a replay began, ended or came further, also one of another console."""
        return ReplayChanges(self._kept, self._clock)

    def cancel(self, id_: str, *, by: str) -> ReplayRun:
        """End a replay that runs or waits.

        Raises
        ------
        RecordError
            ``unknown_replay``, ``replay_ended``, or ``replay_running`` in another console.
        FatalError, RetryableError
            As ``ControlRoomDatabase``; it goes on.
        """
        with self._changed:
            if id_ in self._waiting or (id_ and id_ == self._running):
                self._note("cancel_replay", id_, by, {})
            if id_ in self._waiting:
                self._waiting.remove(id_)
                self._end(id_, ReplayStatus.CANCELLED, "")
                self._release_when_idle()
            elif id_ and id_ == self._running:
                self._cancelled = True
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._running != id_)
            elif (known := self.run(id_)) is None:
                raise RecordError(f"there is no replay {id_!r}; the list shows all", reason="unknown_replay")
            elif not known.status.ended:
                raise RecordError(
                    f"the replay {id_} belongs to another console; cancel it there", reason="replay_running"
                )
            else:
                raise RecordError(f"the replay {id_} has ended already", reason="replay_ended")
        run = self.run(id_)
        assert run is not None  # noqa: S101 - it was there, and only old ones go
        return run

    def result(self, id_: str) -> dict[str, Any] | None:
        """What ``petawatch replay --json`` gave; None as long as it has not finished."""
        run = self.run(id_)
        if run is None or run.status is not ReplayStatus.FINISHED:
            return None
        found: dict[str, Any] = json.loads(self._kept.result(id_).read_bytes())
        return found

    def page(self, id_: str) -> Path | None:
        """The page of the results, one HTML file; None as long as it has not finished."""
        run = self.run(id_)
        return self._kept.page(id_) if run is not None and run.status is ReplayStatus.FINISHED else None

    def close(self) -> None:
        """End the process that runs; what waits is interrupted."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
        if self._lock is not None:
            self._lock.release()

    def _work(self) -> None:
        # A process is killed with the thread that started it: it is this one until the end.
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._waiting)
                if self._closed:
                    return
                self._running = self._waiting.popleft()
                self._cancelled = False
                run = self._kept.read(self._running)
            end: _End | None = None
            try:
                end = None if run is None else self._replay(run)
            except OSError as error:
                end = ReplayStatus.FAILED, f"its results can't be kept ({error.strerror or error})"
            finally:
                # At once: who sees how it ended may start it again.
                with self._changed:
                    id_, self._running = self._running, ""
                    self._changed.notify_all()
                    if end is not None:
                        self._end(id_, *end)
                    self._release_when_idle()

    def _note(self, action: str, id_: str, by: str, details: dict[str, Any]) -> None:
        """Write it into the audit log, before it is done."""
        log = ControlRoomDatabase.open(self._state, wait_s=_LOG_WAIT_S)
        with closing(log), log.step() as connection:
            add_entry(connection, at_ns=self._clock.now_ns(), who=by, action=action, subject=id_, details=details)

    def _take_lock(self) -> None:
        if self._lock is not None:
            return
        try:
            with disk_failures(self._folder):
                self._folder.mkdir(parents=True, exist_ok=True)
                self._lock = ProcessLock.of_file(self._folder / _LOCK)
        except LockHeldError as error:
            raise RetryableError(
                f"another console of this state directory replays, {error.holder}; start it there, or when it is done",
                reason="replay_busy",
            ) from error

    def _release_when_idle(self) -> None:
        if self._lock is not None and not self._running and not self._waiting and not self._closed:
            self._lock.release()
            self._lock = None

    def _running_elsewhere(self) -> str:
        """Which other console replays; empty when none does."""
        try:
            return "" if self._lock is not None else ProcessLock.holder_of(self._folder / _LOCK)
        except OSError:
            return ""

    def _replay(self, run: ReplayRun) -> _End | None:
        """How it ended; None when it was interrupted."""
        log = self._kept.log(run.id)
        try:
            with CommandProcess(self._arguments(run), log=log, program=self._program) as process:
                with self._changed:
                    while process.running and not self._cancelled and not self._closed:
                        self._changed.wait(_LOOK_EVERY_S)
                    cancelled, interrupted = self._cancelled, self._closed and process.running
                failed = process.failed
        except OSError as error:
            return ReplayStatus.FAILED, f"no process can be started for it ({error.strerror or error})"
        if interrupted:
            return None
        if cancelled:
            return ReplayStatus.CANCELLED, ""
        document = document_of(log)
        if failed or document is None or not self._kept.page(run.id).is_file():
            return ReplayStatus.FAILED, last_line(log) or "its process was ended"
        replace_file(self._kept.result(run.id), document)
        return ReplayStatus.FINISHED, caveat_of(document)

    def _arguments(self, run: ReplayRun) -> list[str | Path]:
        question = run.question
        arguments: list[str | Path] = ["replay", "--json", "--state", self._state]
        arguments += ["--from", _exact_iso(question.from_ns), "--to", _exact_iso(question.to_ns)]
        arguments += ["--page", self._kept.page(run.id), "--progress", self._kept.progress(run.id)]
        if self._config is not None:
            arguments += ["--config", self._config]
        if question.model:
            arguments += ["--model", question.model]
        return [*arguments, "--fresh"] if question.fresh else arguments

    def _end(self, id_: str, status: ReplayStatus, sentence: str) -> None:
        run = self._kept.read(id_)
        if run is not None:
            self._kept.end(replace(run, status=status, sentence=sentence, ended_ns=self._clock.now_ns()))


def _exact_iso(time_ns: int) -> str:
    """To the microsecond, which is all that a time in ISO 8601 is read to."""
    return f"{format_iso(time_ns)[:-4]}{time_ns % SECOND_NS // MICROSECOND_NS:06d}Z"

"""Replays that operators start in the console: one after the other, each a process of its own that gives way."""

import hashlib
import json
import re
import shutil
import threading
from collections import deque
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from connectors.clock import Clock
from connectors.control_room.audit_log import add_entry
from connectors.control_room.database import ControlRoomDatabase
from connectors.disk_failures import disk_failures
from connectors.durable_files import replace_file
from connectors.process_lock import LockHeldError, ProcessLock
from models.errors import RecordError, RetryableError
from models.event_time import DAY_NS, MICROSECOND_NS, SECOND_NS, format_iso
from streams.processes.command_process import COMMAND, CommandProcess

#: The longest stretch that is replayed from the console; the command has no such limit.
LONGEST_NS = DAY_NS
#: Replays that wait beside the one that runs.
MOST_WAITING = 4
#: Replays that are remembered with their results; the oldest ones go.
MOST_KEPT = 50

_FOLDER = "console-replays"
# Held by the console whose replays run or wait: two of one state directory would write into one another's results.
_LOCK = "lock"
_RUN, _LOG, _PAGE, _RESULT = "run.json", "replay.log", "page.html", "result.json"
_ID = re.compile(r"[0-9a-f]{16}")
# A name, and no option or path.
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_LOOK_EVERY_S = 0.2
# Whoever waits for the list of replays waits as well.
_LOG_WAIT_S = 2.0


class ReplayStatus(StrEnum):
    """How far a replay has come."""

    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"
    #: The console ended meanwhile; started again, it goes on where it stood.
    INTERRUPTED = "interrupted"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self not in {ReplayStatus.WAITING, ReplayStatus.RUNNING}


# How a replay ended, and the sentence that goes with it.
_End = tuple[ReplayStatus, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayQuestion:
    """What is replayed.

    Attributes
    ----------
    from_ns, to_ns
        Event times: from the one on and before the other.
    model
        Name of another model, which is compared with the one of that time; empty: none.
    fresh
        Whether it starts without a state: all devices learn anew.
    """

    from_ns: int
    to_ns: int
    model: str = ""
    fresh: bool = False

    @property
    def id(self) -> str:
        """Computed: the same question has the same id."""
        text = json.dumps([self.from_ns, self.to_ns, self.model, self.fresh])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayRun:
    """A replay as it stands.

    Attributes
    ----------
    by
        Who started it last.
    asked_ns, ended_ns
        By the clock; the second is None until it has ended.
    sentence
        What it said last, or why it failed.
    """

    id: str
    question: ReplayQuestion
    by: str
    asked_ns: int
    status: ReplayStatus = ReplayStatus.WAITING
    ended_ns: int | None = None
    sentence: str = ""


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
        self._changed = threading.Condition()
        self._waiting: deque[str] = deque()
        self._running: str = ""
        self._process: CommandProcess | None = None
        self._cancelled = False
        self._thread: threading.Thread | None = None
        self._lock: ProcessLock | None = None
        # How replays ended that could not be written down, on a full disk.
        self._unwritten: dict[str, ReplayRun] = {}
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
        _check(question)
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
                self._remove_old()
                self._note("start_replay", run.id, by, asdict(question))
                with disk_failures(self._folder):
                    self._folder.joinpath(run.id).mkdir(parents=True, exist_ok=True)
                    for name in (_LOG, _PAGE, _RESULT):
                        self._folder.joinpath(run.id, name).unlink(missing_ok=True)
                    self._write(run)
                self._waiting.append(run.id)
            finally:
                self._release_when_idle()
            self._unwritten.pop(run.id, None)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name="replays", daemon=True)
                self._thread.start()
            self._changed.notify_all()
        return run

    def runs(self) -> list[ReplayRun]:
        """All that are remembered, those asked last first."""
        try:
            ids = [path.name for path in self._folder.iterdir() if _ID.fullmatch(path.name)]
        except FileNotFoundError:
            return []
        found = [run for id_ in ids if (run := self.run(id_)) is not None]
        return sorted(found, key=lambda run: (-run.asked_ns, run.id))

    def run(self, id_: str) -> ReplayRun | None:
        """One replay as it stands; None when it is not known."""
        if not _ID.fullmatch(id_):
            return None
        with self._changed:
            run = self._read(id_)
            if run is None or run.status.ended:
                return run
            if id_ == self._running:
                sentence = _last_line(self._folder / id_ / _LOG)
                return replace(run, status=ReplayStatus.RUNNING, sentence=sentence)
            elsewhere = self._running_elsewhere()
            if elsewhere:
                return replace(run, sentence=f"another console has it, {elsewhere}")
            return run if id_ in self._waiting else replace(run, status=ReplayStatus.INTERRUPTED)

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
        found: dict[str, Any] = json.loads((self._folder / id_ / _RESULT).read_bytes())
        return found

    def page(self, id_: str) -> Path | None:
        """The page of the results, one HTML file; None as long as it has not finished."""
        run = self.run(id_)
        return self._folder / id_ / _PAGE if run is not None and run.status is ReplayStatus.FINISHED else None

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
                run = self._read(self._running)
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
        folder = self._folder / run.id
        try:
            with CommandProcess(self._arguments(run), log=folder / _LOG, program=self._program) as process:
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
        document = _document(folder / _LOG)
        if failed or document is None or not (folder / _PAGE).is_file():
            return ReplayStatus.FAILED, _last_line(folder / _LOG) or "its process was ended"
        replace_file(folder / _RESULT, document)
        return ReplayStatus.FINISHED, ""

    def _arguments(self, run: ReplayRun) -> list[str | Path]:
        question = run.question
        arguments: list[str | Path] = ["replay", "--json", "--state", self._state]
        arguments += ["--from", _exact_iso(question.from_ns), "--to", _exact_iso(question.to_ns)]
        arguments += ["--page", self._folder / run.id / _PAGE]
        if self._config is not None:
            arguments += ["--config", self._config]
        if question.model:
            arguments += ["--model", question.model]
        return [*arguments, "--fresh"] if question.fresh else arguments

    def _end(self, id_: str, status: ReplayStatus, sentence: str) -> None:
        run = self._read(id_)
        if run is None:
            return
        ended = replace(run, status=status, sentence=sentence, ended_ns=self._clock.now_ns())
        try:
            self._write(ended)
        except OSError:
            self._unwritten[id_] = ended

    def _read(self, id_: str) -> ReplayRun | None:
        if id_ in self._unwritten:
            return self._unwritten[id_]
        try:
            known = json.loads((self._folder / id_ / _RUN).read_bytes())
            question = ReplayQuestion(**known.pop("question"))
            return ReplayRun(**{**known, "question": question, "status": ReplayStatus(known["status"])})
        except (OSError, ValueError, KeyError, TypeError):
            return None  # removed, or from another program: it is started anew

    def _write(self, run: ReplayRun) -> None:
        replace_file(self._folder / run.id / _RUN, json.dumps(asdict(run)).encode())

    def _remove_old(self) -> None:
        for run in self.runs()[MOST_KEPT - 1 :]:
            if run.status.ended:
                shutil.rmtree(self._folder / run.id, ignore_errors=True)


def _check(question: ReplayQuestion) -> None:
    if not 0 < question.to_ns - question.from_ns <= LONGEST_NS:
        raise RecordError(
            "a stretch begins before its end and is at most 24 hours long; petawatch replay takes longer ones",
            reason="replay_stretch",
        )
    if question.model and not _MODEL.fullmatch(question.model):
        raise RecordError(
            f"{question.model!r} is no name of a model; petawatch models list shows them", reason="replay_model"
        )


def _exact_iso(time_ns: int) -> str:
    """To the microsecond, which is all that a time in ISO 8601 is read to."""
    return f"{format_iso(time_ns)[:-4]}{time_ns % SECOND_NS // MICROSECOND_NS:06d}Z"


def _lines(log: Path) -> list[str]:
    try:
        return [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    except OSError:
        return []


def _last_line(log: Path) -> str:
    """What a process said last, its results apart."""
    said = [line for line in _lines(log) if not line.startswith("{")]
    return said[-1].removeprefix("petawatch: ").removeprefix("Error: ").strip() if said else ""


def _document(log: Path) -> bytes | None:
    """The results, which a process writes last."""
    lines = _lines(log)
    if not lines or not lines[-1].startswith("{"):
        return None
    try:
        json.loads(lines[-1])
    except ValueError:
        return None
    return lines[-1].encode()

"""The runner of a recorder computer: reads files and sends them to Kafka instead of scoring them.

Files leave strictly in their order. A unit counts as sent when all its messages are acknowledged and the journal has
it; what was in the middle of that when the process was killed is sent once more. While Kafka is away the work stands
where it is, and the caller goes on watching.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from connectors.clock import Clock
from connectors.spool_listing import SpoolFile
from connectors.state.commit import Commit, FileStatus
from connectors.wire.announcement import Announcement
from models.alerts.alert import AlertEvent
from models.errors import FatalError, RetryableError
from models.messages import DeviceNotice, FileMoment, NoticeKind
from streams.connector.flow_limit import FlowLimit
from streams.connector.journal import SendingJournal
from streams.connector.message_blocks import Positions, record_messages
from streams.connector.message_sender import MessageSender
from streams.connector.series_notices import broken_off_notices, plain_notices, snapshot_notices
from streams.file_accounts import READ_PAUSE_S, READ_TRIES
from streams.settings import Settings
from streams.work_units import WorkUnit, read_ahead, read_units

#: More files than these wait in the spool instead.
_MOST_WAITING = 2_000
#: The loop gets its turn after so long.
_TURN_S = 2.0
_FILES_AHEAD = 16
_PAUSE_S = 0.2
#: Kafka counts as away when it has taken nothing for so long.
_PATIENCE_S = 5.0
_DONE = object()


class RunnerSigns(Protocol):
    """What the runner shows of itself."""

    def file(self, result: str, count: int = 1) -> None:
        """Files were dealt with."""
        ...

    def set_held_back(self, held: bool) -> None:
        """Files wait for the agents."""
        ...

    def set_kafka_away(self, away: bool) -> None:
        """Files wait for Kafka."""
        ...


@dataclass(frozen=True, slots=True)
class _Silence:
    series: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Report:
    alerts: tuple[AlertEvent, ...]
    commit: Commit
    then: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True)
class _End:
    """The input has ended."""


_Job = SpoolFile | _Silence | _Report | _End


class SendingRunner:
    """Sends files one after another, and notes in the journal what was sent.

    Parameters
    ----------
    stopping
        Whether the work is to end: what is not sent then is left for the next run.
    stalled
        Called with a bounded reason while nothing can be sent, and with an empty one when it goes on.
    gate
        What has to succeed before anything is sent (are the topics there?); tried again while Kafka is away.
    """

    def __init__(
        self,
        *,
        journal: SendingJournal,
        sender: MessageSender,
        limit: FlowLimit,
        settings: Settings,
        name: str,
        clock: Clock,
        signs: RunnerSigns,
        tell: Callable[[str], None],
        stalled: Callable[[str], None],
        stopping: Callable[[], bool],
        gate: Callable[[], None] | None = None,
    ) -> None:
        self._journal = journal
        self._sender = sender
        self._limit = limit
        self._settings = settings
        self._name = name
        self._clock = clock
        self._signs = signs
        self._tell = tell
        self._stalled = stalled
        self._stopping = stopping
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="reader")
        self._gate = gate
        self._waiting: dict[str, _Job] = {}
        self._urgent: deque[_Report] = deque()
        self._jobs = 0
        self._beside: Callable[[], None] = lambda: None
        self._task: Generator[None] | None = None
        self._away = False
        self._refused_since_s: float | None = None
        self._next_try_s = clock.monotonic_s()
        self._held = False

    @property
    def series(self) -> list[str]:
        """The recorders' series that have been heard of."""
        return self._journal.progress.series

    @property
    def has_room(self) -> bool:
        """Whether it takes more files now."""
        return len(self._waiting) < _MOST_WAITING

    @property
    def has_work(self) -> bool:
        """Whether something can be sent now."""
        waits = bool(self._waiting or self._urgent or self._gate)
        return waits and self._clock.monotonic_s() >= self._next_try_s

    @property
    def unsent(self) -> list[SpoolFile]:
        """The complete files that were not sent yet: those that the storage did not give, and the others in order."""
        files = {file.relative: file for file in self._journal.accounts.unread}
        # Of a path that was also written anew the new content counts.
        files |= {job.relative: job for job in self._waiting.values() if isinstance(job, SpoolFile)}
        return list(files.values())

    @property
    def is_away(self) -> bool:
        """Whether Kafka can't be reached."""
        return self._away

    @property
    def is_held(self) -> bool:
        """Whether files wait for the agents."""
        return self._held

    def process(self, files: Iterable[SpoolFile]) -> None:
        """Send these files in their order, as far as that goes now; the others follow with ``go_on``."""
        for file in files:
            # Of a path that comes twice the content is the same by now: it is read once.
            self._waiting[file.relative] = file
        self.go_on()

    def go_on(self) -> None:
        """Send what waits, for a moment."""
        until_s = self._clock.monotonic_s() + _TURN_S
        while self.has_work and not self._stopping() and self._clock.monotonic_s() < until_s:
            self._task = self._task or self._begin()
            if next(self._task, _DONE) is _DONE:
                self._task = None
        self._signs.set_held_back(self._held and bool(self._waiting))
        self._signs.set_kafka_away(self.is_away)

    def finish(self) -> None:
        """Send all that waits, however long that takes, and then the end of the input to every device.

        Raises
        ------
        FatalError
            ``storage``: there are files that can't be read even when they are tried again; the input does not end.
        """
        self._send_all()
        accounts = self._journal.accounts
        # Only now is it known which files the storage did not give.
        for _ in range(READ_TRIES):
            if not accounts.has_unread or self._stopping():
                break
            self._clock.sleep(READ_PAUSE_S)
            self.read_again()
            self._send_all()
        if accounts.has_unread and not self._stopping():
            raise _unread(accounts.unread)
        self._wait_in_line(_End())
        self._send_all()

    def read_again(self) -> bool:
        """Try the files again that the storage did not give; whether some could still not be read."""
        accounts = self._journal.accounts
        self.process(accounts.take_unread())
        return accounts.has_unread

    def rest(self) -> None:
        """There is nothing that takes long."""

    def silence(self, series: Iterable[str]) -> None:
        """These recorders deliver nothing any more, by the clock: nobody is to wait for their devices."""
        self._wait_in_line(_Silence(tuple(series)))
        self.go_on()

    def is_done(self, relative: str, size_bytes: int, mtime_ns: int) -> bool:
        """Whether this very file has been dealt with to its end."""
        return self._journal.accounts.is_done(relative, size_bytes, mtime_ns)

    def is_known(self, relative: str) -> bool:
        """Whether the journal has this path."""
        return self._journal.is_known(relative)

    def report(self, alerts: list[AlertEvent], commit: Commit) -> None:
        """Send alerts and accounts of files that come from no file's content."""
        self._wait_in_line(_Report(tuple(alerts), commit))
        self.go_on()

    def do_beside(self, chores: Callable[[], None]) -> None:
        """What is to be done now and then while ``finish`` sends."""
        self._beside = chores

    def report_first(self, alerts: list[AlertEvent], then: Callable[[], None]) -> None:
        """Send alerts before all that waits; ``then`` is called when they are sent, before the journal is written."""
        self._urgent.append(_Report(tuple(alerts), Commit(), then))

    def close(self) -> None:
        """End the thread that reads."""
        if self._task is not None:
            self._task.close()
        self._reader.shutdown(cancel_futures=True)

    def _send_all(self) -> None:
        while self._waiting and not self._stopping():
            self.go_on()
            self._beside()
            if self._waiting and not self.has_work:
                self._clock.sleep(_PAUSE_S)

    def _wait_in_line(self, job: _Job) -> None:
        self._jobs += 1
        self._waiting[f"\0{self._jobs}"] = job  # no path has such a name

    def _begin(self) -> Generator[None]:
        """The work on what is first in line, step by step; where it stops it goes on at the next turn."""
        if self._gate is not None:
            yield from self._until_taken(self._gate)
            self._gate = None
            return
        if self._urgent:
            yield from self._send_report(self._urgent[0])
            self._urgent.popleft()
            return
        place, job = next(iter(self._waiting.items()))
        if isinstance(job, SpoolFile):
            yield from self._send_files()
            return
        if isinstance(job, _Report):
            yield from self._send_report(job)
        elif isinstance(job, _Silence):
            yield from self._send_notices(NoticeKind.SILENT, job.series)
        else:
            yield from self._send_notices(NoticeKind.INPUT_END, self.series)
        del self._waiting[place]

    def _allowed(self) -> Iterator[SpoolFile]:
        """The first files in line, as far as they need not wait for the agents."""
        for count, job in enumerate(self._waiting.values()):
            if count == _FILES_AHEAD or not isinstance(job, SpoolFile) or self._limit.holds(self._start_ns(job)):
                return
            yield job

    def _send_files(self) -> Generator[None]:
        files = {file.relative: file for file in self._allowed()}
        self._held = not files
        if self._held:
            self._next_try_s = self._clock.monotonic_s() + _PAUSE_S
            return
        with closing(read_ahead(self._reader, self._units(list(files.values())))) as units:
            for unit in units:
                yield from self._skip(unit) if unit.unchanged else self._send_unit(unit)
                relative = unit.file.relative
                # Not when it was written anew meanwhile: then it is read again.
                if _ends_file(unit) and self._waiting.get(relative) is files[relative]:
                    del self._waiting[relative]
                yield

    def _units(self, files: list[SpoolFile]) -> Iterator[WorkUnit]:
        settings = self._settings
        # Known now, since the journal belongs to this thread and not to the one that reads.
        known = [(file, self._journal.accounts.history(file)) for file in files]
        return (
            unit
            for file, history in known
            for unit in read_units(file, history, settings.reading, settings.zone, settings.units)
        )

    def _send_unit(self, unit: WorkUnit) -> Generator[None]:
        journal, file = self._journal, unit.file
        moment = FileMoment(start_ns=self._start_ns(file), closed_ns=file.closed_ns)
        before = {} if unit.manifest is None else journal.positions(unit.manifest.source)
        messages, positions = record_messages(unit, before, self._settings.connect.block_bytes, moment)
        for message in messages:
            yield from self._until_taken(partial(self._sender.records, message))
        notices = self._notices(unit, positions, moment)
        for notice in notices:
            yield from self._until_taken(partial(self._sender.notice, notice))
        yield from self._until_taken(self._sender.flush)
        record, alerts = journal.accounts.describe(unit)
        if _ends_file(unit):
            announcement = Announcement(
                connector=self._name,
                record=record,
                devices={name: position.records for name, position in sorted(positions.items())},
                ends=tuple(notice.device.name for notice in notices),
                moment=moment,
            )
            yield from self._tell_recorder(announcement, alerts, moment)
        self._limit.sent(moment.start_ns)
        journal.sent(unit, positions, self._limit.newest_ns)
        journal.commit(Commit(files=[record]))
        if _ends_file(unit):
            self._signs.file("rejected" if record.status is FileStatus.REJECTED else "sent")

    def _notices(self, unit: WorkUnit, positions: Positions, moment: FileMoment) -> list[DeviceNotice]:
        """The word to the devices when their file is sent, or as much of it as there is."""
        if unit.manifest is None or not _ends_file(unit) or isinstance(unit.refused, RetryableError):
            return []
        replaces = unit.replaced_sha256 is not None
        if unit.refused is not None:
            sent = {name: position.records for name, position in positions.items()}
            return broken_off_notices(unit.manifest.source, sent, self._journal.progress, moment, replaces=replaces)
        return snapshot_notices(unit.file, unit.manifest, self._journal.progress, moment, replaces=replaces)

    def _skip(self, unit: WorkUnit) -> Generator[None]:
        """The content that was sent came again: say only that it was looked at."""
        record, alerts = self._journal.accounts.skipping(unit.file)
        announcement = Announcement(connector=self._name, record=record, file_counts={"skipped": 1})
        yield from self._tell_recorder(announcement, alerts, None)
        files = [record] if record is not None else []
        self._journal.commit(Commit(file_counts={"skipped": 1}, files=files))
        self._signs.file("skipped")

    def _tell_recorder(
        self, announcement: Announcement, alerts: list[AlertEvent], moment: FileMoment | None
    ) -> Generator[None]:
        yield from self._until_taken(partial(self._sender.announcement, announcement))
        for event in alerts:
            yield from self._until_taken(partial(self._sender.alert, event, moment))
        yield from self._until_taken(self._sender.flush)

    def _send_report(self, report: _Report) -> Generator[None]:
        for event in report.alerts:
            yield from self._until_taken(partial(self._sender.alert, event))
        for record in report.commit.files:
            announcement = Announcement(connector=self._name, record=record)
            yield from self._until_taken(partial(self._sender.announcement, announcement))
        yield from self._until_taken(self._sender.flush)
        report.then()
        self._journal.commit(report.commit)
        for record in report.commit.files:
            self._signs.file(record.status.value)

    def _send_notices(self, kind: NoticeKind, series: Iterable[str]) -> Generator[None]:
        for notice in plain_notices(kind, series, self._journal.progress, self._moment_now()):
            yield from self._until_taken(partial(self._sender.notice, notice))
        yield from self._until_taken(self._sender.flush)
        self._journal.commit(Commit())

    def _until_taken(self, send: Callable[[], None]) -> Generator[None]:
        """Hand something over to Kafka; as long as that does not take it, come back to the caller now and then."""
        while True:
            try:
                send()
            except RetryableError as error:
                self._wait_for_kafka(error)
                yield
            else:
                self._kafka_took()
                return

    def _start_ns(self, file: SpoolFile) -> int:
        return self._journal.progress.start_ns(file.relative, file.mtime_ns)

    def _moment_now(self) -> FileMoment:
        """Of what follows from no file: the latest snapshot that was sent, and now."""
        now_ns = self._clock.now_ns()
        newest_ns = self._journal.newest_ns
        return FileMoment(start_ns=now_ns if newest_ns is None else newest_ns, closed_ns=now_ns)

    def _wait_for_kafka(self, error: RetryableError) -> None:
        now_s = self._clock.monotonic_s()
        self._next_try_s = now_s + _PAUSE_S
        if self._refused_since_s is None:
            self._refused_since_s = now_s
        # A busy broker answers late; one that has never answered is not busy.
        patience_s = _PATIENCE_S if self._gate is None else 0.0
        if not self._away and now_s - self._refused_since_s >= patience_s:
            self._away = True
            self._tell(f"{error}; the connector waits and tries again")
        if self._away:
            self._stalled(error.reason)

    def _kafka_took(self) -> None:
        self._refused_since_s = None
        if self._away:
            self._away = False
            self._tell("the connector goes on")
            self._stalled("")


def _unread(files: list[SpoolFile]) -> FatalError:
    many = f"{len(files)} files" if len(files) > 1 else "1 file"
    return FatalError(
        f"{many} could not be read and so not sent, first {files[0].path}; mend the storage and run it again, which "
        "sends the rest and the end of the input",
        reason="storage",
    )


def _ends_file(unit: WorkUnit) -> bool:
    return unit.last or unit.refused is not None

"""The loop around the watched folders: files come in by the spool, in order; whoever runs them does all else."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from threading import Event
from typing import Generic, Protocol, TypeVar

from connectors.clock import Clock
from connectors.spool_listing import NoticeReason, SpoolFile, SpoolNotice, scan
from connectors.state.commit import Commit, FileRecord, FileStatus
from models.alerts.alert import AlertEvent, AlertKind, AlertStatus
from models.alerts.file_alerts import snapshot_alert
from models.errors import FatalError
from models.records import SourceReference
from models.snapshot_sequence import MissingSnapshot, SnapshotSequence
from streams.file_accounts import READ_PAUSE_S, READ_TRIES
from streams.series_progress import series_of
from streams.settings import Settings
from streams.watched_folders import Looked, WatchedFolders

_LOOK_EVERY_S = 0.5
# So often it is told how far the work has come; between two such parts nothing is read ahead.
_PROGRESS_FILES = 8
# Files that the storage does not give now (a network file system that is away) are tried again.
_READ_AGAIN_EVERY_S = 30.0
# What lies in every folder of recorders; whatever else is left alone, an operator should mend.
_ORDINARY = frozenset({NoticeReason.NOT_HDF5_NAME, NoticeReason.HIDDEN})


class FileRunner(Protocol):
    """Whoever does something with the files; called from the loop's thread only."""

    @property
    def series(self) -> list[str]:
        """The recorders' series that have been heard of."""
        ...

    @property
    def has_room(self) -> bool:
        """Whether it takes more files now; those that it does not take wait in the spool."""
        ...

    @property
    def has_work(self) -> bool:
        """Whether ``go_on`` would find something to do now: new files are not waited for."""
        ...

    def process(self, files: Iterable[SpoolFile]) -> None:
        """Take these files in their order."""
        ...

    def go_on(self) -> None:
        """Take up what had to wait; called in every round of the loop."""
        ...

    def read_again(self) -> bool:
        """Try the files again that the storage did not give; whether some could still not be read."""
        ...

    def rest(self) -> None:
        """Nothing waits: do what takes long and is not urgent."""
        ...

    def finish(self) -> None:
        """The input has ended: deal with all that waits, and close what is open.

        Raises
        ------
        FatalError
            ``storage``: files that only wait to be read can't be read.
        """
        ...

    def silence(self, series: Iterable[str]) -> None:
        """These recorders deliver nothing any more, by the clock: nobody is to wait for their devices."""
        ...

    def is_done(self, relative: str, size_bytes: int, mtime_ns: int) -> bool:
        """Whether this very file has been dealt with to its end."""
        ...

    def is_known(self, relative: str) -> bool:
        """Whether anything is remembered of this path."""
        ...

    def report(self, alerts: list[AlertEvent], commit: Commit) -> None:
        """Make alerts and accounts of files known that come from no file's content."""
        ...


class LoopSigns(Protocol):
    """What the loop shows of itself."""

    def set_queue_depth(self, depth: int, queue: str = ...) -> None:
        """How much waits in a queue."""
        ...

    def loop_moved(self) -> None:
        """The loop goes round."""
        ...


class Chores(Protocol):
    """What is done now and then beside the work."""

    def tick(self) -> None:
        """Do what is due."""
        ...

    def drain_outbox(self) -> None:
        """Give the receivers of messages a last moment."""
        ...


Runner = TypeVar("Runner", bound=FileRunner)


class SpoolLoop(Generic[Runner]):
    """Takes files from the watched folders, puts them into order, and tells what is missing and who is silent.

    Parameters
    ----------
    sequence
        The order of the files; the runner saves and restores its state with everything else.
    watching
        Called when the folders are being watched.
    stop
        Set to end ``run``.
    tell
        Called with a sentence about something that an operator should mend.
    looked
        Called after each look into the folders that ``run`` watches.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        settings: Settings,
        clock: Clock,
        runner: Runner,
        sequence: SnapshotSequence[SpoolFile],
        chores: Chores,
        signs: LoopSigns,
        watching: Callable[[], None],
        stop: Event,
        tell: Callable[[str], None],
        looked: Looked | None = None,
    ) -> None:
        self._paths = paths
        self._settings = settings
        self._clock = clock
        self._runner = runner
        self._sequence = sequence
        self._chores = chores
        self._signs = signs
        self._watching = watching
        self._stop = stop
        self._tell = tell
        self._looked = looked or _ignore
        # Also of recorders that were heard of before the last stop: they may never deliver again.
        self._last_file_s = dict.fromkeys(runner.series, clock.monotonic_s())
        self._read_again_s = clock.monotonic_s()
        self._folders: WatchedFolders | None = None

    def run_once(self, progress: Callable[[int, int], None] | None = None) -> None:
        """Process what lies in the folders now, decide everything, and return."""
        files, notices = scan(self._paths, self._clock)
        for notice in notices:
            if notice.reason is NoticeReason.ROOT_MISSING:
                raise FatalError(notice.sentence, reason="spool")
        self._note(notices)
        self.run_files(files, progress)

    def run_files(
        self,
        files: Iterable[SpoolFile],
        progress: Callable[[int, int], None] | None = None,
        *,
        wait_for: Callable[[SpoolFile], None] | None = None,
    ) -> None:
        """Process these files and nothing else, decide everything, and return.

        Parameters
        ----------
        wait_for
            Called before each file, which is then processed by itself: returns when it is to be.
        """
        for file in files:
            if not self._runner.is_done(file.relative, file.size, file.mtime_ns):
                self._sequence.offer(file, file.relative, self._clock.now_ns())
        due = [snapshot.item for snapshot in self._sequence.flush()]
        self._report_series()
        step = _PROGRESS_FILES if wait_for is None else 1
        for done in range(0, len(due), step):
            (progress or _ignore)(done, len(due))
            if wait_for is not None:
                wait_for(due[done])
            self._runner.process(due[done : done + step])
        for _ in range(READ_TRIES):
            if not self._runner.read_again():
                break
            self._clock.sleep(READ_PAUSE_S)
        self._runner.finish()
        self._chores.drain_outbox()
        (progress or _ignore)(len(due), len(due))

    def go_on_with(self, files: Iterable[SpoolFile]) -> None:
        """Process these files and nothing else, one after the other as they are given; the input goes on after them."""
        due = []
        for file in files:
            if not self._runner.is_done(file.relative, file.size, file.mtime_ns):
                self._sequence.offer(file, file.relative, self._clock.now_ns())
                due += [snapshot.item for snapshot in self._sequence.flush()]
        self._report_series()
        self._runner.process(due)
        self._runner.go_on()

    def silence(self, series: Iterable[str]) -> None:
        """These recorders deliver nothing for now: nobody waits for their devices."""
        self._runner.silence(series)

    def run(self) -> None:
        """Watch the folders until ``stop`` is called."""
        self._folders = WatchedFolders(
            self._paths, self._clock, self._settings.spool, self._runner.is_done, looked=self._looked, tell=self._tell
        )
        self._watching()
        try:
            while not self._stop.is_set():
                self._step(self._folders)
        finally:
            self._folders.stop()

    def stop(self) -> None:
        """End ``run`` after what it is doing now; may be called from a signal handler or another thread."""
        self._stop.set()
        if self._folders is not None:
            self._folders.wake()

    def _step(self, folders: WatchedFolders) -> None:
        ready = self._take(folders)
        for file in ready:
            self._last_file_s[series_of(file.relative)] = self._clock.monotonic_s()
        # Told before the files are processed: with the first of them the order is saved as if all had their turn.
        self._report_series()
        if ready:
            self._runner.process(ready)
        self._runner.go_on()
        if self._clock.monotonic_s() >= self._read_again_s and not folders.hang:
            self._read_again_s = self._clock.monotonic_s() + _READ_AGAIN_EVERY_S
            self._runner.read_again()
        self._silence_series()
        if not ready:
            self._runner.rest()
        self._chores.tick()
        self._signs.loop_moved()

    def _take(self, folders: WatchedFolders) -> list[SpoolFile]:
        """The files whose turn it is; waits a moment for new ones."""
        if not self._runner.has_room:
            # Nobody is silent whose files are not taken.
            self._last_file_s = dict.fromkeys(self._last_file_s, self._clock.monotonic_s())
            self._clock.sleep(_LOOK_EVERY_S)
            return []
        found = folders.take(0.0 if self._runner.has_work else _LOOK_EVERY_S)
        self._note([item for item in found if isinstance(item, SpoolNotice)])
        now_ns = self._clock.now_ns()
        for file in found:
            if isinstance(file, SpoolFile):
                self._sequence.offer(file, file.relative, now_ns)
        ready = [snapshot.item for snapshot in self._sequence.ready(now_ns, folders.unfinished)]
        self._signs.set_queue_depth(folders.queue_depth + self._sequence.held + len(ready))
        return ready

    def _report_series(self) -> None:
        """Alerts about snapshots that did not come, and about those that come again."""
        changes = self._sequence.take_changes()
        if not changes:
            return
        alerts = []
        for change in changes:
            missing = isinstance(change, MissingSnapshot)
            alerts.append(
                snapshot_alert(
                    AlertKind.SNAPSHOT_MISSING,
                    SourceReference(file=change.series, sha256=""),
                    front_end=change.front_end,
                    start_ns=change.expected_start_ns,
                    reason="not_delivered",
                    status=AlertStatus.OPEN if missing else AlertStatus.CLOSED,
                )
            )
        self._runner.report(alerts, Commit())

    def _silence_series(self) -> None:
        """Recorders that deliver nothing for long hold up nobody."""
        limit_s = self._clock.monotonic_s() - self._settings.silence_after_s
        silent = [series for series, last_s in self._last_file_s.items() if last_s < limit_s]
        for series in silent:
            del self._last_file_s[series]
        if silent:
            self._runner.silence(silent)

    def _note(self, notices: Sequence[SpoolNotice]) -> None:
        """Remember once what is left alone, and say what is wrong."""
        records = [
            FileRecord(
                path=notice.relative,
                root=str(notice.root),
                sha256="",
                size_bytes=0,
                mtime_ns=0,
                status=FileStatus.IGNORED,
                reason=notice.reason.value,
            )
            for notice in notices
            if notice.ignored and not self._runner.is_known(notice.relative)
        ]
        if records:
            self._runner.report([], Commit(files=records))
        new = {record.path for record in records}
        for notice in notices:
            if not notice.ignored or (notice.relative in new and notice.reason not in _ORDINARY):
                self._tell(notice.sentence)


def _ignore(*_: object) -> None:
    """Nobody listens."""

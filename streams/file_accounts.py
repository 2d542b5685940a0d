"""What is known about each file: how far it was read, what became of it, and what an operator is told of it."""

from dataclasses import asdict, replace

from connectors.spool_listing import SpoolFile
from connectors.state.commit import FileRecord, FileStatus
from connectors.state.reader import StateReader
from models.alerts.alert import AlertChange, AlertEvent, AlertKind, AlertStatus
from models.alerts.file_alerts import snapshot_alert
from models.errors import RetryableError
from models.records import SourceReference
from models.state import State
from streams.series_progress import SeriesProgress
from streams.work_units import FileHistory, StartedFile, UnitSettings, WorkUnit

#: Before the input ends, what the storage did not give is tried so often, with a pause between.
READ_TRIES = 3
READ_PAUSE_S = 1.0


class FileAccounts:
    """The files as the state directory knows them, and those in the middle of which the latest commit stands."""

    def __init__(self, state: StateReader, progress: SeriesProgress) -> None:
        self._state = state
        self._progress = progress
        self._started: dict[str, StartedFile] = {}
        self._unread: dict[str, SpoolFile] = {}

    @property
    def has_unread(self) -> bool:
        """Whether there are files that the storage did not give."""
        return bool(self._unread)

    @property
    def unread(self) -> list[SpoolFile]:
        """The files that the storage did not give and that are not being tried again yet."""
        return list(self._unread.values())

    def take_unread(self) -> list[SpoolFile]:
        """The files that the storage did not give since the last call, to be tried again."""
        unread, self._unread = list(self._unread.values()), {}
        return unread

    def is_done(self, relative: str, size_bytes: int, mtime_ns: int) -> bool:
        """Whether this very file has been dealt with to its end."""
        known = self._state.known_file(relative)
        done = known is not None and (known.size_bytes, known.mtime_ns) == (size_bytes, mtime_ns)
        return done and relative not in self._started

    def history(self, file: SpoolFile) -> FileHistory:
        """What earlier work says about a file."""
        known = self._state.known_file(file.relative)
        counted = self._state.counted_file(file.relative)
        if known is None or known.status is FileStatus.IGNORED:
            known = counted
        if known is None:
            return FileHistory()
        return FileHistory(
            sha256=known.sha256,
            counted_sha256=counted.sha256 if counted is not None else None,
            counted_whole=counted is not None and counted.status is FileStatus.ACCEPTED,
            started=self._started.get(file.relative),
        )

    def committing(self, unit: WorkUnit) -> tuple[FileRecord, list[AlertEvent]]:
        """What is to be written about a unit's file together with the unit, and what is to be told of it."""
        self.note(unit)
        return self.describe(unit)

    def describe(self, unit: WorkUnit) -> tuple[FileRecord, list[AlertEvent]]:
        """The same, for whoever notes the unit only when all else is done."""
        record = file_record(unit)
        return record, self._alerts(record)

    def note(self, unit: WorkUnit) -> None:
        """A unit is committed next: remember how far its file has come."""
        relative = unit.file.relative
        if isinstance(unit.refused, RetryableError):
            self._unread[relative] = unit.file
        elif unit.last or unit.refused is not None:
            self._started.pop(relative, None)
        else:
            self._started[relative] = StartedFile(
                units_done=unit.index + 1, cut=unit.cut, replaced_sha256=unit.replaced_sha256
            )

    def skipping(self, file: SpoolFile) -> tuple[FileRecord | None, list[AlertEvent]]:
        """What is to be written about a file with the content that counts already: that it was looked at."""
        counted = self._state.counted_file(file.relative)
        if counted is None:
            return None, []
        record = replace(counted, size_bytes=file.size, mtime_ns=file.mtime_ns)
        return record, self._alerts(record)

    def state(self) -> State:
        """All that later results depend on."""
        return {relative: asdict(started) for relative, started in sorted(self._started.items())}

    def restore(self, state: State) -> None:
        """Go on from a saved state."""
        self._started = {
            relative: StartedFile(**(saved | {"cut": UnitSettings(**saved["cut"])}))
            for relative, saved in state.items()
        }

    def _alerts(self, record: FileRecord) -> list[AlertEvent]:
        """A damaged file opens an alert, and closes it when its path has readable content."""
        known = self._state.known_file(record.path)
        before = known if known is not None and known.status is FileStatus.REJECTED else None
        after = record if record.status is FileStatus.REJECTED else None
        closing = [] if before is None else [self._rejected(before, AlertStatus.CLOSED)]
        opening = [] if after is None else [self._rejected(after, AlertStatus.OPEN)]
        if before is None or after is None or closing[0].alert.id != opening[0].alert.id:
            return closing + opening
        if before.reason == after.reason:
            return []
        return [replace(opening[0], change=AlertChange.UPDATED)]

    def _rejected(self, record: FileRecord, status: AlertStatus) -> AlertEvent:
        return snapshot_alert(
            AlertKind.SNAPSHOT_REJECTED,
            SourceReference(file=record.path, sha256=record.sha256),
            front_end=self._progress.front_end(record.path),
            start_ns=self._progress.start_ns(record.path, record.mtime_ns),
            reason=record.reason,
            status=status,
        )


def file_record(unit: WorkUnit) -> FileRecord:
    """What is known about a unit's file once the unit is committed."""
    file, manifest = unit.file, unit.manifest
    damage = unit.refused.reason if unit.refused is not None else ""
    if manifest is None or (unit.refused is not None and not unit.records):
        return FileRecord(
            path=file.relative,
            root=str(file.root),
            sha256=manifest.source.sha256 if manifest else "",
            size_bytes=file.size,
            # What the storage did not give now is not done with, also when it never changes.
            mtime_ns=0 if isinstance(unit.refused, RetryableError) else file.mtime_ns,
            status=FileStatus.REJECTED,
            reason=damage,
        )
    damage = damage or ("truncated" if manifest.truncated else "")
    return FileRecord(
        path=file.relative,
        root=str(file.root),
        sha256=manifest.source.sha256,
        size_bytes=file.size,
        mtime_ns=file.mtime_ns,
        status=FileStatus.REJECTED if damage else FileStatus.ACCEPTED,
        reason=damage,
        series=manifest.series,
        first_ns=manifest.first_ns,
        last_ns=manifest.last_ns,
        # The dead letters of the whole file are counted with its first unit.
        records_read=unit.records + manifest.dead_letter_count,
        dead_letters=manifest.dead_letter_counts,
        replaced_sha256=unit.replaced_sha256,
    )

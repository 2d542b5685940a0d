"""What the reading commands ask a state directory, also while a watch writes to it."""

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from connectors.evidence_store import EvidenceLink
from connectors.state.alert_rows import find_alert, find_evidence, read_alerts
from connectors.state.alert_search import AlertQuestion, search_alerts
from connectors.state.commit import FileRecord
from connectors.state.database import open_for_reading
from connectors.state.export import export_rows, exported_rows
from connectors.state.failures import PartGoneError, clear_failures
from connectors.state.file_accounts import FileAccount, FileFilter, read_file_accounts
from connectors.state.ledger import SourceAccount, file_records, find_account, find_file, read_ledger, unreadable_files
from connectors.state.lost_records import find_lost
from connectors.state.row_columns import (
    SCHEMAS,
    Rows,
    codes_of,
    decided_blocks,
    subject_codes,
    subject_of,
    times_ns,
    unified,
)
from connectors.state.row_scan import RowPlace, scanned_places
from connectors.state.row_source import RowSources, row_sources
from connectors.state.stage_moment import StageMoment, read_stage_moment
from connectors.state.triplet_minutes import TripletMinute, read_triplet_minutes, read_triplet_span
from models.alerts.alert import Alert
from models.devices import Device, Stage
from models.records import SourceReference
from models.triplets.decided import DecidedBlock

_PART_ATTEMPTS = 5

Result = TypeVar("Result")


class StateReader:
    """The queries of a state directory; takes no lock and changes nothing. Not for several threads at once.

    All times are nanoseconds since 1970; a stretch of time is from ``from_ns`` on and before ``to_ns``, None is open.

    Raises
    ------
    FatalError
        By every method: ``state_damaged`` or ``state_unusable``.
    RetryableError
        By every method: ``state_busy`` or ``disk_error``.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open for reading.

        Raises
        ------
        FatalError
            ``state_missing`` when no watch has written there, ``state_too_new``.
        """
        with clear_failures(path):
            return cls(path, open_for_reading(path))

    def close(self) -> None:
        """Let the directory go."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def ledger(self) -> dict[str, Any]:
        """The account of all records; see ``read_ledger``."""
        with clear_failures(self.path):
            return read_ledger(self._connection)

    def alerts(
        self, since_ns: int | None = None, also: Collection[str] = ()
    ) -> Iterator[tuple[Alert, tuple[EvidenceLink, ...]]]:
        """Alerts by first shot, each with its evidence; links to what is no longer kept say ``expired``.

        With ``since_ns`` only those with a shot from then on, those that are open, and those of the ids in ``also``.
        """
        with clear_failures(self.path):
            for alert, links in read_alerts(self._connection, since_ns, also):
                yield alert, tuple(link.as_kept(self.path) for link in links)

    def open_alerts(self) -> list[Alert]:
        """Those that go on, by first shot."""
        # None has a shot so late.
        return [alert for alert, _ in self.alerts(2**62)]

    def find_alerts(
        self, question: AlertQuestion, *, after: tuple[int, str] | None = None, limit: int = 100
    ) -> list[tuple[Alert, tuple[EvidenceLink, ...]]]:
        """A page of alerts, as ``alerts`` gives them; see ``search_alerts``."""
        with clear_failures(self.path):
            found = search_alerts(self._connection, question, after=after, limit=limit)
            return [(alert, tuple(link.as_kept(self.path) for link in links)) for alert, links in found]

    def alert(self, alert_id: str) -> Alert | None:
        """The alert of this id as it stands; None when there is none."""
        with clear_failures(self.path):
            return find_alert(self._connection, alert_id)

    def evidence(self, alert_id: str) -> tuple[EvidenceLink, ...]:
        """The evidence of an alert; links to what is no longer kept say ``expired``."""
        with clear_failures(self.path):
            return tuple(link.as_kept(self.path) for link in find_evidence(self._connection, alert_id))

    def alert_ids(self, beginning: str) -> list[str]:
        """The ids of all alerts that begin so, in their order."""
        query = "SELECT id FROM alerts WHERE substr(id, 1, ?) = ? ORDER BY id"
        with clear_failures(self.path):
            return [id_ for (id_,) in self._connection.execute(query, (len(beginning), beginning))]

    def version(self) -> tuple[str, int]:
        """The database's own mark, and the number of its latest commit: what is read changes with them alone."""
        query = "SELECT name, value FROM meta WHERE name IN ('changes', 'sequence')"
        with clear_failures(self.path):
            found = dict(self._connection.execute(query))
        return str(found.get("changes", "")), int(found.get("sequence", 0))

    def state_keys(self) -> list[str]:
        """The keys of all saved states, in their order: they tell who runs here, and which devices are known."""
        with clear_failures(self.path):
            return [key for (key,) in self._connection.execute("SELECT key FROM states ORDER BY key")]

    def load_states(self) -> dict[str, bytes]:
        """The encoded states of all stages as of the latest commit."""
        with clear_failures(self.path):
            return dict(self._connection.execute("SELECT key, value FROM states ORDER BY key"))

    def load_state(self, key: str) -> bytes | None:
        """One of them; None when there is none."""
        with clear_failures(self.path):
            row = self._connection.execute("SELECT value FROM states WHERE key = ?", (key,)).fetchone()
        return None if row is None else bytes(row[0])

    def stage_moment(self) -> StageMoment | None:
        """The states with what is known of the files behind them, all of one commit; None before the first record."""
        with clear_failures(self.path):
            return read_stage_moment(self._connection)

    def files_between(self, from_ns: int, to_ns: int) -> list[FileRecord]:
        """The files with records in a stretch of time, of each the version that counts, as they came."""
        with clear_failures(self.path):
            return file_records(self._connection, from_ns, to_ns)

    def unreadable_files(self) -> list[FileRecord]:
        """The files of which no record could be read, though their content is known, as they came."""
        with clear_failures(self.path):
            return unreadable_files(self._connection)

    def file_accounts(self, wanted: FileFilter, *, before_id: int | None = None, limit: int = 100) -> list[FileAccount]:
        """How files stand, those that came last first; see ``read_file_accounts``."""
        with clear_failures(self.path):
            return read_file_accounts(self._connection, wanted, before_id=before_id, limit=limit)

    def account(self, source: SourceReference) -> SourceAccount | None:
        """How one version of a file stands; None when nothing is known of it."""
        with clear_failures(self.path):
            return find_account(self._connection, source)

    def lost_records(self, source: SourceReference) -> int:
        """How many records of one version of a file ended as dead letters on their way."""
        with clear_failures(self.path):
            return find_lost(self._connection, source)

    def triplet_minutes(self, from_ns: int | None = None, to_ns: int | None = None) -> list[TripletMinute]:
        """Counts of triplets by minute and stage."""
        with clear_failures(self.path):
            return read_triplet_minutes(self._connection, from_ns, to_ns)

    def triplet_span(self) -> tuple[int, int] | None:
        """The first and the last minute that has triplets; None without any."""
        with clear_failures(self.path):
            return read_triplet_span(self._connection)

    def latest_row_ns(self) -> int | None:
        """The event time of the latest record that was decided; None without any."""
        query = "SELECT max(last_ns) FROM (SELECT last_ns FROM parts UNION ALL SELECT last_ns FROM row_buffer)"
        with clear_failures(self.path):
            latest: int | None = self._connection.execute(query).fetchone()[0]
        return latest

    def known_file(self, path: str) -> FileRecord | None:
        """The latest version of a file (``SourceReference.file``); None when it was never seen."""
        with clear_failures(self.path):
            return find_file(self._connection, path)

    def counted_file(self, path: str) -> FileRecord | None:
        """The version of a file whose records count; it is not the latest one when that was refused as a whole."""
        with clear_failures(self.path):
            return find_file(self._connection, path, counted=True)

    def export(self, out: Path, from_ns: int | None = None, to_ns: int | None = None, what: str = Rows.SHOTS) -> int:
        """Write ``shots`` or ``triplets`` as one Parquet file; the number of rows. See ``export_rows``."""
        return self._read(Rows(what), from_ns, to_ns, lambda sources: export_rows(sources, out))

    def exported(self, what: Rows, from_ns: int | None = None, to_ns: int | None = None) -> pa.Table:
        """Rows as ``export`` writes them, in memory."""
        return self._read(what, from_ns, to_ns, exported_rows)

    def rows_between(self, devices: Iterable[Device], from_ns: int | None, to_ns: int | None) -> list[DecidedBlock]:
        """The decided rows of some devices that still count: blocks by device and file, each in order of event time."""
        wanted = {device.name for device in devices}
        return decided_blocks(self._of_subjects(Rows.SHOTS, wanted, from_ns, to_ns))

    def device_names_between(self, from_ns: int, to_ns: int) -> list[str]:
        """The names of the devices that have decided rows in a stretch of time."""

        def read(sources: RowSources) -> set[str]:
            found: set[str] = set()
            for table in sources.tables():
                codes, names = subject_codes(unified(table), Rows.SHOTS)
                found.update(names[code] for code in np.unique(codes))
            return found

        return sorted(self._read(Rows.SHOTS, from_ns, to_ns, read))

    def rows_of_file(self, source: SourceReference, from_ns: int | None, to_ns: int | None) -> list[DecidedBlock]:
        """The decided rows of one content of a file that still count, as ``rows_between`` gives them."""

        def of_file(rows: pa.Table) -> NDArray[np.bool_]:
            files, paths = codes_of(rows, "file")
            contents, digests = codes_of(rows, "sha256")
            if source.file not in paths or source.sha256 not in digests:
                return np.zeros(len(rows), np.bool_)
            wanted: NDArray[np.bool_] = (files == paths.index(source.file)) & (contents == digests.index(source.sha256))
            return wanted

        return decided_blocks(self._matching(Rows.SHOTS, from_ns, to_ns, of_file))

    def triplet_times(self, stage: Stage, from_ns: int | None, to_ns: int | None) -> NDArray[np.int64]:
        """int64, shape (n,), ascending: the event times of a stage's triplets that still count."""
        return times_ns(self._of_subjects(Rows.TRIPLETS, {str(stage)}, from_ns, to_ns))

    def scan(
        self,
        subject: Device | Stage,
        columns: Sequence[str],
        from_ns: int | None,
        to_ns: int | None,
        read: Callable[[Iterator[RowPlace]], Result],
    ) -> Result:
        """What ``read`` makes of some columns of a device's rows or a stage's triplets; see ``scanned_places``.

        It is called again from the start when the watch replaces a part meanwhile.
        """
        what = Rows.SHOTS if isinstance(subject, Device) else Rows.TRIPLETS
        return self._read(
            what,
            from_ns,
            to_ns,
            lambda sources: read(scanned_places(sources, subject_of(subject), columns)),
            frozenset(columns),
        )

    def _of_subjects(self, what: Rows, subjects: set[str], from_ns: int | None, to_ns: int | None) -> pa.Table:
        def of_subjects(rows: pa.Table) -> NDArray[np.bool_]:
            codes, texts = subject_codes(rows, what)
            wanted: NDArray[np.bool_] = np.isin(codes, [code for code, text in enumerate(texts) if text in subjects])
            return wanted

        return self._matching(what, from_ns, to_ns, of_subjects)

    def _matching(
        self, what: Rows, from_ns: int | None, to_ns: int | None, wanted: Callable[[pa.Table], NDArray[np.bool_]]
    ) -> pa.Table:
        def read(sources: RowSources) -> pa.Table:
            found = [SCHEMAS[what].empty_table()]
            for table in sources.tables():
                rows = unified(table)
                found.append(rows.filter(pa.array(wanted(rows))))
            return unified(pa.concat_tables(found))

        return self._read(what, from_ns, to_ns, read)

    def _read(
        self,
        what: Rows,
        from_ns: int | None,
        to_ns: int | None,
        read: Callable[[RowSources], Result],
        columns: frozenset[str] | None = None,
    ) -> Result:
        """Read rows while a watch may replace parts: then they are listed again and the reading starts anew."""
        with clear_failures(self.path):
            for _ in range(_PART_ATTEMPTS - 1):
                with suppress(PartGoneError):
                    return read(row_sources(self._connection, self.path, what, from_ns, to_ns, columns))
            return read(row_sources(self._connection, self.path, what, from_ns, to_ns, columns))

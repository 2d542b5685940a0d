"""The state directory of one watch: one transaction per step, and what a restart goes on from."""

import sqlite3
from pathlib import Path
from typing import Self

import pyarrow as pa

from connectors.process_lock import ProcessLock
from connectors.sqlite_file import transaction
from connectors.state.alarm_feed import store_activity, store_feed
from connectors.state.alert_rows import store_alerts, store_evidence
from connectors.state.commit import Commit
from connectors.state.database import open_for_writing
from connectors.state.failures import clear_failures
from connectors.state.file_changes import note_change
from connectors.state.ledger import (
    add_outcomes,
    count_files,
    count_outcomes,
    is_void,
    pending_of_files_under_way,
    record_file,
    remove_outcomes,
    store_pending,
    supersede_others,
)
from connectors.state.lock import lock_state_directory
from connectors.state.lost_records import store_lost
from connectors.state.parts import remove_unlisted
from connectors.state.reader import StateReader
from connectors.state.row_columns import Rows, shots_table, triplets_table
from connectors.state.row_store import RowStore
from connectors.state.triplet_minutes import add_triplets
from connectors.state.voids import row_void, store_file_void, store_row_voids
from models.records import SourceReference
from models.triplets.decided import DecidedBlock

#: Buffered rows from which on they are written as Parquet parts.
FLUSH_ROWS = 200_000

#: In a state directory; names its holder.
LOCK_NAME = "watch.lock"


class StateDirectory(StateReader):
    """What a watch knows, made durable step by step; for one thread.

    Raises
    ------
    RetryableError
        By every method: ``disk_full``, ``disk_error`` or ``state_busy``; nothing has changed, call it again.
    FatalError
        By every method: ``state_damaged`` or ``state_unusable``.
    """

    def __init__(
        self, path: Path, connection: sqlite3.Connection, lock: ProcessLock, *, flush_rows: int = FLUSH_ROWS
    ) -> None:
        super().__init__(path, connection)
        self._lock = lock
        self._row_store = RowStore(connection, path, flush_rows=flush_rows)

    @classmethod
    def open(cls, path: Path, *, flush_rows: int = FLUSH_ROWS) -> Self:
        """Open or make a state directory, for one watch alone.

        Raises
        ------
        FatalError
            ``state_in_use`` when another watch has it, ``state_too_new``.
        """
        with clear_failures(path):
            path.mkdir(parents=True, exist_ok=True)
            lock = lock_state_directory(path / LOCK_NAME)
            try:
                connection = open_for_writing(path)
                remove_unlisted(path, connection)
                return cls(path, connection, lock, flush_rows=flush_rows)
            except BaseException:
                lock.release()
                raise

    def close(self) -> None:
        """Let the directory go; what is buffered stays buffered."""
        super().close()
        self._lock.release()

    @property
    def sequence(self) -> int:
        """The number of the latest commit; 0 before the first."""
        row = self._connection.execute("SELECT value FROM meta WHERE name = 'sequence'").fetchone()
        return int(row[0]) if row else 0

    def commit(self, commit: Commit) -> int:
        """Make one step durable, wholly or not at all; the number of the commit.

        Raises
        ------
        ValueError
            If an outcome, a file event or a replacement makes no sense.
        """
        with clear_failures(self.path):
            if self._row_store.buffer_full(2):
                self._row_store.flush(self.sequence)
            with transaction(self._connection):
                sequence = self.sequence + 1
                self._connection.execute(
                    "INSERT OR REPLACE INTO meta (name, value) VALUES ('sequence', ?)", (sequence,)
                )
                self._supersede_rows(commit, sequence)
                self._record_files(commit, sequence)
                shots, triplets = self._store_rows(commit, sequence)
                self._store_states(commit)
                store_alerts(self._connection, commit.alerts)
                store_evidence(self._connection, commit.evidence)
                store_feed(self._connection, commit.feed)
                store_activity(self._connection, commit.triplets)
                store_lost(self._connection, commit.lost_records, commit.retried_records)
                store_pending(
                    self._connection, pending_of_files_under_way(self._connection, commit.under_way, commit.pending)
                )
            self._row_store.committed(shots, triplets)
        return sequence

    @property
    def flush_due(self) -> bool:
        """Whether the buffered rows should become Parquet parts: enough of them, or those of a finished hour.

        A commit flushes by itself only when twice as many are buffered: a flush takes about a second for
        200,000 rows, so call it when nothing waits.
        """
        return self._row_store.flush_due

    def flush(self) -> int:
        """Write the buffered rows as Parquet parts and rewrite those with superseded rows; how many were written."""
        with clear_failures(self.path):
            return self._row_store.flush(self.sequence)

    def forget_rows(self, before_ns: int) -> None:
        """Remove rows before a time, in whole parts; files, alerts and the ledger stay.

        Only for a directory whose rows nobody asks for again: a snapshot that replaces one of them would be decided
        without them.
        """
        with clear_failures(self.path):
            self._row_store.flush(self.sequence)
            self._row_store.forget(before_ns)

    def _supersede_rows(self, commit: Commit, sequence: int) -> None:
        voids = [row_void(superseded, sequence) for superseded in commit.superseded]
        for what in Rows if voids else ():
            of_kind = [void for void in voids if void.what is what]
            rows = self._row_store.matching(what, of_kind)
            if not len(rows):
                continue
            if what is Rows.SHOTS:
                remove_outcomes(self._connection, rows)
            else:
                add_triplets(self._connection, rows, sign=-1)
            store_row_voids(self._connection, of_kind)

    def _record_files(self, commit: Commit, sequence: int) -> None:
        counts = dict(commit.file_counts)
        for record in commit.files:
            record_file(self._connection, record)
            current = SourceReference(file=record.path, sha256=record.sha256)
            note_change(self._connection, current)
            if record.replaced_sha256 is None:
                continue
            versions, voids = supersede_others(self._connection, current, sequence)
            counts["replaced"] = counts.get("replaced", 0) + (versions > 0)
            for void in voids:
                store_file_void(self._connection, void)
        count_files(self._connection, counts)

    def _store_rows(self, commit: Commit, sequence: int) -> tuple[pa.Table, pa.Table]:
        decided = self._still_true(commit.decided)
        add_outcomes(self._connection, count_outcomes(decided))
        shots, triplets = shots_table(decided), triplets_table(commit.triplets)
        self._row_store.append(Rows.SHOTS, shots, sequence)
        self._row_store.append(Rows.TRIPLETS, triplets, sequence)
        add_triplets(self._connection, triplets)
        return shots, triplets

    def _still_true(self, decided: list[DecidedBlock]) -> list[DecidedBlock]:
        """Without the rows of superseded versions of files, which the join may still have held."""
        void = {source for source in {block.scored.source for block in decided} if is_void(self._connection, source)}
        return [block for block in decided if block.scored.source not in void] if void else decided

    def _store_states(self, commit: Commit) -> None:
        changed = [(key, value) for key, value in commit.stage_states.items() if value]
        removed = [(key,) for key, value in commit.stage_states.items() if not value]
        self._connection.executemany(
            "INSERT INTO states (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            changed,
        )
        self._connection.executemany("DELETE FROM states WHERE key = ?", removed)

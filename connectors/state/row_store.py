"""Decided rows on their way into Parquet: every commit buffers them in SQLite, a flush writes them as parts."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from connectors.sqlite_file import transaction
from connectors.state.parts import Part, PartFile, clear_staging, list_part, list_parts, publish, stage_parts
from connectors.state.row_columns import SCHEMAS, Rows, times_ns, unified
from connectors.state.row_source import BufferedRows, buffered_rows, decode_rows, encode_rows, row_sources
from connectors.state.voids import RowVoid, Voids, load_voids, matching
from models.event_time import HOUR_NS

#: Commits that may be buffered however few rows they have: each costs some 15 kB.
_MOST_BUFFERED_COMMITS = 2_000


class RowStore:
    """The rows of one state directory, written by one watch.

    Parameters
    ----------
    flush_rows
        Buffered rows from which on a flush is due.
    """

    def __init__(self, connection: sqlite3.Connection, directory: Path, *, flush_rows: int) -> None:
        self._connection = connection
        self._directory = directory
        self._flush_rows = flush_rows
        self._latest_hour: int | None = None
        self._hour_finished = False
        self._listed: list[Part] = []
        self._rewritten: list[Part] = []
        self._count_buffered()

    @property
    def flush_due(self) -> bool:
        """Whether enough rows, or an hour's, are buffered."""
        return self._hour_finished or self.buffer_full(1)

    def buffer_full(self, times: int) -> bool:
        """Whether so many times the rows (or commits) are buffered that make a flush due."""
        return self._rows >= times * self._flush_rows or self._commits >= times * _MOST_BUFFERED_COMMITS

    def append(self, what: Rows, table: pa.Table, sequence: int) -> None:
        """Buffer a commit's rows, inside its transaction."""
        if len(table):
            times = times_ns(table)
            self._connection.execute(
                "INSERT INTO row_buffer (what, sequence, rows, first_ns, last_ns, data) VALUES (?, ?, ?, ?, ?, ?)",
                (what, sequence, len(table), int(times.min()), int(times.max()), encode_rows(table)),
            )

    def committed(self, shots: pa.Table, triplets: pa.Table) -> None:
        """Count what a commit has added, after its transaction."""
        self._rows += len(shots) + len(triplets)
        self._commits += 1 if len(shots) or len(triplets) else 0
        if not len(shots):
            return
        # The median, since one wild time is no new hour.
        hour = int(np.median(times_ns(shots).astype(np.float64))) // HOUR_NS
        if self._latest_hour is not None and hour > self._latest_hour:
            self._hour_finished = True
        self._latest_hour = hour if self._latest_hour is None else max(hour, self._latest_hour)

    def matching(self, what: Rows, voids: Sequence[RowVoid]) -> pa.Table:
        """The rows that new voids take away: those at their subjects and times that count until now."""
        found = [SCHEMAS[what].empty_table()]
        times = [void.event_time_ns for void in voids if len(void.event_time_ns)]
        if times:
            first_ns, last_ns = min(int(each[0]) for each in times), max(int(each[-1]) for each in times)
            sources = row_sources(self._connection, self._directory, what, first_ns, last_ns + 1)
            for table in sources.tables():
                rows = unified(table)
                found.append(rows.filter(pa.array(matching(rows, what, voids))))
        return unified(pa.concat_tables(found))

    def flush(self, sequence: int) -> int:
        """Write what is buffered as parts and rewrite the parts with void rows; how many parts were written.

        One transaction lists the new parts and removes the buffered rows, the old parts and the voids; parts get
        into their places (and old ones away) after it, or when the directory is opened the next time.
        """
        self._put_in_place()
        clear_staging(self._directory)
        voids = load_voids(self._connection)
        last_buffered, staged = self._stage_buffered(voids, sequence)
        rewritten, replacements = self._stage_rewritten(voids, sequence)
        if not (last_buffered or voids):
            return 0
        staged += replacements
        with transaction(self._connection, durable=True):
            for part in staged:
                list_part(self._connection, part)
            self._connection.executemany("DELETE FROM parts WHERE id = ?", [(part.id,) for part in rewritten])
            self._connection.execute("DELETE FROM row_buffer WHERE id <= ?", (last_buffered,))
            self._connection.execute("DELETE FROM row_voids")
            self._connection.execute("DELETE FROM file_voids")
        self._listed, self._rewritten = staged, rewritten
        self._count_buffered()
        self._put_in_place()
        return len(staged)

    def forget(self, before_ns: int) -> None:
        """Remove the parts whose rows all lie before a time."""
        old = [part for part in list_parts(self._connection) if part.last_ns < before_ns]
        with transaction(self._connection, durable=True):
            self._connection.executemany("DELETE FROM parts WHERE id = ?", [(part.id,) for part in old])
        # What is left of them after a kill goes when the directory is opened.
        for part in old:
            (self._directory / part.path).unlink(missing_ok=True)

    def _put_in_place(self) -> None:
        """After the listing; what fails here is done by the next flush, or when the directory is opened."""
        publish(self._directory, self._listed)
        self._listed = []
        for part in self._rewritten:
            (self._directory / part.path).unlink(missing_ok=True)
        self._rewritten = []

    def _stage_buffered(self, voids: Voids, sequence: int) -> tuple[int, list[Part]]:
        """Stage what is buffered; the id of the last buffered rows (0 without any), and the parts."""
        last = 0
        staged: list[Part] = []
        for what in Rows:
            buffered = buffered_rows(self._connection, what)
            if buffered:
                last = max(last, buffered[-1].id)
                staged += stage_parts(self._directory, _remaining(voids, what, buffered), what, sequence, "buffer")
        return last, staged

    def _stage_rewritten(self, voids: Voids, sequence: int) -> tuple[list[Part], list[Part]]:
        """Stage parts without their void rows; the parts that had them, and those that take their places."""
        old: list[Part] = []
        staged: list[Part] = []
        for part in list_parts(self._connection) if voids else []:
            if not voids.may_touch(part.what, part.sequence, part.first_ns, part.last_ns):
                continue
            with PartFile(self._directory, part) as file:
                remaining = voids.remaining(file.read(), part.what, part.sequence)
            if len(remaining) < part.rows:
                old.append(part)
                staged += stage_parts(self._directory, remaining, part.what, sequence, part.id)
        return old, staged

    def _count_buffered(self) -> None:
        rows, commits = self._connection.execute(
            "SELECT coalesce(sum(rows), 0), count(DISTINCT sequence) FROM row_buffer"
        ).fetchone()
        self._rows, self._commits, self._hour_finished = int(rows), int(commits), False


def _remaining(voids: Voids, what: Rows, buffered: list[BufferedRows]) -> pa.Table:
    """What counts of some buffered rows, which are let go one after the other."""
    tables = []
    while buffered:
        rows = buffered.pop(0)
        tables.append(voids.remaining(decode_rows(rows.data), what, rows.sequence))
    return pa.concat_tables(tables)

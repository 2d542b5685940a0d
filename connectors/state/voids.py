"""Rows that no longer count: superseded ones stay where they were written until parts are next written."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from connectors.state.commit import SupersededRows
from connectors.state.row_columns import Rows, codes_of, subject_codes, subject_of, times_ns, unified
from models.devices import Device
from models.records import SourceReference
from models.results import Outcome


@dataclass(frozen=True, slots=True)
class RowVoid:
    """The rows of one device or stage at some times, in what was written before commit number ``sequence``."""

    what: Rows
    subject: str
    sequence: int
    event_time_ns: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class FileVoid:
    """All rows of one version of a file, in what was written before commit number ``sequence``.

    ``first_ns`` and ``last_ns`` are the event times of the earliest and the latest of them.
    """

    source: SourceReference
    sequence: int
    first_ns: int
    last_ns: int


@dataclass(frozen=True, slots=True)
class Voids:
    """All that is void and still written somewhere."""

    rows: Sequence[RowVoid]
    files: Sequence[FileVoid]

    def __bool__(self) -> bool:
        return bool(self.rows or self.files)

    def may_touch(self, what: Rows, sequence: int, first_ns: int, last_ns: int) -> bool:
        """Whether rows between these times, written by commit number ``sequence``, may hold a void one."""
        of_files = what is Rows.SHOTS and any(
            void.sequence > sequence and void.first_ns <= last_ns and void.last_ns >= first_ns for void in self.files
        )
        return of_files or any(
            void.what is what
            and void.sequence > sequence
            and bool(((void.event_time_ns >= first_ns) & (void.event_time_ns <= last_ns)).any())
            for void in self.rows
        )

    def remaining(self, table: pa.Table, what: Rows, sequence: int) -> pa.Table:
        """The rows that still count, of a table that commit number ``sequence`` wrote."""
        rows = [void for void in self.rows if void.what is what and void.sequence > sequence]
        files = [void.source for void in self.files if what is Rows.SHOTS and void.sequence > sequence]
        if not len(table) or not (rows or files):
            return table
        table = unified(table)
        void_rows = _of_files(table, files) if files else np.zeros(len(table), np.bool_)
        if rows:
            void_rows |= matching(table, what, rows)
        return table.filter(pa.array(~void_rows)) if void_rows.any() else table


def matching(table: pa.Table, what: Rows, voids: Sequence[RowVoid]) -> NDArray[np.bool_]:
    """bool, shape (n,): the rows of a ``unified`` table that belong to a void's subject and times.

    Duplicates and late records never match: what was decided again is the record itself.
    """
    subjects, texts = subject_codes(table, what)
    times = times_ns(table)
    found = np.zeros(len(table), np.bool_)
    for void in voids:
        if void.subject in texts:
            rows = np.flatnonzero(subjects == texts.index(void.subject))
            found[rows] |= np.isin(times[rows], void.event_time_ns)
    if what is Rows.SHOTS:
        outcomes, words = codes_of(table, "outcome")
        copies = [words.index(outcome.value) for outcome in (Outcome.DUPLICATE, Outcome.LATE) if outcome.value in words]
        found &= ~np.isin(outcomes, copies)
    return found


def row_void(superseded: SupersededRows, sequence: int) -> RowVoid:
    """The void that a commit's superseded rows are."""
    what = Rows.SHOTS if isinstance(superseded.subject, Device) else Rows.TRIPLETS
    return RowVoid(what, subject_of(superseded.subject), sequence, np.unique(superseded.event_time_ns))


def load_voids(connection: sqlite3.Connection) -> Voids:
    """The voids that are not yet worked into the parts."""
    rows = [
        RowVoid(Rows(what), subject, sequence, np.frombuffer(times, np.int64))
        for what, subject, sequence, times in connection.execute("SELECT what, subject, sequence, times FROM row_voids")
    ]
    files = [
        FileVoid(SourceReference(file=path, sha256=sha256), sequence, first_ns, last_ns)
        for path, sha256, sequence, first_ns, last_ns in connection.execute(
            "SELECT path, sha256, sequence, first_ns, last_ns FROM file_voids"
        )
    ]
    return Voids(rows, files)


def store_row_voids(connection: sqlite3.Connection, voids: Sequence[RowVoid]) -> None:
    """Write them down."""
    connection.executemany(
        "INSERT INTO row_voids (what, subject, sequence, times) VALUES (?, ?, ?, ?)",
        [(void.what, void.subject, void.sequence, void.event_time_ns.tobytes()) for void in voids],
    )


def store_file_void(connection: sqlite3.Connection, void: FileVoid) -> None:
    """Write down that a version of a file is superseded."""
    connection.execute(
        "INSERT INTO file_voids (path, sha256, sequence, first_ns, last_ns) VALUES (?, ?, ?, ?, ?)",
        (void.source.file, void.source.sha256, void.sequence, void.first_ns, void.last_ns),
    )


def _of_files(table: pa.Table, files: Sequence[SourceReference]) -> NDArray[np.bool_]:
    paths, path_texts = codes_of(table, "file")
    shas, sha_texts = codes_of(table, "sha256")
    found = np.zeros(len(table), np.bool_)
    for source in files:
        if source.file in path_texts and source.sha256 in sha_texts:
            found |= (paths == path_texts.index(source.file)) & (shas == sha_texts.index(source.sha256))
    return found

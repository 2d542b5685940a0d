"""Parquet parts: written aside, listed by a commit, then put in their place; what is not listed does not exist."""

import hashlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from connectors.durable_files import file_aside, sync_folder
from connectors.state.failures import PartGoneError, damaged
from connectors.state.row_columns import SCHEMAS, Rows, row_order, text_columns, times_ns, unified
from models.event_time import HOUR_NS, SECOND_NS

#: Rows that are read at a time; a row group of all features is about 10 MB.
ROW_GROUP_ROWS = 32_768

_STAGING = "staging"
_COMPRESSION = "zstd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One Parquet file of one hour.

    Attributes
    ----------
    id
        16 hexadecimal digits, computed from what the part holds.
    date, hour
        UTC, ``YYYY-MM-DD`` and ``HH``: the partition.
    sequence
        The number of the latest commit when it was written: void rows of earlier commits are not in it.
    first_ns, last_ns
        Event times of its earliest and its latest row.
    """

    id: str
    what: Rows
    date: str
    hour: str
    sequence: int
    rows: int
    first_ns: int
    last_ns: int

    @property
    def path(self) -> Path:
        """Below the state directory."""
        return Path(self.what.value, f"date={self.date}", f"hour={self.hour}", f"part-{self.id}.parquet")

    @property
    def staged_path(self) -> Path:
        """Where it is written before it is listed; no glob for Parquet files finds it."""
        return Path(_STAGING, f"part-{self.id}.tmp")


def stage_parts(directory: Path, table: pa.Table, what: Rows, sequence: int, origin: str) -> list[Part]:
    """Write rows as one part per hour, aside and down to the disk.

    ``origin`` tells apart the parts that are written with the same ``sequence``. Hundreds of megabytes of rows may
    wait: hand over the only reference, so that they are in memory no more than twice.
    """
    if not len(table):
        return []
    table = unified(table)
    order = row_order(table, what)
    times = times_ns(table)[order]
    (directory / _STAGING).mkdir(exist_ok=True)
    hours = times // HOUR_NS
    starts = np.flatnonzero(np.diff(hours, prepend=hours[0] - 1)).tolist()
    staged = []
    for start, stop in zip(starts, [*starts[1:], len(times)], strict=True):
        begin = datetime.fromtimestamp(int(hours[start]) * (HOUR_NS // SECOND_NS), UTC)
        key = f"{what}|{begin.isoformat()}|{sequence}|{origin}"
        part = Part(
            id=hashlib.sha256(key.encode()).hexdigest()[:16],
            what=what,
            date=f"{begin:%Y-%m-%d}",
            hour=f"{begin:%H}",
            sequence=sequence,
            rows=stop - start,
            first_ns=int(times[start]),
            last_ns=int(times[stop - 1]),
        )
        staged.append(part)
        with file_aside(directory / part.staged_path) as file:
            write_table(table, order[start:stop], file)
    sync_folder(directory / _STAGING)
    return staged


def write_table(table: pa.Table, order: NDArray[np.intp], sink: object) -> None:
    """Some rows of a table as Parquet in the form of all results, in row groups that are put in order one by one."""
    with parquet_writer(sink, table.schema) as writer:
        for start in range(0, len(order), ROW_GROUP_ROWS):
            writer.write_table(table.take(pa.array(order[start : start + ROW_GROUP_ROWS])))


def parquet_writer(sink: object, schema: pa.Schema) -> pq.ParquetWriter:
    """Writes tables one after the other in the form of all results; dictionary columns become plain strings."""
    return pq.ParquetWriter(sink, schema, compression=_COMPRESSION, store_schema=False)


def publish(directory: Path, parts: list[Part]) -> None:
    """Put listed parts into their places; those that are there already stay."""
    for part in parts:
        staged, place = directory / part.staged_path, directory / part.path
        if staged.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            staged.rename(place)  # each folder is synchronised once, for all of its parts
    for folder in {part.path.parent for part in parts}:
        if (directory / folder).is_dir():
            sync_folder(directory / folder)


def remove_unlisted(directory: Path, connection: sqlite3.Connection) -> None:
    """Publish what was listed and not yet in its place; remove parts that are not listed."""
    parts = list_parts(connection)
    staged = {path.name for path in (directory / _STAGING).glob("part-*.tmp")}
    publish(directory, [part for part in parts if part.staged_path.name in staged])
    listed = {str(directory / part.path) for part in parts}
    for what in Rows:
        for folder, _, names in os.walk(directory / what.value):
            for name in names:
                path = Path(folder, name)
                if name.startswith("part-") and str(path) not in listed:
                    path.unlink()
    clear_staging(directory)


def clear_staging(directory: Path) -> None:
    """Remove what was written and never listed; what is listed must be published before."""
    for path in (directory / _STAGING).glob("part-*.tmp"):
        path.unlink()


def list_parts(
    connection: sqlite3.Connection, what: Rows | None = None, from_ns: int | None = None, to_ns: int | None = None
) -> list[Part]:
    """The listed parts with rows from ``from_ns`` on and before ``to_ns``, by their first row."""
    rows = connection.execute(
        "SELECT id, what, date, hour, sequence, rows, first_ns, last_ns FROM parts"
        " WHERE (?1 IS NULL OR what = ?1) AND (?2 IS NULL OR last_ns >= ?2) AND (?3 IS NULL OR first_ns < ?3)"
        " ORDER BY first_ns, id",
        (what, from_ns, to_ns),
    )
    names = ("id", "what", "date", "hour", "sequence", "rows", "first_ns", "last_ns")
    return [Part(**{**dict(zip(names, row, strict=True)), "what": Rows(row[1])}) for row in rows]


def list_part(connection: sqlite3.Connection, part: Part) -> None:
    """List a staged part."""
    connection.execute(
        "INSERT OR REPLACE INTO parts (id, what, date, hour, sequence, rows, first_ns, last_ns)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (part.id, part.what, part.date, part.hour, part.sequence, part.rows, part.first_ns, part.last_ns),
    )


class PartFile:
    """A part opened for reading; open, it can be read even when the watch replaces it meanwhile."""

    def __init__(self, directory: Path, part: Part) -> None:
        self._directory = directory
        self._part = part
        self._schema = SCHEMAS[part.what]
        self._source = _open_part(directory, part)
        try:
            self._file = pq.ParquetFile(self._source, read_dictionary=text_columns(part.what))
        except (pa.ArrowException, OSError) as error:
            self._source.close()
            raise damaged(directory, f"{part.path} can't be read: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._source.close()

    def groups(self) -> Iterator[tuple[int, int, int]]:
        """(number, event time of the first row, of the last row) of each row group, in order of time."""
        for number in range(self._file.num_row_groups):
            statistics = self._file.metadata.row_group(number).column(0).statistics
            yield number, statistics.min_raw, statistics.max_raw

    def read(self, group: int | None = None, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows of one row group, or all, in the schema of their kind; with ``columns`` only these of it."""
        schema = self._schema if columns is None else pa.schema([self._schema.field(name) for name in columns])
        try:
            table = self._file.read(schema.names) if group is None else self._file.read_row_group(group, schema.names)
            return table.select(schema.names).cast(schema)
        except (pa.ArrowException, OSError, KeyError) as error:
            raise damaged(self._directory, f"{self._part.path} can't be read: {error}") from error


def _open_part(directory: Path, part: Part) -> pa.OSFile:
    """A listed part is in its place, or for a moment still (or no longer) where it was written."""
    for path in (part.path, part.staged_path, part.path):
        try:
            return pa.OSFile(str(directory / path), "rb")
        except FileNotFoundError:
            continue
    raise PartGoneError(str(part.path))

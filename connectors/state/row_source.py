"""Decided rows read back: what is buffered and what lies in parts, without what is void, in order of time."""

import heapq
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np
import pyarrow as pa

from connectors.state.database import one_moment
from connectors.state.parts import Part, PartFile, list_parts
from connectors.state.row_columns import SCHEMAS, SUBJECT_COLUMNS, Rows, sorted_rows, times_ns
from connectors.state.voids import Voids, load_voids

#: Rows that are gathered before the earliest of them are handed on.
_BATCH_ROWS = 131_072

# Event time of the first row, a number to tell equal ones apart in a fixed order, and what gives the rows; a part
# gives none but enters its row groups.
_Entry = tuple[int, int, Callable[[], pa.Table | None]]


@dataclass(frozen=True, slots=True)
class BufferedRows:
    """The rows of one commit that are in no part yet."""

    id: int
    what: Rows
    sequence: int
    first_ns: int
    last_ns: int
    data: bytes


@dataclass(frozen=True, slots=True)
class RowSources:
    """Where the rows of a stretch of time are, at one moment: from ``from_ns`` on and before ``to_ns``.

    Attributes
    ----------
    columns
        What is wanted of them besides event time and subject; None: all.
    """

    directory: Path
    what: Rows
    from_ns: int | None
    to_ns: int | None
    buffered: list[BufferedRows]
    parts: list[Part]
    voids: Voids
    columns: frozenset[str] | None = None

    @property
    def schema(self) -> pa.Schema:
        """Of the tables."""
        whole = SCHEMAS[self.what]
        if self.columns is None:
            return whole
        told_by = ("scoring",) if "score" in self.columns else ()  # whether it is one; see ``known_scores``
        wanted = self.columns.union(("event_time",), SUBJECT_COLUMNS[self.what], told_by)
        return pa.schema([column for column in whole if column.name in wanted])

    def tables(self, limit_rows: int = _BATCH_ROWS) -> Iterator[pa.Table]:
        """All rows by event time, then device or stage, in tables of some ``limit_rows``.

        Memory is bounded by ``limit_rows``, the buffer, and one row group of each part that reaches over the same
        moment. Rows that agree in time and subject come in the order in which they were committed.

        Raises
        ------
        PartGoneError
            If a part was replaced since the sources were listed.
        FatalError
            ``state_damaged``.
        """
        with ExitStack() as opened:
            pending: list[pa.Table] = []
            pending_rows, wanted_rows = 0, limit_rows
            for next_ns, table in self._in_time_order(opened):
                pending.append(table)
                pending_rows += len(table)
                if next_ns is not None and pending_rows < wanted_rows:
                    continue
                rows = sorted_rows(pa.concat_tables(pending), self.what)
                ready = len(rows) if next_ns is None else int(np.searchsorted(times_ns(rows), next_ns))
                if ready:
                    yield rows.slice(0, ready)
                pending = [rows.slice(ready)]
                pending_rows = len(rows) - ready
                wanted_rows = pending_rows + limit_rows

    def _in_time_order(self, opened: ExitStack) -> Iterator[tuple[int | None, pa.Table]]:
        """Tables by their first row, each with the event time before which no later table has a row; None at last."""
        numbers = count()
        heap: list[_Entry] = []

        def open_part(part: Part) -> None:
            file = opened.enter_context(PartFile(self.directory, part))
            for group, first_ns, last_ns in file.groups():
                if self.wants(first_ns, last_ns):
                    entry: _Entry = (first_ns, next(numbers), partial(self.of_group, part, file, group))
                    heapq.heappush(heap, entry)

        heap += [(rows.first_ns, next(numbers), partial(self.of_commit, rows)) for rows in self.buffered]
        heap += [(part.first_ns, next(numbers), partial(open_part, part)) for part in self.parts]
        heapq.heapify(heap)
        while heap:
            table = heapq.heappop(heap)[2]()
            if table is not None or not heap:
                yield (heap[0][0] if heap else None), self.schema.empty_table() if table is None else table

    def of_commit(self, buffered: BufferedRows) -> pa.Table:
        """The wanted rows and columns of a commit that is in no part yet, as they were committed."""
        rows = self.voids.remaining(decode_rows(buffered.data), self.what, buffered.sequence)
        return self._within(rows.select(self.schema.names))

    def of_group(self, part: Part, file: PartFile, group: int) -> pa.Table:
        """The wanted rows and columns of one row group of a part."""
        names = self.schema.names
        if not self.voids.may_touch(self.what, part.sequence, part.first_ns, part.last_ns):
            return self._within(file.read(group, names))
        return self._within(self.voids.remaining(file.read(group), self.what, part.sequence).select(names))

    def wants(self, first_ns: int, last_ns: int) -> bool:
        """Whether rows between these times may be in the stretch."""
        return (self.from_ns is None or last_ns >= self.from_ns) and (self.to_ns is None or first_ns < self.to_ns)

    def _within(self, table: pa.Table) -> pa.Table:
        if self.from_ns is None and self.to_ns is None:
            return table
        times = times_ns(table)
        wanted = np.ones(len(times), np.bool_)
        if self.from_ns is not None:
            wanted &= times >= self.from_ns
        if self.to_ns is not None:
            wanted &= times < self.to_ns
        return table if wanted.all() else table.filter(pa.array(wanted))


def row_sources(
    connection: sqlite3.Connection,
    directory: Path,
    what: Rows,
    from_ns: int | None = None,
    to_ns: int | None = None,
    columns: frozenset[str] | None = None,
) -> RowSources:
    """Where the rows from ``from_ns`` on and before ``to_ns`` are now; see ``RowSources``."""
    with one_moment(connection):
        return RowSources(
            directory=directory,
            what=what,
            from_ns=from_ns,
            to_ns=to_ns,
            buffered=buffered_rows(connection, what, from_ns, to_ns),
            parts=list_parts(connection, what, from_ns, to_ns),
            voids=load_voids(connection),
            columns=columns,
        )


def buffered_rows(
    connection: sqlite3.Connection, what: Rows, from_ns: int | None = None, to_ns: int | None = None
) -> list[BufferedRows]:
    """What is in no part yet, in the order of the commits."""
    rows = connection.execute(
        "SELECT id, sequence, first_ns, last_ns, data FROM row_buffer"
        " WHERE what = ?1 AND (?2 IS NULL OR last_ns >= ?2) AND (?3 IS NULL OR first_ns < ?3) ORDER BY id",
        (what, from_ns, to_ns),
    )
    return [BufferedRows(id_, what, *rest) for id_, *rest in rows]


def encode_rows(table: pa.Table) -> pa.Buffer:
    """Rows as one Arrow IPC stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        writer.write_table(table)
    return sink.getvalue()


def decode_rows(data: bytes) -> pa.Table:
    """The rows that ``encode_rows`` wrote."""
    return pa.ipc.open_stream(data).read_all()

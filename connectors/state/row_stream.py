"""Rows of a stretch of time one table after the other, for who hands them on to slow readers.

Nothing is held between two tables but the sources' few row groups: neither the database nor a moment of it. What the
watch writes meanwhile is there when its time comes. Who only sums up one device or stage needs no order and may keep
the sums of a part: that is ``row_scan``.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from connectors.state.database import one_moment, open_for_reading
from connectors.state.export import exported_form, exported_schema
from connectors.state.failures import PartGoneError, clear_failures
from connectors.state.row_columns import Rows, codes_of, subject_codes, times_ns, unified
from connectors.state.row_source import RowSources, row_sources
from models.event_time import HOUR_NS

#: Rows of a table.
TABLE_ROWS = 65_536
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class RowQuestion:
    """Which rows are wanted, and what of them.

    Attributes
    ----------
    from_ns, to_ns
        Event times: from the one on and before the other; None is open.
    columns
        Of the exported ones, in their order; None: all.
    subject
        Whether a device (of triplets: a stage) is wanted; None: all are.
    words, flags
        Values that text columns, and truths, must have.
    """

    what: Rows
    from_ns: int | None = None
    to_ns: int | None = None
    columns: tuple[str, ...] | None = None
    subject: Callable[[str], bool] | None = None
    words: Mapping[str, str] = field(default_factory=dict)
    flags: Mapping[str, bool] = field(default_factory=dict)

    @property
    def schema(self) -> pa.Schema:
        """Of the rows as they are handed on."""
        whole = exported_schema(self.what)
        return whole if self.columns is None else pa.schema([whole.field(name) for name in self.columns])

    @property
    def needed(self) -> frozenset[str] | None:
        """The columns that are read."""
        return None if self.columns is None else frozenset(self.columns).union(self.words, self.flags)


@dataclass(frozen=True, slots=True)
class RowTable:
    """Rows that follow each other.

    Attributes
    ----------
    rows
        The wanted ones, by event time, then subject, then as they were committed.
    event_time_ns
        int64, shape (n,): of each.
    subjects
        The device, or the stage, of each.
    scanned
        How many rows were looked at for them.
    last_ns
        All rows up to this event time are in this table or in one before.
    """

    rows: pa.Table
    event_time_ns: NDArray[np.int64]
    subjects: list[str]
    scanned: int
    last_ns: int


@dataclass(frozen=True, slots=True)
class Windows:
    """How much of the rows is listed at once: what is in no part yet is read whole for it.

    Attributes
    ----------
    width_ns
        Of the first window, whose end is a multiple of it.
    growth
        The next one is so many times as wide.
    """

    width_ns: int
    growth: int = 1


#: For who wants all of a stretch: parts hold an hour each, and none is opened twice.
HOURS = Windows(HOUR_NS)


def stream_rows(
    state: Path, question: RowQuestion, *, table_rows: int = TABLE_ROWS, windows: Windows = HOURS
) -> Iterator[RowTable]:
    """The rows in tables of about ``table_rows``, which may be empty; no time is parted between two tables.

    When the watch replaces a part of them meanwhile, the next table comes from the new one.

    Raises
    ------
    FatalError
        ``state_missing``, ``state_too_new``, ``state_damaged`` or ``state_unusable``.
    RetryableError
        ``state_busy`` or ``disk_error``.
    """
    attempts, width_ns = 0, windows.width_ns
    with clear_failures(state):
        while (sources := _sources(state, question, width_ns)) is not None:
            try:
                for table in sources.tables(table_rows):
                    found = _wanted(unified(table), question)
                    yield found
                    question, attempts = replace(question, from_ns=found.last_ns + 1), 0
            except PartGoneError:
                attempts += 1
                if attempts == _ATTEMPTS:
                    raise
            else:
                question, width_ns = replace(question, from_ns=sources.to_ns), width_ns * windows.growth


def _sources(state: Path, question: RowQuestion, width_ns: int) -> RowSources | None:
    """Where the rows of the next window are; None behind the last one."""
    what, from_ns, to_ns = question.what, question.from_ns, question.to_ns
    with closing(open_for_reading(state)) as connection, one_moment(connection):
        first_ns = _first_time(connection, what, from_ns)
        if first_ns is None or (to_ns is not None and first_ns >= to_ns):
            return None
        end_ns = (first_ns // width_ns + 1) * width_ns
        end_ns = end_ns if to_ns is None else min(end_ns, to_ns)
        return row_sources(connection, state, what, from_ns, end_ns, question.needed)


def _first_time(connection: sqlite3.Connection, what: Rows, from_ns: int | None) -> int | None:
    """From where on there may be rows; None: nowhere."""
    [(found,)] = connection.execute(
        "SELECT min(first_ns) FROM (SELECT first_ns, last_ns, what FROM parts"
        " UNION ALL SELECT first_ns, last_ns, what FROM row_buffer)"
        " WHERE what = ?1 AND (?2 IS NULL OR last_ns >= ?2)",
        (what, from_ns),
    )
    return found if found is None or from_ns is None else max(int(found), from_ns)


def _wanted(table: pa.Table, question: RowQuestion) -> RowTable:
    codes, subjects = subject_codes(table, question.what)
    times = times_ns(table)
    wanted = np.ones(len(table), np.bool_)
    if question.subject is not None:
        wanted &= np.array([question.subject(text) for text in subjects], np.bool_)[codes]
    for name, word in question.words.items():
        numbers, words = codes_of(table, name)
        wanted &= numbers == (words.index(word) if word in words else -2)
    for name, flag in question.flags.items():
        wanted &= table[name].to_numpy() == flag
    rows = table if wanted.all() else table.filter(pa.array(wanted))
    schema = question.schema
    return RowTable(
        exported_form(rows, schema),
        times[wanted],
        [subjects[code] for code in codes[wanted]],
        len(table),
        int(times[-1]),
    )

"""Some columns of the rows of one device or stage, place by place: for who sums up long stretches of time.

Sums need no order, and those of a part that stays as it is can be kept: so places come as they lie, with the id by
which they are known again. ``row_stream`` gives all subjects' rows in order of time, for who hands them on; which
columns and rows of a place are wanted, both leave to ``RowSources``.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from connectors.state.parts import Part, PartFile
from connectors.state.row_columns import Rows, known_scores, subject_codes, times_ns, unified
from connectors.state.row_source import BufferedRows, RowSources

#: Begins every scan: event times, int64 ns since 1970.
EVENT_TIME = "event_time"

#: Values by column, of the same rows: float64 with NaN for what is not known, bool; ``EVENT_TIME`` is int64.
ScannedRows = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class RowPlace:
    """Rows that lie in one place.

    Attributes
    ----------
    part
        The id of the part that they lie in when all of its rows count and are wanted: they never change. Else empty.
    read
        Reads them, in tables of at most a row group; within a table in no certain order.
    """

    part: str
    read: Callable[[], Iterator[ScannedRows]]


def scanned_places(sources: RowSources, subject: str, columns: Sequence[str]) -> Iterator[RowPlace]:
    """The rows of a device (its name) or of a stage (its three parts) in ``sources``, in no order.

    Parameters
    ----------
    sources
        With the same columns.
    columns
        Numbers and truths beside the event time, which always comes. A score that is none is NaN.

    Raises
    ------
    PartGoneError
        While reading, if a part was replaced since the sources were listed.
    FatalError
        ``state_damaged``.
    """
    for rows in sources.buffered:
        yield RowPlace("", partial(_of_commit, sources, subject, columns, rows))
    for part in sources.parts:
        whole = part.id if _is_whole(sources, part) else ""
        yield RowPlace(whole, partial(_of_part, sources, subject, columns, part))


def _of_commit(sources: RowSources, subject: str, columns: Sequence[str], rows: BufferedRows) -> Iterator[ScannedRows]:
    yield _scanned(sources.of_commit(rows), sources.what, subject, columns)


def _of_part(sources: RowSources, subject: str, columns: Sequence[str], part: Part) -> Iterator[ScannedRows]:
    with PartFile(sources.directory, part) as file:
        for group, first_ns, last_ns in file.groups():
            if sources.wants(first_ns, last_ns):
                yield _scanned(sources.of_group(part, file, group), sources.what, subject, columns)


def _is_whole(sources: RowSources, part: Part) -> bool:
    """Whether nothing of a part is void or out of the stretch."""
    inside = (sources.from_ns is None or part.first_ns >= sources.from_ns) and (
        sources.to_ns is None or part.last_ns < sources.to_ns
    )
    return inside and not sources.voids.may_touch(part.what, part.sequence, part.first_ns, part.last_ns)


def _scanned(table: pa.Table, what: Rows, subject: str, columns: Sequence[str]) -> ScannedRows:
    table = known_scores(unified(table))
    codes, subjects = subject_codes(table, what)
    rows = np.flatnonzero(codes == (subjects.index(subject) if subject in subjects else -2))
    return {EVENT_TIME: times_ns(table)[rows], **{name: table[name].to_numpy()[rows] for name in columns}}

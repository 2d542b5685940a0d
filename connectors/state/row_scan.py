"""Some columns of the rows of one device or stage, place by place: for who sums up long stretches of time."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from connectors.state.parts import Part, PartFile
from connectors.state.row_columns import SUBJECT_COLUMNS, subject_codes, unified
from connectors.state.row_source import BufferedRows, RowSources, decode_rows

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
    columns
        Numbers and truths beside the event time, which always comes.

    Raises
    ------
    PartGoneError
        While reading, if a part was replaced since the sources were listed.
    FatalError
        ``state_damaged``.
    """
    scan = _Scan(sources, subject, [EVENT_TIME, *columns])
    for rows in sources.buffered:
        yield RowPlace("", partial(scan.buffered, rows))
    for part in sources.parts:
        yield RowPlace(scan.whole(part), partial(scan.part, part))


@dataclass(frozen=True, slots=True)
class _Scan:
    sources: RowSources
    subject: str
    columns: list[str]

    def buffered(self, rows: BufferedRows) -> Iterator[ScannedRows]:
        voids, what = self.sources.voids, self.sources.what
        yield self._wanted(voids.remaining(decode_rows(rows.data), what, rows.sequence))

    def part(self, part: Part) -> Iterator[ScannedRows]:
        sources = self.sources
        void = sources.voids.may_touch(part.what, part.sequence, part.first_ns, part.last_ns)
        with PartFile(sources.directory, part) as file:
            for group, first_ns, last_ns in file.groups():
                if not sources.wants(first_ns, last_ns):
                    continue
                if void:
                    yield self._wanted(sources.voids.remaining(file.read(group), part.what, part.sequence))
                else:
                    yield self._wanted(file.read(group, [*self.columns, *SUBJECT_COLUMNS[part.what]]))

    def whole(self, part: Part) -> str:
        """The part's id when nothing of it is void or out of the stretch."""
        sources = self.sources
        inside = (sources.from_ns is None or part.first_ns >= sources.from_ns) and (
            sources.to_ns is None or part.last_ns < sources.to_ns
        )
        void = sources.voids.may_touch(part.what, part.sequence, part.first_ns, part.last_ns)
        return part.id if inside and not void else ""

    def _wanted(self, table: pa.Table) -> ScannedRows:
        table = unified(table)
        codes, subjects = subject_codes(table, self.sources.what)
        code = subjects.index(self.subject) if self.subject in subjects else -2
        times = table[EVENT_TIME].cast(pa.int64()).to_numpy()
        wanted = codes == code
        if self.sources.from_ns is not None:
            wanted &= times >= self.sources.from_ns
        if self.sources.to_ns is not None:
            wanted &= times < self.sources.to_ns
        rows = np.flatnonzero(wanted)
        values = {name: table[name].to_numpy()[rows] for name in self.columns if name != EVENT_TIME}
        return {EVENT_TIME: times[rows], **values}

"""Shots that devices were expected at and gave no valid record of: how many, and the longest run of them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from connectors.state.row_columns import Rows
from connectors.state.row_stream import RowQuestion, RowTable, stream_rows
from streams.report.coded_texts import coded
from streams.report.reported_stretch import ReportedStretch

_COLUMNS = ("idle", "missing_devices")


@dataclass(frozen=True, slots=True)
class MissedRun:
    """Consecutive shots of its stage at which a device was missed, ``first_ns`` and ``last_ns`` included."""

    first_ns: int
    last_ns: int
    shots: int


@dataclass(slots=True)
class MissedShots:
    """What a device was missed at.

    Attributes
    ----------
    shots
        How many shots of its stage.
    longest
        The longest run of them, the earliest of equally long ones.
    """

    shots: int = 0
    longest: MissedRun = MissedRun(0, 0, 0)
    _open: MissedRun = MissedRun(0, 0, 0)
    _next: int = -1  # the number of the shot that would go on with the open run

    def add(self, number: NDArray[np.intp], event_time_ns: NDArray[np.int64]) -> None:
        """It was missed at these shots: their numbers among those of the stage, ascending, and their times."""
        self.shots += len(number)
        starts = np.flatnonzero(np.diff(number, prepend=number[0] - 2) != 1)
        for start, stop in zip(starts.tolist(), [*starts[1:].tolist(), len(number)], strict=True):
            goes_on = int(number[start]) == self._next
            first_ns = self._open.first_ns if goes_on else int(event_time_ns[start])
            shots = stop - start + (self._open.shots if goes_on else 0)
            self._open, self._next = MissedRun(first_ns, int(event_time_ns[stop - 1]), shots), int(number[stop - 1]) + 1
            if shots > self.longest.shots:
                self.longest = self._open


def sum_missed(state: Path, stretch: ReportedStretch) -> dict[str, MissedShots]:
    """By device, of those that were missed at all.

    Shots at which the stage did not fire count for nothing: a run goes on over them.
    """
    question = RowQuestion(what=Rows.TRIPLETS, from_ns=stretch.from_ns, to_ns=stretch.to_ns, columns=_COLUMNS)
    found: dict[str, MissedShots] = {}
    fired: dict[str, int] = {}  # shots of each stage so far
    for table in stream_rows(state, question):
        codes, stages = coded(pa.array(table.subjects, pa.string()))
        fires = ~table.rows["idle"].to_numpy()
        for code, stage in enumerate(stages):
            rows = np.flatnonzero(fires & (codes == code))
            _add_stage(found, table, rows, fired.get(stage, 0))
            fired[stage] = fired.get(stage, 0) + len(rows)
    return dict(sorted(found.items()))


def _add_stage(found: dict[str, MissedShots], table: RowTable, rows: NDArray[np.intp], before: int) -> None:
    """The shots of one stage, in order, behind ``before`` others."""
    times = table.event_time_ns[rows]
    missing = table.rows["missing_devices"].combine_chunks().take(pa.array(rows))
    codes, names = coded(missing.flatten())
    shot = np.repeat(np.arange(len(rows)), np.diff(missing.offsets.to_numpy()))
    for code, name in enumerate(names):
        missed = shot[codes == code]
        found.setdefault(name, MissedShots()).add(missed + before, times[missed])

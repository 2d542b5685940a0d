"""Series of a device or a stage over a stretch of time, in so few points that a browser can draw them."""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from connectors.state.reader import StateReader
from connectors.state.row_scan import EVENT_TIME, RowPlace, ScannedRows
from models.devices import Device, Stage
from models.event_time import DAY_NS
from streams.history.buckets import Buckets, bucket_rows, bucket_width_ns, merged
from streams.history.series_columns import SeriesColumn, mark_names, series_columns, stored_columns, values_and_marks

#: A screen has no more columns.
MOST_POINTS = 2_000
#: A longer stretch is cut off at its beginning.
LONGEST_NS = 32 * DAY_NS
#: Sums of parts that are kept, together.
KEPT_BYTES = 64 << 20

# What was not recorded for so many times the usual distance of two points is a gap.
_GAP_POINTS = 4.0
# The watch works on the same computer: it is not to wait for people who look at its history.
_READING_AT_ONCE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Points in order of time; where nothing was recorded for long there is a point without values.

    Attributes
    ----------
    columns
        The c names.
    width_ns
        Of the buckets; each point stands for the rows of one.
    time_ns, rows
        int64, shape (k,): their mean event time, and how many they are.
    least, mean, greatest
        float64, shape (k, c): NaN where nothing is known.
    marks, marked
        The m names of ``mark_names``; int64, shape (k, m): how many of the rows bear each.
    """

    columns: tuple[str, ...]
    from_ns: int
    to_ns: int
    width_ns: int
    time_ns: NDArray[np.int64]
    rows: NDArray[np.int64]
    least: NDArray[np.float64]
    mean: NDArray[np.float64]
    greatest: NDArray[np.float64]
    marks: tuple[str, ...]
    marked: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """What is summed up of whom, and how finely."""

    subject: Device | Stage
    columns: tuple[SeriesColumn, ...]
    marks: tuple[str, ...]
    width_ns: int

    def merged(self, parts: Sequence[Buckets]) -> Buckets:
        return merged(parts, len(self.columns), len(self.marks))

    def bucketed(self, rows: ScannedRows) -> Buckets:
        times = rows[EVENT_TIME]
        values, marks = values_and_marks(rows, self.columns, self.marks, len(times))
        return bucket_rows(times, values, self.width_ns, marks)


class SeriesHistory:
    """Reads series out of a state directory, also while a watch writes to it; for any threads.

    A part's sums are kept, since its rows never change: the next look at the same hours reads only what is new.
    Memory is that of a row group, whatever the stretch, and of what is kept.
    """

    def __init__(self, state: Path, *, kept_bytes: int = KEPT_BYTES) -> None:
        self._state = state
        self._kept_bytes = kept_bytes
        self._kept: OrderedDict[tuple[object, ...], Buckets] = OrderedDict()
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(_READING_AT_ONCE)

    def read(
        self, subject: Device | Stage, columns: Sequence[str], from_ns: int, to_ns: int, *, points: int = MOST_POINTS
    ) -> Series:
        """Series of a device's records or of a stage's triplets from ``from_ns`` on and before ``to_ns``.

        Parameters
        ----------
        columns
            Names of ``series_columns``; truths become 0 and 1.
        points
            There are no more, gaps not counted.

        Raises
        ------
        FatalError, RetryableError
            As ``StateReader``.
        """
        from_ns = max(from_ns, to_ns - LONGEST_NS)
        known = series_columns(subject)
        wanted = _Wanted(
            subject=subject,
            columns=tuple(known[name] for name in columns),
            marks=mark_names(subject),
            width_ns=bucket_width_ns(to_ns - from_ns, min(points, MOST_POINTS)),
        )

        def summed(places: Iterator[RowPlace]) -> Buckets:
            return wanted.merged([self._place(place, wanted) for place in places])

        stored = stored_columns(wanted.columns, wanted.marks)
        with self._places, StateReader.open(self._state) as reader:
            buckets = reader.scan(subject, stored, from_ns, to_ns, summed)
        return _series(buckets, wanted, tuple(columns), from_ns, to_ns)

    def _place(self, place: RowPlace, wanted: _Wanted) -> Buckets:
        key = (place.part, wanted)
        if place.part:
            with self._lock:
                known = self._kept.get(key)
                if known is not None:
                    self._kept.move_to_end(key)
                    return known
        buckets = wanted.merged([wanted.bucketed(rows) for rows in place.read()])
        if place.part:
            self._keep(key, buckets)
        return buckets

    def _keep(self, key: tuple[object, ...], buckets: Buckets) -> None:
        with self._lock:
            self._kept[key] = buckets
            size = sum(kept.size_bytes for kept in self._kept.values())
            while size > self._kept_bytes:
                size -= self._kept.popitem(last=False)[1].size_bytes


def _series(buckets: Buckets, wanted: _Wanted, columns: tuple[str, ...], from_ns: int, to_ns: int) -> Series:
    times = buckets.time_ns(wanted.width_ns)
    gaps = np.zeros(0, np.intp)
    if len(times) > 1:
        steps = np.diff(times)
        gaps = np.flatnonzero(steps > _GAP_POINTS * np.median(steps)) + 1
    between = (times[gaps] + times[gaps - 1]) // 2 if len(gaps) else np.zeros(0, np.int64)

    def with_gaps(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.insert(values, gaps, np.nan, axis=0)

    return Series(
        columns=columns,
        from_ns=from_ns,
        to_ns=to_ns,
        width_ns=wanted.width_ns,
        time_ns=np.insert(times, gaps, between),
        rows=np.insert(buckets.rows, gaps, 0),
        least=with_gaps(buckets.least),
        mean=with_gaps(buckets.mean),
        greatest=with_gaps(buckets.greatest),
        marks=wanted.marks,
        marked=np.insert(buckets.marked, gaps, 0, axis=0),
    )

"""Rows summed up by stretches of equal width: least, mean and greatest, so that no outlier is lost on the way."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.event_time import HOUR_NS, MILLISECOND_NS, MINUTE_NS, SECOND_NS

# Widths that whole minutes and hours are multiples of: buckets of parts that were summed up before can be used again.
_WIDTHS_NS = (
    *(number * MILLISECOND_NS for number in (1, 2, 5, 10, 20, 50, 100, 200, 500)),
    *(number * SECOND_NS for number in (1, 2, 5, 10, 15, 20, 30)),
    *(number * MINUTE_NS for number in (1, 2, 3, 5, 10, 15, 20, 30)),
    *(number * HOUR_NS for number in (1, 2, 3, 6, 12, 24)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Buckets:
    """k buckets that hold rows, in order of time, of c columns and m marks.

    Attributes
    ----------
    number
        int64, shape (k,): event times divided by the width.
    rows
        int64, shape (k,): how many rows.
    marked
        int64, shape (k, m): how many of them bear each mark.
    time_sum_ns
        int64, shape (k,): of their event times, each less the bucket's beginning.
    known
        int64, shape (k, c): how many values are numbers.
    least, greatest, total
        float64, shape (k, c): of these values; NaN, NaN and 0 without any.
    """

    number: NDArray[np.int64]
    rows: NDArray[np.int64]
    marked: NDArray[np.int64]
    time_sum_ns: NDArray[np.int64]
    known: NDArray[np.int64]
    least: NDArray[np.float64]
    greatest: NDArray[np.float64]
    total: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.number)

    @property
    def size_bytes(self) -> int:
        """Of its arrays."""
        return sum(getattr(self, name).nbytes for name in self.__slots__)

    def time_ns(self, width_ns: int) -> NDArray[np.int64]:
        """int64, shape (k,): the mean event time of each bucket's rows; that of a single row is its own."""
        return self.number * width_ns + self.time_sum_ns // self.rows

    @property
    def mean(self) -> NDArray[np.float64]:
        """float64, shape (k, c): NaN where nothing is known."""
        unknown = np.full(self.total.shape, np.nan)
        mean: NDArray[np.float64] = np.divide(self.total, self.known, out=unknown, where=self.known > 0)
        return mean


def bucket_width_ns(stretch_ns: int, most: int) -> int:
    """The narrowest width by which a stretch has no more than so many buckets, its ends cut anywhere."""
    return next((width for width in _WIDTHS_NS if stretch_ns // width + 2 <= most), _WIDTHS_NS[-1])


def bucket_rows(
    times_ns: NDArray[np.int64], values: NDArray[np.float64], width_ns: int, marks: NDArray[np.bool_] | None = None
) -> Buckets:
    """Sum up rows.

    Parameters
    ----------
    times_ns
        Shape (n,), in any order.
    values
        Shape (n, c); what is not finite is not known.
    marks
        Shape (n, m): rows that are counted besides; None for no marks.
    """
    number = times_ns // width_ns
    marked = np.zeros((len(number), 0), np.int64) if marks is None else marks.astype(np.int64)
    known = np.isfinite(values)
    if not known.all():
        values = np.where(known, values, np.nan)
    return _summed(
        Buckets(
            number=number,
            rows=np.ones(len(number), np.int64),
            marked=marked,
            time_sum_ns=times_ns - number * width_ns,
            known=known.astype(np.int64),
            least=values,
            greatest=values,
            total=np.where(known, values, 0.0),
        )
    )


def merged(parts: Sequence[Buckets], columns: int, marks: int = 0) -> Buckets:
    """Buckets of one width, the same columns and marks, of rows that lie in several places, as one."""
    parts = [part for part in parts if len(part)] or [
        bucket_rows(np.zeros(0, np.int64), np.zeros((0, columns)), SECOND_NS, np.zeros((0, marks), np.bool_))
    ]
    joined: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in Buckets.__slots__
    }
    return _summed(Buckets(**joined))


def _summed(parts: Buckets) -> Buckets:
    """One bucket for each number."""
    number = parts.number
    if len(number) and (np.diff(number) < 0).any():
        order = np.argsort(number, kind="stable")
        parts = Buckets(**{name: getattr(parts, name)[order] for name in Buckets.__slots__})
        number = parts.number
    starts = np.flatnonzero(np.diff(number, prepend=number[0] - 1 if len(number) else 0))
    if len(starts) == len(number):
        return parts
    return Buckets(
        number=number[starts],
        rows=np.add.reduceat(parts.rows, starts),
        marked=np.add.reduceat(parts.marked, starts, axis=0),
        time_sum_ns=np.add.reduceat(parts.time_sum_ns, starts),
        known=np.add.reduceat(parts.known, starts, axis=0),
        least=np.fmin.reduceat(parts.least, starts, axis=0),
        greatest=np.fmax.reduceat(parts.greatest, starts, axis=0),
        total=np.add.reduceat(parts.total, starts, axis=0),
    )

"""Records of one device that wait for the rest of their shots."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from models.results import ScoredBlock
from models.triplets.decided import select_rows


class PendingRecords:
    """Rows of scored blocks in the order of their event times.

    Blocks usually come one behind the other, then nothing is sorted; rows of an overlapping one are sorted in.

    Attributes
    ----------
    times
        int64, shape (n,), ascending: the event times of the rows that wait.
    """

    __slots__ = ("_block", "_blocks", "_next", "_row", "times")

    def __init__(self) -> None:
        self.times: NDArray[np.int64] = np.zeros(0, np.int64)
        self._block: NDArray[np.int64] = np.zeros(0, np.int64)  # the number of each row's block
        self._row: NDArray[np.int64] = np.zeros(0, np.int64)  # its place in the block
        self._blocks: dict[int, tuple[ScoredBlock, int]] = {}  # by number, with the number of rows that still wait
        self._next = 0

    def __len__(self) -> int:
        return len(self.times)

    def add(self, scored: ScoredBlock) -> None:
        """Let all rows of a block wait."""
        count = len(scored)
        if not count:
            return
        times = scored.event_time_ns
        in_order = count == 1 or bool((times[1:] >= times[:-1]).all())
        in_order = in_order and (not len(self.times) or times[0] >= self.times[-1])
        self._blocks[self._next] = (scored, count)
        blocks, rows = np.full(count, self._next, np.int64), np.arange(count)
        self._next += 1
        if len(self.times):
            times = np.concatenate([self.times, times])
            blocks = np.concatenate([self._block, blocks])
            rows = np.concatenate([self._row, rows])
        if not in_order:
            order = np.argsort(times, kind="stable")
            times, blocks, rows = times[order], blocks[order], rows[order]
        self.times, self._block, self._row = times, blocks, rows

    def take(self, count: int) -> list[ScoredBlock]:
        """The first ``count`` rows, in their order, as blocks; they wait no more."""
        parts = []
        for number, start, stop in self._runs(count):
            scored, left = self._blocks[number]
            size = stop - start
            parts.append(scored if size == len(scored) else select_rows(scored, slice(start, stop)))
            if left == size:
                del self._blocks[number]
            else:
                self._blocks[number] = (scored, left - size)
        self.times, self._block, self._row = self.times[count:], self._block[count:], self._row[count:]
        return parts

    def parts(self) -> list[ScoredBlock]:
        """All rows as blocks of their own; they go on waiting."""
        return [self._part(number, start, stop) for number, start, stop in self._runs(len(self.times))]

    def counts(self) -> dict[tuple[str, str], int]:
        """How many rows wait, by file and sha256."""
        counts: dict[tuple[str, str], int] = {}
        for scored, left in self._blocks.values():
            key = (scored.source.file, scored.source.sha256)
            counts[key] = counts.get(key, 0) + left
        return counts

    def _part(self, number: int, start: int, stop: int) -> ScoredBlock:
        return select_rows(self._blocks[number][0], slice(start, stop))

    def _runs(self, count: int) -> list[tuple[int, int, int]]:
        """The first ``count`` rows as (block, first row, last row + 1)."""
        if not count:
            return []
        block, row = self._block[:count], self._row[:count]
        breaks = np.flatnonzero((block[1:] != block[:-1]) | (row[1:] != row[:-1] + 1)) + 1
        starts = [0, *breaks.tolist()]
        stops = [*breaks.tolist(), count]
        return [
            (int(block[start]), int(row[start]), int(row[stop - 1]) + 1)
            for start, stop in zip(starts, stops, strict=True)
        ]


def without_join_reasons(scored: ScoredBlock, join_reasons: int) -> ScoredBlock:
    """The device's own verdict, of rows that may hold what an earlier join found."""
    reasons = scored.reasons & np.uint32(~join_reasons & 0xFFFFFFFF)
    found = reasons != scored.reasons
    if not found.any():
        return scored
    return replace(scored, reasons=reasons, anomalous=scored.anomalous & ((reasons != 0) | ~found))

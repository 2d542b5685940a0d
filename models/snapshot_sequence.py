"""The order in which snapshots are processed, and which of them are missing."""

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, timedelta, tzinfo
from pathlib import PurePosixPath
from typing import ClassVar, Generic, TypeVar

import numpy as np

from models.errors import RecordError
from models.event_time import MILLISECOND_NS, SECOND_NS
from models.snapshot_names import SnapshotName, acquisition_times_ns, midnight_ns, parse_snapshot_name
from models.state import State

Item = TypeVar("Item")

_NO_START = 1 << 62
_RECENT_STARTS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceSettings:
    """How long to wait for a snapshot that comes out of order, and when one is missing.

    Attributes
    ----------
    reorder_wait_s
        A snapshot whose predecessor is not there yet, or is not known, is held back for so long.
    unfinished_wait_s
        The same while an earlier one of its series is there, but not known to be complete.
    missing_after_s
        A regular series that has been silent for so long misses a snapshot; NaN: the snapshot's length and 30 s.
    peer_lead
        That is told only when another series with the same front end (or, without one, the same folder) has delivered
        so many snapshots in a row since, and still delivers: recorders do not all stop and start in the same minute.
    lone_gap_snapshots
        A series without any such other one may miss so many snapshots in a row before this counts as a pause.
    stale_after_s
        A series that ended so long before the others is history and not missing.
    always_expected
        Series (as ``SnapshotName.series``) that are missing whenever they are silent.
    max_held, max_series
        Bounds of the memory; beyond, the earliest snapshot is let through, and further series are not ordered.
    """

    reorder_wait_s: float = 5.0
    unfinished_wait_s: float = 60.0
    missing_after_s: float = math.nan
    peer_lead: int = 2
    lone_gap_snapshots: int = 5
    stale_after_s: float = 3600.0
    always_expected: tuple[str, ...] = ()
    max_held: int = 10_000
    max_series: int = 4_096

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if not self.reorder_wait_s >= 0 or not self.unfinished_wait_s >= 0:
            raise ValueError("reorder_wait_s is 0 or more, and so is unfinished_wait_s")
        if self.missing_after_s <= 0 or not self.stale_after_s > 0:
            raise ValueError("missing_after_s and stale_after_s are more than 0")
        if self.peer_lead < 1 or self.lone_gap_snapshots < 0 or self.max_held < 1 or self.max_series < 1:
            raise ValueError("peer_lead, max_held and max_series are at least 1, lone_gap_snapshots is at least 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class SequencedSnapshot(Generic[Item]):
    """A snapshot whose turn it is.

    Attributes
    ----------
    late
        A later snapshot of its series was processed before.
    """

    item: Item
    relative: str
    late: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingSnapshot:
    """A series lacks a snapshot that should start at ``expected_start_ns`` (ns since 1970, as its names say)."""

    series: str
    front_end: str
    expected_start_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnedSnapshots:
    """A series that lacked the snapshot of ``expected_start_ns`` goes on with the one of ``start_ns``."""

    series: str
    front_end: str
    expected_start_ns: int
    start_ns: int


SeriesChange = MissingSnapshot | ReturnedSnapshots


def snapshot_order(relative: str) -> tuple[int, str]:
    """Sorting key of snapshots: by the date and time in the name, then by path; odd names last."""
    name = _parse(relative)
    start_ns = None if name is None else snapshot_start_ns(name)
    return (_NO_START if start_ns is None else start_ns, relative)


def snapshot_start_ns(name: SnapshotName, zone: tzinfo = UTC) -> int | None:
    """Start of a snapshot as its name says, ns since 1970, with the time of day in ``zone``; None without one.

    A daily file of the test period starts at midnight.
    """
    if name.start_ms is None:
        return midnight_ns(name.date, zone) if name.test_period else None
    if zone is UTC:
        return midnight_ns(name.date) + name.start_ms * MILLISECOND_NS
    return int(acquisition_times_ns(name, np.array([name.start_ms], dtype=np.int64), zone)[0])


def snapshot_end_ns(name: SnapshotName, zone: tzinfo = UTC) -> int | None:
    """End of a snapshot as its name says, ns since 1970, as ``snapshot_start_ns``; None without a start or a length.

    A daily file of the test period ends at midnight.
    """
    if name.test_period:
        return midnight_ns(name.date + timedelta(days=1), zone)
    start_ns, length_ns = snapshot_start_ns(name, zone), _length_ns(name)
    return None if start_ns is None or length_ns is None else start_ns + length_ns


def _length_ns(name: SnapshotName) -> int | None:
    return None if math.isnan(name.length_s) else round(name.length_s * SECOND_NS)


def _parse(relative: str) -> SnapshotName | None:
    try:
        return parse_snapshot_name(PurePosixPath(relative))
    except RecordError:
        return None


@dataclass(slots=True)
class _Held(Generic[Item]):
    start_ns: int
    relative: str
    item: Item
    arrived_ns: int

    def __lt__(self, other: "_Held[Item]") -> bool:
        return (self.start_ns, self.relative) < (other.start_ns, other.relative)


@dataclass(slots=True)
class _Series(Generic[Item]):
    """One recorder's snapshots; ``length_ns`` is 0 when the names say none."""

    key: str
    front_end: str
    folder: str
    length_ns: int
    held: list[_Held[Item]] = field(default_factory=list)
    last_start_ns: int | None = None
    last_arrival_ns: int = 0
    run_start_ns: int = 0  # since when one followed the other without a gap
    steps: int = 0  # how many times a snapshot followed the one before at the right distance
    recent_starts: deque[int] = field(default_factory=lambda: deque(maxlen=_RECENT_STARTS))
    missing_ns: int | None = None  # the expected start of the snapshot that was reported missing

    @property
    def regular(self) -> bool:
        """Whether three snapshots came at the right distance, so that a fourth is expected."""
        return self.length_ns > 0 and self.steps >= 2

    @property
    def groups(self) -> tuple[str, str]:
        """The groups of series that run together: of its front end, of its folder."""
        return f"front_end:{self.front_end}" if self.front_end else "", f"folder:{self.folder}"

    def follows(self, start_ns: int) -> bool:
        """Whether a snapshot is the next one (or the same one again)."""
        return self.last_start_ns is not None and 2 * (start_ns - self.last_start_ns) <= 3 * self.length_ns

    def turn(self, start_ns: int) -> None:
        """It is this snapshot's turn."""
        if self.last_start_ns is not None and self.follows(start_ns):
            self.steps = min(self.steps + 1, 2) if 2 * (start_ns - self.last_start_ns) >= self.length_ns else 0
        else:
            self.run_start_ns = start_ns
        self.last_start_ns = start_ns
        self.recent_starts.append(start_ns)

    def document(self) -> State:
        """The series without what is held."""
        return {
            "front_end": self.front_end,
            "folder": self.folder,
            "length_ns": self.length_ns,
            "last_start_ns": self.last_start_ns,
            "last_arrival_ns": self.last_arrival_ns,
            "run_start_ns": self.run_start_ns,
            "steps": self.steps,
            "recent_starts": np.array(self.recent_starts, dtype=np.int64),
            "missing_ns": self.missing_ns,
        }


class SnapshotSequence(Generic[Item]):
    """Puts snapshots into the order in which they are to be processed, whatever the order in which they come.

    Snapshots of one series (folder, front end, recorder) start their length apart. One that follows the one before
    goes on at once; one whose predecessor is not there is held back until that comes or ``reorder_wait_s`` is over, or
    ``unfinished_wait_s`` where an earlier one is seen to be on its way.
    Names without a date and a time go on in the order in which they come. There is no clock in here: ``now_ns`` is
    the caller's, and should not step back.

    The state does not hold what is held back: after a restart those snapshots are found and offered again.
    """

    def __init__(self, settings: SequenceSettings, zone: tzinfo = UTC) -> None:
        self._settings = settings
        self._zone = zone
        self._wait_ns = round(settings.reorder_wait_s * SECOND_NS)
        self._unfinished_wait_ns = round(max(settings.unfinished_wait_s, settings.reorder_wait_s) * SECOND_NS)
        self._series: dict[str, _Series[Item]] = {}
        self._passed: list[SequencedSnapshot[Item]] = []
        self._released: list[tuple[_Series[Item], _Held[Item]]] = []
        self._changes: list[SeriesChange] = []
        self._held_count = 0
        self._checked_ns = 0

    @property
    def held(self) -> int:
        """How many snapshots are held back."""
        return self._held_count

    def offer(self, item: Item, relative: str, now_ns: int) -> None:
        """A snapshot has come; ``relative`` is its path below the watched root."""
        name = _parse(relative)
        start_ns = None if name is None else snapshot_start_ns(name, self._zone)
        series = None if name is None or start_ns is None else self._series_of(name)
        if series is None or start_ns is None:
            self._passed.append(SequencedSnapshot(item=item, relative=relative, late=False))
            return
        series.last_arrival_ns = now_ns
        held = _Held(start_ns, relative, item, now_ns)
        if series.last_start_ns is not None and start_ns <= series.last_start_ns:
            late = start_ns < series.last_start_ns
            self._passed.append(SequencedSnapshot(item=item, relative=relative, late=late))
            return
        place = bisect_left(series.held, held)
        if place < len(series.held) and series.held[place].relative == relative:
            series.held[place].item = item  # written anew while it was held
            return
        series.held.insert(place, held)
        self._held_count += 1
        if self._held_count > self._settings.max_held:
            earliest = min((one for one in self._series.values() if one.held), key=lambda one: one.held[0])
            self._release(earliest, 1)

    def ready(self, now_ns: int, unfinished: Iterable[str] = ()) -> list[SequencedSnapshot[Item]]:
        """The snapshots whose turn it is, by the start in their names, then by path; odd and late ones first.

        Parameters
        ----------
        unfinished
            Paths below the watched root of files that are there and not known to be complete.
        """
        coming_ns = self._first_starts(unfinished) if self._held_count else {}
        for series in self._series.values():
            self._release_due(series, now_ns, coming_ns.get(series.key, _NO_START))
        ordered = self._take_released()
        self._find_silent(now_ns)
        return ordered

    def flush(self) -> list[SequencedSnapshot[Item]]:
        """All snapshots that are held, as ``ready`` orders them: no others are waited for."""
        for series in self._series.values():
            self._release(series, len(series.held))
        return self._take_released()

    def take_changes(self) -> list[SeriesChange]:
        """What was found missing, and what has come back, since the last call."""
        changes, self._changes = self._changes, []
        return changes

    def state(self) -> State:
        """All that later results depend on, except what is held back."""
        return {"series": {key: series.document() for key, series in self._series.items()}}

    def restore(self, state: State) -> None:
        """Go on from a saved state."""
        self._series = {}
        for key, saved in state["series"].items():
            values = {
                **saved,
                "recent_starts": deque((int(start) for start in saved["recent_starts"]), maxlen=_RECENT_STARTS),
            }
            self._series[key] = _Series(key=key, **values)
        self._passed, self._released, self._changes, self._held_count = [], [], [], 0

    def _series_of(self, name: SnapshotName) -> _Series[Item] | None:
        series = self._series.get(name.series)
        if series is None and len(self._series) < self._settings.max_series:
            folder = name.series.rpartition("/")[0]
            series = _Series(key=name.series, front_end=name.front_end, folder=folder, length_ns=_length_ns(name) or 0)
            self._series[name.series] = series
        return series

    def _first_starts(self, unfinished: Iterable[str]) -> dict[str, int]:
        """Of each series, when the first of these files starts."""
        first_ns: dict[str, int] = {}
        for relative in unfinished:
            name = _parse(relative)
            start_ns = None if name is None else snapshot_start_ns(name, self._zone)
            if name is not None and start_ns is not None:
                first_ns[name.series] = min(start_ns, first_ns.get(name.series, start_ns))
        return first_ns

    def _release_due(self, series: _Series[Item], now_ns: int, coming_ns: int) -> None:
        """Release what has waited long enough; behind a file that is still coming (from ``coming_ns`` on), longer."""
        waits_ns = [self._wait_ns if held.start_ns <= coming_ns else self._unfinished_wait_ns for held in series.held]
        over = [index for index, held in enumerate(series.held) if now_ns - held.arrived_ns >= waits_ns[index]]
        count = over[-1] + 1 if over else 0
        last_ns = series.held[count - 1].start_ns if count else series.last_start_ns
        while count < len(series.held) and last_ns is not None:
            start_ns = series.held[count].start_ns
            if 2 * (start_ns - last_ns) > 3 * series.length_ns:
                break
            last_ns, count = start_ns, count + 1
        self._release(series, count)

    def _release(self, series: _Series[Item], count: int) -> None:
        self._released.extend((series, held) for held in series.held[:count])
        del series.held[:count]
        self._held_count -= count

    def _take_released(self) -> list[SequencedSnapshot[Item]]:
        ordered, self._passed = self._passed, []
        released, self._released = self._released, []
        for series, held in sorted(released, key=lambda pair: pair[1]):
            late = series.last_start_ns is not None and held.start_ns < series.last_start_ns
            if not late:
                self._note_gap(series, held.start_ns)
                series.turn(held.start_ns)
            ordered.append(SequencedSnapshot(item=held.item, relative=held.relative, late=late))
        return ordered

    def _note_gap(self, series: _Series[Item], start_ns: int) -> None:
        last_ns = series.last_start_ns
        if last_ns is None:
            return
        expected_ns = last_ns + series.length_ns
        if series.missing_ns is None and not series.follows(start_ns) and self._is_gap(series, last_ns, start_ns):
            self._report(series, expected_ns)
        if series.missing_ns is not None:
            self._changes.append(
                ReturnedSnapshots(
                    series=series.key,
                    front_end=series.front_end,
                    expected_start_ns=series.missing_ns,
                    start_ns=start_ns,
                )
            )
            series.missing_ns = None

    def _is_gap(self, series: _Series[Item], last_ns: int, start_ns: int) -> bool:
        """Whether snapshots between two of a series are missing, and the laser did not merely pause."""
        if not series.regular:
            return False
        if series.key in self._settings.always_expected:
            return True
        peers = self._peers(series)
        if not peers:
            return start_ns - last_ns <= (self._settings.lone_gap_snapshots + 1.5) * series.length_ns
        half_ns = series.length_ns // 2
        missing = min(round((start_ns - last_ns) / series.length_ns) - 1, _RECENT_STARTS)
        # More than half: recorders do not all stop and start in the same minute.
        return any(
            2 * sum(last_ns + half_ns < seen < start_ns - half_ns for seen in peer.recent_starts) > missing
            for peer in peers
        )

    def _peers(self, series: _Series[Item]) -> list[_Series[Item]]:
        """The other series that run when this one does: of its front end, else of its folder."""
        others = [one for one in self._series.values() if one is not series and one.length_ns > 0]
        front_end, folder = series.groups
        return [one for one in others if front_end and one.groups[0] == front_end] or [
            one for one in others if one.groups[1] == folder
        ]

    def _find_silent(self, now_ns: int) -> None:
        if self._checked_ns <= now_ns < self._checked_ns + SECOND_NS:
            return
        self._checked_ns = now_ns
        for series in self._series.values():
            last_ns = series.last_start_ns
            if last_ns is None or not series.regular or series.held or series.missing_ns is not None:
                continue
            if self._is_silent(series, now_ns) and self._is_missing(series, last_ns, now_ns):
                self._report(series, last_ns + series.length_ns)

    def _is_silent(self, series: _Series[Item], now_ns: int) -> bool:
        after_s = self._settings.missing_after_s
        after_ns = series.length_ns + 30 * SECOND_NS if math.isnan(after_s) else round(after_s * SECOND_NS)
        return now_ns - series.last_arrival_ns >= after_ns

    def _is_missing(self, series: _Series[Item], last_ns: int, now_ns: int) -> bool:
        """Whether another series that runs with this silent one still delivers, and is ahead."""
        if series.key in self._settings.always_expected:
            return True
        expected_ns = last_ns + series.length_ns
        lead_ns = round((self._settings.peer_lead - 1.5) * series.length_ns)
        stale_ns = round(self._settings.stale_after_s * SECOND_NS)
        latest_ns = last_ns + (now_ns - series.last_arrival_ns) + stale_ns
        return any(
            peer.last_start_ns is not None
            and max(peer.run_start_ns, expected_ns) + lead_ns <= peer.last_start_ns <= latest_ns
            and not self._is_silent(peer, now_ns)
            for peer in self._peers(series)
        )

    def _report(self, series: _Series[Item], expected_ns: int) -> None:
        series.missing_ns = expected_ns
        self._changes.append(
            MissingSnapshot(series=series.key, front_end=series.front_end, expected_start_ns=expected_ns)
        )

"""Which records a device stage takes: each once, and none that comes too late.

A device's frontier is the event time of the newest record that is believed. A record whose time is known is a
duplicate; one that is not newer than the frontier and not known is late. Neither is scored again.

A single wild time must not make everything after it late. So a record far ahead of the frontier (``wild_time_s``, or
ten periods of the acquisition rate if that is longer) is taken, but does not move the frontier: it is only held as a
candidate. The next record confirms it when it follows the candidate closely: then the device had paused, and the
frontier jumps there. A jump by a whole file with a wrong date is undone: until the new time line has gone on for
``wrong_date_s``, a record that continues the line from before the jump makes that one the device's own again. The very
first record sets the frontier only until a second one confirms it.
"""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from models.event_time import MILLISECOND_NS, SECOND_NS
from models.records import RecordBlock
from models.results import Admission
from models.state import State

_NONE = int(np.iinfo(np.int64).min)  # no such time
_FAR_PERIODS = 10
_UNKNOWN_PERIOD_NS = 12 * SECOND_NS  # two minutes, where no folder names the rate
_MOST_AHEAD = 63  # wild times that are remembered as taken


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionSettings:
    """What makes a record known, late or wild.

    Attributes
    ----------
    dedup_window_s
        How long the exact event times are remembered.
    wild_time_s
        A time so far (or ten periods) ahead of the newest one waits for a second record to confirm it.
    wrong_date_s
        A jump in time is undone when records continue the line from before within so much time after it.
    """

    dedup_window_s: float = 3600.0
    wild_time_s: float = 10.0
    wrong_date_s: float = 3600.0

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if not 0 < self.dedup_window_s <= 86_400:
            raise ValueError("dedup_window_s must be above 0 and at most 86400 (a day of times is kept in memory)")
        if not 0 < self.wild_time_s < math.inf:
            raise ValueError("wild_time_s must be above 0 and finite")
        if not 0 < self.wrong_date_s < math.inf:
            raise ValueError("wrong_date_s must be above 0 and finite")


class AdmissionGuard:
    """Judges a device's records in the order in which they come; how they are cut into blocks changes nothing."""

    def __init__(self, settings: AdmissionSettings) -> None:
        self._window_ns = round(settings.dedup_window_s * SECOND_NS)
        self._wild_ns = round(settings.wild_time_s * SECOND_NS)
        self._wrong_date_ns = round(settings.wrong_date_s * SECOND_NS)
        self._known = _KnownTimes()
        self._frontier = _NONE
        self._confirmed = False
        self._candidate = _NONE
        self._ahead: list[int] = []  # taken, and not believed (yet)
        self._other_line = _NONE  # where the time line from before the last jump stood
        self._jumped_to = _NONE
        self._last_replacement: tuple[str, int] = ("", _NONE)

    def judge(self, block: RecordBlock) -> NDArray[np.uint8]:
        """``Admission`` of every record, uint8, shape (n,).

        Records of a replacement are accepted without touching the frontier; of several with the same time in that file
        the first is.
        """
        if block.replacement:
            return self._judge_replacement(block)
        times, far_ns = block.event_time_ns, self._far_ns(block.interval_hz)
        if self._continues(times, far_ns):
            self._known.append(times)
            self._frontier = int(times[-1])
            self._candidate = _NONE
            self._after_step()
            return np.zeros(len(times), np.uint8)
        return np.array([self._judge_one(int(time), far_ns) for time in times], np.uint8)

    def _far_ns(self, interval_hz: float) -> int:
        """How far ahead of the frontier a record is not believed at once."""
        period_ns = SECOND_NS / interval_hz if interval_hz > 0 else _UNKNOWN_PERIOD_NS
        return max(self._wild_ns, round(_FAR_PERIODS * period_ns))

    def _continues(self, times: NDArray[np.int64], far_ns: int) -> bool:
        """Whether a whole block goes on from the frontier, so that every record is accepted."""
        if len(times) == 0 or not self._confirmed or self._known.latest > self._frontier:
            return False
        if any(self._frontier < time <= times[-1] for time in self._ahead):
            return False
        steps = np.diff(times, prepend=self._frontier)
        return bool(steps.min() > 0 and steps.max() <= far_ns)

    def _judge_one(self, time: int, far_ns: int) -> Admission:
        if time in self._ahead or self._known.contains(time):
            return Admission.DUPLICATE
        if _follows(self._frontier, time, far_ns):
            return self._accept(time, confirmed=True)
        if not self._confirmed and (self._frontier == _NONE or abs(time - self._frontier) > far_ns):
            return self._accept(time, confirmed=False)
        newer = time > self._frontier
        if _follows(self._other_line, time, far_ns) or (newer and _follows(self._candidate, time, far_ns)):
            self._other_line, self._jumped_to = self._frontier, time
            return self._accept(time, confirmed=True)
        if not newer:
            return Admission.LATE
        self._candidate = time
        self._ahead = [*self._ahead[-_MOST_AHEAD:], time]
        return Admission.ACCEPTED

    def _accept(self, time: int, *, confirmed: bool) -> Admission:
        self._frontier = time
        self._confirmed = confirmed
        self._candidate = _NONE
        self._known.add(time)
        self._after_step()
        return Admission.ACCEPTED

    def _after_step(self) -> None:
        """Forget times beyond the window, and the line from before a jump once the new one has lasted."""
        if self._other_line != _NONE and self._frontier - self._jumped_to > self._wrong_date_ns:
            self._other_line = self._jumped_to = _NONE
            self._known.forget_after(self._frontier)
        self._known.forget_before(self._oldest_kept())

    def _oldest_kept(self) -> int:
        line = self._frontier if self._other_line == _NONE else min(self._frontier, self._other_line)
        return line - self._window_ns

    def _judge_replacement(self, block: RecordBlock) -> NDArray[np.uint8]:
        admission = np.zeros(len(block), np.uint8)
        for place, time in enumerate(block.event_time_ns.tolist()):
            again = (block.source.sha256, time)
            if again == self._last_replacement:
                admission[place] = Admission.DUPLICATE
            self._last_replacement = again
            in_window = self._frontier != _NONE and self._oldest_kept() <= time <= self._frontier
            if in_window and not self._known.contains(time):
                self._known.add(time)
        return admission

    def state(self) -> State:
        """All that later judgements depend on."""
        return {
            "known": self._known.state(),
            "frontier": self._frontier,
            "confirmed": self._confirmed,
            "candidate": self._candidate,
            "ahead": self._ahead,
            "other_line": self._other_line,
            "jumped_to": self._jumped_to,
            "last_replacement": list(self._last_replacement),
        }

    def restore(self, state: State) -> None:
        """Go on from a saved state."""
        self._known.restore(state["known"])
        self._frontier = int(state["frontier"])
        self._confirmed = bool(state["confirmed"])
        self._candidate = int(state["candidate"])
        self._ahead = [int(time) for time in state["ahead"]]
        self._other_line = int(state["other_line"])
        self._jumped_to = int(state["jumped_to"])
        sha256, time = state["last_replacement"]
        self._last_replacement = (str(sha256), int(time))


def _follows(before: int, time: int, within_ns: int) -> bool:
    return before != _NONE and before < time <= before + within_ns


class _KnownTimes:
    """A sorted set of event times in one growing array.

    Usually all are whole milliseconds and are kept as such, from the first one on, in 32 bits: hundreds of devices
    remember 36,000 times each. Others are kept as nanoseconds in 64 bits.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self._store(np.empty(0, np.int64), room=0)

    def _store(self, times: NDArray[np.int64], room: int) -> None:
        """Keep these times and no others, in the smaller form if it holds them, with room for some more."""
        offsets = times - times[:1]
        narrow = _in_milliseconds(offsets)
        self._unit, self._base = (MILLISECOND_NS, int(times[0]) if len(times) else 0) if narrow else (1, 0)
        size = len(times) + room
        self._buffer: NDArray[Any] = np.empty(size + size // 8 + 64, np.uint32 if narrow else np.int64)
        self._start, self._end = 0, len(times)
        self._buffer[: len(times)] = offsets // MILLISECOND_NS if narrow else times

    @property
    def _times(self) -> NDArray[np.int64]:
        kept = self._buffer[self._start : self._end].astype(np.int64)
        kept *= self._unit
        kept += self._base
        return kept

    @property
    def latest(self) -> int:
        """The latest known time."""
        if self._end == self._start:
            return _NONE
        return self._base + int(self._buffer[self._end - 1]) * self._unit

    def contains(self, time: int) -> bool:
        return self._number_before(time + 1) > self._number_before(time)

    def append(self, times: NDArray[np.int64]) -> None:
        """Add times that are sorted and later than all known ones."""
        offsets = times - self._base
        fits = self._end > self._start and (self._unit == 1 or _in_milliseconds(offsets))
        if not fits or self._end + len(times) > len(self._buffer):
            self._store(np.concatenate([self._times, times]), room=len(times))
            return
        self._buffer[self._end : self._end + len(times)] = offsets // self._unit
        self._end += len(times)

    def add(self, time: int) -> None:
        """Add one time that is not known yet."""
        if time > self.latest:
            self.append(np.array([time]))
        else:
            self._store(np.insert(self._times, self._number_before(time), time), room=1)

    def forget_before(self, time: int) -> None:
        self._start += self._number_before(time)

    def forget_after(self, time: int) -> None:
        self._end = self._start + self._number_before(time + 1)

    def _number_before(self, time: int) -> int:
        """How many known times are earlier."""
        kept = self._buffer[self._start : self._end]
        key = -((self._base - time) // self._unit)  # rounded up: a time between two milliseconds
        bounds = np.iinfo(kept.dtype)
        if not bounds.min < key <= bounds.max:
            return 0 if key <= bounds.min else len(kept)
        # A key of another type would have all of the array converted.
        return int(np.searchsorted(kept, kept.dtype.type(key)))

    def state(self) -> State:
        """The first time, and the steps between them in the smallest integer type that holds them."""
        times = self._times
        if len(times) == 0:
            return {"first": 0, "unit_ns": 1, "steps": np.empty(0, np.uint16), "empty": True}
        steps = np.diff(times)
        unit = MILLISECOND_NS if not (steps % MILLISECOND_NS).any() else 1
        steps //= unit
        largest = int(steps.max(initial=0))
        kind = next(kind for kind in (np.uint16, np.uint32, np.uint64) if largest <= np.iinfo(kind).max)
        return {"first": int(times[0]), "unit_ns": unit, "steps": steps.astype(kind), "empty": False}

    def restore(self, state: State) -> None:
        self.clear()
        if state["empty"]:
            return
        steps = np.asarray(state["steps"]).astype(np.int64) * int(state["unit_ns"])
        self._store(int(state["first"]) + np.concatenate([[0], np.cumsum(steps)]), room=0)


def _in_milliseconds(offsets: NDArray[np.int64]) -> bool:
    """Whether differences of times, of which the last is the largest, are whole milliseconds that fit into 32 bits."""
    largest = np.iinfo(np.uint32).max * MILLISECOND_NS
    return bool(len(offsets) == 0 or (offsets[-1] <= largest and not (offsets % MILLISECOND_NS).any()))

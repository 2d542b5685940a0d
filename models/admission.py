"""Which records a device stage takes: each once, and none that comes too late.

A device's frontier is the event time of the newest record it took. A record whose time is known is a duplicate; one
that is not newer than the frontier and not known is late. Neither is scored again.

A single wild time (a year ahead) must not make everything after it late. So a record more than ``wild_time_s`` ahead of
the frontier does not move it: it is late itself, and only held as a candidate. The next record confirms it when it
follows the candidate within ``wild_time_s``: then the device had paused, the frontier jumps there, and the one record
that announced the jump stays late. That is the price: after a pause of more than ``wild_time_s`` the first record of a
device is not scored. A jump by a whole file with a wrong date is undone in the same way: until the new time line has
gone on for ``wild_time_s``, a record that continues the line from before the jump is taken and makes that one the
device's own again. The very first record sets the frontier only until a second one confirms it.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from models.event_time import MILLISECOND_NS, SECOND_NS
from models.records import RecordBlock
from models.results import Admission
from models.state import State

_NONE = np.iinfo(np.int64).min  # no such time


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionSettings:
    """What makes a record known, late or wild.

    Attributes
    ----------
    dedup_window_s
        How long the exact event times are remembered.
    wild_time_s
        A time so far ahead of the newest one waits for a second record to confirm it.
    """

    dedup_window_s: float = 3600.0
    wild_time_s: float = 3600.0

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if not 0 < self.dedup_window_s <= 86_400:
            raise ValueError("dedup_window_s must be above 0 and at most 86400 (a day of times is kept in memory)")
        if not 0 < self.wild_time_s < float("inf"):
            raise ValueError("wild_time_s must be above 0 and finite")


class AdmissionGuard:
    """Judges a device's records in the order in which they come; how they are cut into blocks changes nothing."""

    def __init__(self, settings: AdmissionSettings) -> None:
        self._window_ns = round(settings.dedup_window_s * SECOND_NS)
        self._wild_ns = round(settings.wild_time_s * SECOND_NS)
        self._known = _KnownTimes()
        self._frontier = _NONE
        self._confirmed = False
        self._candidate = _NONE
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
        times = block.event_time_ns
        if self._continues(times):
            self._known.append(times)
            self._frontier = int(times[-1])
            self._after_step()
            return np.zeros(len(times), np.uint8)
        return np.array([self._judge_one(int(time)) for time in times], np.uint8)

    def _continues(self, times: NDArray[np.int64]) -> bool:
        """Whether a whole block goes on in the settled state, so that every record is accepted."""
        if len(times) == 0 or not self._confirmed or self._candidate != _NONE or self._other_line != _NONE:
            return False
        steps = np.diff(times, prepend=self._frontier)
        return bool(steps.min() > 0 and steps.max() <= self._wild_ns)

    def _judge_one(self, time: int) -> Admission:
        if self._known.contains(time):
            return Admission.DUPLICATE
        if self._follows(self._frontier, time):
            return self._accept(time, confirmed=True)
        if not self._confirmed and (self._frontier == _NONE or abs(time - self._frontier) > self._wild_ns):
            self._known.clear()
            return self._accept(time, confirmed=False)
        newer = time > self._frontier
        if self._follows(self._other_line, time) or (newer and self._follows(self._candidate, time)):
            self._other_line, self._jumped_to = self._frontier, time
            return self._accept(time, confirmed=True)
        if newer:
            self._candidate = time
        return Admission.LATE

    def _follows(self, before: int, time: int) -> bool:
        return before != _NONE and before < time <= before + self._wild_ns

    def _accept(self, time: int, *, confirmed: bool) -> Admission:
        self._frontier = time
        self._confirmed = confirmed
        self._candidate = _NONE
        self._known.add(time)
        self._after_step()
        return Admission.ACCEPTED

    def _after_step(self) -> None:
        """Forget times beyond the window, and the line from before a jump once the new one has lasted."""
        self._known.forget_before(self._oldest_kept())
        if self._other_line != _NONE and self._frontier - self._jumped_to > self._wild_ns:
            self._other_line = self._jumped_to = _NONE
            self._known.forget_after(self._frontier)

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
        self._other_line = int(state["other_line"])
        self._jumped_to = int(state["jumped_to"])
        sha256, time = state["last_replacement"]
        self._last_replacement = (str(sha256), int(time))


class _KnownTimes:
    """A sorted set of event times in one growing array."""

    def __init__(self) -> None:
        self._buffer = np.empty(256, np.int64)
        self._start = self._end = 0

    @property
    def _times(self) -> NDArray[np.int64]:
        return self._buffer[self._start : self._end]

    def contains(self, time: int) -> bool:
        place = int(np.searchsorted(self._times, time))
        return place < len(self._times) and bool(self._times[place] == time)

    def append(self, times: NDArray[np.int64]) -> None:
        """Add times that are sorted and later than all known ones."""
        self._make_room(len(times))
        self._buffer[self._end : self._end + len(times)] = times
        self._end += len(times)

    def add(self, time: int) -> None:
        """Add one time that is not known yet."""
        self._make_room(1)
        place = self._start + int(np.searchsorted(self._times, time))
        self._buffer[place + 1 : self._end + 1] = self._buffer[place : self._end].copy()
        self._buffer[place] = time
        self._end += 1

    def forget_before(self, time: int) -> None:
        self._start += int(np.searchsorted(self._times, time))

    def forget_after(self, time: int) -> None:
        self._end = self._start + int(np.searchsorted(self._times, time, side="right"))

    def clear(self) -> None:
        self._start = self._end = 0

    def _make_room(self, count: int) -> None:
        if self._end + count <= len(self._buffer):
            return
        times = self._times
        grown = np.empty(max(2 * (len(times) + count), 256), np.int64)
        grown[: len(times)] = times
        self._buffer, self._start, self._end = grown, 0, len(times)

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
        self.append(int(state["first"]) + np.concatenate([[0], np.cumsum(steps)]))

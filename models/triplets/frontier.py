"""Up to which event time a device has reported, in spite of wild timestamps."""

import numpy as np
from numpy.typing import NDArray

from models.event_time import MINUTE_NS
from models.state import State

#: Before and after all event times; their distance from any of them still fits into int64.
NEVER_NS = -(2**62)
FOREVER_NS = 2**62

# So many records in a row, each no earlier than the one before, make a step in time credible.
_CONFIRMING_RECORDS = 3
# Records and snapshots of one time line follow each other within this.
_LINE_GAP_NS = 5 * MINUTE_NS


class Frontier:
    """The latest time of one device.

    A record moves it forward by a bounded step only. A larger one (the stage was off) needs three records in a row that
    are ahead; a single wild one is followed by normal ones and forgotten. A jump of more than ``jump_ns`` must last for
    ``hold_ns`` of event time without a record of the old time: a whole snapshot with a wrong date does not.

    Attributes
    ----------
    time_ns
        ``NEVER_NS`` until it is known.
    silent
        Nobody waits for the device until it reports again.
    """

    __slots__ = ("_ahead", "_hold_ns", "_jump_ns", "_line", "silent", "time_ns")

    def __init__(self, jump_ns: int, hold_ns: int) -> None:
        self.time_ns = NEVER_NS
        self.silent = False
        self._jump_ns = jump_ns
        self._hold_ns = hold_ns
        self._ahead: list[int] = []  # the last records that were a large step ahead
        self._line: tuple[int, int, int] | None = None  # beyond a jump: the first time, the last, how many

    def observe(self, times: NDArray[np.int64], step_ns: int) -> None:
        """Records with these times (int64, shape (n,), n >= 1, ascending) have come."""
        self.silent = False
        near = times[0] <= self.time_ns + step_ns and (len(times) == 1 or np.diff(times).max() <= step_ns)
        if near:
            self._move(int(times[-1]))
            return
        for time_ns in times.tolist():
            self._observe_one(time_ns, step_ns)

    def advance(self, until_ns: int) -> None:
        """The device has nothing more to report up to this time."""
        self.silent = False
        if self._jumps(until_ns):
            self._follow(until_ns)
        elif until_ns > self.time_ns:
            self._move(until_ns)

    def state(self) -> State:
        """All that later results depend on."""
        return {"time_ns": self.time_ns, "silent": self.silent, "ahead": [*self._ahead], "line": self._line}

    def restore(self, state: State) -> None:
        """Go on from a saved state."""
        self.time_ns, self.silent, self._ahead = int(state["time_ns"]), bool(state["silent"]), list(state["ahead"])
        self._line = None
        if state["line"] is not None:
            first_ns, last_ns, count = state["line"]
            self._line = int(first_ns), int(last_ns), int(count)

    def _observe_one(self, time_ns: int, step_ns: int) -> None:
        if time_ns <= self.time_ns + step_ns:
            self._move(time_ns)
        elif self._jumps(time_ns) and not (self._ahead and 0 <= time_ns - self._ahead[-1] <= step_ns):
            self._follow(time_ns)
        else:
            self._step(time_ns, step_ns)

    def _move(self, time_ns: int) -> None:
        self.time_ns = max(self.time_ns, time_ns)
        self._ahead.clear()
        self._line = None

    def _jumps(self, time_ns: int) -> bool:
        return self.time_ns != NEVER_NS and time_ns > self.time_ns + self._jump_ns

    def _follow(self, time_ns: int) -> None:
        """See whether another time line lasts."""
        first_ns, last_ns, count = self._line or (time_ns, time_ns, 0)
        if not 0 <= time_ns - last_ns <= _LINE_GAP_NS:
            first_ns, count = time_ns, 0
        self._line = first_ns, time_ns, count + 1
        if count + 1 >= _CONFIRMING_RECORDS and time_ns - first_ns >= self._hold_ns:
            self._move(time_ns)

    def _step(self, time_ns: int, step_ns: int) -> None:
        if self._ahead and time_ns < self._ahead[-1]:
            self._ahead.clear()
        self._ahead.append(time_ns)
        if len(self._ahead) == _CONFIRMING_RECORDS:
            # Only as far as the first of them: the last may be wild itself.
            first, *others = self._ahead
            if self.time_ns == NEVER_NS and others[0] - first > self._jump_ns:
                self._ahead.pop(0)  # a wild one at the very beginning
                return
            self._move(first)
            for other in others:
                self._observe_one(other, step_ns)

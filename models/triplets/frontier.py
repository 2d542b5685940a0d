"""Up to which event time a device has reported, in spite of wild timestamps."""

import numpy as np
from numpy.typing import NDArray

from models.state import State

#: Before and after all event times; their distance from any of them still fits into int64.
NEVER_NS = -(2**62)
FOREVER_NS = 2**62

# So many records in a row, each no earlier than the one before, make a jump in time credible.
_CONFIRMING_RECORDS = 3


class Frontier:
    """The latest time of one device.

    A record moves it forward by a bounded step only. A larger jump (the stage was off) needs three records in a row
    that are ahead; a single wild one is followed by normal ones and forgotten.

    Attributes
    ----------
    time_ns
        ``NEVER_NS`` until it is known.
    silent
        Nobody waits for the device until it reports again.
    """

    __slots__ = ("_ahead", "silent", "time_ns")

    def __init__(self) -> None:
        self.time_ns = NEVER_NS
        self.silent = False
        self._ahead: list[int] = []

    def observe(self, times: NDArray[np.int64], step_ns: int) -> None:
        """Records with these times (int64, shape (n,), n >= 1, ascending) have come."""
        self.silent = False
        near = times[0] <= self.time_ns + step_ns and (len(times) == 1 or np.diff(times).max() <= step_ns)
        if near:
            self.time_ns = max(self.time_ns, int(times[-1]))
            self._ahead.clear()
            return
        for time_ns in times.tolist():
            self._step(time_ns, step_ns)

    def advance(self, until_ns: int) -> None:
        """The device has nothing more to report up to this time."""
        self.silent = False
        self.time_ns = max(self.time_ns, until_ns)

    def state(self) -> State:
        """All that later results depend on."""
        return {"time_ns": self.time_ns, "silent": self.silent, "ahead": list(self._ahead)}

    def restore(self, state: State) -> None:
        """Go on from a saved state."""
        self.time_ns, self.silent, self._ahead = int(state["time_ns"]), bool(state["silent"]), list(state["ahead"])

    def _step(self, time_ns: int, step_ns: int) -> None:
        if time_ns <= self.time_ns + step_ns:
            self.time_ns = max(self.time_ns, time_ns)
            self._ahead.clear()
            return
        if self._ahead and time_ns < self._ahead[-1]:
            self._ahead.clear()
        self._ahead.append(time_ns)
        if len(self._ahead) == _CONFIRMING_RECORDS:
            # Only as far as the first of them: the last may be wild itself.
            first, *others = self._ahead
            self.time_ns = first
            self._ahead.clear()
            for other in others:
                self._step(other, step_ns)

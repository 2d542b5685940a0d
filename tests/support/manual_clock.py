"""A clock that only moves when it is told to: tests of timed behaviour need not wait."""

import threading

from models.event_time import SECOND_NS, parse_iso


class ManualClock:
    """A ``connectors.clock.Clock`` whose hands the test moves; ``sleep`` moves them, too, and returns at once.

    Parameters
    ----------
    start
        Wall-clock time at the beginning, ISO 8601 or nanoseconds since 1970.
    """

    def __init__(self, start: str | int = "2022-07-01T09:30:00Z") -> None:
        self._now_ns = parse_iso(start) if isinstance(start, str) else start
        self._monotonic_ns = 1_000 * SECOND_NS
        self._lock = threading.Lock()
        self.slept_s: list[float] = []

    def now_ns(self) -> int:
        with self._lock:
            return self._now_ns

    def monotonic_s(self) -> float:
        with self._lock:
            return self._monotonic_ns / SECOND_NS

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            self.slept_s.append(seconds)
            self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        if seconds < 0:
            raise ValueError("time does not go back; use set_wall_clock to step the wall clock")
        with self._lock:
            step_ns = round(seconds * SECOND_NS)
            self._now_ns += step_ns
            self._monotonic_ns += step_ns

    def set_wall_clock(self, moment: str | int) -> None:
        """Step the wall clock as an operator or NTP does; the monotonic clock goes on undisturbed."""
        with self._lock:
            self._now_ns = parse_iso(moment) if isinstance(moment, str) else moment

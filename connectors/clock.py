"""The clock: the one place that reads the time, so that everything else can be given another one."""

import time
from typing import Protocol


class Clock(Protocol):
    """What time it is, and waiting."""

    def now_ns(self) -> int:
        """Nanoseconds since 1970 in UTC; may step when the system's clock is set."""
        ...

    def monotonic_s(self) -> float:
        """Seconds since an arbitrary moment; never goes back. For durations and deadlines."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait that long; not at all for zero or less."""
        ...


class SystemClock:
    """The computer's own clock."""

    def now_ns(self) -> int:
        """Nanoseconds since 1970 in UTC."""
        return time.time_ns()  # the one home of time: ruff bans time.time elsewhere

    def monotonic_s(self) -> float:
        """Seconds since an arbitrary moment; never goes back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait that long; not at all for zero or less."""
        if seconds > 0:
            time.sleep(seconds)

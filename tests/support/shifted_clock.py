"""The computer's clock as if it were another day: what lies years back looks as it did then."""

from connectors.clock import SystemClock


class ShiftedClock(SystemClock):
    """Goes as the computer's does, from another time on.

    Parameters
    ----------
    start_ns
        What it shows when it is made, ns since 1970.
    """

    def __init__(self, start_ns: int) -> None:
        self._ahead_ns = start_ns - super().now_ns()

    def now_ns(self) -> int:
        return super().now_ns() + self._ahead_ns

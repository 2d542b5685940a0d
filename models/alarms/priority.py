"""How soon somebody has to look: the alert's severity, unless the configuration says otherwise for its kind."""

from collections.abc import Iterable
from enum import StrEnum

from models.alerts.alert import Severity


class Priority(StrEnum):
    """Of an alarm or an incident."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"

    @property
    def rank(self) -> int:
        """Larger is more urgent."""
        return _RANKS[self]

    @classmethod
    def of_severity(cls, severity: Severity) -> "Priority":
        """The same word."""
        return cls(severity.value)


_RANKS = {Priority.LOW: 0, Priority.MEDIUM: 1, Priority.HIGH: 2}


def highest(priorities: Iterable[Priority]) -> Priority:
    """The most urgent one; low when there is none."""
    return max(priorities, key=lambda priority: priority.rank, default=Priority.LOW)

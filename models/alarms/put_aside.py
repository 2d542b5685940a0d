"""What people have put aside of an incident: it calls nobody until that ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from models.alarms.alarm import Alarm
from models.alarms.priority import Priority, highest
from models.alarms.suppression import Cause


class AsideCause(StrEnum):
    """By what people have put an alarm aside."""

    MAINTENANCE = "maintenance"
    SHELVED = "shelved"
    OUT_OF_SERVICE = "out_of_service"


@dataclass(frozen=True, slots=True, kw_only=True)
class PutAside:
    """How much of an incident is put aside, and until when.

    Attributes
    ----------
    cause
        What ends first: a shelving, else maintenance, else what is out of service.
    until_ns
        When the first shelving ends, ns since 1970; None without one.
    by
        Who did it; empty for maintenance.
    left
        The highest priority of what is not put aside; None: all of it is.
    """

    cause: AsideCause
    until_ns: int | None = None
    by: str = ""
    left: Priority | None = None

    @property
    def is_whole(self) -> bool:
        """Whether the incident calls nobody."""
        return self.left is None


def aside_cause(alarm: Alarm, now_ns: int) -> AsideCause | None:
    """What people did; None when it calls them. That a stage is idle is nobody's decision.

    A shelving that is over by the clock is over, also before the alarm's keeper has seen to it.
    """
    life = alarm.life
    if life.out_of_service:
        return AsideCause.OUT_OF_SERVICE
    if Cause.MAINTENANCE in life.suppressed_by:
        return AsideCause.MAINTENANCE
    shelved = life.shelved_until_ns is not None and life.shelved_until_ns > now_ns
    return AsideCause.SHELVED if shelved else None


def put_aside(unseen: Sequence[Alarm], now_ns: int) -> PutAside | None:
    """How much of an incident is put aside; None when nothing is.

    Parameters
    ----------
    unseen
        Its alarms of which something was announced that nobody has acknowledged.
    now_ns
        By the clock, ns since 1970.
    """
    causes = [(alarm, cause) for alarm in unseen if (cause := aside_cause(alarm, now_ns)) is not None]
    if not causes:
        return None
    by_cause = {cause: alarm for alarm, cause in causes}
    cause = next(each for each in _ENDING_FIRST if each in by_cause)
    shelved = [alarm for alarm, each in causes if each is AsideCause.SHELVED]
    first = min(shelved, key=lambda alarm: (alarm.life.shelved_until_ns or 0, alarm.id), default=by_cause[cause])
    aside = {alarm.id for alarm, _ in causes}
    left = [alarm.priority for alarm in unseen if alarm.id not in aside]
    return PutAside(
        cause=cause,
        until_ns=first.life.shelved_until_ns if cause is AsideCause.SHELVED else None,
        by="" if cause is AsideCause.MAINTENANCE else first.covered_by,
        left=highest(left) if left else None,
    )


_ENDING_FIRST = (AsideCause.SHELVED, AsideCause.MAINTENANCE, AsideCause.OUT_OF_SERVICE)

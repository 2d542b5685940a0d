"""Who is told of what, without the ways to him: all that a step of alarms has to know, and nothing secret."""

from collections.abc import Iterable
from dataclasses import dataclass

from connectors.webhooks.settings import MessengerSettings, ReceiverSettings, Wanted
from models.alarms.priority import Priority


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """A receiver or messenger as its settings have it.

    Attributes
    ----------
    reads
        People read it, who get text; else it is a program, which gets JSON.
    """

    name: str
    events: Wanted
    minimum_priority: Priority
    reads: bool

    def begins_to_hear(self, class_: Wanted, priority: Priority) -> bool:
        """Whether he is told of a new alert or incident of this priority."""
        return self.events in {class_, Wanted.ALL} and priority.rank >= self.minimum_priority.rank


def listeners(told: Iterable[ReceiverSettings | MessengerSettings]) -> tuple[Listener, ...]:
    """Those of the settings, in their order."""
    return tuple(
        Listener(
            name=one.name,
            events=one.events,
            minimum_priority=one.minimum_priority,
            reads=isinstance(one, MessengerSettings),
        )
        for one in told
    )

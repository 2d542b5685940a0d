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

    def wants(self, class_: Wanted) -> bool:
        """Whether he wants to hear of alerts, or of incidents."""
        return self.events in {class_, Wanted.ALL}

    def finds_urgent(self, priority: Priority) -> bool:
        """Whether this is urgent enough for him."""
        return priority.rank >= self.minimum_priority.rank


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

"""What follows from one message, on its way to the next topics."""

from collections.abc import Iterable

from connectors.wire.codec import encode
from connectors.wire.message import Incoming, Outgoing
from models.alerts.alert import AlertEvent
from models.baseline import AcceptedBaseline
from models.messages import (
    AlertMessage,
    DecidedMessage,
    DeviceNotice,
    EvidenceMessage,
    FileMoment,
    Origin,
    ScoredMessage,
)
from streams.topology import TopicName

#: What agents send.
Content = ScoredMessage | DeviceNotice | DecidedMessage | AlertMessage | EvidenceMessage | AcceptedBaseline


class Outputs:
    """The outputs of one message, each with its origin; the parts are counted within their topic.

    Attributes
    ----------
    outgoing
        All of them, in the order in which they are to be sent.
    """

    def __init__(self, message: Incoming) -> None:
        self._message = message
        self._parts: dict[TopicName, int] = {}
        self.outgoing: list[Outgoing] = []

    def add(self, topic: TopicName, key: str, content: Content) -> None:
        """Send this to a topic; what has the same key stays in its order."""
        message, part = self._message, self._parts.get(topic, 0)
        self._parts[topic] = part + 1
        encoded = encode(content, Origin(message.topic, message.partition, message.offset, part))
        self.outgoing.append(Outgoing(topic=topic, key=key.encode(), value=encoded.value, headers=encoded.headers))

    def add_alerts(self, events: Iterable[AlertEvent], moment: FileMoment | None) -> None:
        """Send steps in the life of alerts; without a moment where no file is behind them."""
        for event in events:
            self.add(TopicName.ALERTS, event.alert.id, AlertMessage(event=event, moment=moment))

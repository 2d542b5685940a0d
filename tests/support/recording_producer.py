"""A producer that keeps what it is given, for tests of those who send."""

from collections.abc import Callable
from typing import Any

from connectors.kafka.failures import MessageTooLargeError
from connectors.wire.codec import Message, decode
from connectors.wire.message import Incoming, Outgoing
from models.errors import RetryableError
from streams.topology import TopicName


class RecordingProducer:
    """What was acknowledged, in order; ``away`` and ``most_bytes`` make it fail as the real one does."""

    def __init__(self) -> None:
        self.acknowledged: list[Outgoing] = []
        self.queued: list[Outgoing] = []
        self.away = False
        self.most_bytes = 1 << 30
        self.before_flush: Callable[[], Any] = lambda: None
        self.flushes = 0

    def send(self, message: Outgoing) -> None:
        if self.away:
            raise RetryableError("Kafka does not answer", reason="kafka_away")
        if len(message.value or b"") > self.most_bytes:
            raise MessageTooLargeError("too large; lower connect.block_bytes", reason="kafka_message_too_large")
        self.queued.append(message)

    def flush(self) -> None:
        self.before_flush()
        if self.away:
            raise RetryableError("Kafka does not answer", reason="kafka_away")
        self.flushes += 1
        self.acknowledged += self.queued
        self.queued = []

    def messages(self, *topics: TopicName) -> list[Message]:
        """The acknowledged messages of some topics, or of all, in order."""
        return [decoded(message) for message in self.acknowledged if not topics or message.topic in topics]


def decoded(message: Outgoing) -> Message:
    """What a receiver reads."""
    incoming = Incoming(
        topic=message.topic, partition=0, offset=0, key=message.key, value=message.value, headers=message.headers
    )
    return decode(incoming)

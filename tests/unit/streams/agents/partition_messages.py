"""Messages as a partition holds them, and what agents send, read back."""

from collections.abc import Iterable

from connectors.wire.codec import Message, decode, encode
from connectors.wire.message import Incoming, Outgoing
from models.messages import FileMoment, Origin
from tests.unit.streams.test_watch_pipeline import START_NS

MOMENT = FileMoment(start_ns=START_NS, closed_ns=START_NS + 7)


class Partition:
    """Numbers its messages, from 10 on."""

    def __init__(self, topic: str, number: int = 2, first: int = 10) -> None:
        self._topic = topic
        self._number = number
        self._next = first

    def message(
        self,
        content: Message,
        *headers: tuple[str, bytes],
        origin: Origin | None = None,
    ) -> Incoming:
        encoded = encode(content, origin)
        offset, self._next = self._next, self._next + 1
        return Incoming(
            topic=self._topic,
            partition=self._number,
            offset=offset,
            key=b"",
            value=encoded.value,
            headers=(*encoded.headers, *headers),
        )

    def messages(self, *contents: Message) -> list[Incoming]:
        return [self.message(content) for content in contents]


def incoming(outgoing: Outgoing) -> Incoming:
    """What was sent, as it is read."""
    return Incoming(
        topic=outgoing.topic,
        partition=0,
        offset=0,
        key=outgoing.key,
        value=outgoing.value,
        headers=outgoing.headers,
    )


def contents(outgoing: Iterable[Outgoing]) -> list[Message]:
    """The messages that were sent."""
    return [decode(incoming(each)) for each in outgoing]

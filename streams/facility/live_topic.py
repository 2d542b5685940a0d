"""The wall of a facility: workers send what they worked on last, and the recorder's process shows it on the board.

It goes beside the agents' outputs and checkpoints: nothing waits for it, and what is lost of it is followed by more.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Protocol

from connectors.kafka.producer import BlockProducer
from connectors.kafka.settings import KafkaSettings
from connectors.live_board import LiveBoardWriter
from connectors.wire.codec import decode, encode
from connectors.wire.message import Incoming, Outgoing
from models.errors import RecordError
from models.live_reading import LiveReading
from streams.facility.progress_thread import ProgressThread
from streams.topology import TopicName

_LIVE = TopicName.LIVE.value
# Some three hundred pictures: more would be old news when Kafka is back.
_WAITING_BYTES = 4 << 20
_PATIENCE_S = 5.0
_POLL_S = 0.5
_END_WITHIN_S = 2.0


class LiveTopic:
    """Sends readings; see ``streams.live_show.LivePlace``."""

    def __init__(self, kafka: KafkaSettings, installation: str) -> None:
        self._producer = BlockProducer(kafka, installation, most_bytes=_WAITING_BYTES, patience_s=_PATIENCE_S)

    def show(self, reading: LiveReading) -> None:
        """Send one; what was sent before and did not arrive is told by this call."""
        encoded = encode(reading)
        key = reading.device.name.encode()
        self._producer.send(Outgoing(topic=_LIVE, key=key, value=encoded.value, headers=encoded.headers))

    def close(self) -> None:
        """Let the connection go, with what is not acknowledged."""
        self._producer.close()


class LiveReader(Protocol):
    """Reads the topic; see ``connectors.kafka.reader``."""

    def follow(self, topics: Iterable[str], *, from_beginning: bool = ...) -> None:
        """From now on ``poll`` gives the messages of these topics."""
        ...

    def poll(self, timeout_s: float = ...) -> list[Incoming]:
        """The messages that came."""
        ...

    def close(self) -> None:
        """Let the connection go."""
        ...


class LiveFollower(ProgressThread[LiveReader]):
    """Shows on a board what workers send, on a thread of its own.

    Parameters
    ----------
    open_reader
        Makes a reader; called again when Kafka was away.
    open_board
        Makes the board; called again when that failed.
    """

    def __init__(self, open_reader: Callable[[], LiveReader], open_board: Callable[[], LiveBoardWriter]) -> None:
        super().__init__(open_reader, name="live board", following="the live readings", ending="worker")
        self._open_board = open_board
        self._board: LiveBoardWriter | None = None

    def check(self) -> None:
        """Go on only if it does.

        Raises
        ------
        FatalError
            The topic is missing, or may not be read; or whatever else nobody foresaw.
        """
        self._raise_failure()

    def stop(self) -> None:
        """End; a thread that waits for Kafka is left to the end of the process."""
        if self._end(_END_WITHIN_S) and self._board is not None:
            self._board.close()

    def begin(self, reader: LiveReader) -> None:
        """Show what there is of each device, with its age: the topic keeps the latest."""
        if self._board is None:
            self._board = self._open_board()
        reader.follow((_LIVE,), from_beginning=True)

    def look(self, reader: LiveReader) -> None:
        """Show what has come."""
        latest: dict[bytes | None, LiveReading] = {}
        for message in reader.poll(_POLL_S):
            with suppress(RecordError):  # of a later version, or damaged: it is followed by more
                content = decode(message)
                if isinstance(content, LiveReading):
                    latest[message.key] = content
        if self._board is not None:
            for reading in latest.values():
                self._board.show(reading)

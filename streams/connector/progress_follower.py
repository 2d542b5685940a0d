"""Follows how far the agents have come and how far the topics reach, on a thread of its own."""

import threading
from collections.abc import Callable
from typing import Protocol

from connectors.clock import Clock
from connectors.wire.codec import decode
from connectors.wire.message import Incoming
from connectors.wire.progress import Progress
from models.errors import FatalError, RecordError, RetryableError
from streams.connector.flow_limit import FlowLimit, Place
from streams.topology import CONNECTOR, AgentName, TopicName, inputs_of

#: The agents whose work is waited for; what the recorder has to write waits in its topics and disturbs nobody.
_AGENTS = (AgentName.IMAGE, AgentName.ENERGY, AgentName.SPECTRUM, AgentName.OTHER, AgentName.JOIN)
_TOPICS = tuple(topic.value for agent in _AGENTS for topic in inputs_of(agent))
_LOOK_EVERY_S = 1.0
_RETRY_S = 2.0


class ProgressReader(Protocol):
    """Reads the progress topic and the ends of others; see ``connectors.kafka.reader``."""

    def follow(self, topics: tuple[str, ...], *, from_beginning: bool = ...) -> None:
        """From now on ``poll`` gives the messages of these topics."""
        ...

    def poll(self, timeout_s: float = ...) -> list[Incoming]:
        """The messages that came."""
        ...

    def end_offsets(self, topics: tuple[str, ...]) -> dict[tuple[str, int], int]:
        """The offset behind the last message, by topic and partition."""
        ...

    def close(self) -> None:
        """Let the connection go."""
        ...


class ProgressFollower:
    """Tells a ``FlowLimit`` what it has to know.

    Parameters
    ----------
    open_reader
        Makes a reader; called again when Kafka was away.
    """

    def __init__(self, open_reader: Callable[[], ProgressReader], limit: FlowLimit, clock: Clock) -> None:
        self._open_reader = open_reader
        self._limit = limit
        self._clock = clock
        self._stop = threading.Event()
        self._failure: FatalError | None = None
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def check(self) -> None:
        """Raise what has ended it.

        Raises
        ------
        FatalError
            The topics are missing, or may not be read; or whatever else nobody foresaw.
        """
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """End; a thread that waits for Kafka is left to the end of the process."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(_RETRY_S)

    def look(self, reader: ProgressReader) -> None:
        """Look once."""
        newest_ns = self._limit.newest_ns
        ends = {(TopicName(topic), partition): end for (topic, partition), end in reader.end_offsets(_TOPICS).items()}
        self._limit.reach(ends, newest_ns)
        for message in reader.poll(_LOOK_EVERY_S):
            self._hear(message)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                reader = self._open_reader()
                try:
                    reader.follow((TopicName.PROGRESS.value,), from_beginning=True)
                    while not self._stop.is_set():
                        self.look(reader)
                finally:
                    reader.close()
            except RetryableError:  # the runner tells of it: it needs Kafka, too
                self._stop.wait(_RETRY_S)
            except FatalError as error:
                self._failure = error
                return
            except Exception as error:  # noqa: BLE001 - kept for ``check``: unseen, nobody would be waited for
                self._failure = FatalError(
                    f"following the agents' progress failed: {type(error).__name__}: {error}; the connector ends to be "
                    "started again",
                    reason="internal",
                )
                self._failure.__cause__ = error
                return

    def _hear(self, message: Incoming) -> None:
        place = _place(message.key)
        if place is None or message.value is None:
            return
        try:
            progress = decode(message)
        except RecordError:  # of another version: this partition is not waited for
            return
        if isinstance(progress, Progress) and progress.next_offset is not None:
            self._limit.worked(place, {inputs_of(place[0])[0]: progress.next_offset})


def _place(key: bytes | None) -> Place | None:
    """``agent/partition``; None for connectors, for agents that are not waited for, and for what is neither."""
    agent, _, partition = (key or b"").decode(errors="replace").rpartition("/")
    if agent == CONNECTOR or agent not in _AGENTS or not partition.isdecimal():
        return None
    return AgentName(agent), int(partition)

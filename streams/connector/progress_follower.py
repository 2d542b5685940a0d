"""Follows how far the agents have come and how far the topics reach, on a thread of its own."""

from collections.abc import Callable
from typing import Protocol

from connectors.wire.message import Incoming
from streams.connector.flow_limit import FlowLimit, Place
from streams.facility.progress_thread import ProgressThread, progress_of
from streams.topology import CONNECTOR, DEVICE_AGENTS, AgentName, TopicName, inputs_of

#: The agents whose work is waited for; what the recorder has to write waits in its topics and disturbs nobody.
WAITED_FOR = (*DEVICE_AGENTS, AgentName.JOIN)
_TOPICS = tuple(topic.value for agent in WAITED_FOR for topic in inputs_of(agent))
_LOOK_EVERY_S = 1.0
_END_WITHIN_S = 2.0


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


class ProgressFollower(ProgressThread[ProgressReader]):
    """Tells a ``FlowLimit`` what it has to know.

    Parameters
    ----------
    open_reader
        Makes a reader; called again when Kafka was away.
    """

    def __init__(self, open_reader: Callable[[], ProgressReader], limit: FlowLimit) -> None:
        super().__init__(open_reader, name="progress", following="the agents' progress", ending="connector")
        self._limit = limit

    def check(self) -> None:
        """Raise what has ended it.

        Raises
        ------
        FatalError
            The topics are missing, or may not be read; or whatever else nobody foresaw.
        """
        self._raise_failure()

    def stop(self) -> None:
        """End; a thread that waits for Kafka is left to the end of the process."""
        self._end(_END_WITHIN_S)

    def begin(self, reader: ProgressReader) -> None:
        """Read all that was ever said."""
        reader.follow((TopicName.PROGRESS.value,), from_beginning=True)

    def look(self, reader: ProgressReader) -> None:
        """Look once."""
        newest_ns = self._limit.newest_ns
        ends = {(TopicName(topic), partition): end for (topic, partition), end in reader.end_offsets(_TOPICS).items()}
        self._limit.reach(ends, newest_ns)
        for message in reader.poll(_LOOK_EVERY_S):
            self._hear(message)

    def _hear(self, message: Incoming) -> None:
        place, progress = _place(message.key), progress_of(message)
        # Of another version: this partition is not waited for.
        if place is not None and progress is not None and progress.next_offset is not None:
            self._limit.worked(place, {inputs_of(place[0])[0]: progress.next_offset})


def _place(key: bytes | None) -> Place | None:
    """``agent/partition``; None for connectors, for agents that are not waited for, and for what is neither."""
    agent, _, partition = (key or b"").decode(errors="replace").rpartition("/")
    if agent == CONNECTOR or agent not in WAITED_FOR or not partition.isdecimal():
        return None
    return AgentName(agent), int(partition)

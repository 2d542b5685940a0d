"""Reading topics without a group, by kafka-python: all that is there, or what comes."""

from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self

from kafka import KafkaConsumer, TopicPartition

from connectors.kafka.client_options import client_options
from connectors.kafka.failures import away, clear_failures, topic_missing
from connectors.kafka.reachability import require_reachable
from connectors.kafka.settings import KafkaSettings
from connectors.wire.message import Incoming
from models.errors import PetawatchError

#: Short name of a topic, and a partition.
Partition = tuple[str, int]

_FETCH_BYTES = 16 << 20
_ANSWER_MS = 15_000
_RECONNECT_MS = 1_000
_POLL_MS = 500


class TopicReader:
    """Reads what is committed, and leaves no trace in the cluster. For one thread.

    Parameters
    ----------
    prefix
        Of the topics' full names: the installation.
    patience_s
        How long nothing may come of what is there before Kafka is said to be away.

    Raises
    ------
    RetryableError
        ``kafka_away``, as all methods do.
    FatalError
        ``kafka_login``, ``kafka_tls``, ``kafka_address``, ``kafka_forbidden`` or ``kafka_topic_missing``, as they do.
    """

    def __init__(self, settings: KafkaSettings, prefix: str, *, patience_s: float = 30.0) -> None:
        self._settings = settings
        self._prefix = f"{prefix}."
        self._patience_s = patience_s
        require_reachable(settings)
        with clear_failures(settings):
            self._consumer: Any = KafkaConsumer(
                client_id="petawatch-reader",
                group_id=None,
                enable_auto_commit=False,
                isolation_level="read_committed",
                auto_offset_reset="earliest",
                allow_auto_create_topics=False,
                fetch_max_bytes=_FETCH_BYTES,
                max_partition_fetch_bytes=_FETCH_BYTES,
                request_timeout_ms=_ANSWER_MS,
                reconnect_backoff_max_ms=_RECONNECT_MS,
                metrics_enabled=False,
                **client_options(settings),
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the connection go."""
        self._consumer.close()

    def partitions(self, topics: Iterable[str]) -> list[Partition]:
        """All partitions of topics, by their short names."""
        return [(topic, number) for topic in topics for number in self._numbers(topic)]

    def end_offsets(self, topics: Iterable[str]) -> dict[Partition, int]:
        """The offset of the next message, by partition."""
        wanted = self.partitions(topics)
        with clear_failures(self._settings, "offsets"):
            return self._short(self._consumer.end_offsets([self._full(partition) for partition in wanted]))

    def read(self, topics: Iterable[str], starts: Mapping[Partition, int] | None = None) -> Iterator[Incoming]:
        """All messages that are there now, in the order of each partition; then it ends.

        Parameters
        ----------
        starts
            Offsets to begin at; the oldest message where there is none.
        """
        names = tuple(topics)
        ends = {self._full(partition): end for partition, end in self.end_offsets(names).items()}
        self.follow(names, from_beginning=True, starts=starts)
        idle_ms = 0
        while self._unread(ends):
            before = self._positions(ends)
            for message in self.poll(_POLL_MS / 1000):
                if message.offset < ends[self._full((message.topic, message.partition))]:
                    yield message
            # What was not committed, or was compacted away, moves the position, too.
            idle_ms = 0 if self._positions(ends) != before else idle_ms + _POLL_MS
            if idle_ms >= self._patience_s * 1000:
                raise self._silent()

    def follow(
        self, topics: Iterable[str], *, from_beginning: bool = False, starts: Mapping[Partition, int] | None = None
    ) -> None:
        """From now on `poll` gives the messages of these topics: all, those from ``starts``, or those that come."""
        wanted = self.partitions(topics)
        with clear_failures(self._settings):
            full = [self._full(partition) for partition in wanted]
            self._consumer.assign(full)
            if from_beginning:
                self._consumer.seek_to_beginning(*full)
            else:
                self._consumer.seek_to_end(*full)
                self._positions(full)  # the end as of now, not as of the first poll
            for partition, offset in (starts or {}).items():
                self._consumer.seek(self._full(partition), offset)

    def poll(self, timeout_s: float = 0.0) -> list[Incoming]:
        """The messages that came, waiting for the first one at most for a time; empty also while Kafka is away."""
        with clear_failures(self._settings):
            polled = self._consumer.poll(timeout_ms=int(timeout_s * 1000))
        return [self._incoming(record) for records in polled.values() for record in records]

    def _numbers(self, topic: str) -> list[int]:
        name = f"{self._prefix}{topic}"
        with clear_failures(self._settings, name):
            numbers = self._consumer.partitions_for_topic(name)
        if not numbers:
            raise topic_missing(self._settings, name)
        return sorted(numbers)

    def _positions(self, partitions: Iterable[TopicPartition]) -> list[int]:
        with clear_failures(self._settings, "offsets"):
            return [self._consumer.position(partition) for partition in partitions]

    def _unread(self, ends: Mapping[TopicPartition, int]) -> bool:
        positions = self._positions(ends)
        return any(position < end for position, end in zip(positions, ends.values(), strict=True))

    def _silent(self) -> PetawatchError:
        try:
            require_reachable(self._settings)
        except PetawatchError as failure:
            return failure
        return away(self._settings, f"no message within {self._patience_s:g} s")

    def _full(self, partition: Partition) -> TopicPartition:
        return TopicPartition(f"{self._prefix}{partition[0]}", partition[1])

    def _short(self, offsets: Mapping[TopicPartition, int]) -> dict[Partition, int]:
        return {(full.topic.removeprefix(self._prefix), full.partition): offset for full, offset in offsets.items()}

    def _incoming(self, record: Any) -> Incoming:
        return Incoming(
            topic=record.topic.removeprefix(self._prefix),
            partition=record.partition,
            offset=record.offset,
            key=record.key,
            value=record.value,
            headers=tuple((name, value or b"") for name, value in record.headers or ()),
            timestamp_ms=record.timestamp or 0,
        )

"""Sends what the agents give, each partition's messages in order, for as long as it takes."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import murmur2

from connectors.kafka.client_options import client_options
from connectors.kafka.failures import failure_of
from connectors.kafka.settings import KafkaSettings
from connectors.wire.message import Outgoing
from models.errors import FatalError, RetryableError
from streams.topology import TopicName, TopicSettings, partition_count, topic

#: Messages on their way to one partition are put together up to so much: well below what brokers take by default.
_BATCH_BYTES = 512 << 10
#: Most that is on its way to Kafka.
_MOST_BYTES = 32 << 20
_RETRY_EVERY_S = 0.5
_REQUEST_TIMEOUT_MS = 15_000
# What a message's frame, headers and lengths add at most, beside their own bytes.
_FRAME_BYTES = 200


class OversizedError(Exception):
    """An output is larger than its topic takes.

    Attributes
    ----------
    output
        The first that is too large.
    sentence
        Says which setting helps.
    """

    def __init__(self, output: Outgoing, sentence: str) -> None:
        self.output = output
        self.sentence = sentence
        super().__init__(sentence)


@dataclass(slots=True)
class _Ticket:
    """Counts down the messages that were sent together."""

    left: int
    done: "asyncio.Future[None]"


class OutputSender:
    """Hands messages to Kafka: to each partition one batch after another, again until it is acknowledged.

    A batch that may have been written or not is sent again before anything that follows it, so a partition holds every
    message at least once, and the first times in the order in which they were handed over: receivers know repeats by
    their origin. That is all that is relied on; a producer's own numbering would end with the process anyway.

    Parameters
    ----------
    limits
        By topic, the largest message that it takes; without an entry it is for the broker to say.
    tell
        Called with a sentence when Kafka has stopped taking messages, once.
    fail
        Called with the error when it will take none.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        topics: TopicSettings,
        *,
        limits: Mapping[TopicName, int],
        tell: Callable[[str], None],
        fail: Callable[[BaseException], None],
    ) -> None:
        self._kafka = kafka
        self._topics = topics
        self._limits = limits
        self._tell = tell
        self._fail = fail
        self._producer: AIOKafkaProducer | None = None
        self._lanes: dict[tuple[str, int], deque[tuple[Outgoing, _Ticket]]] = {}
        self._tasks: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._waiting_bytes = 0
        self._room = asyncio.Event()
        self._room.set()
        # By lane, so that one that is taken says nothing about another.
        self._waits: dict[tuple[str, int], str] = {}

    @property
    def waits_for(self) -> str:
        """Why outputs wait; empty when none do."""
        return next(iter(self._waits.values()), "")

    async def start(self) -> None:
        """Connect."""
        producer = AIOKafkaProducer(
            **client_options(self._kafka),
            acks="all",
            linger_ms=0,
            max_batch_size=_BATCH_BYTES,
            request_timeout_ms=_REQUEST_TIMEOUT_MS,
            client_id="petawatch-worker",
        )
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        self._producer = producer

    async def send(self, outputs: Sequence[Outgoing]) -> "asyncio.Future[None]":
        """Hand messages over, in order; waits while too much is on its way.

        Returns
        -------
        A future that is done when all of them are in Kafka.

        Raises
        ------
        OversizedError
            One of them is too large for its topic; none of them was taken.
        """
        for output in outputs:
            self._check_size(output)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if not outputs:
            done.set_result(None)
            return done
        await self._room.wait()
        ticket = _Ticket(len(outputs), done)
        for output in outputs:
            self._enqueue(output, ticket)
        return done

    async def stop(self) -> None:
        """Let Kafka go; what is still on its way is given up."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    def _check_size(self, output: Outgoing) -> None:
        limit = self._limits.get(TopicName(output.topic))
        if limit is not None and _size(output) > limit:
            raise OversizedError(
                output,
                f"a message of {_size(output)} bytes for {self._topics.full_name(TopicName(output.topic))} is larger "
                f"than its max.message.bytes of {limit}; raise that (kafka-configs --alter), or lower "
                "connect.block_bytes",
            )

    def _enqueue(self, output: Outgoing, ticket: _Ticket) -> None:
        count = partition_count(topic(TopicName(output.topic)), self._topics)
        lane = output.topic, (murmur2(output.key) & 0x7FFFFFFF) % count
        self._lanes.setdefault(lane, deque()).append((output, ticket))
        self._waiting_bytes += _size(output)
        if self._waiting_bytes > _MOST_BYTES:
            self._room.clear()
        task = self._tasks.get(lane)
        if task is None or task.done():
            self._tasks[lane] = asyncio.create_task(self._run_lane(*lane))

    async def _run_lane(self, name: str, partition: int) -> None:
        lane = self._lanes[name, partition]
        try:
            while lane:
                count = await self._deliver_some(lane, name, partition)
                for _ in range(count):
                    output, ticket = lane.popleft()
                    self._acknowledged(output, ticket)
        except Exception as error:  # noqa: BLE001 - handed on: the worker ends with it
            self._fail(error)

    async def _deliver_some(self, lane: "deque[tuple[Outgoing, _Ticket]]", name: str, partition: int) -> int:
        """Bring the first messages of a lane to Kafka, however often it takes; returns how many."""
        full_name = self._topics.full_name(TopicName(name))
        while True:
            try:
                count = await self._try_some(lane, full_name, partition)
            except Exception as error:
                failure = failure_of(error, self._kafka, full_name)
                if not isinstance(failure, RetryableError):
                    raise (failure or error) from error
                if not self._waits:
                    self._tell(f"outputs wait: {failure}")
                self._waits[name, partition] = failure.reason
            else:
                self._waits.pop((name, partition), None)
                return count
            await asyncio.sleep(_RETRY_EVERY_S)

    async def _try_some(self, lane: "deque[tuple[Outgoing, _Ticket]]", full_name: str, partition: int) -> int:
        if self._producer is None:
            raise FatalError("outputs can't be sent before the producer is started", reason="internal")
        batch: Any = self._producer.create_batch()
        count = 0
        for output, _ in lane:
            added = batch.append(key=output.key, value=output.value, timestamp=None, headers=list(output.headers))
            if added is None:
                break
            count += 1
        batch.close()
        acknowledged = await self._producer.send_batch(batch, full_name, partition=partition)
        await acknowledged
        return count

    def _acknowledged(self, output: Outgoing, ticket: _Ticket) -> None:
        self._waiting_bytes -= _size(output)
        if self._waiting_bytes <= _MOST_BYTES:
            self._room.set()
        ticket.left -= 1
        if ticket.left == 0 and not ticket.done.done():
            ticket.done.set_result(None)


def _size(output: Outgoing) -> int:
    headers = sum(len(name) + len(value) + 10 for name, value in output.headers)
    return len(output.key) + len(output.value or b"") + headers + _FRAME_BYTES

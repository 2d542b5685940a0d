"""Faust's consumer, changed where Faust would lose messages, hold too many, or decide what has been worked on.

What has been worked on stands in the checkpoints. So nothing is acknowledged and nothing is committed by Faust; reading
begins where the checkpoint of a partition says; and messages are fetched only for partitions that have room.
"""

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from typing import Any, TypeVar, cast

import aiokafka.conn
import faust
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from faust.types import TP, ConsumerMessage, Message

from connectors.kafka.failures import failure_of
from connectors.kafka.settings import KafkaSettings
from connectors.wire.message import Incoming
from streams.worker.ownership import Ownership

_Result = TypeVar("_Result")
# Short, so that a partition that has room again is soon asked for.
_FETCH_WITHIN_S = 0.1
_LOOK_AGAIN_S = 0.02
# aiokafka stops reading its socket whenever 128 KiB wait, many times in each fetch: 4 % of all throughput.
_READ_AHEAD_BYTES = 1 << 20


class ReadMessage(ConsumerMessage):
    """A message, and the epoch in which it was read."""

    __slots__ = ("epoch",)

    epoch: int


class WorkerApp(faust.App):
    """A Faust application that fetches for an `Ownership`.

    Attributes
    ----------
    client_options
        Of the consumer's client.
    on_failure
        Called with whatever ends Faust.
    """

    ownership: Ownership
    kafka: KafkaSettings
    client_options: Mapping[str, Any]
    on_failure: Callable[[BaseException], None]

    def _create_directories(self) -> None:
        """None are needed."""

    def _crash(self, reason: BaseException) -> None:
        self.on_failure(reason)
        super()._crash(reason)


class PartitionConsumer(Consumer):
    """The consumer of a worker."""

    def _new_consumer_thread(self) -> "_ConsumerThread":
        return _ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    @property
    def _worker(self) -> "WorkerApp":
        return cast(WorkerApp, self.app)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Stop the flow, then save: the next owners wait for that."""
        await super().on_partitions_revoked(revoked)
        await self._worker.ownership.hold()

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Open what is new; each partition is read from where its checkpoint says, as soon as it is loaded."""
        self._worker.ownership.assign([(tp.topic, tp.partition) for tp in assigned], generation_id)
        await super().on_partitions_assigned(assigned, generation_id)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Nothing: every partition is sought by its owner before it is read."""
        return {}

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:  # noqa: ARG002 - Faust's
        """Nothing: offsets follow the checkpoints, by ``commit_positions``."""
        return False

    async def verify_all_partitions_active(self) -> None:
        """Nothing: the watchdog looks at checkpoints instead."""

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:  # noqa: ARG002, ASYNC109 - Faust's
        """Fetch messages of the partitions that want some.

        What the client gives out it does not give again: a message may only be dropped here if its partition is sought
        again afterwards. That is so for those of an earlier epoch, and for no others.
        """
        await self._until_flow()
        wanted = self._worker.ownership.wanted()
        active = {tp for tp in self.assignment() if (tp.topic, tp.partition) in wanted}
        if not active:
            await self.sleep(_LOOK_AGAIN_S)
            return
        records = await self._getmany(active_partitions=active, timeout=_FETCH_WITHIN_S)
        for tp, (epoch, record) in self.scheduler.iterate(cast(Any, records)):
            # The call may have waited through a rebalance.
            await self._until_flow()
            if self.should_stop:
                break
            if self._worker.ownership.epoch(tp.topic, tp.partition) != epoch:
                continue
            # Faust would drop what is read again after a seek.
            self._read_offset.pop(tp, None)
            message = self._to_message(tp, record)
            cast(ReadMessage, message).epoch = epoch
            yield tp, message

    async def _until_flow(self) -> None:
        while not self.flow_active and not self.should_stop:
            await self.wait(self.can_resume_flow)  # type: ignore[arg-type]

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        return ReadMessage(
            record.topic,
            record.partition,
            record.offset,
            (record.timestamp or 0) / 1000.0,
            record.timestamp_type,
            record.headers,
            record.key,
            record.value,
            record.checksum,
            record.serialized_key_size,
            record.serialized_value_size,
            tp,
            generation_id=self.app.consumer_generation_id,
        )

    async def seek_to(self, positions: Mapping[tuple[str, int], int | None], epoch: int) -> None:
        """Read on at these offsets, at the earliest message where there is none; that is a new epoch.

        Raises
        ------
        RetryableError
            Kafka is away.
        """
        places = {TopicPartition(*place): at for place, at in positions.items()}
        try:
            await self._on_thread(cast(_ConsumerThread, self._thread).seek_all(places, epoch))
        except IllegalStateError:
            # Taken away meanwhile: whoever has it next seeks for himself.
            return
        except KafkaError as error:
            raise (failure_of(error, self._worker.kafka) or error) from error

    async def commit_positions(self, positions: Mapping[tuple[str, int], int], timeout_s: float) -> None:
        """Let the group's committed offsets follow; they are shown and nothing depends on them."""
        offsets = {TopicPartition(*place): OffsetAndMetadata(at, "") for place, at in positions.items()}
        try:
            async with asyncio.timeout(timeout_s):
                await self._on_thread(self._client.commit(offsets))
        except (KafkaError, TimeoutError, ValueError):
            # The next checkpoint's follow; ValueError: a partition that was taken away meanwhile.
            return

    def waiting_messages(self, place: tuple[str, int], position: int) -> int | None:
        """How many messages of a partition were not worked on; None when Kafka has not said yet."""
        try:
            end = self._client.highwater(TopicPartition(*place))
        except (IllegalStateError, AssertionError):
            return None
        return None if end is None else max(0, end - position)

    async def check(self) -> None:
        """Whether this worker still takes part in its group.

        Raises
        ------
        KafkaError
            Why it can't: the client would only stand still.
        """

        async def on_thread() -> None:
            coordinator = self._client._coordinator  # noqa: SLF001
            if coordinator is not None:
                coordinator.check_errors()

        await self._on_thread(on_thread())

    @property
    def _client(self) -> AIOKafkaConsumer:
        return self._thread._ensure_consumer()  # noqa: SLF001

    async def _on_thread(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        """Run on the consumer's own loop, beside its queue of calls, which may be full of waiting ones."""
        try:
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._thread.thread_loop))
        finally:
            # That loop may have ended before it came to this.
            if inspect.getcoroutinestate(work) == inspect.CORO_CREATED:
                work.close()


class _ConsumerThread(AIOKafkaConsumerThread):
    """Makes the client with the worker's options, and knows of each record after which seek it was read."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._epochs: dict[TopicPartition, int] = {}

    async def seek_all(self, positions: Mapping[TopicPartition, int | None], epoch: int) -> None:
        """Seek; what is given out from then on belongs to the epoch."""
        client = self._ensure_consumer()
        unknown = [place for place, at in positions.items() if at is None]
        earliest = await client.beginning_offsets(unknown) if unknown else {}
        for place, at in positions.items():
            client.seek(place, earliest[place] if at is None else at)
            self._epochs[place] = epoch

    async def _fetch_records(
        self,
        consumer: AIOKafkaConsumer,
        active_partitions: set[TP],
        timeout: float | None = None,  # noqa: ASYNC109
        max_records: int | None = None,
    ) -> Any:
        records = await super()._fetch_records(consumer, active_partitions, timeout, max_records)
        # Nothing has run on this loop since they were given out.
        return {
            tp: [(self._epochs.get(TopicPartition(tp.topic, tp.partition)), record) for record in of_partition]
            for tp, of_partition in records.items()
        }

    def _create_consumer(self, loop: asyncio.AbstractEventLoop) -> AIOKafkaConsumer:  # noqa: ARG002 - Faust's
        aiokafka.conn.READER_LIMIT = _READ_AHEAD_BYTES
        return AIOKafkaConsumer(**cast(WorkerApp, self.app).client_options)

    def on_crash(self, msg: str, *fmt: Any, **kwargs: Any) -> None:
        """Nothing is printed: the worker says it in one sentence."""

    async def on_thread_stop(self) -> None:
        """Stop the client; an away broker makes that fail, and nothing is left to be done there."""
        with contextlib.suppress(KafkaError, asyncio.CancelledError):
            await super().on_thread_stop()

    def _start_thread(self) -> None:
        # What went wrong was handed to the application; Python would print it once more.
        with contextlib.suppress(Exception):
            super()._start_thread()


class PartitionTransport(Transport):
    """Faust's transport with this consumer."""

    Consumer = PartitionConsumer


def incoming(message: Message, topic: str) -> Incoming:
    """A message as the agents know it, with the short name of its topic."""
    return Incoming(
        topic=topic,
        partition=message.partition,
        offset=message.offset,
        key=message.key,
        value=message.value,
        headers=tuple(cast(list[tuple[str, bytes]], message.headers or ())),
        timestamp_ms=round((message.timestamp or 0) * 1000),
    )

"""Transactions on one partition of the topic of checkpoints, and reading that partition: all that speaks to Kafka."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    InvalidTxnState,
    OutOfOrderSequenceNumber,
    ProducerFenced,
    UnknownProducerId,
)

from connectors.checkpoints.store import FencedError
from connectors.kafka.client_options import client_options
from connectors.kafka.failures import away, clear_failures, topic_missing
from connectors.kafka.reachability import check_reachable
from connectors.kafka.settings import KafkaSettings
from models.errors import RetryableError

_REQUEST_TIMEOUT_MS = 10_000
# A worker that dies in the middle of a transaction is taken over at once; this is for one that is not.
_TRANSACTION_TIMEOUT_MS = 60_000
# Small states travel together; a state that is larger travels alone.
_BATCH_BYTES = 256 << 10
# The client must not refuse what the topic takes.
_MOST_REQUEST_BYTES = 512 << 20
_FETCH_BYTES = 4 << 20
# The broker has forgotten this producer (a week without a write), or they disagree: a new start mends it.
_FORGOTTEN = (InvalidProducerIdMapping, InvalidTxnState, OutOfOrderSequenceNumber, UnknownProducerId)
_STOP_S = 2.0
_POLL_MS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionAddress:
    """A partition of the topic of checkpoints, and how long a broker may take for an answer."""

    settings: KafkaSettings
    topic: str
    partition: int
    transactional_id: str
    patience_s: float


class Transactions:
    """Writes transactions as the one owner of a transactional id; of no use any more after a failure."""

    def __init__(self, address: PartitionAddress, producer: AIOKafkaProducer) -> None:
        self._address = address
        self._producer = producer
        self._unfinished = False

    @classmethod
    async def start(cls, address: PartitionAddress) -> "Transactions":
        """Fence whoever had this transactional id, and end what it left open.

        Raises
        ------
        RetryableError, FatalError
            As `clear_failures`.
        """
        producer = AIOKafkaProducer(
            **client_options(address.settings),
            transactional_id=address.transactional_id,
            transaction_timeout_ms=_TRANSACTION_TIMEOUT_MS,
            request_timeout_ms=_REQUEST_TIMEOUT_MS,
            max_batch_size=_BATCH_BYTES,
            max_request_size=_MOST_REQUEST_BYTES,
        )
        started = cls(address, producer)
        try:
            async with bounded(address, f"the transactional id {address.transactional_id}"):
                await producer.start()
                await _require_partition(address, producer)
        except BaseException as error:
            await started.stop()
            if isinstance(error, RetryableError):
                # The client library says of a refused login only that it got no answer.
                await check_reachable(address.settings, timeout_s=_STOP_S)
            raise
        return started

    async def commit(self, entries: Iterable[tuple[str, bytes | None]]) -> int:
        """Write messages in one transaction; None as a value removes a key. Gives the offset behind them.

        Raises
        ------
        FencedError
            Another producer has this transactional id now; nothing was written.
        RetryableError, FatalError
            As `clear_failures`; it may have been written nevertheless.
        """
        address, producer = self._address, self._producer
        self._unfinished = True
        sent: list[asyncio.Future[Any]] = []
        end = 0
        try:
            async with bounded(address, address.topic) as moved:
                await producer.begin_transaction()
                for key, value in entries:
                    sent.append(
                        await producer.send(address.topic, value, key=key.encode(), partition=address.partition)
                    )
                    moved()
                # The client commits a transaction of which a message was refused: look at each of them first.
                for future in sent:
                    end = max(end, (await future).offset + 1)
                    moved()
                await producer.commit_transaction()
        finally:
            for future in sent:
                if future.done() and not future.cancelled():
                    future.exception()  # the first of them is raised already
        self._unfinished = False
        return end

    async def stop(self) -> None:
        """Let everything go within two seconds, even when the broker is away."""
        producer = self._producer
        if not self._unfinished:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_STOP_S):
                    await producer.stop()
                    return
        await _give_up(producer)


async def read_partition(address: PartitionAddress, start: int | None) -> tuple[dict[str, bytes | None], int]:
    """The latest committed value of each key of a partition, and the offset behind them.

    Parameters
    ----------
    start
        Read from here; None from the beginning.

    Raises
    ------
    RetryableError, FatalError
        As `clear_failures`. Never is less returned than was committed before the call.
    """
    consumer = AIOKafkaConsumer(
        **client_options(address.settings),
        group_id=None,
        isolation_level="read_committed",
        auto_offset_reset="none",  # an offset that is gone is a failure, not a jump to another one
        enable_auto_commit=False,
        request_timeout_ms=_REQUEST_TIMEOUT_MS,
        fetch_max_bytes=_FETCH_BYTES,
        max_partition_fetch_bytes=_FETCH_BYTES,
    )
    try:
        async with bounded(address, address.topic):
            await consumer.start()
        return await _read(address, consumer, start)
    finally:
        await _stop(consumer)


async def _stop(consumer: AIOKafkaConsumer) -> None:
    """Let everything go; a consumer that does not end in time leaves no connection open."""
    for ending in (consumer.stop, consumer._client.close):  # noqa: SLF001 - there is no public way
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_S):
                await ending()
                return


async def _read(
    address: PartitionAddress, consumer: AIOKafkaConsumer, start: int | None
) -> tuple[dict[str, bytes | None], int]:
    partition = TopicPartition(address.topic, address.partition)
    values: dict[str, bytes | None] = {}
    async with bounded(address, address.topic):
        consumer.assign([partition])
        first = (await consumer.beginning_offsets([partition]))[partition]
        end = (await consumer.end_offsets([partition]))[partition]
        # What was compacted away meanwhile has later values.
        consumer.seek(partition, first if start is None else max(first, start))
        position = await consumer.position(partition)
    while position < end:
        async with bounded(address, address.topic):
            before = position
            while position == before:  # markers of transactions move the position, too
                for messages in (await consumer.getmany(partition, timeout_ms=_POLL_MS)).values():
                    values.update((message.key.decode(), message.value) for message in messages)
                position = await consumer.position(partition)
    return values, position


@asynccontextmanager
async def bounded(address: PartitionAddress, what: str) -> AsyncIterator[Callable[[], None]]:
    """Tell failures of Kafka in our words, a broker that does not answer in time among them.

    What is yielded is called at each answer: the time begins anew, however much there is to be written.
    """
    loop = asyncio.get_running_loop()
    with clear_failures(address.settings, what):
        try:
            async with asyncio.timeout(address.patience_s) as limit:
                yield lambda: limit.reschedule(loop.time() + address.patience_s)
        except (ProducerFenced, InvalidProducerEpoch) as error:
            raise FencedError(f"another worker uses {address.transactional_id} now; this one ends") from error
        except _FORGOTTEN as error:
            raise away(address.settings, f"{type(error).__name__}: the producer starts anew") from error
        except TimeoutError as error:
            raise away(address.settings, f"for {address.patience_s:g} s") from error


async def _require_partition(address: PartitionAddress, producer: AIOKafkaProducer) -> None:
    metadata = await producer.client.fetch_all_metadata()
    partitions = metadata.partitions_for_topic(address.topic) or set()
    if address.partition not in partitions:
        what = f"{address.topic} with a partition {address.partition}" if partitions else address.topic
        raise topic_missing(address.settings, what)


async def _give_up(producer: AIOKafkaProducer) -> None:
    """End a producer that may get no answer any more; its own way out waits for answers."""
    sender = producer._sender  # noqa: SLF001 - there is no public way, here and below
    tasks = [task for task in asyncio.all_tasks() if _belongs_to(task, sender)]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    producer._closed = True  # noqa: SLF001
    _take_note(producer)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_STOP_S):
            await producer.client.close()


def _take_note(producer: AIOKafkaProducer) -> None:
    """The failure has been told already: futures that nobody waits for must not complain of it once more."""
    accumulator = producer._message_accumulator  # noqa: SLF001
    batches = [*accumulator._pending_batches, *(one for many in accumulator._batches.values() for one in many)]  # noqa: SLF001
    futures = [batch._drain_waiter for batch in batches]  # noqa: SLF001
    for future in (*futures, producer._txn_manager._transaction_waiter):  # noqa: SLF001
        if future is not None and future.done() and not future.cancelled():
            future.exception()


def _belongs_to(task: "asyncio.Task[Any]", sender: object) -> bool:
    frame = getattr(task.get_coro(), "cr_frame", None)
    return frame is not None and frame.f_locals.get("self") is sender

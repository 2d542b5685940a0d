"""Writes the checkpoints of partitions: states and offsets, once all outputs before them are in Kafka."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from connectors.clock import Clock
from connectors.wire.message import Incoming, Outgoing
from models.errors import RetryableError
from streams.worker.owned_partition import OwnedPartition
from streams.worker.partition_work import Captured, InThread

_RETRY_EVERY_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverHooks:
    """What a driver reports.

    Attributes
    ----------
    worked
        A batch was worked on and its outputs were handed over, in so many seconds.
    saved
        A checkpoint is durable, written in so many seconds.
    tell
        A sentence that an operator should read.
    fail
        The worker ends with this error.
    """

    worked: Callable[[OwnedPartition, list[Incoming], list[Outgoing], float], None]
    saved: Callable[[OwnedPartition, Captured, float], None]
    tell: Callable[[str], None]
    fail: Callable[[BaseException], None]


class CheckpointSaver:
    """Saves partitions; at most one checkpoint of a partition is on its way."""

    def __init__(self, hooks: DriverHooks, clock: Clock, in_thread: InThread) -> None:
        self._hooks = hooks
        self._clock = clock
        self._in_thread = in_thread

    async def begin(self, partition: OwnedPartition) -> None:
        """Capture what changed and write it in the background, unless one is on its way; ``busy`` is held."""
        if partition.saving is not None and not partition.saving.done():
            return
        partition.saved_s = self._clock.monotonic_s()
        if not partition.unsaved:
            return
        captured = await self._in_thread(partition.work.capture)
        sent, partition.unacknowledged = partition.unacknowledged, []
        partition.saving = asyncio.create_task(self._write(partition, captured, sent))

    async def finish(self, partition: OwnedPartition) -> bool:
        """Save all that was done; whether that succeeded. ``busy`` is held."""
        await self.wait(partition)
        await self.begin(partition)
        await self.wait(partition)
        return not partition.unsaved

    async def wait(self, partition: OwnedPartition) -> None:
        """Until no checkpoint is on its way."""
        if partition.saving is not None:
            await asyncio.wait([partition.saving])

    async def give_up(self, partition: OwnedPartition) -> None:
        """Write no checkpoint any more."""
        if partition.saving is not None:
            partition.saving.cancel()
            await asyncio.wait([partition.saving])

    async def _write(self, partition: OwnedPartition, captured: Captured, sent: "list[asyncio.Future[None]]") -> None:
        try:
            await asyncio.gather(*sent)
            begun_s = self._clock.monotonic_s()
            partition.saved_bytes = await self._until_saved(partition, captured)
            now_s = self._clock.monotonic_s()
            partition.saved = dict(captured.next_offsets)
            partition.moved_s = now_s
            self._hooks.saved(partition, captured, now_s - begun_s)
        except Exception as error:  # noqa: BLE001 - handed on: the worker ends with it
            self._hooks.fail(error)

    async def _until_saved(self, partition: OwnedPartition, captured: Captured) -> int:
        try:
            while True:
                try:
                    return await partition.work.save(captured)
                except RetryableError as error:
                    if not partition.saving_waits_for:
                        self._hooks.tell(f"the checkpoint of {partition} waits: {error}")
                    partition.saving_waits_for = error.reason
                await asyncio.sleep(_RETRY_EVERY_S)
        finally:
            partition.saving_waits_for = ""

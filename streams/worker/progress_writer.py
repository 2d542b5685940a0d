"""Tells everybody how far the work on a partition has come, after each checkpoint."""

import asyncio

from connectors.clock import Clock
from connectors.wire.codec import encode
from connectors.wire.message import Outgoing
from connectors.wire.progress import Progress
from streams.topology import TopicName
from streams.worker.output_sender import OutputSender
from streams.worker.owned_partition import OwnedPartition
from streams.worker.partition_work import Captured


class ProgressWriter:
    """Writes to the progress topic; nothing waits for it, and the next word replaces the last."""

    def __init__(self, sender: OutputSender, clock: Clock, name: str) -> None:
        self._sender = sender
        self._clock = clock
        self._name = name
        self._sending: set[asyncio.Task[object]] = set()

    def write(self, partition: OwnedPartition, captured: Captured) -> None:
        """Say what a checkpoint covers: its first topic stands for all of them."""
        encoded = encode(
            Progress(
                name=self._name,
                at_ns=self._clock.now_ns(),
                next_offset=captured.next_offsets.get(partition.topics[0]),
                snapshot_start_ns=captured.start_ns,
                model=captured.model,
            )
        )
        message = Outgoing(
            topic=TopicName.PROGRESS, key=str(partition).encode(), value=encoded.value, headers=encoded.headers
        )
        task: asyncio.Task[object] = asyncio.create_task(self._sender.send([message]))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

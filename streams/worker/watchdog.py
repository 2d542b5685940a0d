"""Ends a worker whose checkpoints stand still while messages wait: a supervisor starts it again."""

import asyncio
import threading
from collections.abc import Callable

from connectors.clock import Clock
from streams.facility.facility_metrics import WorkerMetrics
from streams.worker.faust_consumer import PartitionConsumer
from streams.worker.owned_partition import OwnedPartition
from streams.worker.ownership import Ownership

_LOOK_EVERY_S = 0.5
_LATE_LOOKS = 6


class Watchdog:
    """Looks at the partitions from the event loop, and at the event loop from a thread of its own.

    Parameters
    ----------
    consumer
        The consumer, once there is one: it knows how many messages wait.
    outputs_wait_for
        Why Kafka takes no outputs; empty when it does.
    stuck_after_s
        A partition whose checkpoint has not moved for so long while messages wait is stuck.
    """

    def __init__(
        self,
        ownership: Ownership,
        consumer: Callable[[], PartitionConsumer | None],
        *,
        clock: Clock,
        stuck_after_s: float,
        metrics: WorkerMetrics,
        outputs_wait_for: Callable[[], str],
    ) -> None:
        self._ownership = ownership
        self._consumer = consumer
        self._clock = clock
        self._stuck_after_s = stuck_after_s
        self._metrics = metrics
        self._outputs_wait_for = outputs_wait_for
        self._looked_s = clock.monotonic_s()
        self._stopped = threading.Event()

    async def run(self, end_at_once: Callable[[str], None]) -> None:
        """Look until it is stopped; ``end_at_once`` ends the process with a sentence."""
        self._looked_s = self._clock.monotonic_s()
        threading.Thread(target=self._watch_loop, args=(end_at_once,), name="watchdog", daemon=True).start()
        while not self._stopped.is_set():
            self._looked_s = self._clock.monotonic_s()
            consumer = self._consumer()
            if consumer is not None:
                await consumer.check()
            self.look(end_at_once)
            self._show()
            await asyncio.sleep(_LOOK_EVERY_S)

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()

    def look(self, end_at_once: Callable[[str], None]) -> None:
        """Look at the partitions once."""
        partitions = self._ownership.partitions
        # One partition's wait holds up all of its agent: they share a thread.
        waiting_agents = {partition.agent for partition in partitions if partition.stalled}
        outputs_wait = bool(self._outputs_wait_for())
        for partition in partitions:
            self._look_at(partition, end_at_once, waits=outputs_wait or partition.agent in waiting_agents)

    def _look_at(self, partition: OwnedPartition, end_at_once: Callable[[str], None], *, waits: bool) -> None:
        now_s = self._clock.monotonic_s()
        # Where something outside is missing, which was said, starting again helps nobody.
        if waits or not self._has_work(partition):
            partition.moved_s = now_s
        elif now_s - partition.moved_s > self._stuck_after_s:
            end_at_once(
                f"the work on partition {partition} has not moved for {now_s - partition.moved_s:.0f} s while messages "
                "wait (worker.stuck_after_s); the worker ends to be started again"
            )

    def _has_work(self, partition: OwnedPartition) -> bool:
        if not partition.running or partition.inbox or partition.unsaved:
            return True
        return any(self._waiting(partition).values())

    def _waiting(self, partition: OwnedPartition) -> dict[str, int]:
        consumer, offsets = self._consumer(), partition.work.next_offsets
        if consumer is None:
            return {}
        places = self._ownership.topic_partitions(partition)
        counts = {name: consumer.waiting_messages(place, offsets.get(name, 0)) for name, place in places.items()}
        return {name: count for name, count in counts.items() if count is not None}

    def _show(self) -> None:
        partitions = self._ownership.partitions
        self._metrics.set_stalled(next((each.stalled for each in partitions if each.stalled), self._outputs_wait_for()))
        self._metrics.set_rebalances(self._ownership.rebalances)
        self._metrics.set_buffered_bytes(sum(partition.inbox_bytes for partition in partitions))
        for agent in self._ownership.agents:
            self._metrics.assigned(agent, [each.number for each in partitions if each.agent == agent])
        for partition in partitions:
            for name, count in self._waiting(partition).items():
                self._metrics.set_waiting(partition.agent, name, partition.number, count)

    def _watch_loop(self, end_at_once: Callable[[str], None]) -> None:
        late_looks = 0
        while not self._stopped.wait(_LOOK_EVERY_S):
            # A process that was itself paused is late once, until its loop has had a turn.
            late_looks = late_looks + 1 if self._clock.monotonic_s() - self._looked_s > self._stuck_after_s else 0
            if late_looks == _LATE_LOOKS:
                end_at_once(
                    f"the event loop has not moved for {self._stuck_after_s:g} s (worker.stuck_after_s); the worker "
                    "ends to be started again"
                )
                return

"""Which partitions are this worker's: taken over, held while the group deals anew, let go."""

import asyncio
from collections.abc import Callable, Iterable, Mapping

from connectors.wire.message import Incoming
from streams.topology import AgentName, TopicName, TopicSettings
from streams.worker.agent_driver import AgentDriver
from streams.worker.owned_partition import OwnedPartition, Phase

#: A partition of a topic, by the topic's full name.
TopicPartition = tuple[str, int]


class Ownership:
    """Follows the group's assignments; all of it runs on the event loop.

    A partition that stays with this worker over a rebalance goes on without being loaded again if nobody else can have
    had it in between: then the group's generations follow one another. A mistake in this would end in a refused
    checkpoint, not in a wrong one.

    Parameters
    ----------
    buffer_bytes
        Most bytes of messages that wait in memory.
    hold_within_s
        So long at most the group waits for the last checkpoints of this worker.
    """

    def __init__(
        self,
        drivers: Mapping[AgentName, AgentDriver],
        topics: TopicSettings,
        *,
        buffer_bytes: int,
        hold_within_s: float,
        fail: Callable[[BaseException], None],
    ) -> None:
        self._drivers = drivers
        self._topics = topics
        self._agents = {
            topics.full_name(TopicName(name)): driver.agent for driver in drivers.values() for name in driver.topics
        }
        self._short = {topics.full_name(TopicName(name)): name for driver in drivers.values() for name in driver.topics}
        self._buffer_bytes = buffer_bytes
        self._hold_within_s = hold_within_s
        self._fail = fail
        self._generation = 0
        self._saved: set[OwnedPartition] = set()
        self._stopping = False
        self._closing: set[asyncio.Task[None]] = set()
        self.rebalances = 0

    @property
    def agents(self) -> list[AgentName]:
        """The agents of this worker."""
        return list(self._drivers)

    @property
    def partitions(self) -> list[OwnedPartition]:
        """All partitions of this worker."""
        return [partition for driver in self._drivers.values() for partition in driver.partitions.values()]

    def topic_partitions(self, partition: OwnedPartition) -> dict[str, TopicPartition]:
        """The partitions of topics behind a partition of an agent, by the short names of the topics."""
        return {name: (self._topics.full_name(TopicName(name)), partition.number) for name in partition.topics}

    def wanted(self) -> dict[TopicPartition, int]:
        """From where messages may come now, and the epoch of reading there."""
        running = [partition for partition in self.partitions if partition.running]
        # Half is for what waits here, half for what is fetched beside it.
        most_bytes = self._buffer_bytes // (2 * max(1, len(running)))
        return {
            place: partition.epoch
            for partition in running
            if partition.inbox_bytes < most_bytes
            for place in self.topic_partitions(partition).values()
        }

    def epoch(self, topic: str, number: int) -> int | None:
        """The present epoch of reading a partition of a topic; None when it is not read."""
        agent = self._agents.get(topic)
        partition = None if agent is None else self._drivers[agent].partitions.get(number)
        return partition.epoch if partition is not None and partition.running else None

    def offer(self, topic: str, message: Incoming, epoch: int) -> None:
        """Hand a message to its agent."""
        self._drivers[self._agents[topic]].offer(message, epoch)

    def short_name(self, topic: str) -> str:
        """A topic's name without the installation."""
        return self._short[topic]

    async def hold(self) -> None:
        """The group deals its partitions out anew: take nothing more, and save what was done."""
        held = self.partitions
        saved = await asyncio.gather(
            *(self._drivers[partition.agent].hold(partition, self._hold_within_s) for partition in held)
        )
        self._saved = {partition for partition, all_saved in zip(held, saved, strict=True) if all_saved}

    def assign(self, assigned: Iterable[TopicPartition], generation: int) -> None:
        """These are the worker's partitions now."""
        if self._stopping:
            return
        self.rebalances += 1
        follows = generation == self._generation + 1
        self._generation = generation
        places = {(self._agents[topic], number) for topic, number in assigned}
        for partition in self.partitions:
            place = partition.agent, partition.number
            driver = self._drivers[partition.agent]
            if place in places and follows and partition.phase is Phase.HELD and partition in self._saved:
                places.discard(place)
                driver.resume(partition)
            else:
                self._close(driver, partition)
        for agent, number in sorted(places):
            self._drivers[agent].open(number)

    async def release(self) -> bool:
        """The worker ends: save what was done and let everything go; whether all of it was saved."""
        self._stopping = True
        begun = [partition for partition in self.partitions if partition.phase is not Phase.OPENING]
        await self.hold()
        complete = self._saved.issuperset(begun)
        for partition in self.partitions:
            self._close(self._drivers[partition.agent], partition)
        await asyncio.gather(*self._closing, return_exceptions=True)
        return complete

    def _close(self, driver: AgentDriver, partition: OwnedPartition) -> None:
        async def guarded() -> None:
            try:
                await driver.close(partition)
            except Exception as error:  # noqa: BLE001 - handed on: the worker ends with it
                self._fail(error)

        # At once, so that nothing is offered to it any more.
        partition.phase = Phase.CLOSED
        driver.partitions.pop(partition.number, None)
        task = asyncio.create_task(guarded())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

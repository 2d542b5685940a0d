"""Which partitions are this worker's after each deal, and from where messages are wanted."""

import asyncio
from typing import cast

from connectors.wire.message import Incoming
from streams.topology import AgentName, TopicSettings, inputs_of
from streams.worker.agent_driver import AgentDriver
from streams.worker.owned_partition import OwnedPartition, Phase
from streams.worker.ownership import Ownership
from streams.worker.partition_work import PartitionWork


class Driver:
    """Notes what it is asked for."""

    def __init__(self, agent: AgentName) -> None:
        self.agent = agent
        self.topics = tuple(name.value for name in inputs_of(agent))
        self.partitions: dict[int, OwnedPartition] = {}
        self.done: list[str] = []
        self.saves = True

    def open(self, number: int) -> None:
        self.done.append(f"open {number}")
        self.partitions[number] = OwnedPartition(
            agent=self.agent, number=number, topics=self.topics, work=cast(PartitionWork, None), phase=Phase.RUNNING
        )

    def resume(self, partition: OwnedPartition) -> None:
        self.done.append(f"resume {partition.number}")
        partition.phase = Phase.RUNNING

    async def hold(self, partition: OwnedPartition, timeout_s: float) -> bool:
        partition.phase = Phase.HELD
        partition.forget_waiting()
        return self.saves

    async def close(self, partition: OwnedPartition) -> None:
        self.done.append(f"close {partition.number}")

    def offer(self, message: Incoming, epoch: int) -> None:
        self.partitions[message.partition].offer(message, epoch)

    def take_done(self) -> list[str]:
        done, self.done = self.done, []
        return done


class Bench:
    """An ownership of two agents' drivers."""

    def __init__(self) -> None:
        self.energy, self.recorder = Driver(AgentName.ENERGY), Driver(AgentName.RECORDER)
        drivers = {driver.agent: cast(AgentDriver, driver) for driver in (self.energy, self.recorder)}
        self.failed: list[BaseException] = []
        self.ownership = Ownership(
            drivers, TopicSettings(), buffer_bytes=16 << 20, hold_within_s=1.0, fail=self.failed.append
        )

    async def deal(self, *numbers: int, generation: int) -> list[str]:
        await self.ownership.hold()
        self.ownership.assign([("hpls.energies", number) for number in numbers], generation)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return self.energy.take_done()


def test_what_stays_goes_on_and_what_goes_is_closed() -> None:
    async def test() -> None:
        bench = Bench()
        assert await bench.deal(0, 1, generation=3) == ["open 0", "open 1"]
        assert await bench.deal(1, 2, generation=4) == ["resume 1", "open 2", "close 0"]
        assert sorted(bench.energy.partitions) == [1, 2]
        assert await bench.deal(generation=5) == ["close 1", "close 2"]
        assert bench.ownership.rebalances == 3

    asyncio.run(test())


def test_what_somebody_else_may_have_had_is_loaded_again() -> None:
    async def test() -> None:
        for generation in (5, 3, 2):
            bench = Bench()
            await bench.deal(0, generation=3)
            assert await bench.deal(0, generation=generation) == ["open 0", "close 0"]

    asyncio.run(test())


def test_what_was_not_saved_is_loaded_again() -> None:
    async def test() -> None:
        bench = Bench()
        await bench.deal(0, generation=3)
        bench.energy.saves = False
        assert await bench.deal(0, generation=4) == ["open 0", "close 0"]

    asyncio.run(test())


def test_messages_are_wanted_from_where_there_is_room() -> None:
    async def test() -> None:
        bench = Bench()
        await bench.deal(0, 1, generation=1)
        first = bench.energy.partitions[0]
        assert set(bench.ownership.wanted()) == {("hpls.energies", 0), ("hpls.energies", 1)}
        large = Incoming(topic="energies", partition=0, offset=0, key=None, value=bytes(5 << 20), headers=())
        bench.ownership.offer("hpls.energies", large, first.epoch)
        assert set(bench.ownership.wanted()) == {("hpls.energies", 1)}
        bench.energy.partitions[1].phase = Phase.OPENING
        assert bench.ownership.wanted() == {("hpls.energies", 0): first.epoch}
        first.take(1)
        assert first.inbox_bytes == 0
        assert bench.ownership.epoch("hpls.energies", 0) == first.epoch
        assert bench.ownership.epoch("hpls.energies", 1) is None
        assert bench.ownership.epoch("hpls.others", 0) is None

    asyncio.run(test())


def test_all_inputs_of_the_recorder_are_one_partition() -> None:
    async def test() -> None:
        bench = Bench()
        names = [TopicSettings().full_name(name) for name in inputs_of(AgentName.RECORDER)]
        bench.ownership.assign([(name, 0) for name in names], 1)
        assert bench.recorder.take_done() == ["open 0"]
        assert set(bench.ownership.wanted()) == {(name, 0) for name in names}

    asyncio.run(test())


def test_at_the_end_everything_is_let_go_and_nothing_is_taken_any_more() -> None:
    async def test() -> None:
        bench = Bench()
        await bench.deal(0, 1, generation=1)
        bench.energy.partitions[1].phase = Phase.OPENING
        assert await bench.ownership.release()
        assert sorted(bench.energy.take_done()) == ["close 0", "close 1"]
        bench.ownership.assign([("hpls.energies", 0)], 2)
        assert bench.energy.partitions == {}

    asyncio.run(test())

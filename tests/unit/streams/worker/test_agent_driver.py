"""The order of things around one partition: read, work, send, save, let go."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from connectors.clock import SystemClock
from connectors.wire.codec import ORIGIN_HEADER
from connectors.wire.message import Headers, Incoming, Outgoing
from models.errors import FatalError, RetryableError
from streams.agents.partition_run import PoisonedError
from streams.agents.task import Standing
from streams.topology import AgentName, TopicName
from streams.worker.agent_driver import AgentDriver
from streams.worker.checkpoint_saver import DriverHooks
from streams.worker.output_sender import OutputSender, OversizedError
from streams.worker.owned_partition import OwnedPartition, Phase
from streams.worker.partition_work import Captured

AWAY = RetryableError("it is away", reason="away")


def message(offset: int, value: bytes = b"1") -> Incoming:
    return Incoming(topic="energies", partition=0, offset=offset, key=b"k", value=value, headers=())


@dataclass
class Work:
    """Counts up; what it is told to, fails."""

    offset: int = 0
    worked: list[int] = field(default_factory=list)
    saves: list[int] = field(default_factory=list)
    opened: list[Mapping[tuple[str, int], str]] = field(default_factory=list)
    failures: dict[str, list[Exception]] = field(default_factory=dict)
    poison: set[int] = field(default_factory=set)
    blocked: threading.Event | None = None
    closed: int = 0
    outputs_first: bool = False
    ticks: bool = False
    ticked: int = 0
    standing: Standing = field(default_factory=Standing)

    def fail(self, where: str) -> None:
        if self.failures.get(where):
            raise self.failures[where].pop(0)

    async def open(self, poisonous: Mapping[tuple[str, int], str]) -> str:
        self.fail("open")
        self.opened.append(dict(poisonous))
        self.offset = self.saves[-1] if self.saves else 0
        return ""

    @property
    def next_offsets(self) -> dict[str, int]:
        return {"energies": self.offset}

    def work(self, messages: Sequence[Incoming]) -> list[Outgoing]:
        self.fail("work")
        if self.blocked is not None:
            self.blocked.wait(60)
        for each in messages:
            if each.offset in self.poison and ("energies", each.offset) not in self.opened[-1]:
                raise PoisonedError("energies", each.offset, ValueError("poison"))
            assert each.offset == self.offset
            self.offset += 1
            self.worked.append(each.offset)
        return [
            Outgoing(
                topic=TopicName.SCORED,
                key=b"k",
                value=b"%d" % each.offset,
                headers=((ORIGIN_HEADER, b"energies/0/%d/0" % each.offset),),
            )
            for each in messages
        ]

    def capture(self) -> Captured:
        return Captured(next_offsets=self.next_offsets, changed={"k": b"s"})

    def tick(self) -> None:
        self.ticked += 1
        self.fail("tick")

    async def save(self, captured: Captured) -> int:
        self.fail("save")
        self.saves.append(captured.next_offsets["energies"])
        return 1

    async def close(self) -> None:
        self.closed += 1


class Sender:
    """Acknowledges at once, or when it is told to."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.headers: list[Headers] = []
        self.held: list[asyncio.Future[None]] = []
        self.acknowledges = True
        self.too_large: bytes = b""

    async def send(self, outputs: Sequence[Outgoing]) -> "asyncio.Future[None]":
        for output in outputs:
            if self.too_large and output.value == self.too_large:
                raise OversizedError(output, "raise max.message.bytes")
        self.sent += [output.value or b"" for output in outputs]
        self.headers += [output.headers for output in outputs]
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.acknowledges:
            done.set_result(None)
        else:
            self.held.append(done)
        return done


class Bench:
    """A driver of one partition, and all that it reports."""

    def __init__(self, work: Work, *, every_s: float = 0.05, opening_within_s: float = 30.0) -> None:
        self.work = work
        self.sender = Sender()
        self.sought: list[int] = []
        self.told: list[str] = []
        self.failed: list[BaseException] = []
        self.driver = AgentDriver(
            AgentName.ENERGY,
            topics=(TopicName.ENERGIES,),
            make_work=lambda *_: self.work,
            sender=cast(OutputSender, self.sender),
            seek=self._seek,
            hooks=DriverHooks(
                worked=lambda *_: None, saved=lambda *_: None, tell=self.told.append, fail=self.failed.append
            ),
            clock=SystemClock(),
            checkpoint_every_s=every_s,
            batch_messages=2,
            opening_within_s=opening_within_s,
        )

    @property
    def partition(self) -> OwnedPartition:
        return self.driver.partitions[0]

    async def _seek(self, partition: OwnedPartition) -> None:
        self.work.fail("seek")
        self.sought.append(partition.work.next_offsets["energies"])

    def offer(self, *offsets: int) -> None:
        for offset in offsets:
            self.driver.offer(message(offset), self.partition.epoch)

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(60):
            while not condition():  # noqa: ASYNC110 - whatever the condition is
                await asyncio.sleep(0.01)

    async def opened(self) -> None:
        self.driver.start()
        self.driver.open(0)
        await self.until(lambda: self.partition.running and self.sought)


def run(bench: Bench, test: Coroutine[Any, Any, None]) -> None:
    async def alone() -> None:
        try:
            await test
        finally:
            await bench.driver.stop()

    asyncio.run(alone())


def test_messages_are_worked_on_in_order_sent_and_saved() -> None:
    bench = Bench(Work())

    async def test() -> None:
        await bench.opened()
        bench.offer(*range(5))
        await bench.until(lambda: bench.work.saves and bench.work.saves[-1] == 5)
        assert bench.work.worked == list(range(5))
        assert bench.sender.sent == [b"0", b"1", b"2", b"3", b"4"]

    run(bench, test())
    assert (bench.failed, bench.told) == ([], [])


def test_nothing_is_saved_before_its_outputs_are_in_kafka_nor_when_nothing_changed() -> None:
    bench = Bench(Work())

    async def test() -> None:
        bench.sender.acknowledges = False
        await bench.opened()
        bench.offer(0, 1)
        await bench.until(lambda: bench.sender.held)
        await asyncio.sleep(0.3)
        assert bench.work.saves == []
        bench.sender.held[0].set_result(None)
        await bench.until(lambda: bench.work.saves == [2])
        await asyncio.sleep(0.3)
        assert bench.work.saves == [2]

    run(bench, test())


def test_messages_of_an_earlier_epoch_count_no_more() -> None:
    bench = Bench(Work())

    async def test() -> None:
        await bench.opened()
        bench.driver.offer(message(7), bench.partition.epoch - 1)
        bench.offer(0)
        await bench.until(lambda: bench.work.worked)
        assert bench.work.worked == [0]

    run(bench, test())


def test_a_poisonous_message_is_passed_over_from_the_checkpoint_before_it() -> None:
    bench = Bench(Work(poison={3}))

    async def test() -> None:
        await bench.opened()
        bench.offer(0, 1)
        await bench.until(lambda: bench.work.saves == [2])
        bench.offer(2, 3)
        await bench.until(lambda: len(bench.sought) == 2)
        assert bench.sought == [0, 2]
        assert bench.work.opened[-1] == {("energies", 3): "ValueError: poison"}
        bench.offer(2, 3, 4)
        await bench.until(lambda: bench.work.saves[-1] == 5)
        assert bench.partition.poisonous == {}

    run(bench, test())
    assert bench.failed == []
    assert "3 of energies, partition 0, becomes a dead letter: ValueError: poison" in bench.told[0]


def test_an_output_that_is_too_large_makes_its_message_a_dead_letter() -> None:
    bench = Bench(Work())

    async def test() -> None:
        bench.sender.too_large = b"1"
        await bench.opened()
        bench.offer(0, 1)
        await bench.until(lambda: len(bench.sought) == 2)
        assert bench.work.opened[-1] == {("energies", 1): "raise max.message.bytes"}

    run(bench, test())
    assert bench.failed == []


class Refusing(Work):
    """All its messages become dead letters."""

    def work(self, messages: Sequence[Incoming]) -> list[Outgoing]:
        headers = (("reason", b"poisonous"), ("error", b"it failed"))
        return [
            replace(output, topic=TopicName.DEAD_LETTERS, headers=headers, value=b"large" * len(output.value or b""))
            for output in super().work(messages)
        ]


def test_a_dead_letter_that_is_too_large_goes_without_its_value() -> None:
    bench = Bench(Refusing())

    async def test() -> None:
        bench.sender.too_large = b"large"
        await bench.opened()
        bench.offer(0, 1)
        bench.offer(2)
        await bench.until(lambda: bench.work.saves and bench.work.saves[-1] == 3)

    run(bench, test())
    assert bench.failed == []
    assert bench.sender.sent == [b""] * 3
    assert len(bench.sought) == 1
    assert {dict(headers)["error"] for headers in bench.sender.headers} == {
        b"the value of 5 bytes was too large to keep; it failed"
    }
    assert bench.told == ["a dead letter of energy goes without its value: raise max.message.bytes"] * 3


@pytest.mark.parametrize("where", ["open", "seek", "work", "save"])
def test_what_is_away_is_waited_for_and_nothing_is_left_out(where: str) -> None:
    bench = Bench(Work(failures={where: [AWAY]}))

    async def test() -> None:
        await bench.opened()
        bench.offer(0, 1, 2)
        await bench.until(lambda: bench.work.saves and bench.work.saves[-1] == 3)
        assert bench.partition.waits_for == ""

    run(bench, test())
    assert bench.failed == []
    assert len(bench.told) == 1
    assert "it is away" in bench.told[0]


def test_a_checkpoint_that_waits_says_so_while_the_work_goes_on() -> None:
    bench = Bench(Work(failures={"save": [AWAY, AWAY]}))

    async def test() -> None:
        await bench.opened()
        bench.offer(0)
        await bench.until(lambda: bench.partition.saving_waits_for == "away")
        bench.offer(1, 2)
        await bench.until(lambda: bench.work.worked == [0, 1, 2])
        assert (bench.partition.stalled, bench.partition.waits_for) == ("away", "")
        await bench.until(lambda: bench.work.saves and bench.work.saves[-1] == 3)
        await bench.until(lambda: bench.partition.stalled == "")

    run(bench, test())
    assert len(bench.told) == 1


@pytest.mark.parametrize("where", ["open", "work", "save"])
def test_any_other_error_ends_the_worker(where: str) -> None:
    error = FatalError("it is broken", reason="broken")
    bench = Bench(Work(failures={where: [error]}))

    async def test() -> None:
        bench.driver.start()
        bench.driver.open(0)
        if where != "open":
            await bench.until(lambda: bench.sought)
            bench.offer(0)
        await bench.until(lambda: bench.failed)

    run(bench, test())
    assert bench.failed == [error]


def test_a_directory_in_use_is_waited_for_but_not_for_ever() -> None:
    in_use = FatalError("another process has it", reason="state_in_use")
    bench = Bench(Work(failures={"open": [in_use]}))

    async def test() -> None:
        await bench.opened()

    run(bench, test())
    assert bench.failed == []
    bench = Bench(Work(failures={"open": [in_use, in_use]}), opening_within_s=0.5)

    async def test_again() -> None:
        bench.driver.start()
        bench.driver.open(0)
        await bench.until(lambda: bench.failed)

    run(bench, test_again())
    assert bench.failed == [in_use]


def test_holding_saves_everything_and_takes_nothing_more() -> None:
    bench = Bench(Work(), every_s=600)

    async def test() -> None:
        await bench.opened()
        bench.offer(0, 1, 2)
        await bench.until(lambda: len(bench.work.worked) == 3)
        epoch = bench.partition.epoch
        assert await bench.driver.hold(bench.partition, 5.0)
        assert bench.work.saves == [3]
        bench.driver.offer(message(3), epoch)
        bench.driver.offer(message(3), bench.partition.epoch)
        bench.driver.resume(bench.partition)
        await bench.until(lambda: bench.partition.running)
        assert bench.sought == [0, 3]
        assert bench.work.worked == [0, 1, 2]

    run(bench, test())


def test_holding_gives_up_when_kafka_does_not_take_the_outputs() -> None:
    bench = Bench(Work(), every_s=600)

    async def test() -> None:
        bench.sender.acknowledges = False
        await bench.opened()
        bench.offer(0)
        await bench.until(lambda: bench.sender.held)
        assert not await bench.driver.hold(bench.partition, 0.2)
        assert bench.work.saves == []

    run(bench, test())


def test_states_of_a_poisoned_message_are_never_saved() -> None:
    bench = Bench(Work(poison={0}, blocked=threading.Event()), every_s=600)

    async def test() -> None:
        await bench.opened()
        bench.offer(0)
        await bench.until(lambda: not bench.partition.inbox)
        holding = asyncio.create_task(bench.driver.hold(bench.partition, 5.0))
        await bench.until(lambda: bench.partition.phase is Phase.HELD)
        assert bench.work.blocked is not None
        bench.work.blocked.set()
        assert not await holding
        assert bench.work.saves == []

    run(bench, test())


def test_what_a_lost_partition_gave_is_not_sent() -> None:
    bench = Bench(Work(blocked=threading.Event()))

    async def test() -> None:
        await bench.opened()
        bench.offer(0)
        await bench.until(lambda: not bench.partition.inbox)
        await bench.driver.close(bench.partition)
        assert bench.work.blocked is not None
        bench.work.blocked.set()
        await asyncio.sleep(0.2)
        assert (bench.sender.sent, bench.work.saves, bench.work.closed) == ([], [], 1)

    run(bench, test())


def test_the_recorder_forgets_nothing_that_kafka_does_not_have_and_does_its_chores() -> None:
    bench = Bench(Work(outputs_first=True, ticks=True, failures={"tick": [AWAY]}))

    async def test() -> None:
        bench.sender.acknowledges = False
        await bench.opened()
        bench.offer(0, 1, 2, 3)
        await bench.until(lambda: bench.sender.held)
        await asyncio.sleep(0.2)
        assert bench.work.worked == [0, 1]
        bench.sender.acknowledges = True
        bench.sender.held[0].set_result(None)
        await bench.until(lambda: bench.work.worked == [0, 1, 2, 3])
        await bench.until(lambda: bench.work.ticked > 1)

    run(bench, test())
    assert bench.failed == []


def test_large_checkpoints_are_written_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.worker.agent_driver._CHECKPOINT_BYTES_PER_S", 1)
    monkeypatch.setattr("streams.worker.agent_driver._LONGEST_INTERVAL_S", 0.8)
    bench = Bench(Work())

    async def test() -> None:
        await bench.opened()
        bench.offer(0)
        await bench.until(lambda: bench.work.saves == [1])  # at once: nothing large was written before
        first_s = bench.partition.saved_s
        bench.offer(1)
        await bench.until(lambda: bench.work.saves == [1, 2])
        assert bench.partition.saved_s - first_s >= 0.8
        bench.offer(2)
        await bench.until(lambda: bench.work.worked[-1] == 2)
        assert await bench.driver.hold(bench.partition, 5.0)  # nobody waits for the interval when it is let go
        assert bench.work.saves == [1, 2, 3]

    run(bench, test())

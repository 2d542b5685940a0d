"""A worker that stands still ends; one that waits for something outside does not."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import pytest

from connectors.wire.message import Incoming
from streams.facility.facility_metrics import WorkerMetrics
from streams.metrics import WatchMetrics
from streams.topology import AgentName
from streams.worker.owned_partition import OwnedPartition, Phase
from streams.worker.ownership import Ownership
from streams.worker.partition_work import PartitionWork
from streams.worker.watchdog import Watchdog
from tests.support.manual_clock import ManualClock

STUCK_AFTER_S = 120.0


@dataclass
class Work:
    """Stands where it stands."""

    next_offsets: Mapping[str, int]


@dataclass
class Owned:
    """An ownership of these partitions."""

    partitions: list[OwnedPartition]


class Bench:
    """A watchdog of three partitions, of which two share an agent; a message waits in each."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.outputs_wait_for = ""
        self.ended: list[str] = []
        self.first, self.second, self.other = (
            self._partition(AgentName.ENERGY, 0),
            self._partition(AgentName.ENERGY, 1),
            self._partition(AgentName.JOIN, 0),
        )
        self.watchdog = Watchdog(
            cast(Ownership, Owned([self.first, self.second, self.other])),
            lambda: None,
            clock=self.clock,
            stuck_after_s=STUCK_AFTER_S,
            metrics=WorkerMetrics(WatchMetrics(self.clock), self.clock),
            outputs_wait_for=lambda: self.outputs_wait_for,
        )

    def _partition(self, agent: AgentName, number: int) -> OwnedPartition:
        partition = OwnedPartition(
            agent=agent,
            number=number,
            topics=("energies",),
            work=cast(PartitionWork, Work({})),
            phase=Phase.RUNNING,
            moved_s=self.clock.monotonic_s(),
        )
        partition.inbox.append(Incoming(topic="energies", partition=number, offset=0, key=b"k", value=b"1", headers=()))
        return partition

    def rest(self, *partitions: OwnedPartition) -> None:
        """Leave these nothing to do."""
        for partition in partitions:
            partition.inbox.clear()

    def pass_s(self, seconds: float) -> None:
        """Let time pass, with a look now and then."""
        for _ in range(round(seconds / 5)):
            self.clock.advance(5)
            self.watchdog.look(self.ended.append)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_partition_that_does_not_move_ends_the_worker(bench: Bench) -> None:
    bench.rest(bench.second, bench.other)
    bench.pass_s(STUCK_AFTER_S)
    assert bench.ended == []
    bench.pass_s(5)
    (sentence,) = bench.ended
    assert sentence.startswith("the work on partition energy/0 has not moved for 125 s while messages wait")


def test_what_was_worked_on_but_is_never_saved_ends_the_worker(bench: Bench) -> None:
    bench.rest(bench.first, bench.second, bench.other)
    bench.other.work = cast(PartitionWork, Work({"scored": 3}))
    bench.pass_s(STUCK_AFTER_S + 5)
    assert "join/0 has not moved" in bench.ended[0]


def test_nothing_ends_where_there_is_nothing_to_do(bench: Bench) -> None:
    bench.rest(bench.first, bench.second, bench.other)
    bench.pass_s(600)
    assert bench.ended == []


def test_while_kafka_takes_no_outputs_nobody_is_stuck(bench: Bench) -> None:
    bench.outputs_wait_for = "kafka_away"
    bench.pass_s(600)
    assert bench.ended == []
    bench.outputs_wait_for = ""
    bench.pass_s(STUCK_AFTER_S)
    assert bench.ended == []
    bench.pass_s(5)
    assert len(bench.ended) == 3


@pytest.mark.parametrize("what", ["waits_for", "saving_waits_for"])
def test_a_wait_holds_up_all_partitions_of_its_agent_and_no_other(bench: Bench, what: str) -> None:
    setattr(bench.first, what, "store_away")
    bench.rest(bench.other)
    bench.pass_s(600)
    assert bench.ended == []
    setattr(bench.first, what, "")
    bench.pass_s(STUCK_AFTER_S + 5)
    assert len(bench.ended) == 2


def test_another_agents_wait_is_no_excuse(bench: Bench) -> None:
    bench.first.waits_for = "disk_full"
    bench.pass_s(STUCK_AFTER_S + 5)
    (sentence,) = bench.ended
    assert "join/0" in sentence

"""How far the connector may run ahead of the agents."""

import pytest

from models.event_time import SECOND_NS
from streams.connector.flow_limit import FlowLimit, Place
from streams.facility.settings import ConnectSettings
from streams.topology import AgentName, TopicName
from tests.support.manual_clock import ManualClock

IMAGE: Place = (AgentName.IMAGE, 0)
ENERGY: Place = (AgentName.ENERGY, 0)


class Facility:
    """Topics with one partition each: what was sent, and how far the agents say they are."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.limit = FlowLimit(ConnectSettings(max_ahead_s=300.0, dead_partition_after_s=120.0), self.clock)
        self.base_ns = self.clock.now_ns() - 86_400 * SECOND_NS
        self.ends = {(TopicName.IMAGES, 0): 0, (TopicName.ENERGIES, 0): 0}

    def at_ns(self, minute: int) -> int:
        return self.base_ns + minute * 60 * SECOND_NS

    def send(self, minute: int, *, by_others: int = 0) -> None:
        for place in self.ends:
            self.ends[place] += 10 + by_others
        self.limit.sent(self.at_ns(minute))
        self.limit.reach(self.ends, self.limit.newest_ns)

    def work(self, place: Place, offset: int) -> None:
        topic = TopicName.IMAGES if place == IMAGE else TopicName.ENERGIES
        self.limit.worked(place, {topic: offset})

    def holds(self, minute: int) -> bool:
        return self.limit.holds(self.at_ns(minute))


@pytest.fixture
def facility() -> Facility:
    return Facility()


def test_nothing_is_held_before_a_worker_has_reported(facility: Facility) -> None:
    for minute in range(20):
        facility.send(minute)
    assert not facility.holds(20)


def test_files_wait_for_the_slowest_work(facility: Facility) -> None:
    for minute in range(6):
        facility.send(minute)
    facility.work(IMAGE, 10)  # minute 0 is done
    facility.work(ENERGY, 60)  # everything is done
    assert not facility.holds(5)
    assert facility.holds(6)
    assert facility.limit.ahead_s() == 300.0
    facility.work(IMAGE, 20)
    assert not facility.holds(6)
    assert facility.holds(7)


def test_nobody_is_waited_for_who_is_done(facility: Facility) -> None:
    facility.work(IMAGE, 0)
    assert not facility.holds(1000)
    facility.send(0)
    facility.work(IMAGE, 10)
    assert not facility.holds(1000)


def test_work_that_does_not_move_is_not_waited_for(facility: Facility) -> None:
    for minute in range(8):
        facility.send(minute)
    facility.work(IMAGE, 5)
    assert facility.holds(8)
    facility.clock.advance(119)
    facility.work(IMAGE, 5)
    assert facility.holds(8)
    facility.clock.advance(2)
    facility.work(IMAGE, 5)
    assert not facility.holds(8)
    facility.work(IMAGE, 6)  # it moves again
    assert facility.holds(8)


def test_others_who_replay_old_days_hold_up_nobody(facility: Facility) -> None:
    facility.send(0)
    facility.send(1, by_others=5_000)  # behind our own first file, and before the second
    facility.work(IMAGE, 4_000)
    assert not facility.holds(5)
    facility.send(2)
    assert facility.limit.ahead_s() == 120.0


def test_names_in_the_far_future_neither_wait_nor_count(facility: Facility) -> None:
    facility.send(0)
    facility.work(IMAGE, 0)
    year = 365 * 24 * 60
    assert not facility.holds(year)
    facility.send(year)
    assert facility.limit.newest_ns == facility.at_ns(0)


def test_late_files_do_not_set_it_back(facility: Facility) -> None:
    facility.send(10)
    facility.send(0)
    assert facility.limit.newest_ns == facility.at_ns(10)

"""What is shown on the wall, how often, and what happens when that fails."""

import time
from dataclasses import replace

import numpy as np
import pytest

from models.device_stage import DeviceOutput
from models.devices import Device, parse_device
from models.errors import FatalError, PetawatchError, RetryableError
from models.live_reading import LiveReading
from models.records import RecordBlock, SourceReference
from models.results import FEATURE_NAMES, ScoredBlock, Scoring
from streams.live_show import ROUND_S, LiveShow
from tests.support.manual_clock import ManualClock
from tests.support.watching import wait_until

METER = parse_device("LA_A3_31-EM_1-EnergyMeter-1")
OTHER_METER = parse_device("LA_A3_32-EM_1-EnergyMeter-1")


class Place:
    """Remembers what is shown; fails when it is told to."""

    def __init__(self) -> None:
        self.shown: list[LiveReading] = []
        self.at_s: list[float] = []
        self.failure: PetawatchError | None = None
        self.closed = 0

    def show(self, reading: LiveReading) -> None:
        if self.failure is not None:
            raise self.failure
        self.shown.append(reading)
        self.at_s.append(time.monotonic())

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def place() -> Place:
    return Place()


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def show(place: Place, clock: ManualClock, told: list[str]) -> LiveShow:
    return LiveShow(lambda: place, clock, told.append)


def work(
    event_time_ns: int, score: float = 1.0, device: Device = METER
) -> tuple[list[RecordBlock], list[DeviceOutput]]:
    """One reading, and what its stage made of it."""
    block = RecordBlock(
        device=device,
        source=SourceReference(file="one.h5", sha256="ab"),
        event_time_ns=np.array([event_time_ns]),
        state=np.zeros(1, np.uint8),
        refusal=np.zeros(1, np.uint8),
        payload=np.ones((1, 2)),
        hdf5_group=("",),
        interval_hz=10.0,
    )
    scored = ScoredBlock(
        device=device,
        source=block.source,
        event_time_ns=block.event_time_ns,
        state=block.state,
        refusal=block.refusal,
        admission=np.zeros(1, np.uint8),
        fires=np.ones(1, np.bool_),
        scoring=np.full(1, Scoring.SCORED, np.uint8),
        score=np.full(1, score, np.float32),
        anomalous=np.full(1, score >= 3),
        reasons=np.zeros(1, np.uint32),
        features=np.ones((1, len(FEATURE_NAMES[device.kind]))),
        interval_hz=10.0,
    )
    return [block], [DeviceOutput(scored=scored)]


def test_a_round_shows_the_latest_of_each_device_once(show: LiveShow, place: Place) -> None:
    for time_ns in (1, 2, 3):
        show.offer(*work(time_ns))
    show.offer(*work(9, device=OTHER_METER))
    show.show_round()
    assert [(reading.device, reading.event_time_ns) for reading in place.shown] == [(METER, 3), (OTHER_METER, 9)]
    show.show_round()
    assert len(place.shown) == 2


def test_what_is_striking_waits_for_its_round_although_normal_ones_follow(show: LiveShow, place: Place) -> None:
    show.offer(*work(1, score=7.0))
    show.offer(*work(2))
    show.show_round()
    show.offer(*work(3, score=7.0))
    show.offer(*work(4, score=5.0))
    show.show_round()
    show.offer(*work(5))
    show.show_round()
    assert [reading.event_time_ns for reading in place.shown] == [1, 4, 5]


def test_what_can_not_be_shown_is_told_once_and_tried_again_later(
    show: LiveShow, place: Place, told: list[str], clock: ManualClock
) -> None:
    place.failure = RetryableError("the disk is full; make room", reason="disk_full")
    for time_ns in (1, 2):
        show.offer(*work(time_ns))
        show.show_round()
        clock.advance(31)
    assert told == ["nothing is shown live for now: the disk is full; make room"]
    assert place.closed == 2
    place.failure = None
    show.offer(*work(3))
    show.show_round()
    assert [reading.event_time_ns for reading in place.shown] == [3]


def test_nothing_is_tried_before_the_pause_is_over(show: LiveShow, place: Place, clock: ManualClock) -> None:
    place.failure = RetryableError("full", reason="disk_full")
    show.offer(*work(1))
    show.show_round()
    place.failure = None
    clock.advance(29)
    show.offer(*work(2))
    show.show_round()
    assert place.shown == []


def test_what_only_a_person_can_mend_is_told_and_tried_no_more(
    show: LiveShow, place: Place, told: list[str], clock: ManualClock
) -> None:
    place.failure = FatalError("the topic is missing", reason="kafka_topic_missing")
    show.offer(*work(1))
    show.show_round()
    place.failure = None
    clock.advance(100_000)
    show.offer(*work(2))
    show.show_round()
    assert (place.shown, len(told)) == ([], 1)


def test_the_thread_shows_a_device_at_most_twice_a_second_and_the_last_one_at_the_end(
    show: LiveShow, place: Place
) -> None:
    show.start()
    offered = 0

    def offer_another() -> bool:
        nonlocal offered
        offered += 1
        show.offer(*work(offered))
        return len(place.shown) >= 4

    wait_until(offer_another, every_s=0.01)
    show.offer(*work(10**9))
    show.stop()
    assert place.shown[-1].event_time_ns == 10**9
    assert place.closed == 1
    assert np.all(np.diff(place.at_s[:-1]) >= ROUND_S - 0.01)


def test_what_came_before_its_first_round_counts_as_a_time(clock: ManualClock) -> None:
    class SlowPlace(Place):
        def show(self, reading: LiveReading) -> None:
            super().show(reading)
            if len(self.shown) == 1:
                rounds.offer(*work(2))  # another comes while the first is written

    place = SlowPlace()
    rounds = LiveShow(lambda: place, clock, lambda _: None)
    rounds.offer(*work(1))
    rounds.start()
    wait_until(lambda: len(place.shown) == 2)
    rounds.stop()
    assert place.at_s[1] - place.at_s[0] >= ROUND_S - 0.01


def test_the_place_is_opened_before_anything_is_offered(clock: ManualClock) -> None:
    opened: list[Place] = []

    def open_place() -> Place:
        opened.append(Place())
        return opened[-1]

    show = LiveShow(open_place, clock, lambda _: None)
    show.start()
    wait_until(lambda: bool(opened))
    show.stop()
    assert [each.closed for each in opened] == [1]


def test_a_replaced_file_is_not_shown(show: LiveShow, place: Place) -> None:
    [block], outputs = work(1)
    show.offer([replace(block, replacement=True)], outputs)
    show.show_round()
    assert place.shown == []

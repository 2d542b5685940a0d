"""From the live topic to the board: the latest of each device, whatever else the topic holds."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from connectors.live_board import LiveBoardReader, LiveBoardWriter
from connectors.wire.codec import Message, encode
from connectors.wire.message import Incoming
from models.errors import FatalError, RetryableError
from streams.facility.live_topic import LiveFollower
from tests.support.manual_clock import ManualClock
from tests.support.watching import wait_until
from tests.support.wire_messages import CAMERA, LIVE, LIVE_METER, METER, WORKER_PROGRESS


class Topic:
    """The live topic, and a reader of it; for one thread at a time."""

    def __init__(self) -> None:
        self.messages: list[Incoming] = []
        self.failures: list[Exception] = []
        self.position = 0
        self.opened = self.closed = 0

    def write(self, key: str, message: Message | None) -> None:
        encoded = None if message is None else encode(message)
        self.messages.append(
            Incoming(
                topic="live",
                partition=0,
                offset=len(self.messages),
                key=key.encode(),
                value=None if encoded is None else encoded.value,
                headers=() if encoded is None else encoded.headers,
            )
        )

    def open(self) -> "Topic":
        self.opened += 1
        return self

    def follow(self, topics: Iterable[str], *, from_beginning: bool = False) -> None:
        assert (list(topics), from_beginning) == (["live"], True)
        self.position = 0

    def poll(self, timeout_s: float = 0.0) -> list[Incoming]:
        if self.failures:
            raise self.failures.pop()
        found, self.position = self.messages[self.position :], len(self.messages)
        return found

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def topic() -> Topic:
    return Topic()


@pytest.fixture
def board(tmp_path: Path) -> Iterator[LiveBoardReader]:
    with LiveBoardReader(tmp_path / "live.board") as reader:
        yield reader


@pytest.fixture
def follower(topic: Topic, tmp_path: Path) -> Iterator[LiveFollower]:
    clock = ManualClock()
    following = LiveFollower(topic.open, lambda: LiveBoardWriter(tmp_path / "live.board", clock))
    yield following
    following.stop()


def test_what_workers_have_sent_is_on_the_board_with_its_picture(
    topic: Topic, follower: LiveFollower, board: LiveBoardReader
) -> None:
    topic.write(CAMERA.name, LIVE)
    topic.write(METER.name, LIVE_METER)
    follower.start()
    wait_until(lambda: len(board.readings()) == 2)
    camera, meter = sorted(board.readings(), key=lambda reading: reading.device.kind)
    assert (camera.device, camera.event_time_ns, camera.score) == (CAMERA, LIVE.event_time_ns, LIVE.score)
    assert camera.thumbnail is not None
    assert LIVE.thumbnail is not None
    assert camera.thumbnail.tobytes() == LIVE.thumbnail.tobytes()
    assert (meter.device, meter.valid, meter.thumbnail) == (METER, False, None)


def test_what_is_no_reading_is_passed_over(topic: Topic, follower: LiveFollower, board: LiveBoardReader) -> None:
    topic.write("a", None)
    topic.write("b", WORKER_PROGRESS)
    topic.write(CAMERA.name, LIVE)
    follower.start()
    wait_until(lambda: len(board.readings()) == 1)
    follower.check()


def test_it_goes_on_when_kafka_was_away(topic: Topic, follower: LiveFollower, board: LiveBoardReader) -> None:
    topic.failures = [RetryableError("Kafka is away", reason="kafka_away")]
    topic.write(CAMERA.name, LIVE)
    follower.start()
    wait_until(lambda: len(board.readings()) == 1)
    follower.check()
    assert topic.opened == 2


def test_a_topic_that_is_missing_is_told_to_who_checks(topic: Topic, follower: LiveFollower) -> None:
    topic.failures = [FatalError("the topic live is missing", reason="kafka_topic_missing")]
    follower.start()

    def failed() -> bool:
        try:
            follower.check()
        except FatalError as error:
            return error.reason == "kafka_topic_missing"
        return False

    wait_until(failed)

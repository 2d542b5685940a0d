"""What the connector hears of the agents' progress."""

import pytest

from connectors.wire.codec import encode
from connectors.wire.message import Incoming
from connectors.wire.progress import Progress
from models.errors import FatalError, RetryableError
from models.event_time import SECOND_NS
from streams.connector.flow_limit import FlowLimit
from streams.connector.progress_follower import ProgressFollower
from streams.facility.settings import ConnectSettings
from tests.support.manual_clock import ManualClock
from tests.support.watching import wait_until


def progress(key: str, next_offset: int | None) -> Incoming:
    encoded = encode(Progress(name="worker", at_ns=1, next_offset=next_offset))
    return Incoming(
        topic="progress", partition=0, offset=0, key=key.encode(), value=encoded.value, headers=encoded.headers
    )


class Reader:
    """Topics whose ends and news the test sets."""

    def __init__(self, ends: dict[tuple[str, int], int], news: list[Incoming]) -> None:
        self.ends = ends
        self.news = news
        self.closed = 0

    def follow(self, topics: tuple[str, ...], *, from_beginning: bool = False) -> None:
        assert (topics, from_beginning) == (("progress",), True)

    def poll(self, timeout_s: float = 0.0) -> list[Incoming]:
        news, self.news = self.news, []
        return news

    def end_offsets(self, topics: tuple[str, ...]) -> dict[tuple[str, int], int]:
        assert "images" in topics
        assert "decided" not in topics
        return self.ends

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def limit() -> FlowLimit:
    clock = ManualClock()
    limit = FlowLimit(ConnectSettings(max_ahead_s=60.0), clock)
    limit.sent(clock.now_ns() - 3600 * SECOND_NS)
    return limit


def test_it_hears_of_agents_and_passes_over_what_is_none_of_its_business(limit: FlowLimit) -> None:
    damaged = Incoming(topic="progress", partition=0, offset=0, key=b"image/1", value=b"?", headers=())
    removed = Incoming(topic="progress", partition=0, offset=0, key=b"image/1", value=None, headers=())
    others = [progress("connect/recorder-1", None), progress("recorder/0", 5), progress("nobody", 5), damaged, removed]
    reader = Reader({("images", 0): 10, ("scored", 0): 7}, [*others, progress("image/0", 4), progress("join/0", 7)])
    follower = ProgressFollower(lambda: reader, limit)
    follower.look(reader)
    start_ns = limit.newest_ns
    assert start_ns is not None
    assert limit.holds(start_ns + 61 * SECOND_NS)
    reader.news = [progress("image/0", 10)]
    follower.look(reader)
    assert not limit.holds(start_ns + 61 * SECOND_NS)


def test_it_tries_again_while_kafka_is_away_and_says_what_ends_it(limit: FlowLimit) -> None:
    reader, tries = Reader({("images", 0): 1}, []), iter(range(100))

    def open_reader() -> Reader:
        match next(tries):
            case 0:
                raise RetryableError("Kafka does not answer", reason="kafka_away")
            case 1:
                return reader
            case _:
                raise FatalError("not allowed", reason="kafka_forbidden")

    follower = ProgressFollower(open_reader, limit)
    heard = limit.newest_ns

    def end() -> dict[tuple[str, int], int]:
        raise RetryableError("Kafka does not answer", reason="kafka_away")

    reader.end_offsets = lambda topics: end()  # type: ignore[method-assign]
    follower.check()
    follower.start()
    wait_until(lambda: follower._failure is not None)
    with pytest.raises(FatalError, match="not allowed"):
        follower.check()
    follower.stop()
    assert reader.closed == 1
    assert limit.newest_ns == heard


@pytest.mark.parametrize("where", ["open", "look"])
def test_what_nobody_foresaw_is_told_too(limit: FlowLimit, where: str) -> None:
    reader = Reader({("images", 0): 1}, [])

    def break_(*_: object) -> dict[tuple[str, int], int]:
        raise KeyError("images")

    def open_reader() -> Reader:
        if where == "open":
            break_()
        return reader

    follower = ProgressFollower(open_reader, limit)
    reader.end_offsets = break_  # type: ignore[method-assign,assignment]
    follower.start()
    follower._thread.join(60)
    with pytest.raises(FatalError, match="progress failed: KeyError: 'images'; the connector ends") as failure:
        follower.check()
    assert failure.value.reason == "internal"
    assert isinstance(failure.value.__cause__, KeyError)

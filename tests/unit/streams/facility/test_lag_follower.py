"""The recorder's look at everybody's lag: what it hears, what it records, and what a full disk does to it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import pytest
from prometheus_client import generate_latest

from connectors.wire.codec import encode
from connectors.wire.message import Incoming, Outgoing
from connectors.wire.progress import Progress
from models.alerts.alert import AlertChange, AlertEvent
from models.errors import FatalError, RetryableError
from models.event_time import SECOND_NS
from streams.agents.task import Standing
from streams.facility.facility_metrics import WorkerMetrics
from streams.facility.lag import CONFIRM_S, LagMonitor
from streams.facility.lag_follower import LAG_KEY, LagFollower, LagWatchingRecorder
from streams.metrics import WatchMetrics
from streams.topology import TopicName, TopicSettings
from tests.support.manual_clock import ManualClock

T = 1_656_668_000 * SECOND_NS


class Topic:
    """The progress topic, and a reader of it; one thread."""

    def __init__(self) -> None:
        self.messages: list[Incoming] = []
        self.ends: dict[tuple[str, int], int] = {}
        self.position = 0
        self.closed = 0

    def write(self, key: str, start_s: float, next_offset: int | None = None) -> None:
        start_ns = T + round(start_s * SECOND_NS)
        encoded = encode(Progress(name="w", at_ns=T, next_offset=next_offset, snapshot_start_ns=start_ns))
        self.append(key, encoded.value, encoded.headers)

    def append(self, key: str, value: bytes | None, headers: tuple[tuple[str, bytes], ...] = ()) -> None:
        self.messages.append(
            Incoming(
                topic=TopicName.PROGRESS,
                partition=0,
                offset=len(self.messages),
                key=key.encode(),
                value=value,
                headers=headers,
            )
        )

    def read(self, topics: Iterable[str]) -> Iterator[Incoming]:
        assert list(topics) == ["progress"]
        yield from list(self.messages)

    def follow(
        self,
        topics: Iterable[str],
        *,
        from_beginning: bool = False,
        starts: Mapping[tuple[str, int], int] | None = None,
    ) -> None:
        self.position = 0 if from_beginning else (starts or {})["progress", 0]

    def poll(self, timeout_s: float = 0.0) -> list[Incoming]:
        found, self.position = (
            self.messages[self.position : self.position + 2],
            min(self.position + 2, len(self.messages)),
        )
        return found

    def end_offsets(self, topics: Iterable[str]) -> dict[tuple[str, int], int]:
        assert set(topics) == {"images", "energies", "spectra", "others", "scored", "decided"}
        return self.ends

    def close(self) -> None:
        self.closed += 1


class Recorder:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.reported: list[AlertEvent] = []
        self.states: dict[str, bytes] = {}
        self.full = False
        self.closed = False
        self.ticks = 0
        self.next_offsets: Mapping[str, int] = {"decided": 3}
        self.standing = Standing(start_ns=T)

    def work(self, messages: Sequence[Incoming]) -> list[Outgoing]:
        return [Outgoing(topic="dead-letters", key=b"", value=None)] * len(messages)

    def report(self, alerts: Sequence[AlertEvent], states: Mapping[str, bytes]) -> None:
        if self.full:
            raise RetryableError("the disk is full", reason="disk_full")
        self.reported += alerts
        self.states |= states

    def state_of(self, key: str) -> bytes | None:
        return self.states.get(key)

    def tick(self) -> None:
        self.ticks += 1

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def topic() -> Topic:
    return Topic()


@pytest.fixture
def watch(clock: ManualClock) -> WatchMetrics:
    return WatchMetrics(clock)


@pytest.fixture
def make(topic: Topic, clock: ManualClock, watch: WatchMetrics) -> Callable[[bytes | None], LagFollower]:
    metrics = WorkerMetrics(watch, clock)

    class Still(LagFollower):
        """Looks when the test looks."""

        def start(self) -> None:
            self.begin(topic)

    def make(saved: bytes | None) -> LagFollower:
        return Still(lambda: topic, LagMonitor(TopicSettings(), 180.0), clock, metrics, saved)

    return make


def lag_of(watch: WatchMetrics, place: str) -> float | None:
    agent, partition = place.split("/")
    for line in generate_latest(watch.registry).decode().splitlines():
        if line.startswith(f'petawatch_lag_seconds{{agent="{agent}",partition="{partition}"}}'):
            return float(line.split()[-1])
    return None


def test_lag_is_shown_while_the_recorder_is_here(
    topic: Topic, make: Callable[[bytes | None], LagFollower], watch: WatchMetrics
) -> None:
    topic.write("connect/rec-1", 100)
    topic.write("image/0", 40, 7)
    topic.ends["images", 0] = 8
    follower = make(None)
    follower.begin(topic)
    follower.look(topic)
    assert lag_of(watch, "image/0") == 60
    for start_s in (50, 60, 70, 80, 90):  # more than one poll gives
        topic.write("image/0", start_s, 7)
    follower.look(topic)
    assert lag_of(watch, "image/0") == 10
    follower.stop()
    assert lag_of(watch, "image/0") is None
    follower.look(topic)  # one that was under way
    assert lag_of(watch, "image/0") is None


def test_what_is_no_progress_is_passed_over(
    topic: Topic, make: Callable[[bytes | None], LagFollower], watch: WatchMetrics
) -> None:
    topic.write("connect/rec-1", 100)
    topic.write("image/0", 40, 7)
    topic.append("image/0", b"no progress at all")
    topic.append("\udcff".encode("utf-8", "surrogateescape").decode("latin-1"), b"{}")
    topic.ends["images", 0] = 8
    follower = make(None)
    follower.start()
    follower.look(topic)
    assert lag_of(watch, "image/0") == 60


def test_a_connector_that_was_taken_out_counts_no_longer(
    topic: Topic, make: Callable[[bytes | None], LagFollower], watch: WatchMetrics
) -> None:
    topic.write("connect/rec-1", 100)
    topic.write("connect/rec-2", 1000)
    topic.write("image/0", 40, 7)
    topic.ends["images", 0] = 8
    follower = make(None)
    follower.start()
    topic.append("connect/rec-2", None)
    follower.look(topic)
    assert lag_of(watch, "image/0") == 60


def test_workers_that_differ_are_told_of_once_when_it_lasts(
    topic: Topic, clock: ManualClock, watch: WatchMetrics
) -> None:
    told: list[str] = []
    metrics = WorkerMetrics(watch, clock)
    follower = LagFollower(lambda: topic, LagMonitor(TopicSettings(), 180.0), clock, metrics, tell=told.append)

    def scores(worker: str, model: str, at_ns: int) -> None:
        encoded = encode(Progress(name=worker, at_ns=at_ns, next_offset=1, model=model))
        topic.append(f"image/{worker}", encoded.value, encoded.headers)

    scores("a", "old", 1)
    scores("b", "old", 1)
    follower.begin(topic)
    follower.look(topic)
    scores("a", "new", 2)  # a promotion
    follower.look(topic)
    clock.advance(59.0)
    scores("b", "new", 2)
    follower.look(topic)
    clock.advance(600.0)
    follower.look(topic)
    assert told == []
    scores("b", "old", 3)
    follower.look(topic)
    for _ in range(3):
        clock.advance(59.0)
        follower.look(topic)
    assert len(told) == 1
    assert "(a with new, b with old)" in told[0]


def test_partitions_of_one_worker_that_differ_are_told_of_also_while_models_change(
    topic: Topic, clock: ManualClock, watch: WatchMetrics
) -> None:
    told: list[str] = []
    metrics = WorkerMetrics(watch, clock)
    follower = LagFollower(lambda: topic, LagMonitor(TopicSettings(), 180.0), clock, metrics, tell=told.append)
    follower.begin(topic)
    for number in range(4):
        for place, model in (("image/0", f"new-{number}"), ("image/1", "old")):
            encoded = encode(Progress(name="a", at_ns=T + number, next_offset=1, model=model))
            topic.append(place, encoded.value, encoded.headers)
        follower.look(topic)
        clock.advance(25.0)
    assert len(told) == 1
    assert "(a with new-3 and old)" in told[0]


def behind(topic: Topic) -> None:
    topic.write("connect/rec-1", 600)
    topic.write("image/0", 0, 7)
    topic.ends["images", 0] = 8


def open_alert(follower: LagFollower, topic: Topic, clock: ManualClock) -> None:
    follower.look(topic)
    clock.advance(CONFIRM_S)
    follower.look(topic)


def watching(
    recorder: Recorder, make: Callable[[bytes | None], LagFollower]
) -> tuple[LagWatchingRecorder, LagFollower]:
    made: list[LagFollower] = []

    def make_one(saved: bytes | None) -> LagFollower:
        made.append(make(saved))
        return made[0]

    return LagWatchingRecorder(recorder, make_one), made[0]


def test_alerts_are_recorded_with_the_state_behind_them(
    topic: Topic, make: Callable[[bytes | None], LagFollower], clock: ManualClock
) -> None:
    behind(topic)
    recorder = Recorder()
    subject, follower = watching(recorder, make)
    subject.tick()
    assert not recorder.states
    open_alert(follower, topic, clock)
    subject.tick()
    subject.tick()
    (opened,) = recorder.reported
    assert opened.change is AlertChange.OPENED
    assert recorder.ticks == 3
    subject.close()
    assert recorder.closed

    # Another worker goes on with the same state directory, and closes the alert that this one has opened.
    subject, follower = watching(recorder, make)
    follower.look(topic)
    topic.write("image/0", 600, 8)
    follower.look(topic)
    subject.tick()
    _, closed = recorder.reported
    assert (closed.change, closed.alert.id) == (AlertChange.CLOSED, opened.alert.id)
    assert recorder.states[LAG_KEY]


def test_a_full_disk_loses_no_alert(
    topic: Topic, make: Callable[[bytes | None], LagFollower], clock: ManualClock
) -> None:
    behind(topic)
    recorder = Recorder()
    subject, follower = watching(recorder, make)
    open_alert(follower, topic, clock)
    recorder.full = True
    with pytest.raises(RetryableError):
        subject.tick()
    recorder.full = False
    subject.tick()
    assert len(recorder.reported) == 1


def test_the_recorder_itself_is_untouched(make: Callable[[bytes | None], LagFollower]) -> None:
    subject, _ = watching(Recorder(), make)
    assert subject.next_offsets == {"decided": 3}
    assert subject.standing == Standing(start_ns=T)
    message = Incoming(topic="decided", partition=0, offset=3, key=None, value=None, headers=())
    assert len(subject.work([message])) == 1


def test_kafka_may_be_away_but_a_refusal_ends_the_work(
    topic: Topic, clock: ManualClock, watch: WatchMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.facility.progress_thread._RETRY_S", 0.01)
    answers: list[Exception | None] = [RetryableError("away", reason="kafka_away"), None]
    reached: list[int] = []

    def open_reader() -> Topic:
        reached.append(1)
        answer = answers.pop(0) if answers else FatalError("forbidden", reason="kafka_forbidden")
        if answer is not None:
            raise answer
        return topic

    def fall_away(topics: Iterable[str]) -> dict[tuple[str, int], int]:
        raise RetryableError("away again", reason="kafka_away")

    topic.end_offsets = fall_away  # type: ignore[method-assign]
    metrics = WorkerMetrics(watch, clock)
    follower = LagFollower(open_reader, LagMonitor(TopicSettings(), 180.0), clock, metrics)
    follower.start()
    follower._thread.join(60)
    assert len(reached) == 3
    assert topic.closed == 1
    with pytest.raises(FatalError, match="forbidden"):
        follower.take()


def test_what_nobody_foresaw_is_raised_where_the_alerts_are_taken(
    topic: Topic, clock: ManualClock, watch: WatchMetrics
) -> None:
    def fail(topics: Iterable[str]) -> dict[tuple[str, int], int]:
        raise KeyError("scored")

    topic.end_offsets = fail  # type: ignore[method-assign]
    recorder = Recorder()
    watching = LagWatchingRecorder(
        recorder,
        lambda saved: LagFollower(
            lambda: topic, LagMonitor(TopicSettings(), 180.0), clock, WorkerMetrics(watch, clock), saved
        ),
    )
    watching._follower._thread.join(60)
    with pytest.raises(FatalError, match="lag of the agents failed: KeyError: 'scored'; the worker ends") as failure:
        watching.tick()
    assert failure.value.reason == "internal"
    assert isinstance(failure.value.__cause__, KeyError)
    watching.close()
    assert topic.closed == 1

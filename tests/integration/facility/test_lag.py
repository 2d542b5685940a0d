"""Lag as a real broker tells it: progress that was written, messages that wait, what comes while it is followed."""

import time
from collections.abc import Callable, Iterator

import pytest

from connectors.clock import SystemClock
from connectors.kafka.producer import BlockProducer
from connectors.kafka.reader import TopicReader
from connectors.wire.codec import encode
from connectors.wire.message import Outgoing
from connectors.wire.progress import Progress
from models.event_time import SECOND_NS
from servers.kafka_server import KafkaServer
from streams.facility.facility_metrics import Partition, WorkerMetrics
from streams.facility.lag import LagMonitor
from streams.facility.lag_follower import LagFollower
from streams.metrics import WatchMetrics
from streams.topology import TopicName, TopicSettings
from tests.support.kafka import PATIENCE_S, kafka_settings, make_topics, own_installation

T = 1_656_668_000 * SECOND_NS
IMAGE = Partition("image", 0)


@pytest.fixture(scope="module")
def topics(kafka: KafkaServer) -> TopicSettings:
    topics = own_installation("lag", image_partitions=1)
    make_topics(kafka, topics)
    return topics


@pytest.fixture
def producer(kafka: KafkaServer, topics: TopicSettings) -> Iterator[BlockProducer]:
    with BlockProducer(kafka_settings(kafka), topics.installation) as producer:
        yield producer


def tell(producer: BlockProducer, key: str, start_s: int, next_offset: int | None = None) -> None:
    progress = Progress(name="w", at_ns=T, next_offset=next_offset, snapshot_start_ns=T + start_s * SECOND_NS)
    encoded = encode(progress)
    producer.send(Outgoing(topic=TopicName.PROGRESS, key=key.encode(), value=encoded.value, headers=encoded.headers))
    producer.flush()


def eventually(holds: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline_s
        time.sleep(0.1)


def test_lag_is_followed_on_a_broker(kafka: KafkaServer, topics: TopicSettings, producer: BlockProducer) -> None:
    for number in range(3):
        producer.send(Outgoing(topic=TopicName.IMAGES, key=b"camera", value=bytes([number])))
    tell(producer, "connect/rec-1", 100)
    tell(producer, "image/0", 30, 1)
    clock, monitor = SystemClock(), LagMonitor(topics, 180.0)
    metrics = WorkerMetrics(WatchMetrics(clock), clock)
    follower = LagFollower(lambda: TopicReader(kafka_settings(kafka), topics.installation), monitor, clock, metrics)
    follower.start()
    try:
        eventually(lambda: monitor.summary.seconds.get(IMAGE) == 70)
        assert monitor.summary.lags[IMAGE].messages == 2
        tell(producer, "image/0", 90, 2)
        eventually(lambda: monitor.summary.seconds.get(IMAGE) == 10)
        tell(producer, "image/0", 100, 3)
        eventually(lambda: monitor.summary.messages == 0)
        assert follower.take()[0] == []
    finally:
        follower.stop()

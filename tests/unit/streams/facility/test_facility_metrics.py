"""What Prometheus is told of a worker and a connector, read back through its own parser."""

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from models.event_time import SECOND_NS
from streams.facility.facility_metrics import ConnectorMetrics, Partition, WorkerMetrics
from streams.metrics import WatchMetrics
from streams.topology import AgentName, TopicName
from tests.support.manual_clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def watch(clock: ManualClock) -> WatchMetrics:
    return WatchMetrics(clock)


@pytest.fixture
def worker(watch: WatchMetrics, clock: ManualClock) -> WorkerMetrics:
    return WorkerMetrics(watch, clock)


@pytest.fixture
def connector(watch: WatchMetrics, clock: ManualClock) -> ConnectorMetrics:
    return ConnectorMetrics(watch.registry, clock)


def read(watch: WatchMetrics, part: str) -> dict[str, float]:
    """The samples whose name contains the part, as ``name{label=value,...}``."""
    samples = {}
    for family in text_string_to_metric_families(generate_latest(watch.registry).decode()):
        for sample in family.samples:
            labels = ",".join(f"{key}={value}" for key, value in sorted(sample.labels.items()))
            if part in sample.name:
                samples[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return samples


def test_bounded_series_are_there_from_the_start(watch: WatchMetrics, worker: WorkerMetrics) -> None:
    samples = read(watch, "petawatch_")
    assert samples["petawatch_agent_messages_total{agent=recorder,topic=decided}"] == 0
    assert samples["petawatch_agent_outputs_total{agent=image,topic=evidence}"] == 0
    assert samples["petawatch_owned_partitions{agent=join}"] == 0
    assert samples["petawatch_checkpoint_seconds_count{agent=other}"] == 0
    assert samples["petawatch_rebalances_total"] == 0


def test_a_worker_shows_its_own_agents_only(watch: WatchMetrics, clock: ManualClock) -> None:
    WorkerMetrics(watch, clock, [AgentName.JOIN])
    assert set(read(watch, "petawatch_owned_partitions")) == {"petawatch_owned_partitions{agent=join}"}
    assert "petawatch_agent_messages_total{agent=image,topic=images}" not in read(watch, "agent_messages")


def test_work_is_counted_by_agent_and_topic(watch: WatchMetrics, worker: WorkerMetrics) -> None:
    worker.worked("image", "images", 32, seconds=0.5)
    worker.worked(AgentName.IMAGE, TopicName.IMAGES, 1, seconds=0.25)
    worker.sent("image", "scored", 33)
    worker.set_rebalances(2)
    worker.set_buffered_bytes(1000)
    samples = read(watch, "petawatch_")
    assert samples["petawatch_agent_messages_total{agent=image,topic=images}"] == 33
    assert samples["petawatch_agent_busy_seconds_total{agent=image}"] == pytest.approx(0.75)
    assert samples["petawatch_agent_outputs_total{agent=image,topic=scored}"] == 33
    assert samples["petawatch_rebalances_total"] == 2
    assert samples["petawatch_buffered_bytes"] == 1000


def test_reasons_of_dead_letters_stay_few(watch: WatchMetrics, worker: WorkerMetrics) -> None:
    for number in range(60):
        worker.dead_letter("image", f"reason {number}")
    samples = read(watch, "agent_dead_letters_total")
    assert len(samples) == 51
    assert samples["petawatch_agent_dead_letters_total{agent=image,reason=other}"] == 10


def test_the_age_of_a_checkpoint_grows_until_the_next(
    watch: WatchMetrics, worker: WorkerMetrics, clock: ManualClock
) -> None:
    worker.assigned("image", [0, 3])
    clock.advance(5)
    worker.checkpoint("image", 3, size_bytes=2_000, seconds=0.03)
    clock.advance(2)
    assert read(watch, "checkpoint_age") == {
        "petawatch_checkpoint_age_seconds{agent=image,partition=0}": 7,
        "petawatch_checkpoint_age_seconds{agent=image,partition=3}": 2,
    }
    samples = read(watch, "petawatch_checkpoint")
    assert samples["petawatch_checkpoint_bytes_total{agent=image}"] == 2_000
    assert samples["petawatch_checkpoint_seconds_bucket{agent=image,le=0.025}"] == 0
    assert samples["petawatch_checkpoint_seconds_bucket{agent=image,le=0.05}"] == 1


def test_partitions_that_left_are_shown_no_longer(
    watch: WatchMetrics, worker: WorkerMetrics, clock: ManualClock
) -> None:
    worker.assigned("image", [0, 1])
    worker.assigned("join", [0])
    for partition in (0, 1):
        worker.set_waiting("image", "images", partition, 10)
    worker.set_waiting("join", "scored", 0, 7)
    clock.advance(4)
    worker.assigned("image", [1, 2])
    assert read(watch, "checkpoint_age") == {
        "petawatch_checkpoint_age_seconds{agent=image,partition=1}": 4,
        "petawatch_checkpoint_age_seconds{agent=image,partition=2}": 0,
        "petawatch_checkpoint_age_seconds{agent=join,partition=0}": 4,
    }
    assert read(watch, "waiting_messages") == {
        "petawatch_waiting_messages{agent=image,partition=1,topic=images}": 10,
        "petawatch_waiting_messages{agent=join,partition=0,topic=scored}": 7,
    }
    worker.set_waiting("image", "images", 0, 99)  # told too late, of a partition that another has now
    worker.checkpoint("image", 0, size_bytes=1, seconds=1.0)
    assert len(read(watch, "waiting_messages")) == 2
    assert read(watch, "owned_partitions")["petawatch_owned_partitions{agent=image}"] == 2


def test_lags_are_those_of_the_whole_installation_and_go_with_the_recorder(
    watch: WatchMetrics, worker: WorkerMetrics
) -> None:
    worker.set_lags({Partition("image", 0): 3.5, Partition("join", 1): 0.0})
    assert read(watch, "petawatch_lag_seconds") == {
        "petawatch_lag_seconds{agent=image,partition=0}": 3.5,
        "petawatch_lag_seconds{agent=join,partition=1}": 0.0,
    }
    worker.set_lags({})
    assert not read(watch, "petawatch_lag_seconds")


def test_what_a_connector_sent(watch: WatchMetrics, connector: ConnectorMetrics) -> None:
    connector.sent(TopicName.IMAGES, blocks=2, records=64, size_bytes=1_671_168)
    connector.sent("images", blocks=1, records=1, size_bytes=100)
    connector.file("sent")
    connector.file("skipped", 2)
    samples = read(watch, "petawatch_connect")
    assert samples["petawatch_connect_blocks_total{topic=images}"] == 3
    assert samples["petawatch_connect_records_total{topic=images}"] == 65
    assert samples["petawatch_connect_bytes_total{topic=images}"] == 1_671_268
    assert samples["petawatch_connect_blocks_total{topic=spectra}"] == 0
    assert samples["petawatch_connect_files_total{result=sent}"] == 1
    assert samples["petawatch_connect_files_total{result=skipped}"] == 2


def test_the_age_of_the_oldest_file_grows_while_nothing_is_sent(
    watch: WatchMetrics, connector: ConnectorMetrics, clock: ManualClock
) -> None:
    connector.set_unsent(3, clock.now_ns() - 10 * SECOND_NS)
    clock.advance(20)
    samples = read(watch, "unsent")
    assert samples["petawatch_connect_unsent_files"] == 3
    assert samples["petawatch_connect_oldest_unsent_age_seconds"] == 30
    connector.set_unsent(0, clock.now_ns())
    assert read(watch, "oldest_unsent")["petawatch_connect_oldest_unsent_age_seconds"] == 0
    connector.set_unsent(1, clock.now_ns() + SECOND_NS)
    assert read(watch, "oldest_unsent")["petawatch_connect_oldest_unsent_age_seconds"] == 0


def test_seconds_of_waiting_add_up_while_they_pass(
    watch: WatchMetrics, connector: ConnectorMetrics, clock: ManualClock
) -> None:
    def held_s() -> float:
        return read(watch, "held_back")["petawatch_connect_held_back_seconds_total"]

    connector.set_held_back(False)
    clock.advance(5)
    assert held_s() == 0
    connector.set_held_back(True)
    clock.advance(3)
    assert held_s() == 3
    connector.set_held_back(True)
    clock.advance(1)
    connector.set_held_back(False)
    clock.advance(100)
    assert held_s() == 4


def test_how_long_the_cluster_has_been_away(
    watch: WatchMetrics, connector: ConnectorMetrics, clock: ManualClock
) -> None:
    connector.set_kafka_away(True)
    clock.advance(2)
    connector.set_kafka_away(True)
    clock.advance(2)
    assert read(watch, "away")["petawatch_connect_kafka_away_seconds"] == 4
    connector.set_kafka_away(False)
    connector.set_ahead(12.5)
    assert read(watch, "away")["petawatch_connect_kafka_away_seconds"] == 0
    assert read(watch, "ahead")["petawatch_connect_ahead_seconds"] == 12.5

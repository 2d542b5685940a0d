"""Names, units and number of the metrics: as Prometheus wants them, for a facility of 94 cameras and 250 sensors."""

import re
from collections.abc import Iterator

import numpy as np
import pytest
from prometheus_client import generate_latest

from connectors.archive.outbox_lines import Sink, SinkLag
from models.devices import RecordKind, Stage, parse_device
from models.images.shadow_comparison import ShadowCounts
from models.records import SourceReference
from models.results import FEATURE_NAMES, ScoredBlock, Scoring
from models.triplets.decided import TripletTable
from servers.prometheus_server import promtool
from streams.archive.tape.tape_metrics import TapeMetrics
from streams.archive.uploading.archive_metrics import ArchiveMetrics
from streams.facility.facility_metrics import ConnectorMetrics, Partition, WorkerMetrics
from streams.metrics import WatchMetrics
from streams.topology import TOPICS, AgentName, TopicSettings, inputs_of, partition_count
from tests.support.manual_clock import ManualClock
from tests.unit.streams.alarms.test_incident_metrics import most_figures

#: Of a facility, all processes together.
MOST_SERIES = 5_000
WORKERS = 4
STAGES = [Stage("LA", f"A{amp}", f"{amp}{arm}") for amp in (1, 2, 3) for arm in (1, 2)] * 2


def devices() -> Iterator[str]:
    """94 cameras; 250 sensors, most of them of the kind with the most series."""
    for number in range(94):
        yield f"L{'AB'[number % 2]}_A{number % 3 + 1}_{number % 3 + 1}1-Camera_{number}-Camera-1"
    for number in range(220):
        yield f"LA_A{number % 3 + 1}_{number % 3 + 1}1-EM_{number}-EnergyMeter-1"
    for number in range(30):
        yield f"LB_A{number % 3 + 1}_{number % 3 + 1}1-SP_{number}-Spectrometer-1"


def a_shot(name: str, clock: ManualClock) -> ScoredBlock:
    device = parse_device(name)
    return ScoredBlock(
        device=device,
        source=SourceReference(file="a.h5", sha256="00"),
        event_time_ns=np.array([clock.now_ns()]),
        state=np.zeros(1, np.uint8),
        refusal=np.zeros(1, np.uint8),
        admission=np.zeros(1, np.uint8),
        fires=np.ones(1, np.bool_),
        scoring=np.full(1, Scoring.SCORED, np.uint8),
        score=np.ones(1, np.float32),
        anomalous=np.zeros(1, np.bool_),
        reasons=np.zeros(1, np.uint32),
        features=np.ones((1, len(FEATURE_NAMES[device.kind]))),
        interval_hz=10.0,
        model="a model" if device.kind is RecordKind.CAMERA else "",
    )


def shots(stage: Stage) -> TripletTable:
    some, none = np.ones(1, np.bool_), np.zeros(1)
    return TripletTable(
        stage=stage, event_time_ns=np.ones(1, np.int64), idle=~some, complete=some,
        missing_kinds=none.astype(np.uint8), missing_devices=("",), devices=none.astype(np.uint16),
        score=none.astype(np.float32), anomalous=~some, reasons=none.astype(np.uint32), energy_j=none, interval_hz=none,
    )  # fmt: skip


def filled_watch(clock: ManualClock) -> WatchMetrics:
    """All that a watch can tell of the whole facility, with the archive beside it."""
    metrics = WatchMetrics(clock)
    for name in devices():
        metrics.scored(a_shot(name, clock))
    metrics.triplets([shots(stage) for stage in STAGES])
    for number in range(1_000):
        metrics.model_refused(f"reason {number}")
    metrics.incidents.show(most_figures(STAGES))
    metrics.set_stalled("disk_full")
    metrics.set_model("a model")
    metrics.set_shadow("another")
    metrics.shadow_compared(ShadowCounts(frames=1))
    metrics.set_queue_depth(1)
    metrics.set_ledger(read=2, ended=1, pending=1)
    ArchiveMetrics(metrics.registry, clock).show({sink: SinkLag() for sink in Sink}, {})
    return metrics


def filled_worker(clock: ManualClock, metrics: WatchMetrics) -> None:
    """Partitions of every agent, and dead letters for every reason that is shown."""
    worker, settings = WorkerMetrics(metrics, clock), TopicSettings()
    partitions = {row.name: partition_count(row, settings) for row in TOPICS}
    lags = {}
    for agent in AgentName:
        topics = inputs_of(agent)
        numbers = range(max(partitions[topic] for topic in topics))
        worker.assigned(agent, numbers)
        for number in numbers:
            lags[Partition(agent, number)] = 1.0
            for topic in topics:
                worker.set_waiting(agent, topic, number, 1)
        for number in range(60):
            worker.dead_letter(agent, f"reason {number}")
    worker.set_lags(lags)


def exposed(metrics: WatchMetrics | TapeMetrics) -> str:
    return generate_latest(metrics.registry).decode()


def series(text: str) -> int:
    return sum(1 for line in text.splitlines() if line and not line.startswith("#"))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def test_a_watch_of_a_whole_facility_has_few_series(clock: ManualClock) -> None:
    text = exposed(filled_watch(clock))
    assert text.count("petawatch_data_age_seconds{") == 344
    assert 1_500 < series(text) <= MOST_SERIES / 2


def test_a_facility_has_few_series_in_all(clock: ManualClock) -> None:
    """One worker has all devices and partitions, as if the others had died: the others' share counts twice."""
    first = filled_watch(clock)
    filled_worker(clock, first)
    others = [WatchMetrics(clock) for _ in range(WORKERS - 1)]
    for each in others:
        WorkerMetrics(each, clock)
    connector = WatchMetrics(clock)
    ConnectorMetrics(connector.registry, clock)
    processes: list[WatchMetrics | TapeMetrics] = [first, *others, connector, TapeMetrics(clock)]
    in_all = sum(series(exposed(each)) for each in processes)
    assert 2_000 < in_all <= MOST_SERIES


@pytest.mark.usefixtures("prometheus_programs")
def test_promtool_finds_nothing_to_complain_about(clock: ManualClock) -> None:
    metrics = filled_watch(clock)
    filled_worker(clock, metrics)
    ConnectorMetrics(metrics.registry, clock)
    done = promtool("check", "metrics", given=exposed(metrics))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_units_are_base_units_and_counters_end_in_total(clock: ManualClock) -> None:
    metrics = filled_watch(clock)
    filled_worker(clock, metrics)
    ConnectorMetrics(metrics.registry, clock)
    for family in metrics.registry.collect():
        if family.name.startswith("petawatch_"):
            assert not re.search(r"(_ms|_us|_ns|_minutes|_hours|_kb|_mb|_percent|_total|_count|_sum)$", family.name)
            assert family.documentation.endswith(".")


def test_no_series_tells_when_another_one_was_made(clock: ManualClock) -> None:
    assert "_created" not in exposed(filled_watch(clock))

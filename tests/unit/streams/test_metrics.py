"""What Prometheus is told, read back through its own parser."""

import time

import numpy as np
import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from connectors.snapshots.manifest import DeadReason
from connectors.webhooks.sender import WebhookCounts
from models.alerts.alert import (
    Alert,
    AlertChange,
    AlertEvent,
    AlertKind,
    AlertSource,
    AlertStatus,
    Severity,
)
from models.devices import Stage, parse_device
from models.event_time import DAY_NS, SECOND_NS
from models.images.shadow_comparison import ShadowCounts
from models.records import SourceReference
from models.results import FEATURE_NAMES, Outcome, ScoredBlock, Scoring
from models.triplets.decided import OUTCOME_CODES, DecidedBlock
from streams.metrics import WatchMetrics
from tests.support.manual_clock import ManualClock

CAMERA = "LA_A3_32-Camera_1-Camera-1"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def metrics(clock: ManualClock) -> WatchMetrics:
    return WatchMetrics(clock)


def read(metrics: WatchMetrics) -> dict[str, float]:
    """Every sample as ``name{label="value",...}``."""
    samples = {}
    for family in text_string_to_metric_families(generate_latest(metrics.registry).decode()):
        for sample in family.samples:
            labels = ",".join(f"{key}={value}" for key, value in sorted(sample.labels.items()))
            samples[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return samples


def block(
    times_ns: list[int], scores: list[float] | None = None, scoring: Scoring = Scoring.SCORED, name: str = CAMERA
) -> ScoredBlock:
    device, n = parse_device(name), len(times_ns)
    values = np.array(scores if scores is not None else [0.0] * n, dtype=np.float32)
    return ScoredBlock(
        device=device,
        source=SourceReference(file="a.h5", sha256="00"),
        event_time_ns=np.array(times_ns, dtype=np.int64),
        state=np.zeros(n, dtype=np.uint8),
        refusal=np.zeros(n, dtype=np.uint8),
        admission=np.zeros(n, dtype=np.uint8),
        fires=np.ones(n, dtype=np.bool_),
        scoring=np.full(n, scoring, dtype=np.uint8),
        score=values,
        anomalous=values > 4,
        reasons=np.zeros(n, dtype=np.uint32),
        features=np.zeros((n, len(FEATURE_NAMES[device.kind]))),
        interval_hz=10.0,
    )


def alert(change: AlertChange) -> AlertEvent:
    return AlertEvent(
        change=change,
        alert=Alert(
            id="0" * 16,
            kind=AlertKind.NO_BEAM,
            severity=Severity.HIGH,
            status=AlertStatus.OPEN,
            stage=Stage("LA", "A3", "32"),
            device="",
            first_shot_ns=0,
            last_shot_ns=0,
            shots=1,
            score=0.0,
            reasons=(),
            model="",
            source=AlertSource(file="a.h5", sha256="", path=""),
        ),
    )


def test_every_series_with_bounded_labels_is_there_from_the_start(metrics: WatchMetrics) -> None:
    samples = read(metrics)
    assert samples["petawatch_records_total{kind=camera,outcome=triplet}"] == 0
    assert samples["petawatch_alerts_opened_total{kind=stuck_frame,severity=low}"] == 0
    assert samples["petawatch_files_total{result=replaced}"] == 0
    assert samples["petawatch_score_count{kind=spectrometer}"] == 0
    assert samples["process_resident_memory_bytes"] > 0


def test_scores_are_counted_per_class_as_prometheus_would(metrics: WatchMetrics, clock: ManualClock) -> None:
    now_ns = clock.now_ns()
    scores = [0.2, 0.5, 0.7, 3.0, 9.0, 99.0, float("nan"), float("inf")]
    metrics.scored(block([now_ns] * 8, scores))
    metrics.scored(block([now_ns] * 3, [7.0] * 3, Scoring.LEARNING))
    metrics.scored(block([]))
    samples = read(metrics)
    for bound, count in (("0.5", 2), ("1.0", 3), ("2.5", 3), ("3.0", 4), ("10.0", 5), ("30.0", 5), ("+Inf", 6)):
        assert samples[f"petawatch_score_bucket{{kind=camera,le={bound}}}"] == count
    assert samples["petawatch_score_count{kind=camera}"] == 6
    assert samples["petawatch_score_sum{kind=camera}"] == pytest.approx(112.4)
    assert samples["petawatch_scored_records_total{kind=camera,scoring=scored}"] == 8
    assert samples["petawatch_scored_records_total{kind=camera,scoring=learning}"] == 3
    assert samples["petawatch_anomalous_records_total{kind=camera}"] == 6  # the verdict is the stage's, as it stands


def test_records_are_counted_by_kind_and_outcome(metrics: WatchMetrics, clock: ManualClock) -> None:
    outcomes = [Outcome.TRIPLET, Outcome.TRIPLET, Outcome.LATE, Outcome.DEAD_LETTER]
    scored = block([clock.now_ns()] * 4)
    decided = DecidedBlock(
        scored=scored,
        outcome=np.array([OUTCOME_CODES[outcome] for outcome in outcomes], dtype=np.uint8),
        reasons=scored.reasons,
        anomalous=scored.anomalous,
    )
    metrics.decided([decided, decided])
    samples = read(metrics)
    assert samples["petawatch_records_total{kind=camera,outcome=triplet}"] == 4
    assert samples["petawatch_records_total{kind=camera,outcome=late}"] == 2
    assert samples["petawatch_records_total{kind=camera,outcome=dead_letter}"] == 2
    assert sum(value for name, value in samples.items() if name.startswith("petawatch_records_total")) == 8


def test_latency_is_that_of_openings_only(metrics: WatchMetrics, clock: ManualClock) -> None:
    closed_ns = clock.now_ns()
    clock.advance(0.8)
    metrics.alerts([alert(change) for change in AlertChange], closed_ns=closed_ns)
    metrics.alerts([alert(AlertChange.OPENED)])
    samples = read(metrics)
    assert samples["petawatch_alerts_opened_total{kind=no_beam,severity=high}"] == 2
    assert samples["petawatch_file_close_to_alert_seconds_count"] == 1
    assert samples["petawatch_file_close_to_alert_seconds_sum"] == pytest.approx(0.8)
    assert samples["petawatch_file_close_to_alert_seconds_bucket{le=0.75}"] == 0
    assert samples["petawatch_file_close_to_alert_seconds_bucket{le=1.0}"] == 1


def test_data_age_goes_on_growing_without_data(metrics: WatchMetrics, clock: ManualClock) -> None:
    age = f"petawatch_data_age_seconds{{device={CAMERA},kind=camera,stage=LA-A3-32}}"
    assert age not in read(metrics)
    now_ns = clock.now_ns()
    metrics.scored(block([now_ns - 3 * SECOND_NS, now_ns - 2 * SECOND_NS, now_ns - DAY_NS]))
    assert read(metrics)[age] == pytest.approx(2.0)
    clock.advance(60)
    assert read(metrics)[age] == pytest.approx(62.0)
    metrics.scored(block([now_ns - DAY_NS]))  # an old file: no newer data
    assert read(metrics)[age] == pytest.approx(62.0)
    metrics.scored(block([now_ns + 365 * DAY_NS]))  # a wild time does not hide the silence
    assert read(metrics)[age] == pytest.approx(62.0)
    metrics.scored(block([now_ns + 61 * SECOND_NS]))  # a clock that is a little ahead
    assert read(metrics)[age] == 0.0


def test_other_ages_are_computed_when_asked(metrics: WatchMetrics, clock: ManualClock) -> None:
    clock.advance(5)
    assert read(metrics)["petawatch_commit_age_seconds"] == pytest.approx(5)
    metrics.committed()
    metrics.delivery.set_outbox(3, clock.now_ns())
    clock.advance(7)
    samples = read(metrics)
    assert samples["petawatch_commit_age_seconds"] == pytest.approx(7)
    assert samples["petawatch_commits_total"] == 1
    assert samples["petawatch_outbox_messages"] == 3
    assert samples["petawatch_outbox_oldest_age_seconds"] == pytest.approx(7)
    metrics.delivery.set_outbox(0, None)
    assert read(metrics)["petawatch_outbox_oldest_age_seconds"] == 0


def test_the_plain_numbers(metrics: WatchMetrics) -> None:
    metrics.set_model("base-1")
    metrics.set_model("base-2")
    metrics.set_queue_depth(12)
    metrics.set_queue_depth(3, "units")
    metrics.set_ledger(read=100, ended=90, pending=8)
    metrics.set_evidence_bytes(10**9)
    metrics.delivery.set_webhooks(WebhookCounts(delivered=5, failed=2, given_up=1))
    metrics.file("skipped")
    metrics.dead_letters({"bad_time": 3})
    samples = read(metrics)
    assert [name for name in samples if name.startswith("petawatch_model")] == ["petawatch_model_info{model=base-2}"]
    assert samples["petawatch_queue_depth{queue=snapshots}"] == 12
    metrics.set_other_models(["base-1", "base-2"])
    shown = [name for name in read(metrics) if name.startswith("petawatch_model")]
    assert sorted(shown) == [f"petawatch_model_info{{model=base-{number}}}" for number in (1, 2)]
    assert samples["petawatch_queue_depth{queue=units}"] == 3
    assert samples["petawatch_ledger_records{state=pending}"] == 8
    assert samples["petawatch_ledger_unbalanced_records"] == 2
    assert samples["petawatch_evidence_bytes"] == 1e9
    assert samples["petawatch_webhook_deliveries_total{result=failed}"] == 2
    assert samples["petawatch_files_total{result=skipped}"] == 1
    assert samples["petawatch_dead_letters_total{reason=bad_time}"] == 3


def test_a_stall_is_shown_while_it_lasts(metrics: WatchMetrics) -> None:
    metrics.set_stalled("disk_full")
    assert read(metrics)["petawatch_stalled{reason=disk_full}"] == 1
    metrics.set_stalled("")
    assert metrics.stalled == ""
    assert not any(name.startswith("petawatch_stalled{") for name in read(metrics))


def test_the_number_of_series_is_bounded(metrics: WatchMetrics, clock: ManualClock) -> None:
    for number in range(1100):
        metrics.scored(block([clock.now_ns()], name=f"LA_A1_11-Camera_{number}"))
        metrics.dead_letters({f"reason {number}": 1})
    samples = read(metrics)
    assert sum(name.startswith("petawatch_data_age_seconds") for name in samples) == 1000
    reasons = {name: value for name, value in samples.items() if name.startswith("petawatch_dead_letters_total")}
    assert len(reasons) == 51
    assert reasons["petawatch_dead_letters_total{reason=other}"] == 1050 + len(DeadReason)  # which are always shown


def test_names_with_odd_characters_can_be_scraped(metrics: WatchMetrics, clock: ManualClock) -> None:
    metrics.scored(block([clock.now_ns()], name='LA_A1_11-"Camera"\n\\\udcff' + "x" * 1000))
    assert sum(name.startswith("petawatch_data_age_seconds") for name in read(metrics)) == 1


def test_the_loops_age_follows_every_sign_of_life(metrics: WatchMetrics, clock: ManualClock) -> None:
    signs = (
        metrics.loop_moved,
        metrics.committed,
        lambda: metrics.scored(block([])),
        lambda: metrics.set_stalled("disk_full"),
    )
    for sign in signs:
        clock.advance(30)
        assert metrics.loop_age_s == pytest.approx(30)
        sign()
        assert metrics.loop_age_s == 0


def test_updates_are_cheap(metrics: WatchMetrics, clock: ManualClock) -> None:
    images = block([clock.now_ns()] * 32, [1.0] * 32)
    best_s = min(_time(metrics, images) for _ in range(20))
    assert best_s < 0.005  # about 0.05 ms a block; 200 blocks a second may not cost a core


def _time(metrics: WatchMetrics, images: ScoredBlock) -> float:
    began_s = time.perf_counter()
    metrics.scored(images)
    return time.perf_counter() - began_s


def test_what_a_shadow_finds(metrics: WatchMetrics) -> None:
    metrics.shadow_compared(ShadowCounts())
    metrics.shadow_compared(ShadowCounts(frames=20, odd_both=3, odd_production=2, odd_shadow=1))
    metrics.shadow_compared(
        ShadowCounts(frames=1, alerts_production=4, alerts_shadow=3, alerts_shared=2, alerts_of_shadow_shared=1)
    )
    samples = read(metrics)
    frames = {finder: samples[f"petawatch_shadow_frames_total{{odd_for={finder}}}"] for finder in ("both", "neither")}
    assert frames == {"both": 3, "neither": 15}
    for role, opened, shared in (("production", 4, 2), ("shadow", 3, 1)):
        assert samples[f"petawatch_shadow_alerts_total{{model_role={role}}}"] == opened
        assert samples[f"petawatch_shadow_shared_alerts_total{{model_role={role}}}"] == shared


def test_the_age_of_the_loop_grows_until_it_moves(metrics: WatchMetrics, clock: ManualClock) -> None:
    clock.advance(130)
    assert read(metrics)["petawatch_loop_age_seconds"] == metrics.loop_age_s == 130
    metrics.loop_moved()
    assert read(metrics)["petawatch_loop_age_seconds"] == 0


def test_every_reason_of_a_dead_letter_is_there_from_the_start(metrics: WatchMetrics) -> None:
    samples = read(metrics)
    assert all(samples[f"petawatch_dead_letters_total{{reason={reason}}}"] == 0 for reason in DeadReason)

import numpy as np
import pytest
from scipy import stats

from models.devices import NO_STAGE, RecordKind, Stage
from models.evaluation import (
    KINDS,
    AlertSpan,
    Evaluation,
    EventRate,
    LabelledFault,
    Rate,
    ScoredRecords,
    evaluate,
    severity_word,
)
from models.results import Scoring

ONE, OTHER = Stage("LA", "A3", "31"), Stage("LA", "A3", "32")
HZ = 10.0
SHOT_NS = 100_000_000
CAMERA, METER = KINDS.index(RecordKind.CAMERA), KINDS.index(RecordKind.ENERGY_METER)


def fault(
    first: int, shots: int = 1, *, severity: float = 0.9, kind: str = "hot_spot", stage: Stage = ONE
) -> LabelledFault:
    return LabelledFault(
        stage=stage,
        device="camera",
        kind=kind,
        severity=severity,
        shots=shots,
        first_ns=first * SHOT_NS,
        last_ns=(first + shots - 1) * SHOT_NS,
    )


CAMERA_NAME, METER_NAME = "LA_A3_31-Camera_1-Camera-1", "LA_A3_31-EM_1-EnergyMeter-1"


def alert(
    first: int,
    last: int,
    *,
    stage: Stage = ONE,
    kind: str = "image_anomaly",
    device: str = CAMERA_NAME,
    opened: int | None = None,
    cause: str = "",
) -> AlertSpan:
    return AlertSpan(
        stage=stage,
        kind=kind,
        first_ns=first * SHOT_NS,
        last_ns=last * SHOT_NS,
        device=device,
        opened_ns=(first if opened is None else opened) * SHOT_NS,
        cause=cause,
    )


def records(shots: int, odd: tuple[int, ...] = (), odd_meter: tuple[int, ...] = (), learning: int = 0) -> ScoredRecords:
    """Camera and meter of two stages, ``shots`` each; odd shots are of the first stage."""
    n = np.arange(shots)
    scoring = np.where(n < learning, Scoring.LEARNING, Scoring.SCORED).astype(np.uint8)
    nothing = np.zeros(shots, np.bool_)
    return ScoredRecords(
        stages=[ONE, OTHER],
        event_time_ns=np.tile(n * SHOT_NS, 4),
        stage=np.repeat([0, 0, 1, 1], shots),
        kind=np.repeat([CAMERA, METER, CAMERA, METER], shots).astype(np.uint8),
        scoring=np.tile(scoring, 4),
        anomalous=np.concatenate([np.isin(n, odd), np.isin(n, odd_meter), nothing, nothing]),
    )


def cell(evaluation: Evaluation, kind: str, severity: str) -> tuple[int, int, int, int]:
    (found,) = [one for one in evaluation.detections if (one.kind, one.severity) == (kind, severity)]
    return found.faults.count, found.faults.total, found.frames.count, found.frames.total


def test_a_fault_is_found_when_an_alert_of_its_stage_overlaps_it() -> None:
    faults = [fault(10, 3), fault(50), fault(70), fault(90, stage=OTHER)]
    evaluation = evaluate(faults, records(100), [alert(12, 20), alert(51, 60), alert(90, 90)], rate_hz=HZ)

    assert cell(evaluation, "hot_spot", "strong") == (1, 4, 0, 6)
    assert evaluation.false_episodes["camera"].count == 2  # one beside the fault, one in the wrong stage


def test_frames_count_any_anomalous_record_of_the_stage_once_per_shot() -> None:
    faults = [fault(10, 4, severity=0.1), fault(30, 2, severity=0.5, kind="rings")]
    evaluation = evaluate(faults, records(100, odd=(10, 12, 40), odd_meter=(10, 11, 30)), [], rate_hz=HZ)

    assert cell(evaluation, "hot_spot", "mild") == (0, 1, 3, 4)
    assert cell(evaluation, "rings", "medium") == (0, 1, 1, 2)
    assert cell(evaluation, "", "mild") == (0, 1, 3, 4)
    assert cell(evaluation, "", "") == (0, 2, 4, 6)


def test_detections_are_listed_by_kind_and_severity_and_then_together() -> None:
    faults = [fault(1, severity=0.9), fault(5, severity=0.1), fault(9, severity=0.5, kind="clipped")]
    evaluation = evaluate(faults, records(20), [], rate_hz=HZ)

    assert [(one.kind, one.severity) for one in evaluation.detections] == [
        ("clipped", "medium"),
        ("hot_spot", "mild"),
        ("hot_spot", "strong"),
        ("", "mild"),
        ("", "medium"),
        ("", "strong"),
        ("", ""),
    ]


def test_false_positives_are_of_normal_scored_records_only() -> None:
    everything = records(100, odd=(5, 10, 11, 60, 99), odd_meter=(61,), learning=8)
    evaluation = evaluate([fault(10, 2)], everything, [], rate_hz=HZ)

    cameras = evaluation.false_positives["camera"]
    assert (cameras.count, cameras.total) == (2, 2 * 92 - 2)  # shot 5 was learned from, 10 and 11 are labelled
    assert evaluation.false_positives["energy_meter"].count == 1
    assert evaluation.false_positives["spectrometer"].total == 0
    assert evaluation.frames == {"normal": 182, "labelled": 2, "learning": 16, "dark": 0, "thinned": 0, "none": 0}


def test_a_labelled_stretch_protects_its_own_stage_only() -> None:
    everything = records(100, odd=(10,))
    evaluation = evaluate([fault(10, stage=OTHER)], everything, [], rate_hz=HZ)

    assert evaluation.false_positives["camera"].count == 1


def test_times_agree_within_half_a_shot() -> None:
    near, far = (
        AlertSpan(stage=ONE, kind="image_anomaly", first_ns=time, last_ns=time, device=CAMERA_NAME)
        for time in (1_049_000_000, 1_051_000_000)
    )

    assert evaluate([fault(10)], records(20), [near], rate_hz=HZ).false_episodes["camera"].count == 0
    assert evaluate([fault(10)], records(20), [far], rate_hz=HZ).false_episodes["camera"].count == 1


def test_false_episodes_are_per_hours_of_what_they_are_about() -> None:
    alerts = [
        alert(20, 30),
        alert(40, 41, kind="energy_outlier", device=METER_NAME),
        alert(50, 51, kind="energy_outlier", device=METER_NAME),
        alert(60, 61, kind="incomplete_triplet", device=""),
        alert(70, 71, kind="snapshot_missing", device="", stage=NO_STAGE),
    ]
    evaluation = evaluate([], records(3700, learning=100), alerts, rate_hz=HZ)
    episodes = evaluation.false_episodes

    assert {subject: rate.count for subject, rate in episodes.items()} == {
        "camera": 1,
        "energy_meter": 2,
        "spectrometer": 0,
        "stage": 1,
        "installation": 1,
    }
    assert episodes["camera"].hours == episodes["energy_meter"].hours == pytest.approx(2 * 3600 / HZ / 3600)
    assert episodes["spectrometer"].hours == 0
    assert episodes["stage"].hours == pytest.approx(0.2)  # two stages, whose camera and meter fire together
    assert episodes["installation"].hours == pytest.approx(3699 / HZ / 3600)
    assert episodes["energy_meter"].per(12) == pytest.approx((2 / 0.2 * 12, 0.2422093 / 0.2 * 12, 7.224688 / 0.2 * 12))
    assert evaluation.false_episodes_by_kind["energy_outlier"] == 2


def test_a_fault_of_three_shots_is_told_early_when_an_alert_opens_within_the_third() -> None:
    faults = [fault(10, 5), fault(30, 3), fault(50, 9), fault(70, 3), fault(90, 2)]
    alerts = [alert(10, 14, opened=12), alert(30, 33, opened=33), alert(45, 55, opened=46), alert(90, 91)]
    (detection,) = [one for one in evaluate(faults, records(100), alerts, rate_hz=HZ).detections if not one.severity]

    # the second opened too late, the third before the fault, the fourth has none, the last is too short to be asked
    assert (detection.early.count, detection.early.total) == (1, 4)


def test_a_cause_is_right_when_the_first_alert_that_names_one_names_the_kind() -> None:
    faults = [fault(10, 5), fault(30, 5), fault(50, 5), fault(70, 5)]
    alerts = [
        alert(11, 14, cause="hot_spot"),
        alert(10, 10, kind="incomplete_triplet", device=""),
        alert(32, 34, cause="hot_spot"),
        alert(31, 34, device=METER_NAME, cause="unknown"),
        alert(50, 52),
    ]
    (detection,) = [one for one in evaluate(faults, records(100), alerts, rate_hz=HZ).detections if not one.severity]

    assert (detection.named.count, detection.named.total) == (1, 2)


@pytest.mark.parametrize(("count", "total"), [(0, 10), (1, 10), (9, 10), (10, 10), (3, 30000)])
def test_intervals_of_rates_are_exact(count: int, total: int) -> None:
    expected = stats.binomtest(count, total).proportion_ci(0.95, method="exact")

    assert Rate(count=count, total=total).interval == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize("count", [0, 1, 7])
def test_intervals_of_counts_are_exact(count: int) -> None:
    low, high = EventRate(count=count, hours=1.0).interval_of_count

    assert stats.poisson.cdf(count, high) == pytest.approx(0.025)
    assert low == 0 if count == 0 else stats.poisson.sf(count - 1, low) == pytest.approx(0.025)


def test_nothing_at_all_is_said_as_null() -> None:
    document = evaluate([], records(0), [], rate_hz=HZ).to_json()

    assert document["detections"] == []
    assert document["false_positives"]["camera"]["rate"] is None
    assert document["false_positives"]["camera"]["high"] == 1.0
    assert document["false_episodes"]["camera"]["per_12h"] is None


def test_severities_have_their_borders_at_thirds() -> None:
    assert [severity_word(value) for value in (0.0, 0.333, 1 / 3, 2 / 3, 0.667, 1.0)] == [
        "mild",
        "mild",
        "medium",
        "medium",
        "strong",
        "strong",
    ]

import io

import numpy as np
from rich.console import Console

from dashboards.evaluation_table import print_evaluation
from models.devices import Stage
from models.evaluation import AlertSpan, LabelledFault, ScoredRecords, evaluate
from models.results import Scoring

STAGE = Stage("LA", "A3", "31")
CAMERA = "LA_A3_31-Camera_1-Camera-1"


def printed(shots: int) -> str:
    records = ScoredRecords(
        stages=[STAGE],
        event_time_ns=np.arange(shots) * 10**9,
        stage=np.zeros(shots, np.int64),
        kind=np.zeros(shots, np.uint8),
        scoring=np.full(shots, Scoring.SCORED, np.uint8),
        anomalous=np.arange(shots) % 50 == 10,
    )
    fault = LabelledFault(
        stage=STAGE, device="camera", kind="rings", severity=0.9, shots=1, first_ns=10 * 10**9, last_ns=10 * 10**9
    )
    alerts = [
        AlertSpan(
            stage=STAGE,
            kind="image_anomaly",
            first_ns=second * 10**9,
            last_ns=second * 10**9,
            device=CAMERA,
            cause="rings",
        )
        for second in (10, 60)
    ]
    stream = io.StringIO()
    print_evaluation(evaluate([fault], records, alerts, rate_hz=1.0), Console(file=stream, width=120))
    return stream.getvalue()


def test_the_table_says_what_was_found_and_what_was_not() -> None:
    text = printed(3601)

    assert "rings" in text
    assert "100.0 % (2.5 to 100.0)" in text
    assert "camera: 1.97e-02" in text
    assert "71 of 3600" in text
    assert "camera: 12.0 (0.3 to 66.8), 1 in 1.00 h" in text
    assert "energy_meter: -, 0; none was watched" in text
    assert "strong: -, 0 of 0" in text  # no fault has three shots
    assert "strong: 100.0 % (2.5 to 100.0), 1 of 1" in text
    assert "image_anomaly: 1" in text
    assert "Camera frames: 3600 normal, 1 in labelled stretches, 0 learning, 0 dark, 0 thinned, 0 refused." in text


def test_without_any_frame_there_is_no_rate() -> None:
    text = printed(0)

    assert "camera: -, 0 of 0" in text
    assert "camera: -, 1; none was watched" in text


def test_without_faults_only_what_was_raised_for_nothing_is_shown() -> None:
    stream = io.StringIO()
    records = ScoredRecords(
        stages=[],
        event_time_ns=np.zeros(0, np.int64),
        stage=np.zeros(0, np.int64),
        kind=np.zeros(0, np.uint8),
        scoring=np.zeros(0, np.uint8),
        anomalous=np.zeros(0, np.bool_),
    )
    print_evaluation(evaluate([], records, [], rate_hz=1.0), Console(file=stream, width=80, force_terminal=True))
    assert stream.getvalue().startswith("There are no labelled faults.\n")
    assert "within the third" not in stream.getvalue()

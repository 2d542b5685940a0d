"""A labelled day from end to end with the shipped model, on beam shapes that no choice was made on."""

from pathlib import Path

import pytest

from models.evaluation import Evaluation
from models.simulation.settings import ShapeSet, SimulationSettings
from streams.evaluation import evaluate_state
from streams.simulation.files import simulate
from tests.support.watch_results import WatchResults, read_results
from tests.support.watching import watch_once


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """4 stages x 12 minutes at 10 Hz, watched."""
    folder = tmp_path_factory.mktemp("labelled")
    watch_once(simulate(folder, SimulationSettings(minutes=12, stages=4, shapes=ShapeSet.PROOF)), folder / "state")
    return folder


@pytest.fixture(scope="module")
def evaluation(folder: Path) -> Evaluation:
    """The labels against what the watch found."""
    return evaluate_state(folder / "labels.json", folder / "state")


@pytest.fixture(scope="module")
def results(folder: Path) -> WatchResults:
    """All that the watch found."""
    return read_results(folder / "state")


def test_strong_faults_are_found(evaluation: Evaluation) -> None:
    [strong] = [each for each in evaluation.detections if (each.kind, each.severity) == ("", "strong")]
    assert strong.faults.total >= 30
    assert strong.faults.count >= 0.95 * strong.faults.total


def test_few_normal_frames_are_taken_for_odd(evaluation: Evaluation) -> None:
    frames = evaluation.false_positives["camera"]
    assert frames.total > 20_000
    assert frames.count <= 1e-3 * frames.total


def test_few_episodes_are_raised_for_nothing(evaluation: Evaluation) -> None:
    cameras = evaluation.false_episodes["camera"]
    assert cameras.hours > 0.6
    assert sum(rate.count for rate in evaluation.false_episodes.values()) <= 3 * cameras.hours


def test_faults_are_told_early_and_named_rightly(evaluation: Evaluation) -> None:
    [strong] = [each for each in evaluation.detections if (each.kind, each.severity) == ("", "strong")]
    assert strong.early.total >= 10
    assert strong.early.count >= 0.9 * strong.early.total
    assert strong.named.total >= 20
    assert strong.named.count >= 0.8 * strong.named.total


def test_every_record_is_accounted_for(results: WatchResults) -> None:
    """12 minutes x 60 s x 10 shots x 4 stages x 3 devices, but for the records that the labels say are missing."""
    records = results.ledger["records"]
    assert 86_000 < records["read"] <= 86_400
    assert results.ledger["balanced"]
    assert {name for name, count in records.items() if count} <= {"read", "triplet", "incomplete", "idle", "invalid"}
    assert sum(results.outcomes().values()) == records["read"]
    assert len(results.triplets) == 28_800


def test_alerts_show_what_an_operator_needs(results: WatchResults, folder: Path) -> None:
    assert {alert["status"] for alert in results.alerts} == {"closed"}  # the input has ended
    images = [alert for alert in results.alerts_of("image_anomaly") if alert["device"]]
    assert len(images) > 20
    for alert in images:
        assert alert["first_shot"] <= alert["last_shot"]
        assert {link["role"] for link in alert["evidence"]} <= {"first", "worst", "last"}
        assert alert["evidence"]
        assert alert["model"]
        assert alert["source"]["path"].endswith(f"/{alert['device']}")
        for link in alert["evidence"]:
            assert (folder / "state" / link["png"]).read_bytes().startswith(b"\x89PNG")
            assert (folder / "state" / link["npz"]).is_file()

"""What the registry is told of a training."""

import importlib.util
import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from connectors.clock import SystemClock
from connectors.model_files import default_model
from models.simulation.settings import SimulationSettings
from models.training.settings import TrainingSettings
from streams.model_promotion import list_versions
from streams.settings import load_settings
from streams.simulation.files import simulate
from streams.training import train_model
from streams.training_record import SampleFrame, record_report, training_record
from tests.support.registries import state_with_registry

needs_training = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is None,
    reason="needs the training extra: pip install 'petawatch[training]'",
)

BUNDLE = replace(
    default_model(),
    trained_on={
        "epochs": 3,
        "files": {"a.h5": "11", "b.h5": "22"},
        "settings": {"batch_frames": 32, "gap": [1, 2]},
        "start": None,
    },
    library_versions={"numpy": "2.4"},
)


@dataclass(frozen=True)
class Point:
    training_error: float
    validation_error: float


def sample(camera: str) -> SampleFrame:
    rows, columns = np.mgrid[:102, :128]
    beam = 2000 * np.exp(-(((rows - 50) / 15) ** 2) - ((columns - 60) / 20) ** 2)
    return SampleFrame(camera=camera, event_time_ns=1_656_667_800_000_000_000, cleaned=beam.astype(np.float32))


def test_parameters_metrics_curves_and_pictures() -> None:
    record = training_record(
        BUNDLE,
        metrics={"validation_error": 0.1, "unknown": math.nan},
        curve=[Point(0.5, 0.6), Point(0.3, 0.4)],
        samples=[sample("LA_A3_32-Camera_1-Camera-1"), sample("../odd name")],
        recorded_ns=7,
    )
    files = record.parameters.pop("files_sha256")  # type: ignore[attr-defined]
    assert record.parameters == {
        "epochs": 3,
        "files": 2,
        "settings.batch_frames": 32,
        "settings.gap": "[1, 2]",
        "start": "null",
        "library.numpy": "2.4",
    }
    assert len(str(files)) == 64
    assert record.metrics == {"validation_error": 0.1}
    assert record.curves == {"epoch_training_error": [0.5, 0.3], "epoch_validation_error": [0.6, 0.4]}
    assert list(record.pictures) == ["00-odd-name", "01-LA-A3-32-Camera-1-Camera-1"]
    assert all(picture.startswith(b"\x89PNG") for picture in record.pictures.values())
    assert record.in_use
    assert record.recorded_ns == 7


def test_without_samples_there_are_no_pictures() -> None:
    record = training_record(BUNDLE, metrics={}, curve=[], samples=[], recorded_ns=7)
    assert record.pictures == {}


@pytest.mark.training
@needs_training
def test_a_training_is_recorded_with_what_it_reached(tmp_path: Path) -> None:
    state = state_with_registry(tmp_path / "state")
    simulate(tmp_path, SimulationSettings(minutes=2, stages=1, cameras_per_stage=2, faults=False))
    small = TrainingSettings(
        epochs=2, frames_per_camera=60, frames_in_total=60, minimum_frames=20, fine_tuning_epochs=0
    )
    settings = load_settings(None)
    report = train_model([tmp_path / "data"], state, settings, training=small)
    assert "as version 1 of" in record_report(state, settings, report, SystemClock())
    (listed,) = list_versions(state, settings)
    version = listed.registered
    assert (version.model, version.aliases, listed.in_use) == (report.model, ("candidate", "production"), True)
    assert version.metrics["validation_error"] == pytest.approx(report.validation_error)
    assert version.metrics["epoch_training_error"] == pytest.approx(report.curve[-1].training_error)
    assert version.parameters["training.epochs"] == "2"
    assert len(list((state / "mlflow-artifacts").rglob("*.png"))) == 2

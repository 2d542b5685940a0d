"""`petawatch train`: from snapshots to an installed model, and what stands in its way."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from connectors.model_files import default_model, installed_model, load_model
from models.devices import parse_device
from models.errors import FatalError
from models.images.dark_tracker import CleaningSettings
from models.records import IMAGE_SHAPE, RecordBlock, SourceReference
from models.simulation.settings import SimulationSettings
from models.training.settings import TrainingSettings
from models.training.virtual_cameras import VirtualCameraSettings
from models.validity import ValidityLimits
from streams.default_model import make_default_model
from streams.settings import Settings
from streams.simulation import simulate
from streams.training import _Collection, train_model

SMALL = TrainingSettings(epochs=1, frames_per_camera=60, frames_in_total=60, minimum_frames=20)
EXTRA = "needs the training extra: pip install 'petawatch[training]'"
needs_training = pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason=EXTRA)


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = SimulationSettings(minutes=2, stages=1, cameras_per_stage=2, hz=10, faults=False)
    out = tmp_path_factory.mktemp("day")
    simulate(out, settings)
    return out / "data"


@pytest.mark.training
@needs_training
def test_a_day_becomes_an_installed_model(day: Path, tmp_path: Path) -> None:
    (day / "damaged.h5").write_bytes(b"\x89HDF\r\n\x1a\nbut no more than that")
    told: list[tuple[int, int]] = []
    try:
        report = train_model([day], tmp_path, Settings(), lambda *at: told.append(at), training=SMALL)
    finally:
        (day / "damaged.h5").unlink()
    bundle = load_model(report.folder)
    assert installed_model(tmp_path) == bundle
    assert bundle.name == report.model != default_model().name
    assert (report.cameras, report.epochs) == (2, 1)
    assert 30 <= report.frames <= 60
    assert report.validation_error <= report.start_error < 0.3
    assert len(bundle.trained_on["files_sha256"]) == 2
    assert set(bundle.seeds) == set(default_model().seeds)
    assert "1 snapshot could not be read" in report.sentence()
    assert told == sorted(told)
    assert told[-1] == (7, 7)


@pytest.mark.training
@needs_training
def test_the_default_model_is_made_from_simulated_cameras(tmp_path: Path) -> None:
    bundle = make_default_model(
        tmp_path / "model",
        cameras=VirtualCameraSettings(cameras=3),
        training=SMALL,
        calibration=SimulationSettings(stages=1, minutes=2, faults=False),
    )
    assert load_model(tmp_path / "model") == bundle
    assert bundle.trained_on["simulation"]["cameras"]["cameras"] == 3
    assert bundle.trained_on["training_frames"] + bundle.trained_on["validation_frames"] == 36


def test_a_folder_without_snapshots(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match=r"there are no snapshots in .*; name a folder") as error:
        train_model([tmp_path], tmp_path / "state", Settings())
    assert error.value.reason == "training_files"


def test_without_the_training_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FatalError, match=r"pip install 'petawatch\[training\]'") as error:
        train_model([tmp_path], tmp_path / "state", Settings())
    assert error.value.reason == "training_extra"


def test_minutes_without_beam(day: Path, tmp_path: Path) -> None:
    first = min(day.rglob("*.h5"))
    (tmp_path / "10Hz").mkdir()
    (tmp_path / "10Hz" / first.name).write_bytes(first.read_bytes())
    with pytest.raises(FatalError, match="all images are dark") as error:
        train_model([tmp_path], tmp_path / "state", Settings(), training=SMALL)
    assert error.value.reason == "training_frames"
    assert not (tmp_path / "state").exists()


def block(payload: NDArray[np.uint16], *, camera: int = 1, state: int = 0) -> RecordBlock:
    count = len(payload)
    return RecordBlock(
        device=parse_device(f"LA_A3_31-Camera_{camera}-Camera-{camera}"),
        source=SourceReference(file="f", sha256=""),
        event_time_ns=np.arange(count, dtype=np.int64),
        state=np.full(count, state, np.uint8),
        refusal=np.zeros(count, np.uint8),
        payload=payload,
        hdf5_group=("",) * count,
        interval_hz=10.0,
    )


def beam(count: int, peak: float, seed: int = 1) -> NDArray[np.uint16]:
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[: IMAGE_SHAPE[0], : IMAGE_SHAPE[1]]
    shape = peak * np.exp(-((rows - 50) ** 2 + (columns - 64) ** 2) / (2 * 14.0**2))
    frames = 40 + shape * random.normal(1, 0.01, (count, 1, 1)) + random.normal(0, 3, (count, *IMAGE_SHAPE))
    counts: NDArray[np.uint16] = np.clip(frames, 0, 4092).astype(np.uint16)
    return counts


def collection(settings: TrainingSettings = SMALL) -> _Collection:
    return _Collection(CleaningSettings(), ValidityLimits(), settings)


def test_frames_of_many_cameras_share_the_room() -> None:
    collected = collection(replace(SMALL, frames_in_total=60, frames_per_camera=60))
    for camera in range(1, 5):
        collected.add(block(beam(50, 2000, seed=camera), camera=camera))
    frames = collected.normal_frames()
    assert len(frames) == 4
    assert 20 <= sum(map(len, frames)) <= 60


@pytest.mark.parametrize(
    ("payload", "state", "words"),
    [
        (beam(10, 2000), 0, "there are 10; name more snapshots"),
        (beam(40, 60_000), 0, "40 frames are saturated"),
        (beam(40, 0), 0, "all images are dark"),
        (beam(40, 2000), 5, "there are no valid camera images"),
        (np.zeros((40, 10, 10), np.uint16), 0, "there are no valid camera images"),
    ],
    ids=["few", "saturated", "dark", "off", "shape"],
)
def test_why_there_are_too_few_frames(payload: NDArray[np.uint16], state: int, words: str) -> None:
    collected = collection()
    collected.add(block(payload, state=state))
    with pytest.raises(FatalError, match=words) as error:
        collected.normal_frames()
    assert error.value.reason == "training_frames"

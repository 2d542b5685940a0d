"""`petawatch train`: from snapshots to an installed model, and what stands in its way."""

import hashlib
import importlib.util
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from connectors.model_files import default_model, installed_model, load_model
from models.devices import parse_device
from models.errors import FatalError
from models.images.camera_stage import CameraSettings
from models.images.frame_scores import IMAGE_SCORES
from models.records import IMAGE_SHAPE, RecordBlock, SourceReference
from models.simulation.settings import SimulationSettings
from models.training.camera_frames import Stretch
from models.training.settings import TrainingSettings
from models.training.virtual_cameras import VirtualCameraSettings
from streams.command_line import run
from streams.default_model import make_default_model
from streams.settings import Settings
from streams.simulation.files import simulate
from streams.training import train_model
from streams.training.gathering import FrameGathering

SMALL = TrainingSettings(epochs=1, frames_per_camera=60, frames_in_total=60, minimum_frames=20, fine_tuning_epochs=1)
RESUMED = replace(SMALL, epochs=3)
EXTRA = "needs the training extra: pip install 'petawatch[training]'"
needs_training = pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason=EXTRA)


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = SimulationSettings(minutes=2, stages=1, cameras_per_stage=2, hz=10, faults=False)
    out = tmp_path_factory.mktemp("day")
    simulate(out, settings)
    return out / "data"


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.training
@needs_training
def test_a_day_becomes_an_installed_model(day: Path, tmp_path: Path) -> None:
    good_files = sorted(day.rglob("*.h5"))
    (day / "damaged.h5").write_bytes(b"\x89HDF\r\n\x1a\nbut no more than that")
    told: list[tuple[int, int]] = []
    try:
        report = train_model([day], tmp_path, Settings(), lambda *at: told.append(at), training=SMALL)
    finally:
        (day / "damaged.h5").unlink()
    bundle = load_model(report.folder)
    assert installed_model(tmp_path) == bundle == report.bundle
    assert bundle.name == report.model != default_model().name
    assert (len(report.cameras), report.epochs, len(report.curve)) == (2, 1, 1)
    assert 30 <= report.frames <= 60
    assert report.validation_error <= report.start_error < 0.3
    for camera in report.cameras:
        counts = camera.counts
        assert counts.beam > counts.sampled == 30
        assert 25 <= camera.learned + camera.later <= 30 - counts.unusual - counts.outliers
        assert camera.tuned is not None
    told_files = bundle.trained_on["files"]
    assert told_files == {path.relative_to(day).as_posix(): sha256(path) for path in good_files}
    assert bundle.trained_on["training"]["seed"] == SMALL.seed
    assert bundle.trained_on["start"] == default_model().name
    assert bundle.library_versions["tensorflow"]
    assert set(bundle.seeds) == set(IMAGE_SCORES)
    assert "1 snapshot could not be read" in report.sentence()
    assert told == sorted(told)
    assert told[-1] == (7, 7)


@pytest.mark.training
@needs_training
def test_components_are_trained_and_installed_when_they_are_chosen(day: Path, tmp_path: Path) -> None:
    report = train_model([day], tmp_path, Settings(), training=replace(SMALL, architecture="pca"))
    bundle = installed_model(tmp_path)
    assert bundle == report.bundle
    assert bundle.trained_on["training"]["architecture"] == "pca"
    assert report.validation_error < report.start_error
    assert all(camera.tuned is None for camera in report.cameras)
    with pytest.raises(FatalError, match="train a new one with --anew"):
        train_model([day], tmp_path, Settings(), training=SMALL)


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


def gathering(settings: TrainingSettings = SMALL) -> FrameGathering:
    return FrameGathering(CameraSettings(), settings)


NETWORK = default_model().autoencoder()


def test_frames_of_many_cameras_share_the_room() -> None:
    gathered = gathering(replace(SMALL, frames_in_total=60, frames_per_camera=60))
    for camera in range(1, 5):
        gathered.add(block(beam(50, 2000, seed=camera), camera=camera))
    frames = gathered.normal_frames(NETWORK)
    assert [camera.counts.sampled for camera in frames] == [15] * 4
    assert gathered.offered == 200


def test_what_is_left_out_is_counted() -> None:
    payload = beam(60, 2000)
    payload[7] = payload[6]  # stuck
    payload[20:30] = beam(10, 60_000)  # saturated
    payload[40, 44:48, 64:68] = 4000  # a hot spot
    gathered = gathering()
    gathered.add(block(payload))
    name = parse_device("LA_A3_31-Camera_1-Camera-1").name
    judged = [Stretch(device=name, first_ns=50, last_ns=54), Stretch(device="another", first_ns=0, last_ns=60)]
    (camera,) = gathered.normal_frames(NETWORK, judged)
    counts = camera.counts
    assert (counts.beam, counts.saturated, counts.sampled, counts.judged) == (59, 10, 49, 5)
    assert counts.unusual + counts.outliers == 49 - 5 - len(camera.frames.images) <= 6
    left = set(camera.frames.event_time_ns.tolist())
    assert not left & {7, 40, *range(20, 30), *range(50, 55)}


def test_what_was_judged_normal_is_put_in() -> None:
    payload = beam(60, 2000)
    payload[40, 44:48, 64:68] = 4000  # a hot spot
    gathered = gathering()
    gathered.add(block(payload))
    assert 40 not in gathered.normal_frames(NETWORK)[0].frames.event_time_ns
    name = parse_device("LA_A3_31-Camera_1-Camera-1").name
    normal = [Stretch(device=name, first_ns=39, last_ns=41)]
    assert 40 in gathered.normal_frames(NETWORK, (), normal)[0].frames.event_time_ns


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
    gathered = gathering()
    gathered.add(block(payload, state=state))
    with pytest.raises(FatalError, match=words) as error:
        gathered.normal_frames(NETWORK)
    assert error.value.reason == "training_frames"


def test_a_day_of_true_alerts_is_no_day_to_learn_from() -> None:
    gathered = gathering()
    gathered.add(block(beam(40, 2000)))
    judged = [Stretch(device=parse_device("LA_A3_31-Camera_1-Camera-1").name, first_ns=0, last_ns=30)]
    with pytest.raises(FatalError, match="31 frames lie in alerts that were judged true; name a day without faults"):
        gathered.normal_frames(NETWORK, judged)


@pytest.mark.training
@needs_training
def test_the_same_day_gives_the_same_model(day: Path, tmp_path: Path) -> None:
    one, other = (train_model([day], tmp_path / name, Settings(), training=SMALL) for name in ("one", "other"))
    assert one.bundle == other.bundle
    assert replace(one, samples=()) == replace(other, folder=one.folder, samples=())


@pytest.mark.training
@needs_training
def test_a_killed_training_goes_on_and_gives_the_same_model(day: Path, tmp_path: Path) -> None:
    """A process that is killed outright after its second epoch."""
    whole = train_model([day], tmp_path / "whole", Settings(), training=RESUMED)
    state = tmp_path / "killed"
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from streams.settings import Settings\n"
        "from streams.training import train_model\n"
        "from tests.unit.streams.test_training import RESUMED\n"
        "def kill(report):\n"
        "    if report.epoch == 2:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "train_model([Path(sys.argv[1])], Path(sys.argv[2]), Settings(), training=RESUMED, on_epoch=kill)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program, day, state], check=False, capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    assert installed_model(state) == default_model()
    epochs: list[int] = []
    resumed = train_model(
        [day], state, Settings(), training=RESUMED, on_epoch=lambda report: epochs.append(report.epoch)
    )
    assert epochs == [3]
    assert resumed.bundle == whole.bundle
    assert "went on after epoch 2 of a training that was interrupted" in resumed.sentence()
    assert [path.name for path in (state / "models" / ".training").iterdir()] == ["lock"]


@pytest.mark.training
@needs_training
def test_other_settings_do_not_go_on_from_an_interrupted_training(day: Path, tmp_path: Path) -> None:
    class EndedError(Exception):
        pass

    def end(report: object) -> None:
        raise EndedError

    with pytest.raises(EndedError):
        train_model([day], tmp_path, Settings(), training=RESUMED, on_epoch=end, work=tmp_path / "work")
    assert (tmp_path / "work" / "epoch.state").exists()
    report = train_model([day], tmp_path, Settings(), training=SMALL, work=tmp_path / "work")
    assert (report.epochs, report.bundle.trained_on["training"]["epochs"]) == (1, 1)
    assert "interrupted" not in report.sentence()


@pytest.mark.training
@needs_training
def test_the_command_says_what_is_wrong(day: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert run(["train", str(tmp_path / "empty"), "--state", str(tmp_path / "state")]) != 0
    assert "there are no snapshots in" in capsys.readouterr().err
    assert run(["train", str(day), "--state", str(tmp_path / "state"), "--follow", "--anew"]) != 0
    assert "no --anew, no --work" in capsys.readouterr().err


@pytest.mark.training
@needs_training
def test_one_camera_only_is_said(tmp_path: Path) -> None:
    simulate(tmp_path, SimulationSettings(minutes=2, stages=1, cameras_per_stage=1, hz=10, faults=False))
    report = train_model([tmp_path / "data"], tmp_path / "state", Settings(), training=SMALL)
    assert "It knows one camera only" in report.sentence()
    assert report.cameras[0].tuned is None

"""Training while data arrives: what is installed, what is not, and how it ends."""

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest

from connectors.clock import SystemClock
from connectors.model_files import default_model, install_model, installed_model, load_model
from connectors.spool_intake import SpoolSettings
from models.model_bundle import ModelBundle
from models.simulation.settings import SimulationSettings
from models.training.settings import TrainingSettings
from streams.settings import Settings
from streams.simulation.files import simulate
from streams.training.follow import TrainingFollower

EXTRA = "needs the training extra: pip install 'petawatch[training]'"
pytestmark = pytest.mark.training
pytest.importorskip("keras", reason=EXTRA)
network = pytest.importorskip("models.training.network")
onnx_export = pytest.importorskip("models.training.onnx_export")

SETTINGS = Settings(spool=SpoolSettings(settle_s=0.0, settle_empty_s=0.0, rescan_s=0.2))
TRAINING = TrainingSettings(
    epochs=2, frames_per_camera=150, frames_in_total=300, minimum_frames=40, follow_frames=300, gap_s=1.0
)


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("day")
    simulate(out, SimulationSettings(minutes=2, stages=1, cameras_per_stage=2, hz=10, faults=False))
    return out / "data"


def follow(folder: Path, state: Path, training: TrainingSettings, until: str, *, arrives: Path | None = None) -> str:
    """Follow a folder until a sentence that begins so was told, and return it."""
    told: list[str] = []

    def tell(sentence: str) -> None:
        told.append(sentence)
        if sentence.startswith(until):
            follower.stop()

    follower = TrainingFollower([folder], state, SETTINGS, clock=SystemClock(), tell=tell, training=training)
    thread = Thread(target=follower.run)
    thread.start()
    if arrives is not None:
        shutil.copytree(arrives, folder, dirs_exist_ok=True)
    thread.join(200)
    assert not thread.is_alive(), told
    return told[-1]


def test_a_model_that_later_frames_prove_better_is_installed(day: Path, tmp_path: Path) -> None:
    poor = onnx_export.export_onnx(network.build_network().get_weights(), negative_slope=network.NEGATIVE_SLOPE)
    install_model(tmp_path / "state", ModelBundle(onnx=poor, seeds=default_model().seeds))
    before = installed_model(tmp_path / "state")
    (tmp_path / "in").mkdir()
    sentence = follow(tmp_path / "in", tmp_path / "state", TRAINING, "installed", arrives=day)
    bundle = installed_model(tmp_path / "state")
    assert bundle.name in sentence
    assert bundle.trained_on["start"] == before.name
    assert len(bundle.trained_on["files"]) >= 1
    assert load_model(tmp_path / "state" / "models" / before.name) == before


def test_a_model_that_is_no_better_is_not_installed(day: Path, tmp_path: Path) -> None:
    sentence = follow(day, tmp_path, replace(TRAINING, epochs=1, learning_rate=1e-9), "kept")
    assert "no more than chance explains" in sentence
    assert not (tmp_path / "models").exists()


def test_too_few_normal_frames_are_said_and_it_goes_on(day: Path, tmp_path: Path) -> None:
    few = replace(TRAINING, minimum_frames=300, frames_in_total=300, frames_per_camera=20)
    assert "no training yet: training needs at least 300" in follow(day, tmp_path, few, "no training yet")


def test_a_training_that_goes_on_is_ended_at_once(day: Path, tmp_path: Path) -> None:
    endless = replace(TRAINING, epochs=10_000, patience_epochs=10_000)
    follow(day, tmp_path, endless, "training on")
    assert not (tmp_path / "models").exists()


def test_the_command_gives_way_and_ends_on_sigterm(day: Path, tmp_path: Path) -> None:
    program = "from streams.command_line import run; import sys; sys.exit(run(sys.argv[1:]))"
    arguments = ["train", str(day), "--state", str(tmp_path), "--follow"]
    with subprocess.Popen([sys.executable, "-c", program, *arguments], stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            assert "training on what arrives" in process.stderr.readline()
            assert os.sched_getscheduler(process.pid) == os.SCHED_BATCH
            assert os.getpriority(os.PRIO_PROCESS, process.pid) == 19
            process.send_signal(signal.SIGTERM)
            assert process.wait(200) == 0
            assert "Traceback" not in process.stderr.read()
        finally:
            process.kill()

"""A real MLflow server: trainings are recorded there, wait while it is away, and models come from it."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.clock import SystemClock
from connectors.model_files import default_model, installed_model
from connectors.registry.mlflow_registry import ModelAlias
from connectors.registry.training_record import RecordOutbox, TrainingRecord
from models.simulation.settings import SimulationSettings
from models.training.settings import TrainingSettings
from servers.failures import ServerMissingError
from servers.mlflow_server import MlflowServer
from streams.command_line import run
from streams.model_tracking import open_registry, record_training
from streams.settings import Settings, load_settings
from streams.simulation.files import simulate
from streams.training.train import train_model
from streams.training_record import record_report

pytestmark = [pytest.mark.training, pytest.mark.long]
pytest.importorskip("tensorflow", reason="needs the training extra: pip install 'petawatch[training]'")
MlflowClient = pytest.importorskip("mlflow.tracking").MlflowClient

SMALL = TrainingSettings(epochs=2, frames_per_camera=60, frames_in_total=60, minimum_frames=20)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MlflowServer]:
    server = MlflowServer(tmp_path / "server")
    try:
        server.start()
    except ServerMissingError as error:
        pytest.skip(str(error))
    yield server
    server.stop()


@pytest.fixture
def settings(server: MlflowServer) -> Settings:
    return load_settings(None, tracking={"uri": server.address})


def record(when_ns: int = 1_700_000_000_000_000_000) -> TrainingRecord:
    curve = [1.0 / (epoch + 1) for epoch in range(3000)]
    return TrainingRecord(bundle=default_model(), curves={"error": curve}, recorded_ns=when_ns, in_use=True)


def runs_in(server: MlflowServer) -> int:
    with sqlite3.connect(f"file:{server.folder / 'mlflow.db'}?mode=ro", uri=True) as connection:
        [(count,)] = connection.execute("SELECT count(*) FROM runs WHERE lifecycle_stage = 'active'")
    connection.close()
    return int(count)


def test_a_server_that_is_killed_amid_an_upload_gets_it_later_once(
    server: MlflowServer, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "state"
    state.mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "log_artifacts", lambda *_: server.kill())
        told = record_training(state, settings, record())
    assert "waits in the state directory for petawatch models upload: the registry of models at" in told
    assert runs_in(server) == 1
    assert len(RecordOutbox(state).waiting()) == 1
    server.start()
    later = record(1_800_000_000_000_000_000)
    assert record_training(state, settings, later) == "Registered as version 2 of petawatch-autoencoder"
    versions = open_registry(state, settings).versions()
    assert [version.version for version in versions] == [1, 2]
    assert versions[1].aliases == (ModelAlias.CANDIDATE, ModelAlias.PRODUCTION)
    assert runs_in(server) == 2
    assert RecordOutbox(state).waiting() == []


def test_a_training_does_not_mind_that_the_server_dies_and_its_model_is_promoted_from_there(
    server: MlflowServer, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state, elsewhere = tmp_path / "state", tmp_path / "elsewhere"
    simulate(tmp_path / "day", SimulationSettings(minutes=2, stages=1, cameras_per_stage=1, hz=5, faults=False))
    report = train_model([tmp_path / "day" / "data"], state, settings, training=SMALL, on_epoch=lambda _: server.kill())
    told = record_report(state, settings, report, SystemClock())
    assert "waits in the state directory for petawatch models upload" in told
    assert installed_model(state).name == report.model
    config = tmp_path / "petawatch.toml"
    config.write_text(f'[tracking]\nuri = "{server.address}"\n')
    assert run(["models", "list", "--state", str(state), "--config", str(config)]) == 1
    assert "does not answer" in capsys.readouterr().err
    server.start()
    assert run(["models", "upload", "--state", str(state), "--config", str(config)]) == 0
    elsewhere.mkdir()
    assert run(["models", "promote", "1", "--state", str(elsewhere), "--config", str(config)]) == 0
    assert installed_model(elsewhere).name == report.model
    assert installed_model(elsewhere).onnx == report.bundle.onnx

"""The registry: a training that was recorded is there with all it holds, whenever the registry could be reached."""

import struct
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.model_files import default_model, load_model
from connectors.registry.mlflow_registry import MLFLOW_ENVIRONMENT, ModelAlias, ModelRegistry, TrackingSettings
from connectors.registry.training_record import RecordOutbox, TrainingRecord
from models.errors import FatalError, RecordError, RetryableError
from models.model_bundle import ModelBundle
from streams.settings import set_environment_defaults
from tests.support.registries import state_with_registry

MODEL = default_model()
PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 0) + b"IEND" + struct.pack(">I", zlib.crc32(b"IEND"))


def a_record(bundle: ModelBundle = MODEL, when_ns: int = 1_700_000_000_000_000_000) -> TrainingRecord:
    return TrainingRecord(
        bundle=bundle,
        parameters={"seed": 7, "library.numpy": "2.4", **{f"file_{number}": "ab" * 32 for number in range(150)}},
        metrics={"validation_error": 0.0625},
        curves={"training_error": [0.5, 0.25, 0.125]},
        pictures={"camera-1": PNG},
        recorded_ns=when_ns,
    )


def test_what_was_put_into_the_outbox_waits_until_it_is_removed(tmp_path: Path) -> None:
    outbox = RecordOutbox(tmp_path)
    assert outbox.waiting() == []
    record = outbox.put(a_record())
    again = RecordOutbox(tmp_path)
    assert again.waiting() == [record]
    assert load_model(record.model_folder) == MODEL
    assert (record.pictures_folder / "camera-1.png").read_bytes() == PNG
    assert record.curves == {"training_error": [0.5, 0.25, 0.125]}
    again.remove(record)
    assert outbox.waiting() == []


def test_a_record_that_was_damaged_is_named(tmp_path: Path) -> None:
    record = RecordOutbox(tmp_path).put(a_record())
    (record.folder / "record.json").write_text("{")
    with pytest.raises(RecordError, match=record.id):
        RecordOutbox(tmp_path).waiting()


def test_a_picture_can_not_leave_its_folder() -> None:
    with pytest.raises(ValueError, match="picture"):
        replace(a_record(), pictures={"../model": PNG})


def test_a_recorded_training_is_a_candidate_with_all_that_belongs_to_it(tmp_path: Path) -> None:
    registry = ModelRegistry(state_with_registry(tmp_path), TrackingSettings())
    record = RecordOutbox(tmp_path).put(a_record())
    assert registry.versions() == []
    assert registry.record(record) == 1
    (version,) = registry.versions()
    assert (version.version, version.model, version.sha256) == (1, MODEL.name, record.sha256)
    assert version.aliases == (ModelAlias.CANDIDATE,)
    assert version.parameters["seed"] == "7"
    assert len(version.parameters) == 152
    assert version.metrics == {"validation_error": 0.0625, "training_error": 0.125}
    (tmp_path / "copy").mkdir()
    folder = registry.fetch(1, tmp_path / "copy")
    assert load_model(folder) == MODEL
    assert "tensor-spec" in (folder / "MLmodel").read_text()
    client = registry._client
    run_id = client.get_model_version("petawatch-autoencoder", "1").run_id
    curve = client.get_metric_history(run_id, "training_error")
    assert [(point.step, point.value) for point in curve] == [(1, 0.5), (2, 0.25), (3, 0.125)]
    assert [file.path for file in client.list_artifacts(run_id, "pictures")] == ["pictures/camera-1.png"]


def test_a_record_that_is_told_twice_or_was_half_told_is_one_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = ModelRegistry(state_with_registry(tmp_path), TrackingSettings())
    record = RecordOutbox(tmp_path).put(a_record())

    def killed(*_: object) -> None:
        raise OSError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(registry._client, "set_terminated", killed, raising=False)
        with pytest.raises(RetryableError):
            registry.record(record)
    assert registry.versions() == []
    assert [registry.record(record), registry.record(record)] == [1, 1]
    assert len(registry.versions()) == 1
    experiment = registry._client.get_experiment_by_name("petawatch").experiment_id
    assert len(registry._client.search_runs([experiment])) == 1


def test_an_alias_moves(tmp_path: Path) -> None:
    registry, outbox = ModelRegistry(state_with_registry(tmp_path), TrackingSettings()), RecordOutbox(tmp_path)
    registry.record(outbox.put(replace(a_record(), in_use=True)))
    registry.record(outbox.put(a_record(replace(MODEL, seeds={}), 1_700_000_001_000_000_000)))
    assert [version.aliases for version in registry.versions()] == [("production",), ("candidate",)]
    registry.set_alias(ModelAlias.PRODUCTION, 2)
    assert [version.aliases for version in registry.versions()] == [(), ("candidate", "production")]


def test_a_server_that_is_away_is_one_sentence_and_can_be_asked_again(tmp_path: Path) -> None:
    set_environment_defaults(MLFLOW_ENVIRONMENT)  # as whoever opens it does: it is given up soon
    registry = ModelRegistry(tmp_path, TrackingSettings(uri="http://127.0.0.1:9"))
    with pytest.raises(
        RetryableError, match=r"http://127\.0\.0\.1:9 does not answer \(\[Errno \d+\] Connection refused\); see"
    ) as error:
        registry.versions()
    assert error.value.reason == "registry"


@pytest.mark.parametrize("uri", ["ftp://a", "http://", "http://me:secret@host:5000", "C:\\mlflow"])
def test_an_address_that_is_none(uri: str) -> None:
    with pytest.raises(ValueError, match="uri must"):
        TrackingSettings(uri=uri)


def test_a_state_directory_may_be_moved(tmp_path: Path) -> None:
    before, after = tmp_path / "state", tmp_path / "moved" / "the state, renamed: 100 %"
    ModelRegistry(state_with_registry(before), TrackingSettings()).record(RecordOutbox(before).put(a_record()))
    after.parent.mkdir()
    before.rename(after)
    registry = ModelRegistry(after, TrackingSettings())
    assert load_model(registry.fetch(1, tmp_path)) == MODEL
    assert registry.record(RecordOutbox(after).put(a_record(when_ns=1_800_000_000_000_000_000))) == 2
    assert load_model(registry.fetch(2, tmp_path)) == MODEL
    assert not before.exists()


def test_a_moved_state_directory_has_the_versions_of_all_experiments(tmp_path: Path) -> None:
    before, after = tmp_path / "state", tmp_path / "moved"
    ModelRegistry(state_with_registry(before), TrackingSettings(experiment="one")).record(
        RecordOutbox(before).put(a_record())
    )
    before.rename(after)
    for experiment in ("two", "one"):  # the first is not there yet
        assert load_model(ModelRegistry(after, TrackingSettings(experiment=experiment)).fetch(1, tmp_path)) == MODEL


@pytest.mark.parametrize("place", [0, 4096])
def test_a_damaged_file_is_one_sentence(tmp_path: Path, place: int) -> None:
    state = state_with_registry(tmp_path)
    with (state / "mlflow.db").open("r+b") as stream:
        stream.seek(place)
        stream.write(b"\xff" * 4096)
    with pytest.raises(FatalError, match=r"mlflow.db is damaged \(.*\); put a copy of it back, or move it") as error:
        ModelRegistry(state, TrackingSettings())
    assert error.value.reason == "registry_damaged"
    assert "\n" not in str(error.value)

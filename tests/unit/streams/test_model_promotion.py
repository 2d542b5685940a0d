"""Models are recorded, promoted and rolled back; one that does not fit leaves the old one in use."""

import asyncio
import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.checkpoints.directory import DirectoryCheckpointStore
from connectors.model_files import (
    default_model,
    install_model,
    install_shadow,
    installed_model,
    shadow_model,
    write_model,
)
from connectors.promotion_lock import changing_models
from connectors.registry.mlflow_registry import ModelRegistry
from connectors.registry.training_record import OUTBOX_FOLDER, TrainingRecord
from connectors.state.commit import Commit
from connectors.state.directory import StateDirectory
from models.errors import FatalError, RetryableError
from models.images.shadow_comparison import ShadowComparison
from models.model_bundle import ModelBundle
from models.state import encode_state
from streams.agents.recorder import RECORDER_KEY
from streams.command_line import run
from streams.device_stages import device_key
from streams.model_promotion import (
    compare_versions,
    list_versions,
    promote,
    promote_shadow,
    roll_back_model,
    stop_shadow,
)
from streams.model_tracking import open_registry, record_training, upload_waiting
from streams.settings import Settings, load_settings
from tests.support.beam_camera import CAMERA
from tests.support.registries import state_with_registry

SHIPPED = default_model()
FIRST, SECOND = replace(SHIPPED, seeds={}), replace(SHIPPED, seeds={"latent": SHIPPED.seeds["latent"]})
SETTINGS = load_settings(None)
AWAY: Settings = load_settings(None, tracking={"uri": "http://127.0.0.1:9"})


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return state_with_registry(tmp_path / "state")


def record(bundle: ModelBundle, error: float, when_ns: int = 1) -> TrainingRecord:
    return TrainingRecord(
        bundle=bundle,
        parameters={"epochs": 3, "seed": when_ns},
        metrics={"validation_error": error},
        recorded_ns=when_ns,
    )


@pytest.fixture
def two(state: Path) -> Path:
    assert "version 1" in record_training(state, SETTINGS, record(FIRST, 0.25, 1))
    assert "version 2" in record_training(state, SETTINGS, record(SECOND, 0.125, 2))
    return state


def aliases(state: Path) -> list[tuple[str, ...]]:
    return [listed.registered.aliases for listed in list_versions(state, SETTINGS)]


def test_a_promoted_version_is_in_use_and_a_rollback_goes_back_step_by_step(two: Path) -> None:
    assert [listed.in_use for listed in list_versions(two, SETTINGS)] == [False, False]
    promote(two, SETTINGS, "1")
    promote(two, SETTINGS, SECOND.name)
    assert installed_model(two) == SECOND
    assert aliases(two) == [(), ("candidate", "production")]
    assert roll_back_model(two, SETTINGS)[1] == ""
    assert installed_model(two) == FIRST
    assert aliases(two) == [("production",), ("candidate",)]
    sentence, warning = roll_back_model(two, SETTINGS)
    assert SHIPPED.name in sentence
    assert "no version" in warning
    assert installed_model(two) == SHIPPED
    assert [listed.in_use for listed in list_versions(two, SETTINGS)] == [False, False]


def test_a_version_is_the_shadow_until_it_is_in_use_or_ended(two: Path) -> None:
    assert FIRST.name in promote_shadow(two, SETTINGS, "1")[0]
    assert (shadow_model(two), installed_model(two)) == (FIRST, SHIPPED)
    assert [listed.use for listed in list_versions(two, SETTINGS)] == ["shadow", ""]
    assert aliases(two) == [("shadow",), ("candidate",)]
    promote_shadow(two, SETTINGS, "2")
    assert aliases(two) == [(), ("candidate", "shadow")]
    promote(two, SETTINGS, "2")
    assert shadow_model(two) is None
    assert aliases(two) == [(), ("candidate", "production")]
    promote_shadow(two, SETTINGS, "1")
    sentence, warning = stop_shadow(two, SETTINGS)
    assert FIRST.name in sentence
    assert warning == ""
    assert aliases(two) == [(), ("candidate", "production")]
    with pytest.raises(FatalError, match="no model is the shadow"):
        stop_shadow(two, SETTINGS)


def test_a_rollback_to_the_shadow_ends_it(two: Path) -> None:
    promote(two, SETTINGS, "1")
    promote(two, SETTINGS, "2")
    promote_shadow(two, SETTINGS, "1")
    assert roll_back_model(two, SETTINGS)[1] == ""
    assert (shadow_model(two), installed_model(two)) == (None, FIRST)
    assert aliases(two) == [("production",), ("candidate",)]


def test_what_can_be_no_shadow_leaves_the_old_one(two: Path) -> None:
    promote(two, SETTINGS, "1")
    promote_shadow(two, SETTINGS, "2")
    with pytest.raises(FatalError, match="nothing to compare"):
        promote_shadow(two, SETTINGS, "1")
    artifact = next(
        path for path in (two / "mlflow-artifacts").rglob("model.onnx") if SECOND.name in _description(path)
    )
    artifact.write_bytes(artifact.read_bytes() + b"\0")
    with pytest.raises(FatalError) as error:
        promote_shadow(two, SETTINGS, "2")
    assert error.value.reason == "model_hash"
    assert shadow_model(two) == SECOND
    assert aliases(two) == [("production",), ("candidate", "shadow")]


def test_a_shadow_ends_without_the_registry(two: Path) -> None:
    promote_shadow(two, SETTINGS, "1")
    sentence, warning = stop_shadow(two, AWAY)
    assert "no more" in sentence
    assert "does not answer" in warning
    assert shadow_model(two) is None


def test_two_versions_side_by_side(two: Path) -> None:
    values = {value.name: (value.first, value.second) for value in compare_versions(two, SETTINGS, "1", "2")}
    assert values == {
        "model": (FIRST.name, SECOND.name),
        "validation_error": ("0.25", "0.125"),
        "seed": ("1", "2"),
    }


@pytest.mark.parametrize("wanted", ["3", "0", "ae-000000000000", "'; drop"])
def test_a_version_that_is_not_there(two: Path, wanted: str) -> None:
    with pytest.raises(FatalError, match="there is 1, 2"):
        promote(two, SETTINGS, wanted)


def test_a_version_whose_network_was_tampered_with_is_refused(two: Path) -> None:
    promote(two, SETTINGS, "1")
    artifact = next(
        path for path in (two / "mlflow-artifacts").rglob("model.onnx") if SECOND.name in _description(path)
    )
    artifact.write_bytes(artifact.read_bytes() + b"\0")
    with pytest.raises(FatalError) as error:
        promote(two, SETTINGS, "2")
    assert error.value.reason == "model_hash"
    assert installed_model(two) == FIRST
    assert aliases(two) == [("production",), ("candidate",)]


def test_a_version_that_holds_another_whole_model_is_refused(two: Path) -> None:
    first, second = sorted(
        (two / "mlflow-artifacts").rglob("model.json"), key=lambda path: FIRST.name not in path.read_text()
    )
    second.write_bytes(first.read_bytes())
    with pytest.raises(FatalError, match="another model"):
        promote(two, SETTINGS, "2")
    assert installed_model(two) == SHIPPED


def _description(network: Path) -> str:
    return network.with_name("model.json").read_text()


def test_without_the_server_the_record_waits_and_goes_later(state: Path) -> None:
    sentence = record_training(state, AWAY, record(FIRST, 0.25))
    assert "waits" in sentence
    assert "127.0.0.1:9" in sentence
    assert len(list((state / OUTBOX_FOLDER).iterdir())) == 1
    with pytest.raises(RetryableError):
        list_versions(state, AWAY)
    # The next command takes it along.
    (listed,) = list_versions(state, SETTINGS)
    assert (listed.registered.model, listed.registered.metrics) == (FIRST.name, {"validation_error": 0.25})
    assert list((state / OUTBOX_FOLDER).iterdir()) == []
    assert upload_waiting(state, open_registry(state, SETTINGS)) == []


def test_a_rollback_needs_no_registry(two: Path) -> None:
    promote(two, SETTINGS, "1")
    sentence, warning = roll_back_model(two, AWAY)
    assert "in use again" in sentence
    assert "does not answer" in warning
    assert installed_model(two) == SHIPPED


def test_a_record_that_half_arrived_is_not_doubled(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object, **__: object) -> None:
        raise OSError("killed")

    registry = open_registry(state, SETTINGS)
    monkeypatch.setattr(ModelRegistry, "_make_registered_model", killed)
    assert "waits" in record_training(state, SETTINGS, record(FIRST, 0.25))
    monkeypatch.undo()
    assert len(upload_waiting(state, registry)) == 1
    assert len(registry.versions()) == 1


def test_the_commands(two: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--state", str(two)]
    assert run(["models", "promote", "2", *where]) == 0
    assert run(["models", "upload", *where]) == 0
    capsys.readouterr()
    assert run(["models", "list", *where, "--json"]) == 0
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(item["version"], item["model"], item["in_use"]) for item in documents] == [
        (1, FIRST.name, False),
        (2, SECOND.name, True),
    ]
    assert run(["models", "list", *where]) == 0
    assert f"2  {SECOND.name}  in use  candidate production" in capsys.readouterr().out
    assert run(["models", "compare", "1", "2", *where]) == 0
    assert "validation_error  0.25  0.125" in capsys.readouterr().out
    assert run(["models", "rollback", *where]) == 0
    assert SHIPPED.name in capsys.readouterr().out
    assert run(["models", "promote", "1", "--as", "shadow", *where]) == 0
    assert run(["models", "shadow", "--end", *where]) == 0
    assert FIRST.name in capsys.readouterr().out
    assert run(["models", "promote", "7", *where]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_what_has_not_changed_is_listed_without_mlflow(two: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    promote(two, SETTINGS, "1")
    asked: list[Path] = []
    monkeypatch.setattr("streams.model_promotion.open_registry", lambda state, _: asked.append(state))
    assert aliases(two) == [("production",), ("candidate",)]
    assert len(compare_versions(two, SETTINGS, "1", "2")) == 3
    assert asked == []
    monkeypatch.undo()
    record_training(two, SETTINGS, record(replace(SHIPPED, seeds={"moments": SHIPPED.seeds["moments"]}), 0.5, 3))
    assert aliases(two) == [("production",), (), ("candidate",)]


def test_what_is_no_state_directory(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="is no state directory"):
        list_versions(tmp_path / "absent", SETTINGS)


def make_a_recorders(state: Path) -> None:
    directory = StateDirectory.open(state)
    directory.commit(Commit(stage_states={RECORDER_KEY: b"state"}))
    directory.close()


def away(*_: object) -> None:
    raise RetryableError("the registry does not answer", reason="registry")


def test_a_registry_that_fails_after_the_installation_is_a_warning_and_workers_are_told(
    two: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told: list[str] = []
    monkeypatch.setattr(
        "streams.commands.models._workers_of",
        lambda state, *_: nullcontext(lambda: told.append(installed_model(state).name)),
    )
    monkeypatch.setattr(ModelRegistry, "set_alias", away)
    for role in ("shadow", "production"):
        assert run(["models", "promote", "1", "--as", role, "--state", str(two)]) == 0
        assert f"the alias {role} was not moved: the registry does not answer" in capsys.readouterr().err
    assert told == [SHIPPED.name, FIRST.name]
    assert (installed_model(two), shadow_model(two)) == (FIRST, None)


def test_what_has_its_role_already_is_promoted_again_without_the_registry(
    two: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(two, SETTINGS, "1")
    roll_back_model(two, SETTINGS)
    promote_shadow(two, SETTINGS, "1")
    assert promote(two, SETTINGS, SHIPPED.name)[1].endswith(f"the registry has no version of {SHIPPED.name}")
    monkeypatch.setattr("streams.model_promotion.open_registry", away)
    assert promote(two, SETTINGS, SHIPPED.name) == (
        f"model {SHIPPED.name} is in use already",
        "the alias production was not moved: the registry does not answer",
    )
    assert promote_shadow(two, SETTINGS, FIRST.name) == (f"model {FIRST.name} is the shadow already", "")
    assert (installed_model(two), shadow_model(two)) == (SHIPPED, FIRST)
    with pytest.raises(FatalError, match="before the present one"):
        roll_back_model(two, SETTINGS)


@pytest.mark.parametrize("command", [["promote", "1"], ["rollback"], ["shadow", "--end"]])
def test_one_command_at_a_time_changes_models(
    tmp_path: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    install_model(tmp_path, FIRST)
    install_shadow(tmp_path, SECOND)
    with changing_models(tmp_path):
        assert run(["models", *command, "--state", str(tmp_path)]) == 1
    assert "wait for its end, then give this again" in capsys.readouterr().err
    assert (installed_model(tmp_path), shadow_model(tmp_path)) == (FIRST, SECOND)


def test_a_facility_goes_back_to_the_model_that_its_workers_began_with(two: Path, tmp_path: Path) -> None:
    make_a_recorders(two)
    write_model(tmp_path / "began", FIRST)
    began_with_it = load_settings(None, worker={"model": tmp_path / "began"})
    promote(two, began_with_it, "2")
    assert FIRST.name in roll_back_model(two, began_with_it)[0]
    assert installed_model(two) == FIRST
    with pytest.raises(FatalError, match="before the present one"):
        roll_back_model(two, began_with_it)


def test_a_facility_does_not_go_back_to_a_model_that_it_never_used(two: Path, tmp_path: Path) -> None:
    make_a_recorders(two)
    elsewhere = load_settings(None, worker={"model": tmp_path / "elsewhere"})
    assert "worker.model, is not kept to go back to: " in promote(two, elsewhere, "2")[1]
    with pytest.raises(FatalError, match="no model is known that was in use"):
        roll_back_model(two, elsewhere)
    assert installed_model(two) == SECOND


def test_the_shadow_of_a_facility_waits_for_kafka_and_is_read_from_its_checkpoints(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state, kept, config = tmp_path / "state", tmp_path / "kept", tmp_path / "petawatch.toml"
    make_a_recorders(state)
    kept.mkdir()
    config.write_text(
        f'[kafka]\nbootstrap_servers = "127.0.0.1:1"\n[checkpoints]\nstore = "directory"\ndirectory = "{kept}"\n'
    )
    arguments = ["--state", str(state), "--config", str(config)]
    install_shadow(state, FIRST)
    for command in (["promote", "1", "--as", "shadow"], ["shadow", "--end"]):
        assert run(["models", *command, *arguments]) == 1
        assert "Kafka" in capsys.readouterr().err
        assert shadow_model(state) == FIRST
    saved = {"model": FIRST.name, "learned": True} | ShadowComparison(SHIPPED.name).state()
    device_state = encode_state({"stage": {"shadow": saved}, "files": {}})
    checkpoints, _ = asyncio.run(DirectoryCheckpointStore(kept, "hpls").open("image", 3))
    asyncio.run(checkpoints.write({"images": 1}, {device_key(CAMERA): device_state, "model": encode_state({})}))
    assert run(["models", "shadow", "--json", *arguments]) == 0
    asyncio.run(checkpoints.write({"images": 2}, {}))  # it was taken from nobody
    document = json.loads(capsys.readouterr().out)
    assert (document["device"], document["model"], document["going_on"]) == (CAMERA.name, FIRST.name, False)

"""Models on disk: what was written comes back; whatever else lies there is one clear error."""

import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.model_files import (
    default_model,
    install_model,
    installed_model,
    kept_model,
    kept_names,
    load_model,
    no_such_model,
    roll_back,
    write_model,
)
from connectors.process_lock import ProcessLock
from connectors.promotion_lock import changing_models
from models.errors import FatalError
from models.model_bundle import ModelBundle
from models.scoring.tail_probability import TailSeed


@pytest.fixture(scope="module")
def bundle() -> ModelBundle:
    return replace(default_model(), seeds={"latent": TailSeed(shape=0.1, scale=0.4).to_json()}, trained_on={"days": 1})


@pytest.fixture
def folder(tmp_path: Path, bundle: ModelBundle) -> Path:
    write_model(tmp_path / "model", bundle)
    return tmp_path / "model"


def edit(folder: Path, change: Callable[[dict[str, object]], object]) -> None:
    description = json.loads((folder / "model.json").read_text())
    change(description)
    (folder / "model.json").write_text(json.dumps(description))


def test_a_written_model_comes_back_as_it_was(folder: Path, bundle: ModelBundle) -> None:
    assert load_model(folder) == bundle
    assert load_model(folder).name == bundle.name
    assert sorted(path.name for path in folder.iterdir()) == ["model.json", "model.onnx"]


def test_the_name_follows_the_network_and_the_seeds_and_nothing_else(bundle: ModelBundle) -> None:
    assert replace(bundle, trained_on={}, library_versions={"numpy": "1"}).name == bundle.name
    assert replace(bundle, seeds={"latent": TailSeed(shape=0.1, scale=0.5).to_json()}).name != bundle.name
    assert replace(bundle, onnx=bundle.onnx + b"\0").name != bundle.name
    assert replace(bundle, seeds={"b": 1, "a": 2}).name == replace(bundle, seeds={"a": 2, "b": 1}).name


def test_the_shipped_model_is_whole_and_small() -> None:
    shipped = default_model()
    assert len(shipped.onnx) < 4_000_000
    for seed in shipped.seeds.values():
        TailSeed.from_json(seed)
    assert "residual_above_0" in shipped.seeds


def test_without_an_installed_model_the_shipped_one_is_in_use(tmp_path: Path) -> None:
    assert installed_model(tmp_path / "absent") == default_model()


def test_an_installed_model_is_in_use_and_the_older_ones_stay(tmp_path: Path, bundle: ModelBundle) -> None:
    other = replace(bundle, seeds={})
    first, second = install_model(tmp_path, bundle), install_model(tmp_path, other)
    assert installed_model(tmp_path) == other
    assert load_model(first) == bundle
    assert install_model(tmp_path, bundle) == first
    assert installed_model(tmp_path) == bundle
    assert {path.name for path in (tmp_path / "models").iterdir()} == {
        "current",
        "history",
        "history.lock",
        first.name,
        second.name,
    }


def test_until_the_last_step_of_an_installation_the_old_model_is_in_use(
    tmp_path: Path, bundle: ModelBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_model(tmp_path, bundle)
    other = replace(bundle, seeds={})
    whole = Path.replace
    for stop in range(4):
        steps = iter(range(4))

        def fail_at(file: Path, target: Path, stop: int = stop, steps: object = steps) -> Path:
            if next(steps) == stop:  # type: ignore[call-overload]
                raise OSError(28, "No space left on device")
            return whole(file, target)

        monkeypatch.setattr(Path, "replace", fail_at)
        with pytest.raises(FatalError, match="No space left"):
            install_model(tmp_path, other)
        monkeypatch.setattr(Path, "replace", whole)
        assert installed_model(tmp_path) == bundle
    install_model(tmp_path, other)
    assert installed_model(tmp_path) == other


def test_a_folder_that_holds_no_model(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match=r"model\.json is missing") as error:
        load_model(tmp_path)
    assert error.value.reason == "model_missing"


def test_a_pointer_to_a_model_that_is_gone_or_outside(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    for text in ("ae-000000000000\n", "../other", "", "\xff"):
        (tmp_path / "models" / "current").write_bytes(text.encode("latin-1"))
        with pytest.raises(FatalError) as error:
            installed_model(tmp_path)
        assert error.value.reason == "model_missing"


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "null", '"text"', "[" * 100_000], ids=range(7))
def test_a_description_that_is_none(folder: Path, text: str) -> None:
    (folder / "model.json").write_text(text)
    with pytest.raises(FatalError, match="no description of a model") as error:
        load_model(folder)
    assert error.value.reason == "model_damaged"


def test_another_format_version(folder: Path) -> None:
    edit(folder, lambda description: description.update(format_version=2))
    with pytest.raises(FatalError, match="format 2, this version reads 1") as error:
        load_model(folder)
    assert error.value.reason == "model_format"


def test_another_network_than_described(folder: Path) -> None:
    network = bytearray((folder / "model.onnx").read_bytes())
    network[len(network) // 2] ^= 1
    (folder / "model.onnx").write_bytes(network)
    with pytest.raises(FatalError, match="is not the file that") as error:
        load_model(folder)
    assert error.value.reason == "model_hash"


@pytest.mark.parametrize("entry", ["input_shape", "latent_size", "full_scale_counts"])
def test_a_model_for_other_images(folder: Path, entry: str) -> None:
    edit(folder, lambda description: description.update({entry: [1]}))
    with pytest.raises(FatalError, match="this version needs") as error:
        load_model(folder)
    assert error.value.reason == "model_shape"


@pytest.mark.parametrize("entry", ["seeds", "trained_on", "library_versions", "self_test", "name"])
@pytest.mark.parametrize("value", [None, "gone"])
def test_a_garbled_or_missing_entry(folder: Path, entry: str, value: str | None) -> None:
    edit(folder, lambda description: description.pop(entry) if value is None else description.update({entry: value}))
    with pytest.raises(FatalError, match="lacks or garbles an entry") as error:
        load_model(folder)
    assert error.value.reason == "model_damaged"


def test_changed_seeds_are_found_by_the_name(folder: Path) -> None:
    edit(folder, lambda description: description.update(seeds={}))
    with pytest.raises(FatalError, match="the name fits another network or other seeds"):
        load_model(folder)


@pytest.mark.parametrize("bad", [1e9, float("nan")])
def test_a_network_that_computes_something_else(folder: Path, bad: float) -> None:
    def spoil(description: dict[str, object]) -> None:
        description["self_test"]["latent"][3] = bad  # type: ignore[index]

    edit(folder, spoil)
    with pytest.raises(FatalError, match="self-test of latent") as error:
        load_model(folder)
    assert error.value.reason == "model_self_test"


def test_a_network_that_is_none_although_its_hash_fits(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(b"nothing")
    edit(folder, lambda description: description.update(sha256=hashlib.sha256(b"nothing").hexdigest()))
    with pytest.raises(FatalError, match="can't be read") as error:
        load_model(folder)
    assert error.value.reason == "model_damaged"


def test_a_place_where_nothing_can_be_written(tmp_path: Path, bundle: ModelBundle) -> None:
    (tmp_path / "models").write_text("a file where the folder should be")
    with pytest.raises(FatalError, match="can't be written") as error:
        install_model(tmp_path, bundle)
    assert error.value.reason == "model_write"


def test_a_rollback_goes_to_the_model_before_and_at_last_to_the_shipped_one(
    tmp_path: Path, bundle: ModelBundle
) -> None:
    other = replace(bundle, seeds={})
    install_model(tmp_path, bundle)
    install_model(tmp_path, other)
    install_model(tmp_path, other)
    assert roll_back(tmp_path) == bundle == installed_model(tmp_path)
    assert roll_back(tmp_path) == default_model() == installed_model(tmp_path)
    with pytest.raises(FatalError, match="before the present one"):
        roll_back(tmp_path)


def test_a_rollback_goes_to_the_first_model_where_it_was_not_the_shipped_one(
    tmp_path: Path, bundle: ModelBundle
) -> None:
    first, other = replace(bundle, seeds={}), replace(bundle, seeds={"moments": bundle.seeds["latent"]})
    install_model(tmp_path, bundle, first)
    install_model(tmp_path, other, first)
    assert roll_back(tmp_path) == bundle == installed_model(tmp_path)
    assert roll_back(tmp_path) == first == installed_model(tmp_path)
    with pytest.raises(FatalError, match="before the present one"):
        roll_back(tmp_path)
    assert installed_model(tmp_path) == first


def test_a_rollback_leaves_out_the_shipped_model_where_it_was_not_in_use(tmp_path: Path, bundle: ModelBundle) -> None:
    install_model(tmp_path, bundle)
    with pytest.raises(FatalError, match="before the present one"):
        roll_back(tmp_path, to_shipped=False)
    assert installed_model(tmp_path) == bundle


def test_the_history_is_changed_by_one_at_a_time(tmp_path: Path, bundle: ModelBundle) -> None:
    install_model(tmp_path, bundle)
    other = replace(bundle, seeds={})
    installing = threading.Thread(target=install_model, args=(tmp_path, other))
    with ProcessLock.of_file(tmp_path / "models" / "history.lock"):
        installing.start()
        installing.join(1.0)
        assert installed_model(tmp_path) == bundle
    installing.join()
    assert installed_model(tmp_path) == other


def test_one_promotion_at_a_time(tmp_path: Path) -> None:
    with (
        changing_models(tmp_path),
        pytest.raises(FatalError, match=r"process \d+ on .* promotes .*; wait for its end") as error,
        changing_models(tmp_path),
    ):
        pass
    assert error.value.reason == "models_locked"
    with changing_models(tmp_path):
        pass
    with pytest.raises(FatalError, match="is no state directory"), changing_models(tmp_path / "absent"):
        pass


def test_a_rollback_to_a_model_that_was_tampered_with_leaves_the_present_one(
    tmp_path: Path, bundle: ModelBundle
) -> None:
    folder, other = install_model(tmp_path, bundle), replace(bundle, seeds={})
    install_model(tmp_path, other)
    (folder / "model.onnx").write_bytes(bundle.onnx + b"\0")
    with pytest.raises(FatalError) as error:
        roll_back(tmp_path)
    assert error.value.reason == "model_hash"
    assert installed_model(tmp_path) == other


def test_a_model_is_found_by_its_name_whether_it_is_in_use_or_not(tmp_path: Path, bundle: ModelBundle) -> None:
    install_model(tmp_path, bundle)
    folder = install_model(tmp_path, replace(bundle, seeds={}))
    assert kept_model(tmp_path, bundle.name) == bundle
    assert kept_model(tmp_path, default_model().name) == default_model()
    assert kept_names(tmp_path) == {bundle.name, folder.name, default_model().name}
    assert kept_names(tmp_path / "nothing") == {default_model().name}
    folder.rename(folder.with_name("ae-000000000000"))
    for name in ("", "../x", "ae-000000000000", folder.name):
        with pytest.raises(FatalError):
            kept_model(tmp_path, name)
    with pytest.raises(FatalError, match=rf"^no model ae-1 is kept here; there are .*{default_model().name}"):
        kept_model(tmp_path, "ae-1")
    for number in range(20):
        (tmp_path / "models" / f"a{number}").mkdir()
        (tmp_path / "models" / f"a{number}" / "model.json").touch()
    assert no_such_model(tmp_path, "ae-1").endswith(", and 13 more")

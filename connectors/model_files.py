"""Models on disk: a folder with ``model.onnx`` and ``model.json``, the installed one, and the one that is shipped."""

import hashlib
import importlib.resources
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from connectors.durable_files import replace_file
from connectors.process_lock import ProcessLock
from models.errors import FatalError
from models.images.autoencoder import LATENT_SIZE, Autoencoder
from models.model_bundle import ModelBundle
from models.records import FULL_SCALE_COUNTS, IMAGE_SHAPE

FORMAT_VERSION = 1
_NETWORK_FILE, _DESCRIPTION_FILE = "model.onnx", "model.json"
#: The files of a model's folder, the description last: without it a folder is no model.
MODEL_PARTS = (_NETWORK_FILE, _DESCRIPTION_FILE)
#: The files below ``STATE/models`` that hold the name of the model in use, and of the one that scores beside it.
_CURRENT_FILE, _SHADOW_FILE = "current", "shadow"
#: The names of those that were in use before, one a line, oldest first; this word for the shipped one.
_HISTORY_FILE, _SHIPPED = "history", "shipped"
#: Held for the moment in which they are changed.
_HISTORY_LOCK = "history.lock"
_MOST_HISTORY = 100
# In a sentence.
_NAMED_MODELS = 10
#: No network or description of ours comes near it; anything larger is not read.
_MAX_BYTES = 256 << 20
#: Largest difference of the self-test, relative to the largest value: processors differ in the order of sums.
_SELF_TEST_TOLERANCE = 1e-3
_SELF_TEST_PIXELS = 64


@cache
def default_model() -> ModelBundle:
    """The model that is shipped: trained on simulated beams of many cameras, for a new camera without any training.

    It is read and tested once per process: promotions ask again and again whether it is the one that is meant.
    """
    return _load(_shipped_folder())


def load_model(folder: Path) -> ModelBundle:
    """Read and check a model: format, hash, shapes, and that it computes what it did when it was written.

    Raises
    ------
    FatalError
        With one sentence when it is missing, damaged, of another version, or computes something else here.
    """
    return _load(folder)


def installed_model(state_dir: Path) -> ModelBundle:
    """The model in use for a state directory: the one installed there last, else the one that is shipped."""
    name = installed_name(state_dir)
    return load_model(state_dir / "models" / name) if name else default_model()


def installed_name(state_dir: Path) -> str:
    """The name of the model in use; empty for the one that is shipped.

    Raises
    ------
    FatalError
        If what names it is damaged.
    """
    return _named(state_dir / "models" / _CURRENT_FILE, "remove it to use the shipped one")


def installed_mark(state_dir: Path) -> tuple[int, int] | None:
    """Something that changes whenever a model is made the one in use; quick, and reads no model."""
    return _mark(state_dir / "models" / _CURRENT_FILE)


def shadow_model(state_dir: Path) -> ModelBundle | None:
    """The model that scores beside the one in use; None when none does.

    Raises
    ------
    FatalError
        If it can't be used.
    """
    name = shadow_name(state_dir)
    return load_model(state_dir / "models" / name) if name else None


def shadow_name(state_dir: Path) -> str:
    """The name of the model that scores beside the one in use; empty when none does.

    Raises
    ------
    FatalError
        If what names it is damaged.
    """
    return _named(state_dir / "models" / _SHADOW_FILE, "remove it to go on without a shadow")


def shadow_mark(state_dir: Path) -> tuple[int, int] | None:
    """Something that changes whenever another model becomes the shadow; quick, and reads no model."""
    return _mark(state_dir / "models" / _SHADOW_FILE)


def install_shadow(state_dir: Path, bundle: ModelBundle) -> Path:
    """Write a model below ``STATE/models`` and make it the shadow; returns its folder.

    A crash at any point leaves the old shadow, or the new one.
    """
    folder = state_dir / "models" / bundle.name
    write_model(folder, bundle)
    try:
        replace_file(folder.parent / _SHADOW_FILE, f"{bundle.name}\n".encode())
    except OSError as error:
        raise _unwritable(folder.parent, error) from error
    return folder


def end_shadow(state_dir: Path) -> None:
    """No model is the shadow any more; the one that was stays below ``STATE/models``."""
    try:
        (state_dir / "models" / _SHADOW_FILE).unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(state_dir / "models", error) from error


def kept_model(state_dir: Path, name: str) -> ModelBundle:
    """A model by its name, whether it is in use or not: below ``STATE/models``, or the shipped one.

    Raises
    ------
    FatalError
        If there is none of this name that can be used.
    """
    shipped = default_model()
    if name == shipped.name:
        return shipped
    if not name or Path(name).name != name:
        raise FatalError(f"{name!r} can't be the name of a model", reason="model_missing")
    if not (state_dir / "models" / name).is_dir():
        raise FatalError(no_such_model(state_dir, name), reason="model_missing")
    bundle = load_model(state_dir / "models" / name)
    if bundle.name != name:
        raise FatalError(f"{state_dir / 'models' / name} holds the model {bundle.name}", reason="model_hash")
    return bundle


def kept_names(state_dir: Path) -> set[str]:
    """The names with which ``kept_model`` may be asked; what lies below them is not read."""
    shipped = _read_description(_shipped_folder())["name"]
    try:
        kept = {path.name for path in (state_dir / "models").iterdir() if (path / _DESCRIPTION_FILE).is_file()}
    except OSError:
        kept = set()
    return {str(shipped), *kept}


def no_such_model(state_dir: Path, name: str) -> str:
    """A sentence about a name that is not among ``kept_names``: registered versions are kept once they are promoted."""
    there_are = sorted(kept_names(state_dir))
    more = len(there_are) - _NAMED_MODELS
    others = f", and {more} more" if more > 0 else ""
    return f"no model {name} is kept here; there are {', '.join(there_are[:_NAMED_MODELS])}{others}"


def model_parts(state_dir: Path, name: str) -> dict[str, bytes]:
    """The content of a model's files, by ``MODEL_PARTS``, as they are on disk: to be kept elsewhere.

    Raises
    ------
    FatalError
        As ``kept_model``.
    """
    if kept_model(state_dir, name).name == default_model().name:
        folder: Path | Traversable = _shipped_folder()
    else:
        folder = state_dir / "models" / name
    return {part: _read(folder / part) for part in MODEL_PARTS}


def install_model(state_dir: Path, bundle: ModelBundle, first: ModelBundle | None = None) -> Path:
    """Write a model below ``STATE/models`` and make it the one in use; returns its folder.

    A crash at any point leaves the old model in use, or the new one. Older models stay, to go back to.

    Parameters
    ----------
    first
        The model that was in use as long as none was installed, to go back to; None for the shipped one.
    """
    folder = state_dir / "models" / bundle.name
    write_model(folder, bundle)
    with _changing_history(folder.parent):
        before = installed_name(state_dir)
        if not before and first is not None:
            write_model(folder.parent / first.name, first)
            before = first.name
        if before != bundle.name:
            # Written first: after a crash in between it names the model in use, which is passed over.
            _write_history(folder.parent, [*_history(folder.parent), before or _SHIPPED])
        replace_file(folder.parent / _CURRENT_FILE, f"{bundle.name}\n".encode())
    return folder


def roll_back(state_dir: Path, *, to_shipped: bool = True) -> ModelBundle:
    """Make the model that was in use before the present one the one in use again, and return it.

    Parameters
    ----------
    to_shipped
        Whether the shipped model can be the one before.

    Raises
    ------
    FatalError
        If there was none, or it can't be used any more: then the present one stays.
    """
    models = state_dir / "models"
    if not models.is_dir():
        raise _none_before(state_dir)
    with _changing_history(models):
        present, history = installed_name(state_dir), _history(models)
        while history and history[-1] == (present or _SHIPPED):
            history.pop()
        if not history or (history[-1] == _SHIPPED and not to_shipped):
            raise _none_before(state_dir)
        name = history.pop()
        bundle = default_model() if name == _SHIPPED else kept_model(state_dir, name)
        if name == _SHIPPED:
            (models / _CURRENT_FILE).unlink()
        else:
            replace_file(models / _CURRENT_FILE, f"{name}\n".encode())
        _write_history(models, history)
    return bundle


def _shipped_folder() -> Traversable:
    return importlib.resources.files("connectors") / "data" / "default_model"


def _none_before(state_dir: Path) -> FatalError:
    return FatalError(
        f"no model is known that was in use in {state_dir} before the present one; promote one by its version",
        reason="model_missing",
    )


def _named(file: Path, otherwise: str) -> str:
    """The name that a file holds; empty when there is no such file."""
    try:
        name = file.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise FatalError(f"{file} can't be read ({error}); repair or remove it", reason="model_missing") from error
    if not name or Path(name).name != name:
        raise FatalError(f"{file} names no model; {otherwise}", reason="model_missing")
    return name


def _mark(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def _history(models: Path) -> list[str]:
    """The models that were in use before the present one, oldest first."""
    try:
        return (models / _HISTORY_FILE).read_text(encoding="utf-8").split()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise FatalError(
            f"{models / _HISTORY_FILE} can't be read ({error}); remove it, and promote a model by its version",
            reason="model_missing",
        ) from error


@contextmanager
def _changing_history(models: Path) -> Iterator[None]:
    """Two trainings and a promotion may install at once: each reads what the one before has written."""
    try:
        with ProcessLock.of_file(models / _HISTORY_LOCK, wait=True):
            yield
    except OSError as error:
        raise _unwritable(models, error) from error


def _write_history(models: Path, names: list[str]) -> None:
    replace_file(models / _HISTORY_FILE, "".join(f"{name}\n" for name in names[-_MOST_HISTORY:]).encode())


def write_model(folder: Path, bundle: ModelBundle) -> None:
    """Write a model's folder; the description comes last, and without it a folder is no model.

    Raises
    ------
    FatalError
        If the network can't be run, or the folder can't be written.
    """
    description = json.dumps(_describe(bundle), indent=1, sort_keys=True).encode() + b"\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(folder / _NETWORK_FILE, bundle.onnx)
        replace_file(folder / _DESCRIPTION_FILE, description)
    except OSError as error:
        raise _unwritable(folder, error) from error


def _load(folder: Path | Traversable) -> ModelBundle:
    description = _read_description(folder)
    network = _read(folder / _NETWORK_FILE)
    if hashlib.sha256(network).hexdigest() != description.get("sha256"):
        raise FatalError(
            f"{folder}: {_NETWORK_FILE} is not the file that {_DESCRIPTION_FILE} describes; install the model again",
            reason="model_hash",
        )
    wanted = {"input_shape": list(IMAGE_SHAPE), "latent_size": LATENT_SIZE, "full_scale_counts": FULL_SCALE_COUNTS}
    found = {key: description.get(key) for key in wanted}
    if found != wanted:
        raise FatalError(
            f"{folder}: the model has {found}, this version needs {wanted}; train a new one", reason="model_shape"
        )
    try:
        bundle = ModelBundle(
            onnx=network,
            seeds=dict(description["seeds"]),
            trained_on=dict(description["trained_on"]),
            library_versions=dict(description["library_versions"]),
        )
        _self_test(bundle.autoencoder(), description["self_test"], str(folder))
        if description["name"] != bundle.name:
            raise ValueError("the name fits another network or other seeds")
    except (KeyError, TypeError, ValueError) as error:
        raise FatalError(
            f"{folder}: {_DESCRIPTION_FILE} lacks or garbles an entry ({error}); install the model again",
            reason="model_damaged",
        ) from error
    return bundle


def _read_description(folder: Path | Traversable) -> dict[str, Any]:
    try:
        description = json.loads(_read(folder / _DESCRIPTION_FILE))
        version = description["format_version"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise FatalError(
            f"{folder}: {_DESCRIPTION_FILE} is no description of a model; install the model again",
            reason="model_damaged",
        ) from error
    if version != FORMAT_VERSION:
        raise FatalError(
            f"{folder}: the model has format {version}, this version reads {FORMAT_VERSION}; train a new one",
            reason="model_format",
        )
    return dict(description)


def _describe(bundle: ModelBundle) -> dict[str, Any]:
    return {
        "format_version": FORMAT_VERSION,
        "name": bundle.name,
        "sha256": hashlib.sha256(bundle.onnx).hexdigest(),
        "input_shape": list(IMAGE_SHAPE),
        "latent_size": LATENT_SIZE,
        "full_scale_counts": FULL_SCALE_COUNTS,
        "seeds": dict(bundle.seeds),
        "trained_on": dict(bundle.trained_on),
        "library_versions": dict(bundle.library_versions),
        "self_test": {key: values.tolist() for key, values in _self_test_results(bundle.autoencoder()).items()},
    }


def _self_test_results(autoencoder: Autoencoder) -> Mapping[str, NDArray[np.float64]]:
    """What the network makes of a round, slanted beam: the latent vector, and the pixels around its middle."""
    rows, columns = np.mgrid[: IMAGE_SHAPE[0], : IMAGE_SHAPE[1]].astype(np.float64)
    beam = 3000.0 * np.exp(-(((rows - 48.0) / 14.0) ** 2) - ((columns - 66.0 - 0.2 * rows) / 20.0) ** 2)
    reconstruction, latent = autoencoder.reconstruct(beam[None].astype(np.float32))
    pixels = reconstruction[0, 48 - 4 : 48 + 4, 72 - 4 : 72 + 4].reshape(_SELF_TEST_PIXELS)
    return {"latent": latent[0].astype(np.float64), "reconstruction_counts": pixels.astype(np.float64)}


def _self_test(autoencoder: Autoencoder, stored: Mapping[str, Any], where: str) -> None:
    for key, found in _self_test_results(autoencoder).items():
        wanted = np.asarray(stored[key], np.float64)
        if wanted.shape != found.shape:
            raise ValueError(f"self_test.{key} has {wanted.shape} values")
        limit = _SELF_TEST_TOLERANCE * float(np.abs(wanted).max())
        if not float(np.abs(found - wanted).max()) <= limit:
            raise FatalError(
                f"{where}: the network gives other results here than where it was trained (self-test of {key}); "
                "install the model again or train a new one",
                reason="model_self_test",
            )


def _read(file: Path | Traversable) -> bytes:
    try:
        with file.open("rb") as stream:
            data = stream.read(_MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FatalError(f"{file} is missing; install a model with petawatch train", reason="model_missing") from error
    except OSError as error:
        raise FatalError(
            f"{file} can't be read ({error.strerror}); check its rights", reason="model_missing"
        ) from error
    if len(data) > _MAX_BYTES:
        raise FatalError(f"{file} is larger than any model ({_MAX_BYTES} bytes)", reason="model_damaged")
    return data


def _unwritable(folder: Path, error: OSError) -> FatalError:
    return FatalError(
        f"the model can't be written to {folder} ({error.strerror}); check rights and space", reason="model_write"
    )

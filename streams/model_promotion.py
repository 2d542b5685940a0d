"""Versions of the model: which there are, what tells them apart, and which one is in use."""

import hashlib
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from connectors.model_files import (
    default_model,
    end_shadow,
    install_model,
    install_shadow,
    installed_name,
    kept_model,
    load_model,
    roll_back,
    shadow_name,
)
from connectors.registry.mlflow_registry import ModelAlias, ModelRegistry, RegisteredVersion
from connectors.registry.training_record import RecordOutbox
from connectors.registry.version_listing import VersionListing
from models.errors import FatalError, PetawatchError
from models.model_bundle import ModelBundle
from streams.deciding import is_of_facility
from streams.model_tracking import open_registry, upload_waiting
from streams.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedVersion:
    """A registered version, and whether it is the model in use, or the one that scores beside it."""

    registered: RegisteredVersion
    in_use: bool
    shadow: bool

    @property
    def use(self) -> str:
        """In words."""
        return "in use" if self.in_use else "shadow" if self.shadow else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedValue:
    """A metric or parameter of two versions; None where one has none."""

    name: str
    first: str | None
    second: str | None


def list_versions(state_dir: Path, settings: Settings) -> list[ListedVersion]:
    """All versions, oldest first; what waits for the registry is uploaded before."""
    versions = _versions(state_dir, settings)
    in_use, shadow = _name_in_use(state_dir), shadow_name(state_dir)
    return [
        ListedVersion(registered=version, in_use=version.model == in_use, shadow=version.model == shadow)
        for version in versions
    ]


def compare_versions(state_dir: Path, settings: Settings, first: str, second: str) -> list[ComparedValue]:
    """The metrics of two versions, then the parameters that differ, by name."""
    versions = _versions(state_dir, settings)
    one, other = _find(versions, first), _find(versions, second)
    metrics = [
        ComparedValue(name=name, first=_number(one.metrics.get(name)), second=_number(other.metrics.get(name)))
        for name in sorted(one.metrics.keys() | other.metrics.keys())
    ]
    parameters = [
        ComparedValue(name=name, first=one.parameters.get(name), second=other.parameters.get(name))
        for name in sorted(one.parameters.keys() | other.parameters.keys())
        if one.parameters.get(name) != other.parameters.get(name)
    ]
    return [ComparedValue(name="model", first=one.model, second=other.model), *metrics, *parameters]


def promote(state_dir: Path, settings: Settings, wanted: str) -> tuple[str, str]:
    """Make a version the model in use; watches that run take it over. Returns a sentence, and a warning or nothing.

    Parameters
    ----------
    wanted
        The version's number, or the model's id. For the id of the model in use the registry is not needed: it can be
        promoted again so that workers are told of it again.

    Raises
    ------
    FatalError
        If there is no such version, or its model is not what was registered or does not fit: the old one stays.
    RetryableError
        If the registry does not answer before the model is installed; afterwards that is a warning.
    """
    if wanted == _name_in_use(state_dir):
        name = kept_model(state_dir, wanted).name
        return f"model {name} is in use already", _move_production(state_dir, settings, name)
    registry = _registry(state_dir, settings)
    version = _find(registry.versions(), wanted)
    bundle = _fetched(registry, version)
    first, not_kept = _first_model(state_dir, settings)
    install_model(state_dir, bundle, first)
    warnings = not_kept, _move_production(state_dir, settings, version.model, registry, version.version)
    return (
        f"version {version.version}, model {version.model}, is in use; watches that run take it over by themselves",
        "; ".join(filter(None, warnings)),
    )


def promote_shadow(state_dir: Path, settings: Settings, wanted: str) -> tuple[str, str]:
    """Make a version the shadow: watches that run let it score beside the model in use; returns as ``promote``.

    Parameters
    ----------
    wanted
        As of ``promote``, with the id of the shadow.

    Raises
    ------
    FatalError
        As ``promote``, or if it is the model in use: the old shadow stays.
    RetryableError
        As ``promote``.
    """
    if wanted == shadow_name(state_dir) != _name_in_use(state_dir):
        return f"model {kept_model(state_dir, wanted).name} is the shadow already", ""
    registry = _registry(state_dir, settings)
    version = _find(registry.versions(), wanted)
    if version.model == _name_in_use(state_dir):
        raise FatalError(
            f"version {version.version}, model {version.model}, is in use: there is nothing to compare it with; name "
            "another version",
            reason="shadow_in_use",
        )
    install_shadow(state_dir, _fetched(registry, version))
    sentence = (
        f"version {version.version}, model {version.model}, is the shadow; watches that run let it score beside the "
        "model in use, see petawatch models shadow"
    )
    try:
        registry.set_alias(ModelAlias.SHADOW, version.version)
    except PetawatchError as error:
        return sentence, f"the alias shadow was not moved: {error}"
    _list_again(registry, state_dir, settings)
    return sentence, ""


def stop_shadow(state_dir: Path, settings: Settings) -> tuple[str, str]:
    """Let no model score beside the one in use; returns a sentence, and one about the registry (or an empty one).

    The registry is not needed.

    Raises
    ------
    FatalError
        If there is no shadow.
    """
    name = shadow_name(state_dir)
    if not name:
        raise FatalError(f"no model is the shadow in {state_dir}", reason="no_shadow")
    end_shadow(state_dir)
    sentence = f"model {name} is the shadow no more; what it found stays in petawatch models shadow"
    try:
        _registry(state_dir, settings).remove_alias(ModelAlias.SHADOW)
    except PetawatchError as error:
        return sentence, f"the alias shadow was not removed: {error}"
    return sentence, ""


def roll_back_model(state_dir: Path, settings: Settings) -> tuple[str, str]:
    """Go back to the model that was in use before; returns a sentence, and one about the registry (or an empty one).

    The registry is not needed: the model lies in the state directory.

    Raises
    ------
    FatalError
        If no model is known that was in use before, or it can't be used any more: the present one stays.
    """
    began_with_shipped = settings.worker.model is None or not is_of_facility(state_dir)
    bundle = roll_back(state_dir, to_shipped=began_with_shipped)
    sentence = f"model {bundle.name} is in use again; watches that run take it over by themselves"
    return sentence, _move_production(state_dir, settings, bundle.name)


def _first_model(state_dir: Path, settings: Settings) -> tuple[ModelBundle | None, str]:
    """The model that a facility's workers began with, if that is another than the shipped one, and a warning."""
    folder = settings.worker.model
    if folder is None or installed_name(state_dir) or not is_of_facility(state_dir):
        return None, ""
    try:
        return load_model(folder), ""
    except FatalError as error:
        return None, f"the present model, worker.model, is not kept to go back to: {error}"


def _move_production(
    state_dir: Path, settings: Settings, model: str, registry: ModelRegistry | None = None, version: int | None = None
) -> str:
    """Tell the registry which model is in use, and end its being the shadow; why that failed, or nothing."""
    try:
        was_shadow = _end_shadow_of(state_dir, model)
        registry = registry or _registry(state_dir, settings)
        if was_shadow:
            registry.remove_alias(ModelAlias.SHADOW)
        of_model = (
            [each.version for each in registry.versions() if each.model == model] if version is None else [version]
        )
        if not of_model:
            return f"the alias production was not moved: the registry has no version of {model}"
        registry.set_alias(ModelAlias.PRODUCTION, of_model[-1])
    except PetawatchError as error:
        return f"the alias production was not moved: {error}"
    _list_again(registry, state_dir, settings)
    return ""


def _name_in_use(state_dir: Path) -> str:
    return installed_name(state_dir) or default_model().name


def _end_shadow_of(state_dir: Path, model: str) -> bool:
    """A model that is in use is compared with nothing any more; whether it was the shadow."""
    if shadow_name(state_dir) != model:
        return False
    end_shadow(state_dir)
    return True


def _registry(state_dir: Path, settings: Settings) -> ModelRegistry:
    """The registry, with all that waited for it; this imports MLflow."""
    registry = open_registry(state_dir, settings)
    upload_waiting(state_dir, registry)
    return registry


def _versions(state_dir: Path, settings: Settings) -> list[RegisteredVersion]:
    """All versions, oldest first; the registry is asked only when something may have changed."""
    listing = VersionListing(state_dir, settings.tracking)
    known = None if RecordOutbox(state_dir).waiting() else listing.read()
    return _ask(_registry(state_dir, settings), listing) if known is None else known


def _list_again(registry: ModelRegistry, state_dir: Path, settings: Settings) -> None:
    with suppress(PetawatchError):  # then the next command asks
        _ask(registry, VersionListing(state_dir, settings.tracking))


def _ask(registry: ModelRegistry, listing: VersionListing) -> list[RegisteredVersion]:
    mark = listing.mark()
    versions = registry.versions()
    listing.write(mark, versions)
    return versions


def _find(versions: list[RegisteredVersion], wanted: str) -> RegisteredVersion:
    found = [version for version in versions if wanted in {str(version.version), version.model}]
    if not found:
        there = ", ".join(str(version.version) for version in versions) or "none"
        raise FatalError(
            f"the registry has no version {wanted} (there is {there}); see petawatch models list",
            reason="model_missing",
        )
    return found[-1]


def _fetched(registry: ModelRegistry, version: RegisteredVersion) -> ModelBundle:
    with tempfile.TemporaryDirectory(prefix="petawatch-model-") as folder:
        bundle = load_model(registry.fetch(version.version, Path(folder)))
    if bundle.name != version.model or hashlib.sha256(bundle.onnx).hexdigest() != version.sha256:
        raise FatalError(
            f"version {version.version} holds another model ({bundle.name}) than was registered ({version.model}); "
            "train a new one",
            reason="model_hash",
        )
    return bundle


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.6g}"

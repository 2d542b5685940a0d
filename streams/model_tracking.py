"""Trainings and versions of models are told to the registry; what can't be told now waits in the state directory."""

from dataclasses import dataclass
from pathlib import Path

from connectors.registry.mlflow_registry import MLFLOW_ENVIRONMENT, ModelRegistry
from connectors.registry.training_record import RecordOutbox, TrainingRecord
from models.errors import FatalError, PetawatchError
from streams.settings import Settings, set_environment_defaults


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A model that the registry has got."""

    model: str
    version: int


def open_registry(state_dir: Path, settings: Settings) -> ModelRegistry:
    """The registry that the settings name.

    Raises
    ------
    FatalError
        If there is no such state directory, or MLflow is not installed.
    RetryableError
        If the registry does not answer.
    """
    if not state_dir.is_dir():
        raise FatalError(f"{state_dir} is no state directory; name the one of the watch", reason="state_missing")
    set_environment_defaults(MLFLOW_ENVIRONMENT)
    return ModelRegistry(state_dir, settings.tracking)


def record_training(state_dir: Path, settings: Settings, record: TrainingRecord) -> str:
    """Record a training, and register its model as ``candidate``; returns a sentence for the operator.

    The record is made durable in the state directory first. When the registry can't be reached it waits there, and
    goes with the next upload: a training never fails because of the registry.

    Raises
    ------
    FatalError
        If the record can't be written into the state directory.
    """
    RecordOutbox(state_dir).put(record)
    try:
        uploaded = upload_waiting(state_dir, open_registry(state_dir, settings))
    except PetawatchError as error:
        return f"The record of the training waits in the state directory for petawatch models upload: {error}"
    latest = uploaded[-1]
    return f"Registered as version {latest.version} of {settings.tracking.registered_model}"


def upload_waiting(state_dir: Path, registry: ModelRegistry) -> list[Uploaded]:
    """Tell the registry all that waits, oldest first; each record is removed once the registry has it.

    Raises
    ------
    RetryableError
        If the registry does not answer: the rest goes on waiting.
    RecordError
        If a waiting record was damaged.
    """
    outbox, uploaded = RecordOutbox(state_dir), []
    for record in outbox.waiting():
        uploaded.append(Uploaded(record.model, registry.record(record)))
        outbox.remove(record)
    return uploaded

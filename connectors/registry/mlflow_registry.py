"""MLflow: runs of trainings, versions of models, and which version is what; the one module that imports it.

MLflow is imported when a registry is opened and not before: it takes seconds.
"""

import importlib.util
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import numpy as np

from connectors.registry.registry_file import prepare_registry_file
from connectors.registry.training_record import Value, WaitingRecord
from models.errors import FatalError, RetryableError
from models.images.autoencoder import INPUT_NAME, LATENT_NAME, LATENT_SIZE, RECONSTRUCTION_NAME
from models.records import IMAGE_SHAPE

#: For the process's environment before MLflow is imported: it reads nothing else. No telemetry leaves the machine, it
#: logs errors only, and a server that is away is given up after seconds and not after minutes.
MLFLOW_ENVIRONMENT: Mapping[str, str] = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}
_PACKAGES = ("mlflow", "sqlalchemy", "alembic")
_MODEL_FOLDER, _PICTURE_FOLDER = "model", "pictures"
_MODEL_TAG, _HASH_TAG, _RECORD_TAG = "model", "sha256", "record"
# MLflow takes at most so many values in one message, and so many characters of a parameter.
_BATCH_VALUES, _BATCH_PARAMETERS, _PARAMETER_CHARACTERS = 1000, 100, 6000
_MS_NS = 1_000_000


class ModelAlias(StrEnum):
    """What a version is; each names one version at most."""

    CANDIDATE = "candidate"
    SHADOW = "shadow"
    PRODUCTION = "production"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingSettings:
    """Where trainings and versions of models are recorded.

    Attributes
    ----------
    uri
        ``http(s)://HOST:PORT`` of an MLflow server, ``sqlite:///FILE``, or empty: a file in the state directory. A
        server's login is not part of it: MLflow takes it from ``MLFLOW_TRACKING_USERNAME`` and ``..._PASSWORD``.
    experiment
        The experiment that trainings are runs of.
    registered_model
        The name that the versions of the model are registered under.
    """

    uri: str = ""
    experiment: str = "petawatch"
    registered_model: str = "petawatch-autoencoder"
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        parts = urlsplit(self.uri)
        if self.uri and not (parts.scheme == "sqlite" or (parts.scheme in {"http", "https"} and parts.hostname)):
            raise ValueError("uri must be http(s)://HOST:PORT, sqlite:///FILE, or empty for the state directory")
        if parts.password:
            raise ValueError("uri must hold no password; give it as MLFLOW_TRACKING_PASSWORD in the environment")
        if not self.experiment.strip() or not self.registered_model.strip():
            raise ValueError("experiment and registered_model must not be empty")


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredVersion:
    """One version of the model.

    Attributes
    ----------
    model, sha256
        The model's id (``ModelBundle.name``), and the hash of its network.
    aliases
        Sorted.
    created_ns
        ns since 1970, to the millisecond.
    parameters, metrics
        Of the training that made it.
    """

    version: int
    model: str
    sha256: str
    aliases: tuple[str, ...]
    created_ns: int
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]


class ModelRegistry:
    """Runs and versions at an MLflow server, or in a file.

    Every method raises ``RetryableError`` (reason ``registry``) when the server or the file does not answer.

    Parameters
    ----------
    state_dir
        Where the file is when the settings name no server; artifacts lie beside it.

    Raises
    ------
    FatalError
        When MLflow is not installed, or the file is damaged.
    """

    def __init__(self, state_dir: Path, settings: TrackingSettings) -> None:
        missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
        if missing:
            raise FatalError(
                f"the registry of models needs {', '.join(missing)}; install the extra with: "
                "pip install 'petawatch[training]'",
                reason="training_extra",
            )
        state_dir = state_dir.absolute()
        self._settings = settings
        self._artifacts = None if settings.uri else (state_dir / "mlflow-artifacts").as_uri()
        self._uri = settings.uri or f"sqlite:///{state_dir / 'mlflow.db'}"
        self._name = settings.registered_model
        with self._asking():
            # Before the first import of it: what it says at information level is for developers.
            logging.getLogger("alembic").setLevel(logging.ERROR)
            from mlflow.tracking import MlflowClient  # noqa: PLC0415

            if self._artifacts is not None:
                state_dir.mkdir(parents=True, exist_ok=True)
                prepare_registry_file(state_dir / "mlflow.db", self._artifacts)
            self._client: Any = MlflowClient(tracking_uri=self._uri, registry_uri=self._uri)

    def record(self, record: WaitingRecord) -> int:
        """Tell a training, and register its model as the latest ``candidate``; returns the version.

        A record that the registry has already is not told again. What a crash left half told is told anew.
        """
        with self._asking():
            self._make_registered_model()
            known = self._find_versions(f"tags.`{_RECORD_TAG}` = '{record.id}'")
            version = int(known[0].version) if known else self._tell(record)
            self._client.set_registered_model_alias(self._name, ModelAlias.CANDIDATE, str(version))
            if record.in_use:
                self._client.set_registered_model_alias(self._name, ModelAlias.PRODUCTION, str(version))
            return version

    def versions(self) -> list[RegisteredVersion]:
        """All versions, oldest first."""
        with self._asking():
            aliases = self._aliases()
            found = [self._version(item, aliases) for item in self._find_versions("")]
            return sorted(found, key=lambda version: version.version)

    def fetch(self, version: int, into: Path) -> Path:
        """Copy a version's model below a folder; returns its folder, which nobody has checked yet."""
        with self._asking():
            item = self._client.get_model_version(self._name, str(version))
            return Path(self._client.download_artifacts(item.run_id, _MODEL_FOLDER, str(into)))

    def set_alias(self, alias: ModelAlias, version: int) -> None:
        """Make a version what the alias says; the one that was it before no longer is."""
        with self._asking():
            self._client.set_registered_model_alias(self._name, alias, str(version))

    def remove_alias(self, alias: ModelAlias) -> None:
        """No version is what the alias says any more."""
        with self._asking():
            if any(alias in of_version for of_version in self._aliases().values()):
                self._client.delete_registered_model_alias(self._name, alias)

    def _tell(self, record: WaitingRecord) -> int:
        from mlflow.entities import Metric, Param  # noqa: PLC0415

        client, when_ms = self._client, record.recorded_ns // _MS_NS
        experiment = self._experiment()
        for half in client.search_runs([experiment], f"tags.`{_RECORD_TAG}` = '{record.id}'"):
            client.delete_run(half.info.run_id)
        tags = {_RECORD_TAG: record.id, _MODEL_TAG: record.model, _HASH_TAG: record.sha256}
        run = client.create_run(experiment, start_time=when_ms, tags=tags, run_name=record.model)
        run_id = run.info.run_id
        parameters = [Param(name, _parameter(value)) for name, value in sorted(record.parameters.items())]
        for start in range(0, len(parameters), _BATCH_PARAMETERS):
            client.log_batch(run_id, params=parameters[start : start + _BATCH_PARAMETERS])
        values = [Metric(name, value, when_ms, 0) for name, value in sorted(record.metrics.items())]
        for name, curve in sorted(record.curves.items()):
            values += [Metric(name, value, when_ms, epoch) for epoch, value in enumerate(curve, start=1)]
        for start in range(0, len(values), _BATCH_VALUES):
            client.log_batch(run_id, metrics=values[start : start + _BATCH_VALUES])
        client.log_artifacts(run_id, str(record.pictures_folder), _PICTURE_FOLDER)
        client.log_artifacts(run_id, str(record.model_folder), _MODEL_FOLDER)
        client.log_text(run_id, _signature(run_id), f"{_MODEL_FOLDER}/MLmodel")
        client.set_terminated(run_id, end_time=when_ms)
        source = f"{run.info.artifact_uri}/{_MODEL_FOLDER}"
        return int(client.create_model_version(self._name, source, run_id=run_id, tags=tags).version)

    def _experiment(self) -> str:
        known = self._client.get_experiment_by_name(self._settings.experiment)
        if known is not None:
            return str(known.experiment_id)
        return str(self._client.create_experiment(self._settings.experiment, artifact_location=self._artifacts))

    def _make_registered_model(self) -> None:
        if not self._client.search_registered_models(f"name = '{self._name}'"):
            self._client.create_registered_model(self._name)

    def _find_versions(self, condition: str) -> list[Any]:
        wanted = " and ".join(part for part in (f"name = '{self._name}'", condition) if part)
        found: list[Any] = []
        page = None
        while page is None or page.token:
            page = self._client.search_model_versions(wanted, page_token=page.token if page else None)
            found += list(page)
        return found

    def _aliases(self) -> dict[int, tuple[str, ...]]:
        """The aliases of each version: a list of versions does not hold them."""
        aliases: dict[int, tuple[str, ...]] = {}
        for model in self._client.search_registered_models(f"name = '{self._name}'"):
            for alias, version in sorted(model.aliases.items()):
                aliases[int(version)] = (*aliases.get(int(version), ()), alias)
        return aliases

    def _version(self, item: Any, aliases: Mapping[int, tuple[str, ...]]) -> RegisteredVersion:
        data = self._client.get_run(item.run_id).data
        return RegisteredVersion(
            version=int(item.version),
            model=item.tags.get(_MODEL_TAG, ""),
            sha256=item.tags.get(_HASH_TAG, ""),
            aliases=aliases.get(int(item.version), ()),
            created_ns=int(item.creation_timestamp) * _MS_NS,
            parameters=dict(data.params),
            metrics=dict(data.metrics),
        )

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            with warnings.catch_warnings():
                # It uses what its own libraries advise against: nothing that an operator could mend.
                warnings.simplefilter("ignore")
                yield
        except (FatalError, RetryableError):
            raise
        except Exception as error:  # MLflow hands on whatever requests, SQLAlchemy or the storage raise
            raise RetryableError(
                f"the registry of models at {_without_login(self._uri)} does not answer "
                f"({_words(error)}); see whether it runs and may be reached",
                reason="registry",
            ) from error


def _parameter(value: Value) -> str:
    return str(value)[:_PARAMETER_CHARACTERS]


def _signature(run_id: str) -> str:
    """MLflow's description of a model: what the network takes and gives."""
    from mlflow.models import Model, ModelSignature  # noqa: PLC0415
    from mlflow.types import Schema, TensorSpec  # noqa: PLC0415

    single, images = np.dtype(np.float32), (-1, *IMAGE_SHAPE)
    signature = ModelSignature(
        inputs=Schema([TensorSpec(single, images, INPUT_NAME)]),
        outputs=Schema(
            [TensorSpec(single, images, RECONSTRUCTION_NAME), TensorSpec(single, (-1, LATENT_SIZE), LATENT_NAME)]
        ),
    )
    model = Model(
        artifact_path=_MODEL_FOLDER, run_id=run_id, flavors={"onnx": {"data": "model.onnx"}}, signature=signature
    )
    return str(model.to_yaml())


def _words(error: BaseException) -> str:
    """What the system said, if that is where it began: each library puts it into longer words of its own."""
    first, cause = error, error.__cause__ or error.__context__
    while cause is not None:
        # The failures of requests are of this kind, too, and have none of the system's numbers.
        if isinstance(cause, OSError) and (cause.errno is not None or isinstance(cause, TimeoutError)):
            first = cause
        cause = cause.__cause__ or cause.__context__
    return " ".join(str(first).split())[:200]


def _without_login(uri: str) -> str:
    parts = urlsplit(uri)
    return uri if not parts.username else parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()

"""Settings: defaults, then a TOML file, then the environment; loaded once, checked at once.

Each option is written where it is used, as a dataclass beside its stage or connector; this module only nests them.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, TomlConfigSettingsSource
from pydantic_settings import PydanticBaseSettingsSource as _Source

from connectors.alertmanager import AlertmanagerSettings
from connectors.catalog.settings import CatalogSettings
from connectors.evidence_store import EvidenceSettings
from connectors.kafka.settings import KafkaSettings
from connectors.links import LinkSettings
from connectors.object_store.settings import ObjectStoreSettings
from connectors.registry.mlflow_registry import TrackingSettings
from connectors.snapshots.limits import ReadLimits
from connectors.spool_intake import SpoolSettings
from connectors.tape.settings import TapeSettings
from connectors.webhooks.sender import WebhookSettings
from connectors.webhooks.settings import (
    MessengerSettings,
    ReceiverSettings,
    all_receivers,
    check_names,
    checked_addresses,
)
from models.energies.meter_stage import MeterSettings
from models.errors import FatalError
from models.images.camera_stage import CameraSettings
from models.scoring.threshold_budget import ThresholdBudget
from models.snapshot_sequence import SequenceSettings
from models.spectra.spectrometer_stage import SpectrometerSettings
from models.training_choice import TrainingChoice
from models.triplets.join_settings import JoinSettings
from streams.alarms.settings import AlarmSettings
from streams.archive.settings import ArchiveSettings, require_installation
from streams.console.settings import ConsoleSettings
from streams.facility.settings import CheckpointSettings, ConnectSettings, WorkerSettings
from streams.report.settings import ReportSettings
from streams.setting_faults import fault_sentences
from streams.topology import TopicSettings
from streams.work_units import UnitSettings

_MOST_THREADS = 8


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no time zone; write for example Europe/Bucharest") from error
    return name


class Settings(BaseSettings):
    """Everything that can be configured.

    Attributes
    ----------
    time_zone
        Of the times in the snapshots' names and groups.
    threads
        Devices that are worked on at once; 0 takes the processor's cores, but at most 8: each thread holds a network of
        its own, and one process gains nothing from more.
    webhook_urls
        Short for receivers: each is called after its host, gets every opening and closing of an alert, unsigned.
    receivers, messengers
        Who is told of alerts and incidents: programs by HTTP, people through Apprise.
    silence_after_s
        A recorder that delivers no files for so long, by the clock, is not waited for.
    data_stopped_after_s
        An alert is raised when snapshots had been coming, and none has for so long, by the clock; 0: never.
    """

    model_config = SettingsConfigDict(
        env_prefix="PETAWATCH_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    time_zone: Annotated[str, AfterValidator(_time_zone)] = "UTC"
    threads: Annotated[int, Field(ge=0, le=256)] = 0
    webhook_urls: Annotated[tuple[str, ...], AfterValidator(checked_addresses)] = ()
    receivers: tuple[ReceiverSettings, ...] = ()
    messengers: tuple[MessengerSettings, ...] = ()
    silence_after_s: Annotated[float, Field(gt=0)] = 150.0
    data_stopped_after_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 180.0
    reading: ReadLimits = ReadLimits()
    units: UnitSettings = UnitSettings()
    spool: SpoolSettings = SpoolSettings()
    sequence: SequenceSettings = SequenceSettings()
    budget: ThresholdBudget = ThresholdBudget()
    camera: CameraSettings = CameraSettings()
    meter: MeterSettings = MeterSettings()
    spectrometer: SpectrometerSettings = SpectrometerSettings()
    join: JoinSettings = JoinSettings()
    evidence: EvidenceSettings = EvidenceSettings()
    alarms: AlarmSettings = AlarmSettings()
    training: TrainingChoice = TrainingChoice()
    tracking: TrackingSettings = TrackingSettings()
    object_store: ObjectStoreSettings = ObjectStoreSettings()
    archive: ArchiveSettings = ArchiveSettings()
    tape: TapeSettings = TapeSettings()
    catalog: CatalogSettings = CatalogSettings()
    webhooks: WebhookSettings = WebhookSettings()
    alertmanager: AlertmanagerSettings = AlertmanagerSettings()
    links: LinkSettings = LinkSettings()
    console: ConsoleSettings = ConsoleSettings()
    report: ReportSettings = ReportSettings()
    kafka: KafkaSettings = KafkaSettings()
    topics: TopicSettings = TopicSettings()
    connect: ConnectSettings = ConnectSettings()
    worker: WorkerSettings = WorkerSettings()
    checkpoints: CheckpointSettings = CheckpointSettings()

    @model_validator(mode="after")
    def _names_are_given_once(self) -> "Settings":
        receivers = all_receivers(self.webhook_urls, self.receivers)
        check_names([*(one.name for one in receivers), *(one.name for one in self.messengers)])
        return self

    def telling_only(self, urls: Sequence[str] = ()) -> "Settings":
        """The same, but of alerts only these addresses are told, and no one else."""
        nobody = {"receivers": (), "messengers": (), "alertmanager": AlertmanagerSettings()}
        return self.model_copy(update={"webhook_urls": tuple(urls), **nobody})

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the snapshots."""
        return ZoneInfo(self.time_zone)

    @property
    def worker_threads(self) -> int:
        """Devices that are worked on at once."""
        return self.threads or min(len(os.sched_getaffinity(0)), _MOST_THREADS)


def environment_with(options: Mapping[str, str]) -> dict[str, str]:
    """The environment for a child process: the own one, with settings by their names in the environment."""
    return {**os.environ, **options}  # noqa: TID251 - the one place that reads it


def set_environment_defaults(options: Mapping[str, str]) -> None:
    """Set what a library reads from the environment itself, before it is imported; what an operator set stays."""
    for name, value in options.items():
        os.environ.setdefault(name, value)  # noqa: TID251 - the one place


def default_settings() -> Settings:
    """Every option's default: nothing of the installation, neither its webhooks nor its thresholds."""
    return _reading_from(lambda _, options, __: (options,))()


def settings_text(settings: Settings) -> str:
    """All values as JSON for a process of our own, secrets included: never for a file, a log or a command line."""

    def plain(value: object) -> str:
        return value.get_secret_value() if isinstance(value, SecretStr) else str(value)

    return json.dumps(settings.model_dump(), default=plain)


def settings_of_text(text: str) -> Settings:
    """What ``settings_text`` wrote, and nothing of the environment."""
    return _reading_from(lambda _, options, __: (options,))(**json.loads(text))


def load_settings(config: Path | None, **overrides: Any) -> Settings:
    """Read the settings.

    Parameters
    ----------
    config
        A TOML file, or None for the defaults and the environment alone.
    overrides
        Values from the command line; they win.

    Raises
    ------
    FatalError
        With one sentence a line for each fault, that names the file, the option and what is wrong with it.
    """
    if config is not None and not config.is_file():
        raise FatalError(f"the configuration {config} is no file; give the path of a TOML file", reason="configuration")

    def layers(settings: type[BaseSettings], options: _Source, environment: _Source) -> tuple[_Source, ...]:
        own_file = [] if config is None else [TomlConfigSettingsSource(settings, config)]
        return options, environment, *own_file

    try:
        settings = _reading_from(layers)(**overrides)
    except ValidationError as error:
        where = f"in {config}" if config is not None else "in the environment or on the command line"
        faults = fault_sentences(error, where, default_settings())
        raise FatalError("\n".join(faults), reason="configuration") from error
    except ValueError as error:  # TOML syntax
        raise FatalError(f"the configuration {config} can't be read: {error}", reason="configuration") from error
    require_installation(settings.archive, settings.tape)
    return settings


class SettingOrigin(StrEnum):
    """Where an option's value comes from that is not left at its default."""

    FILE = "file"
    ENVIRONMENT = "environment"


def setting_origins(config: Path | None) -> dict[str, SettingOrigin]:
    """Where the options come from that file or environment set, by their names (``join.lateness_s``).

    Raises
    ------
    FatalError
        ``configuration`` when there is no such file, or it can't be read.
    """
    found: dict[str, SettingOrigin] = {}

    def layers(settings: type[BaseSettings], options: _Source, environment: _Source) -> tuple[_Source, ...]:
        own_file = [] if config is None else [TomlConfigSettingsSource(settings, config)]
        for source in own_file:
            found.update(dict.fromkeys(_option_names(source()), SettingOrigin.FILE))
        found.update(dict.fromkeys(_option_names(environment()), SettingOrigin.ENVIRONMENT))
        return (options,)

    if config is not None and not config.is_file():
        raise FatalError(f"the configuration {config} is no file; it was moved or removed", reason="configuration")
    try:
        _reading_from(layers)()
    except (ValueError, OSError) as error:
        raise FatalError(f"the configuration {config} can't be read: {error}", reason="configuration") from error
    return found


def _option_names(values: Mapping[str, Any], before: str = "") -> Iterator[str]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _option_names(value, f"{before}{name}.")
        yield f"{before}{name}"


def _reading_from(
    layers: Callable[[type[BaseSettings], _Source, _Source], tuple[_Source, ...]],
) -> type[Settings]:
    """Settings whose values come from these layers, the first ones win; made of the options and the environment."""

    class LayeredSettings(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: _Source,
            env_settings: _Source,
            dotenv_settings: _Source,  # noqa: ARG003 - the signature is pydantic's
            file_secret_settings: _Source,  # noqa: ARG003
        ) -> tuple[_Source, ...]:
            return layers(settings_cls, init_settings, env_settings)

    return LayeredSettings

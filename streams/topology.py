"""The topics of an installation, who writes them and who reads them: one table of plain data.

Topic creation, the agents, metric labels, the picture in the documentation and the checks of ``docker-compose.yml``
derive from it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from models.devices import RecordKind


class AgentName(StrEnum):
    """The agents; ``petawatch worker --agents`` takes these names."""

    IMAGE = "image"
    ENERGY = "energy"
    SPECTRUM = "spectrum"
    OTHER = "other"
    JOIN = "join"
    RECORDER = "recorder"


#: Who writes the first topics.
CONNECTOR = "connect"
#: Whose word comes in line with the records: the commands by which somebody promotes a model or accepts a baseline.
OPERATOR = "operator"


class TopicName(StrEnum):
    """Short names; the full one is ``<installation>.<short name>``."""

    IMAGES = "images"
    ENERGIES = "energies"
    SPECTRA = "spectra"
    OTHERS = "others"
    SCORED = "scored"
    DECIDED = "decided"
    ALERTS = "alerts"
    EVIDENCE = "evidence"
    SNAPSHOTS = "snapshots"
    DEAD_LETTERS = "dead-letters"
    MODELS = "models"
    LIVE = "live"
    PROGRESS = "progress"
    CHECKPOINTS_IMAGE = "checkpoints.image"
    CHECKPOINTS_ENERGY = "checkpoints.energy"
    CHECKPOINTS_SPECTRUM = "checkpoints.spectrum"
    CHECKPOINTS_OTHER = "checkpoints.other"
    CHECKPOINTS_JOIN = "checkpoints.join"


class Cleanup(StrEnum):
    """What Kafka does with old messages."""

    DELETE = "delete"
    COMPACT = "compact"


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicSettings:
    """Sizes of the topics.

    Attributes
    ----------
    installation
        Prefix of all topics, consumer groups and transactional ids: several installations share a cluster.
    image_partitions, energy_partitions, spectrum_partitions, other_partitions, join_partitions
        How many workers can share the work of an agent. Don't change them while a watch runs: a device's records would
        go to another partition than its state.
    replication
        Copies of every partition.
    records_retention_h
        How long records are kept that were read from snapshots; the snapshots themselves are the archive.
    results_retention_h
        How long scores, decisions, alerts, evidence and announcements are kept.
    records_retention_gib
        Most that one partition of records holds.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    installation: str = "hpls"
    image_partitions: int = 8
    energy_partitions: int = 4
    spectrum_partitions: int = 4
    other_partitions: int = 2
    join_partitions: int = 4
    replication: int = 1
    records_retention_h: float = 24.0
    results_retention_h: float = 168.0
    records_retention_gib: float = 16.0

    def __post_init__(self) -> None:
        counts = (
            self.image_partitions,
            self.energy_partitions,
            self.spectrum_partitions,
            self.other_partitions,
            self.join_partitions,
        )
        if not all(1 <= count <= 1024 for count in counts) or not 1 <= self.replication <= 15:
            raise ValueError("partitions must lie between 1 and 1024, replication between 1 and 15")
        if not self.installation or not self.installation.replace("-", "").replace("_", "").isalnum():
            raise ValueError("installation must be made of letters, digits, - and _")
        if min(self.records_retention_h, self.results_retention_h, self.records_retention_gib) <= 0:
            raise ValueError("retentions must be more than 0")

    def full_name(self, topic: TopicName) -> str:
        """The topic's name in the cluster."""
        return f"{self.installation}.{topic}"


#: Most bytes of a message: of scores, alerts and announcements; of decisions, which carry the rows of many records, and
#: of evidence; of a saved state. Each leaves room several times over.
RESULT_BYTES = 4 << 20
DECISION_BYTES = 16 << 20
STATE_BYTES = 32 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One row of the table.

    Attributes
    ----------
    key
        What the messages of one partition have in common.
    carries
        The message types.
    partitions
        Name of the option that says how many there are; empty for exactly one.
    retention
        Name of the option that says how many hours messages are kept; empty for a compacted topic.
    largest_bytes
        Most bytes of a message; 0 where it follows from the connector's ``block_bytes``.
    """

    name: TopicName
    key: str
    carries: tuple[str, ...]
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    partitions: str = ""
    cleanup: Cleanup = Cleanup.DELETE
    retention: str = "results_retention_h"
    largest_bytes: int = RESULT_BYTES


_RECORDS = ("RecordMessage", "DeviceNotice", "AcceptedBaseline")
#: The agents that keep the devices of one kind each.
DEVICE_AGENTS = (AgentName.IMAGE, AgentName.ENERGY, AgentName.SPECTRUM, AgentName.OTHER)
_ALL_AGENTS = tuple(AgentName)


def _records(name: TopicName, agent: AgentName) -> Topic:
    return Topic(
        name=name,
        key="device",
        carries=(*_RECORDS, "ModelPromotion", "ShadowPromotion") if agent is AgentName.IMAGE else _RECORDS,
        writers=(CONNECTOR, OPERATOR),
        readers=(agent,),
        partitions=f"{agent}_partitions",
        retention="records_retention_h",
        largest_bytes=0,
    )


def _checkpoints(name: TopicName, agent: AgentName) -> Topic:
    return Topic(
        name=name,
        key="state",
        carries=("Checkpoint",),
        writers=(agent,),
        readers=(agent,),
        partitions=f"{agent}_partitions",
        cleanup=Cleanup.COMPACT,
        retention="",
        largest_bytes=STATE_BYTES,
    )


#: Every topic of an installation.
TOPICS: tuple[Topic, ...] = (
    _records(TopicName.IMAGES, AgentName.IMAGE),
    _records(TopicName.ENERGIES, AgentName.ENERGY),
    _records(TopicName.SPECTRA, AgentName.SPECTRUM),
    _records(TopicName.OTHERS, AgentName.OTHER),
    Topic(
        name=TopicName.SCORED,
        key="laser stage",
        carries=("ScoredMessage", "DeviceNotice", "AcceptedBaseline"),
        writers=DEVICE_AGENTS,
        readers=(AgentName.JOIN,),
        partitions="join_partitions",
    ),
    Topic(
        name=TopicName.DECIDED,
        key="laser stage",
        carries=("DecidedMessage",),
        writers=(AgentName.JOIN,),
        readers=(AgentName.RECORDER,),
        largest_bytes=DECISION_BYTES,
    ),
    Topic(
        name=TopicName.ALERTS,
        key="alert",
        carries=("AlertMessage",),
        writers=(CONNECTOR, *DEVICE_AGENTS, AgentName.JOIN),
        readers=(AgentName.RECORDER,),
    ),
    Topic(
        name=TopicName.EVIDENCE,
        key="alert",
        carries=("EvidenceMessage",),
        writers=(AgentName.IMAGE,),
        readers=(AgentName.RECORDER,),
        largest_bytes=DECISION_BYTES,
    ),
    Topic(
        name=TopicName.SNAPSHOTS,
        key="file",
        carries=("Announcement",),
        writers=(CONNECTOR,),
        readers=(AgentName.RECORDER,),
    ),
    Topic(
        name=TopicName.DEAD_LETTERS,
        key="input topic and partition",
        carries=("DeadLetterMessage",),
        writers=_ALL_AGENTS,
        readers=(AgentName.RECORDER,),
        largest_bytes=0,
    ),
    Topic(
        name=TopicName.MODELS,
        key="model",
        carries=("ModelFiles",),
        writers=(OPERATOR,),
        readers=(AgentName.IMAGE,),
        cleanup=Cleanup.COMPACT,
        retention="",
        largest_bytes=STATE_BYTES,
    ),
    Topic(
        name=TopicName.LIVE,
        key="device",
        carries=("LiveReading",),
        writers=(AgentName.IMAGE, AgentName.ENERGY, AgentName.SPECTRUM),
        readers=(AgentName.RECORDER,),
        cleanup=Cleanup.COMPACT,
        retention="",
    ),
    Topic(
        name=TopicName.PROGRESS,
        key="agent and partition",
        carries=("Progress",),
        writers=(CONNECTOR, *_ALL_AGENTS),
        readers=(CONNECTOR, *_ALL_AGENTS),
        cleanup=Cleanup.COMPACT,
        retention="",
    ),
    _checkpoints(TopicName.CHECKPOINTS_IMAGE, AgentName.IMAGE),
    _checkpoints(TopicName.CHECKPOINTS_ENERGY, AgentName.ENERGY),
    _checkpoints(TopicName.CHECKPOINTS_SPECTRUM, AgentName.SPECTRUM),
    _checkpoints(TopicName.CHECKPOINTS_OTHER, AgentName.OTHER),
    _checkpoints(TopicName.CHECKPOINTS_JOIN, AgentName.JOIN),
)

#: The topic of each kind of device.
RECORD_TOPICS: dict[RecordKind, TopicName] = {
    RecordKind.CAMERA: TopicName.IMAGES,
    RecordKind.ENERGY_METER: TopicName.ENERGIES,
    RecordKind.SPECTROMETER: TopicName.SPECTRA,
    RecordKind.OTHER: TopicName.OTHERS,
}


def topic(name: TopicName) -> Topic:
    """The row of a topic."""
    return next(row for row in TOPICS if row.name is name)


def inputs_of(agent: AgentName) -> tuple[TopicName, ...]:
    """The topics whose messages an agent works on, in the order of the table."""
    not_worked_on = {TopicName.MODELS, TopicName.LIVE, TopicName.PROGRESS, checkpoint_topic(agent)}
    return tuple(row.name for row in TOPICS if agent in row.readers and row.name not in not_worked_on)


def checkpoint_topic(agent: AgentName) -> TopicName | None:
    """Where an agent's checkpoints are kept; None for the recorder, whose checkpoint is its state directory."""
    return None if agent is AgentName.RECORDER else TopicName(f"checkpoints.{agent}")


def partition_count(row: Topic, settings: TopicSettings) -> int:
    """How many partitions a topic has."""
    return int(getattr(settings, row.partitions)) if row.partitions else 1

"""The options of the connector and of the workers."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectSettings:
    """How a recorder computer's connector sends what it reads.

    Attributes
    ----------
    name
        Of this connector in the progress topic; the host's name when empty.
    block_bytes
        Most payload in one message; a single record that is larger still travels alone.
    max_ahead_s
        No snapshot is sent that begins so much later, in event time, than the slowest work of the agents: what they
        can't keep up with stays on disk, in order, and the join never has to let shots go for want of room.
    dead_partition_after_s
        A partition whose work has not moved for so long, by the clock, is not waited for.
    behind_alert_s
        An alert is raised when the oldest file on disk that was not sent is older than this.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    name: str = ""
    block_bytes: int = 1 << 20
    max_ahead_s: float = 300.0
    dead_partition_after_s: float = 120.0
    behind_alert_s: float = 300.0

    def __post_init__(self) -> None:
        if not 1_024 <= self.block_bytes <= 64 << 20:
            raise ValueError("block_bytes must lie between 1024 and 67108864")
        if min(self.max_ahead_s, self.dead_partition_after_s, self.behind_alert_s) <= 0:
            raise ValueError("max_ahead_s, dead_partition_after_s and behind_alert_s must be more than 0")


class StoreKind(StrEnum):
    """Where checkpoints are kept."""

    TOPIC = "topic"
    DIRECTORY = "directory"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointSettings:
    """When and where the states of the agents are saved.

    Attributes
    ----------
    store
        ``topic``: a compacted topic, so that a partition can move to another machine. ``directory``: a folder that all
        workers of the installation share.
    directory
        That folder.
    every_s
        So much work at most is done again after a crash. Where an agent's states change by more than 4 MiB a second in
        a worker, checkpoints are written less often: every 30 s at least.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    store: StoreKind = StoreKind.TOPIC
    directory: Path | None = None
    every_s: float = 2.0

    def __post_init__(self) -> None:
        if self.store is StoreKind.DIRECTORY and self.directory is None:
            raise ValueError("checkpoints.directory must name a folder when checkpoints.store is directory")
        if not 0.05 <= self.every_s <= 600.0:
            raise ValueError("checkpoints.every_s must lie between 0.05 and 600")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """How a worker takes part.

    Attributes
    ----------
    instance
        Its name in the consumer group, kept over restarts; the host's name when empty. Unique in the installation.
    model
        Folder of the model that scores images until one is promoted; the shipped one when there is none.
    session_timeout_s
        A worker that gave no sign of life for so long loses its partitions to the others.
    buffer_bytes
        Most bytes of messages that wait in this worker's memory, over all partitions.
    batch_messages
        Most messages that are worked on before their outputs are sent.
    lag_alert_s
        An alert is raised when an agent's work on a partition is further than this behind what was sent, in event time.
    stuck_after_s
        A worker whose checkpoints have not moved for so long while messages wait ends with an error.
    shutdown_s
        Work in flight is finished for so long at a SIGTERM; what is not done then is done by the next owner.
    warm_up
        Whether it first does once, on simulated shots, what it is to do: the first alert is then as fast as others.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    instance: str = ""
    model: Path | None = None
    session_timeout_s: float = 10.0
    buffer_bytes: int = 256 << 20
    batch_messages: int = 32
    lag_alert_s: float = 180.0
    stuck_after_s: float = 120.0
    shutdown_s: float = 8.0
    warm_up: bool = True

    def __post_init__(self) -> None:
        if not 3.0 <= self.session_timeout_s <= 300.0:
            raise ValueError("session_timeout_s must lie between 3 and 300")
        if self.buffer_bytes < 16 << 20 or not 1 <= self.batch_messages <= 4096:
            raise ValueError("buffer_bytes must be at least 16777216, batch_messages between 1 and 4096")
        if min(self.lag_alert_s, self.stuck_after_s, self.shutdown_s) <= 0:
            raise ValueError("lag_alert_s, stuck_after_s and shutdown_s must be more than 0")

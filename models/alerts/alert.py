"""What an operator is told: one alert per episode, with an id that is computed."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.alerts.explanation import NO_EXPLANATION, Explanation
from models.devices import Device, Stage
from models.records import RecordBlock, SourceReference


class AlertKind(StrEnum):
    """What is wrong."""

    IMAGE_ANOMALY = "image_anomaly"
    STUCK_FRAME = "stuck_frame"
    NO_BEAM = "no_beam"
    DRIFT = "drift"
    ENERGY_OUTLIER = "energy_outlier"
    ENERGY_STEP = "energy_step"
    SPECTRUM_ANOMALY = "spectrum_anomaly"
    TRIPLET_ANOMALY = "triplet_anomaly"
    INCOMPLETE_TRIPLET = "incomplete_triplet"
    DEVICE_STATE = "device_state"
    DEVICE_SILENT = "device_silent"
    SNAPSHOT_MISSING = "snapshot_missing"
    SNAPSHOT_REJECTED = "snapshot_rejected"
    PIPELINE_LAG = "pipeline_lag"
    CONNECTOR_BEHIND = "connector_behind"
    DATA_STOPPED = "data_stopped"
    TAPE_TROUBLE = "tape_trouble"
    TAPE_WANTED = "tape_wanted"
    ARCHIVE_LATE = "archive_late"
    RECEIVER_FAILING = "receiver_failing"


class Severity(StrEnum):
    """How bad."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class AlertStatus(StrEnum):
    """Whether the episode still goes on."""

    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSource:
    """The shot that an alert points to: its file and the group inside it."""

    file: str
    sha256: str
    path: str

    @classmethod
    def of_record(cls, block: RecordBlock, row: int) -> Self:
        """That of a block's row."""
        return cls(file=block.source.file, sha256=block.source.sha256, path=block.hdf5_group[row])

    def to_json(self) -> list[str]:
        """As JSON values."""
        return [self.file, self.sha256, self.path]

    @classmethod
    def from_json(cls, values: Sequence[str]) -> Self:
        """What ``to_json`` wrote."""
        file, sha256, path = values
        return cls(file=file, sha256=sha256, path=path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One episode as it stands.

    Attributes
    ----------
    device
        The device's name; empty when the alert is about a whole stage, a file or a part of the installation.
    first_shot_ns, last_shot_ns
        Event times of the first and of the latest odd shot.
    opened_ns
        Event time of the shot with which the episode opened: the first one, or where it takes several weak ones a later
        one. 0 for alerts that are not about shots, and for those of earlier programs.
    shots
        How many odd shots so far.
    score
        The largest -log10 of a corrected tail probability among them; 0 for rules without a score.
    reasons
        Words in results (``Reason.words``), or the bounded reason of a rule.
    model
        Id of the model that scored; empty for rules.
    source
        The first odd shot.
    explanation
        Why, by the worst shot so far.
    """

    id: str
    kind: AlertKind
    severity: Severity
    status: AlertStatus
    stage: Stage
    device: str
    first_shot_ns: int
    last_shot_ns: int
    shots: int
    score: float
    reasons: tuple[str, ...]
    model: str
    source: AlertSource
    explanation: Explanation = NO_EXPLANATION
    opened_ns: int = 0


class AlertChange(StrEnum):
    """What happened to an alert; openings and closings are sent out, updates only stored."""

    OPENED = "opened"
    UPDATED = "updated"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertEvent:
    """One step in an alert's life."""

    change: AlertChange
    alert: Alert


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceFrame:
    """One image of an image episode, as an operator wants to see it.

    Attributes
    ----------
    role
        ``first``, ``worst`` or ``last``; a later one of the same role replaces the earlier.
    raw
        uint16, shape (102, 128), counts.
    cleaned, reconstruction
        float32, same shape, counts above the pedestal.
    residual_z
        float32, same shape: the residual in sigmas of the camera's own recent frames; zeros before there are any.
    """

    alert_id: str
    role: str
    event_time_ns: int
    device: Device
    source: AlertSource
    raw: NDArray[np.uint16]
    cleaned: NDArray[np.float32]
    reconstruction: NDArray[np.float32]
    residual_z: NDArray[np.float32]


def alert_id(subject: Device | Stage | SourceReference, kind: AlertKind, first_shot_ns: int) -> str:
    """16 hexadecimal digits, the same for the same device, stage or file, kind and first shot, wherever computed."""
    name = subject.file if isinstance(subject, SourceReference) else str(subject)
    text = f"{type(subject).__name__}|{name}|{kind}|{first_shot_ns}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]

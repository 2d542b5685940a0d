"""An alarm: a subject and a kind of alert, with its life; and which alarm an alert belongs to."""

import hashlib
from dataclasses import dataclass
from pathlib import PurePosixPath

from models.alarms.life_cycle import AlarmLife, AlarmState
from models.alarms.priority import Priority
from models.alerts.alert import Alert, AlertKind, AlertStatus
from models.devices import NO_STAGE, Stage
from models.errors import RecordError
from models.snapshot_names import parse_snapshot_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """What ISA-18.2 calls an alarm, as it stands. Its conditions are the open alerts of its kind about its subject.

    Attributes
    ----------
    id
        Computed from kind and subject: the same for the next alert, too.
    subject
        The device, else the stage, else the recorder's series, or the part of the installation.
    latest_alert_id
        The alert that raised it last.
    acknowledged_ns, acknowledged_by
        The latest acknowledgement; None and empty before the first.
    covered_by, covered_why
        Who shelved it or took it out of service, and why; empty when it is neither.
    """

    id: str
    kind: AlertKind
    subject: str
    stage: Stage
    device: str
    priority: Priority
    life: AlarmLife
    latest_alert_id: str = ""
    acknowledged_ns: int | None = None
    acknowledged_by: str = ""
    covered_by: str = ""
    covered_why: str = ""

    @property
    def state(self) -> AlarmState:
        """What is shown."""
        return self.life.state


@dataclass(frozen=True, slots=True, kw_only=True)
class Activation:
    """An alert as the life cycle knows it: the condition of an alarm, and a part of an incident.

    Attributes
    ----------
    known_ns
        When it was durable first, by the clock.
    file_closed_ns
        When the file behind it was closed; None when that is not known.
    announced_ns
        When it was announced last; None while its alarm is covered or delayed, and of chatter.
    acknowledged_ns, acknowledged_by
        When somebody acknowledged what was announced last; None and empty before.
    """

    alert: Alert
    alarm_id: str
    incident_id: str
    known_ns: int
    file_closed_ns: int | None = None
    announced_ns: int | None = None
    acknowledged_ns: int | None = None
    acknowledged_by: str = ""

    @property
    def is_open(self) -> bool:
        """Whether the episode goes on."""
        return self.alert.status is AlertStatus.OPEN


def subject_of(alert: Alert) -> str:
    """What an alert is about, the same for all alerts of one alarm."""
    if alert.device:
        return alert.device
    if alert.stage.amp:
        return str(alert.stage)
    if alert.kind is AlertKind.SNAPSHOT_REJECTED:
        return _series(alert.source.file)
    return alert.source.file


def alarm_id(alert: Alert) -> str:
    """16 hexadecimal digits, the same for every alert of this kind about this subject."""
    return hashlib.sha256(f"alarm|{alert.kind}|{subject_of(alert)}".encode()).hexdigest()[:16]


def stage_of(alert: Alert) -> Stage:
    """The laser stage that an alert is about; ``NO_STAGE`` for those about files and the installation."""
    return alert.stage if alert.stage.amp else NO_STAGE


def _series(file: str) -> str:
    try:
        return parse_snapshot_name(PurePosixPath(file)).series
    except RecordError:  # a name that says nothing
        return "snapshots"

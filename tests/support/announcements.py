"""Alerts and incidents as they are announced."""

from dataclasses import replace

from models.alarms.announcement import AnnouncedChange, Announcement
from models.alarms.incident import Incident, IncidentState
from models.alarms.priority import Priority
from models.alerts.alert import Alert, AlertKind, AlertSource, AlertStatus, Severity
from models.alerts.explanation import Explanation
from models.devices import Stage
from models.event_time import parse_iso

STAGE = Stage("LA", "A3", "31")
NOW_NS = parse_iso("2022-07-01T09:35:00Z")
ALERT = Alert(
    id="0123456789abcdef",
    kind=AlertKind.IMAGE_ANOMALY,
    severity=Severity.HIGH,
    status=AlertStatus.OPEN,
    stage=STAGE,
    device="LA_A3_31-Camera_1-Camera-1",
    first_shot_ns=parse_iso("2022-07-01T09:34:00.100Z"),
    last_shot_ns=parse_iso("2022-07-01T09:34:07.200Z"),
    shots=12,
    score=8.25,
    reasons=("residual", "latent"),
    model="base-1",
    source=AlertSource(file="10Hz/a.h5", sha256="ab" * 32, path="09-34-00-100/LA_A3_31-Camera_1-Camera-1"),
    explanation=Explanation(text="hot spot at (61, 40) px", cause="hot_spot", cause_probability=0.93),
)
INCIDENT = Incident(
    id="fedcba9876543210",
    first_alert_id=ALERT.id,
    priority=Priority.HIGH,
    state=IncidentState.OPEN,
    first_shot_ns=ALERT.first_shot_ns,
    last_shot_ns=ALERT.last_shot_ns,
    opened_ns=NOW_NS,
    origin="LA-A2-21",
    stages=(Stage("LA", "A2", "21"), STAGE),
    kinds=(AlertKind.IMAGE_ANOMALY, AlertKind.NO_BEAM),
    subjects=("LA_A2_21-Camera_1-Camera-1", "LA_A3_31-Camera_1-Camera-1"),
    episodes=3,
    open_episodes=2,
    revision=1,
)


def about_alert(change: AnnouncedChange, number: int = 1, **changes: object) -> Announcement:
    """An announcement of an alert of the incident."""
    return Announcement(
        change=change,
        at_ns=NOW_NS,
        alert=replace(ALERT, **changes),  # type: ignore[arg-type]
        incident=INCIDENT,
        number=number,
    )


def about_incident(
    change: AnnouncedChange, number: int = 1, by: str = "", why: str = "", **changes: object
) -> Announcement:
    """An announcement of the incident."""
    return Announcement(
        change=change,
        at_ns=NOW_NS,
        incident=replace(INCIDENT, **changes),  # type: ignore[arg-type]
        by=by,
        why=why,
        number=number,
    )

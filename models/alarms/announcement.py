"""What people and programs are told: one step in the life of an alert, an alarm or an incident."""

from dataclasses import dataclass
from enum import StrEnum

from models.alarms.incident import Incident
from models.alerts.alert import Alert


class AnnouncedChange(StrEnum):
    """What happened."""

    #: The alert's alarm was announced by it. Not of one that is covered, too short, or chatter.
    ALERT_OPENED = "alert_opened"
    #: An alert that was announced is over; also when its alarm is covered by now.
    ALERT_CLOSED = "alert_closed"
    #: What covered its alarm ended (shelving, maintenance ...), and it is still open.
    ALERT_ANNOUNCED_AGAIN = "alert_announced_again"
    #: The first of an incident was announced.
    INCIDENT_OPENED = "incident_opened"
    #: More urgent than before, other stages, another likely origin, or something new in one that was acknowledged.
    INCIDENT_UPDATED = "incident_updated"
    #: An incident that was announced is over.
    INCIDENT_CLOSED = "incident_closed"
    #: Somebody has acknowledged all of an incident.
    ACKNOWLEDGED = "acknowledged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """One thing to be told.

    Attributes
    ----------
    at_ns
        When it happened, by the clock.
    alert
        As it stands, of a change of an alert; else None.
    incident
        The incident as it stands, also of a change of an alert: the one that it belongs to.
    worst
        The alert that the incident is headed by, of a change of the incident; None of a change of an alert.
    by, why
        Who did it, and why; empty when it happened by itself.
    number
        With ``change`` and the id of alert or incident it is one of its kind: an incident's ``revision``; of an alert
        how many times its alarm had been announced.
    file_closed_ns
        When the file behind an alert's opening was closed, None when that is not known.
    """

    change: AnnouncedChange
    at_ns: int
    alert: Alert | None = None
    incident: Incident | None = None
    worst: Alert | None = None
    by: str = ""
    why: str = ""
    number: int = 0
    file_closed_ns: int | None = None

    @property
    def subject_id(self) -> str:
        """Whose messages keep their order: the alert's id, or the incident's."""
        one = self.alert if self.alert is not None else self.incident
        if one is None:
            raise ValueError("an announcement is about an alert or an incident")
        return one.id

"""What people and programs are told: one step in the life of an alert, an alarm or an incident."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

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

    @property
    def is_end(self) -> bool:
        """Whether there is no more to tell of the alert or incident, unless the incident begins to go on again."""
        return self in {AnnouncedChange.ALERT_CLOSED, AnnouncedChange.INCIDENT_CLOSED}


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
    is_news
        Whether those are told, too, who know that it goes on.
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
    is_news: bool = True
    file_closed_ns: int | None = None

    @property
    def subject_id(self) -> str:
        """Whose messages keep their order: the alert's id, or the incident's."""
        one = self.alert if self.alert is not None else self.incident
        if one is None:
            raise ValueError("an announcement is about an alert or an incident")
        return one.id

    def as_told(self, *, wanted: bool, urgent: bool, goes_on: bool | None) -> Self | None:
        """What somebody is told of it; None: nothing.

        Whoever was told that something goes on is told how it goes on, and of its end; nobody else is told of an end,
        nor who has seen it. The first that anybody hears of something is an opening.

        Parameters
        ----------
        wanted
            Whether he wants to hear of alerts, or of incidents, as this is about the one or the other.
        urgent
            Whether it is urgent enough for him as it stands.
        goes_on
            Whether he was told that it goes on; False: he was told of its end; None: of nothing.
        """
        if goes_on:
            return self if self.is_news and (wanted or self.change.is_end) else None
        if not wanted or self.change.is_end:
            return None
        if self.change is AnnouncedChange.ACKNOWLEDGED:
            return None if goes_on is None else self
        if not urgent:
            return None
        return self if goes_on is False else replace(self, change=self._opening)

    @property
    def _opening(self) -> AnnouncedChange:
        return AnnouncedChange.INCIDENT_OPENED if self.alert is None else AnnouncedChange.ALERT_OPENED

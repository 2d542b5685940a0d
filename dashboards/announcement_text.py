"""An alert or an incident as a message that people read on a phone: how bad, what, where, since when, what to do."""

from typing import NamedTuple

from dashboards.alert_table import place_of
from dashboards.printable import printable
from dashboards.reason_words import why
from dashboards.words import plain_words
from models.alarms.announcement import AnnouncedChange, Announcement
from models.alarms.incident import Incident
from models.alerts.alert import Alert
from models.event_time import format_iso

_SHOWN_SUBJECTS = 6
_HAPPENED = {
    AnnouncedChange.ALERT_OPENED: "",
    AnnouncedChange.ALERT_CLOSED: "over: ",
    AnnouncedChange.ALERT_ANNOUNCED_AGAIN: "still there: ",
    AnnouncedChange.INCIDENT_OPENED: "",
    AnnouncedChange.INCIDENT_UPDATED: "more: ",
    AnnouncedChange.INCIDENT_CLOSED: "over: ",
    AnnouncedChange.ACKNOWLEDGED: "seen: ",
}
_OVER = {AnnouncedChange.ALERT_CLOSED, AnnouncedChange.INCIDENT_CLOSED}


class AnnouncementText(NamedTuple):
    """A message for people; ``level`` is its priority, or ``over``."""

    title: str
    text: str
    level: str


def announcement_text(
    announcement: Announcement, *, priority: str, guidance: str = "", link: str = ""
) -> AnnouncementText:
    """The message.

    Parameters
    ----------
    guidance
        What to check and whom to call; left out when it is over.
    link
        To the page of the alert or incident; empty: none.
    """
    alert, incident = announcement.alert, announcement.incident
    over = announcement.change in _OVER
    lines: list[str] = []
    what = where = ""
    if alert is not None:
        what, where = plain_words(alert.kind), place_of(alert)
        lines = _of_alert(alert)
    elif incident is not None:
        what, where = _what(incident, announcement.worst), _where(incident)
        lines = _of_incident(incident)
        if announcement.change is AnnouncedChange.INCIDENT_OPENED and incident.is_acknowledged:  # he hears of it late
            lines.append(f"seen by {incident.acknowledged_by}")
    if announcement.by:
        lines.append(f"by {announcement.by}" + (f": {announcement.why}" if announcement.why else ""))
    if guidance and not over:
        lines.append(guidance)
    if link:
        lines.append(link)
    title = f"[{priority}] {_HAPPENED[announcement.change]}{what}, {where}"
    return AnnouncementText(
        title=printable(title),
        text="\n".join(printable(line) for line in lines),
        level="over" if over else priority,
    )


def _of_alert(alert: Alert) -> list[str]:
    shots = f", {alert.shots} shots so far" if alert.shots > 1 else ""
    return [why(alert), f"since {format_iso(alert.first_shot_ns)}{shots}"]


def _of_incident(incident: Incident) -> list[str]:
    end = "" if incident.closed_ns is None else f" until {format_iso(incident.last_shot_ns)}"
    episodes = f"{incident.episodes} {'alert' if incident.episodes == 1 else 'alerts'}, {incident.open_episodes} open"
    lines = [f"since {format_iso(incident.first_shot_ns)}{end}, {episodes}"]
    if incident.origin:
        lines.append(f"likely origin: {incident.origin}")
    more = len(incident.subjects) - _SHOWN_SUBJECTS
    shown = ", ".join(incident.subjects[:_SHOWN_SUBJECTS])
    lines.append(shown + (f" and {more} more" if more > 0 else ""))
    return lines


def _what(incident: Incident, worst: Alert | None) -> str:
    return why(worst) if worst is not None else ", ".join(map(plain_words, incident.kinds))


def _where(incident: Incident) -> str:
    """The stages, or what it is about where there is none."""
    return ", ".join(map(str, incident.stages)) or ", ".join(incident.subjects[:1])

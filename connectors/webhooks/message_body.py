"""What receivers are sent, by the conventions of the Standard Webhooks specification: type, timestamp, data."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from connectors.alert_documents import alert_document
from connectors.evidence_store import EvidenceLink
from connectors.links import incident_link
from models.alarms.announcement import AnnouncedChange, Announcement
from models.alarms.incident import Incident
from models.alarms.priority import Priority
from models.alerts.alert import Alert
from models.event_time import MILLISECOND_NS, format_iso, iso_or_none

_TYPES: Final = {
    AnnouncedChange.ALERT_OPENED: "alert.opened",
    AnnouncedChange.ALERT_CLOSED: "alert.closed",
    AnnouncedChange.ALERT_ANNOUNCED_AGAIN: "alert.announced_again",
    AnnouncedChange.INCIDENT_OPENED: "incident.opened",
    AnnouncedChange.INCIDENT_UPDATED: "incident.updated",
    AnnouncedChange.INCIDENT_CLOSED: "incident.closed",
    AnnouncedChange.ACKNOWLEDGED: "incident.acknowledged",
}
# An alert opens and closes once.
_ONCE = {AnnouncedChange.ALERT_OPENED, AnnouncedChange.ALERT_CLOSED}


def type_of(announcement: Announcement) -> str:
    """The type of the event, for example ``alert.opened``; it says what ``data`` holds."""
    return _TYPES[announcement.change]


def event_id_of(announcement: Announcement, generation: str) -> str:
    """The id of the event, the same wherever computed: receivers drop what they have seen. It holds no full stop.

    Parameters
    ----------
    generation
        Of the decisions: without them numbers begin anew, and what was told before may be told again.
    """
    word = type_of(announcement).partition(".")[2]
    number = "" if announcement.change in _ONCE else f"-{announcement.number}"
    ending = f"-{generation}" if generation else ""  # files of earlier programs have none
    return f"{announcement.subject_id}-{word}{number}{ending}"


def webhook_body(
    announcement: Announcement,
    priority: Priority,
    *,
    generation: str,
    now_ns: int,
    evidence: Sequence[EvidenceLink] = (),
    links: str = "",
) -> bytes:
    """The body of a message, as UTF-8 JSON.

    Parameters
    ----------
    priority
        How soon somebody has to look.
    generation
        As of ``event_id_of``.
    evidence
        Of the alert, of an announcement of one.
    links
        ``links.address``; empty: there is no ``link``.
    """
    alert, incident = announcement.alert, announcement.incident
    data: dict[str, Any] = {}
    if alert is not None:
        data = alert_document(alert, evidence, links=links) | {
            "priority": priority.value,
            "age_ms": _age_ms(announcement.change, alert, now_ns),
            "incident": None if incident is None else incident.id,
        }
    elif incident is not None:
        data = incident_document(incident, links=links) | {"by": announcement.by, "why": announcement.why}
    happened = {
        "event": type_of(announcement).partition(".")[2],
        "event_id": event_id_of(announcement, generation),
        "sent_at": format_iso(now_ns),
    }
    return message(type_of(announcement), format_iso(announcement.at_ns), data | happened)


def message(type_: str, timestamp: str, data: Mapping[str, Any]) -> bytes:
    """A body with its three parts."""
    return json.dumps({"type": type_, "timestamp": timestamp, "data": data}, allow_nan=False).encode()


def incident_document(incident: Incident, *, links: str = "") -> dict[str, Any]:
    """The fields of an incident as JSON values; times are ISO 8601 in UTC with milliseconds, or null.

    Parameters
    ----------
    links
        ``links.address``; empty: the document has no ``link``.
    """
    document = {
        "id": incident.id,
        "priority": incident.priority.value,
        "state": incident.state.value,
        "first_shot": format_iso(incident.first_shot_ns),
        "last_shot": format_iso(incident.last_shot_ns),
        "opened": format_iso(incident.opened_ns),
        "closed": iso_or_none(incident.closed_ns),
        "origin": incident.origin,
        "stages": [{"front_end": one.front_end, "amp": one.amp, "arm": one.arm} for one in incident.stages],
        "kinds": [kind.value for kind in incident.kinds],
        "subjects": list(incident.subjects),
        "episodes": incident.episodes,
        "open_episodes": incident.open_episodes,
        "acknowledged": iso_or_none(incident.acknowledged_ns),
        "acknowledged_by": incident.acknowledged_by,
        "first_alert": incident.first_alert_id,
        "revision": incident.revision,
    }
    return document | {"link": incident_link(links, incident.id)} if links else document


def _age_ms(change: AnnouncedChange, alert: Alert, now_ns: int) -> int:
    shot_ns = alert.last_shot_ns if change is AnnouncedChange.ALERT_CLOSED else alert.first_shot_ns
    return (now_ns - shot_ns) // MILLISECOND_NS

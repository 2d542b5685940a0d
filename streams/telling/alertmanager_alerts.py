"""An incident as Alertmanager is told of it: few labels, which change only when people are to hear of it anew."""

from collections.abc import Iterable
from dataclasses import replace

from connectors.alertmanager import RoutedAlert
from connectors.control_room.routed_incidents import RoutedIncident
from connectors.links import incident_link
from dashboards.announcement_text import announcement_text
from models.alarms.announcement import AnnouncedChange, Announcement
from models.alarms.incident import Incident
from models.alarms.priority import Priority
from models.event_time import HOUR_NS, format_iso
from streams.alarms.settings import AlarmSettings

#: The name that routes ask for.
ALERT_NAME = "PetawatchIncident"
#: An incident of which no word comes any more ends in Alertmanager after so long. It is generous: a watch that is away
#: for an hour, or for a night, must not let people read that it is over when nobody knows. That the watch is away is an
#: alert of Prometheus.
HEARD_FOR_NS = 24 * HOUR_NS


class IncidentAlerts:
    """Makes alerts of incidents.

    Parameters
    ----------
    installation
        For the label of this name.
    links
        ``links.address``.
    """

    def __init__(self, alarms: AlarmSettings, *, installation: str, links: str) -> None:
        self._alarms = alarms
        self._installation = installation
        self._links = links

    def alert(self, routed: RoutedIncident, now_ns: int) -> RoutedAlert:
        """What is told of an incident now."""
        incident = routed.incident
        if routed.fires:
            return self._told(routed, incident.priority, now_ns + HEARD_FOR_NS, "")
        return self._told(routed, incident.priority, _ended_ns(routed, now_ns), _end(routed))

    def of_other_labels(self, routed: RoutedIncident, news: Iterable[int], now_ns: int) -> list[RoutedAlert]:
        """The ends of what was told of it under other priorities and before the latest news: labels choose the route.

        Parameters
        ----------
        news
            What was told of it before, besides ``routed.news``.
        """
        incident, ended_ns = routed.incident, _ended_ns(routed, now_ns)
        return [
            self._told(replace(routed, news=(since_ns,)), priority, ended_ns, _end_of_other(routed, priority))
            for priority in Priority
            for since_ns in sorted({incident.announced_ns or incident.opened_ns, *routed.news, *news})
            if (priority, since_ns) != (incident.priority, routed.news[-1])
        ]

    def _told(self, routed: RoutedIncident, priority: Priority, ends_ns: int, end: str) -> RoutedAlert:
        incident, stage = routed.incident, routed.stage.name
        return RoutedAlert(
            labels={
                "alertname": ALERT_NAME,
                "incident": incident.id,
                "priority": priority.value,
                "kind": routed.kind.value,
                "stage": stage,
                "installation": self._installation,
                "news": _news(routed),
            },
            annotations=self._annotations(incident, routed, end),
            starts_ns=incident.opened_ns,
            ends_ns=ends_ns,
            generator_url=incident_link(self._links, incident.id),
        )

    def _annotations(self, incident: Incident, routed: RoutedIncident, end: str) -> dict[str, str]:
        opened = Announcement(
            change=AnnouncedChange.INCIDENT_OPENED, at_ns=incident.opened_ns, incident=incident, worst=routed.worst
        )
        text = announcement_text(opened, priority=incident.priority)
        annotations = {
            "summary": text.title,
            "description": text.text,
            "guidance": self._alarms.rules(routed.worst.kind).guidance,
            "likely_origin": incident.origin,
            "acknowledged_by": incident.acknowledged_by if incident.is_acknowledged else "",
            "end": end,
        }
        return {name: value for name, value in annotations.items() if value}


def _ended_ns(routed: RoutedIncident, now_ns: int) -> int:
    """When what was told of it ends: with an incident that is over, else now."""
    return now_ns if routed.put_aside else routed.incident.closed_ns or now_ns


def _end(routed: RoutedIncident) -> str:
    return "put aside" if routed.put_aside else "over"


def _end_of_other(routed: RoutedIncident, priority: Priority) -> str:
    if not routed.fires:
        return _end(routed)
    return "something is new of it" if priority is routed.incident.priority else "of another priority now"


def _news(routed: RoutedIncident) -> str:
    """Since when something new of it was told; empty of what it began with."""
    return "" if routed.news[-1] == routed.incident.announced_ns else format_iso(routed.news[-1])

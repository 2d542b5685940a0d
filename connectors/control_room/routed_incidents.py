"""Which incidents others route to people: announced ones that go on, that are put aside, and that ended lately."""

import json
import math
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from connectors.control_room.database import reading
from connectors.control_room.incident_rows import find_incidents, worst_alerts
from connectors.control_room.schema import ANNOUNCED
from models.alarms.incident import Incident, IncidentState
from models.alarms.life_cycle import COVERED
from models.alerts.alert import Alert, AlertKind
from models.devices import Stage

_IN_STATE = f"{ANNOUNCED} AND state = ?"
_ENDED = f"{_IN_STATE} AND closed_ns >= ?"
# All of it that goes on belongs to alarms that are covered.
_PUT_ASIDE = f"""SELECT id FROM incidents WHERE {_IN_STATE} AND open_episodes > 0
    AND NOT EXISTS (SELECT 1 FROM activations a JOIN alarms m ON m.id = a.alarm_id
        WHERE a.incident_id = incidents.id AND a.open AND m.state NOT IN (?, ?, ?))"""  # noqa: S608
_FIRST = """SELECT a.incident_id, m.kind, a.front_end, a.amp, a.arm FROM json_each(?) AS ids
    JOIN activations a ON a.alert_id = ids.value JOIN alarms m ON m.id = a.alarm_id"""

# When people were told of each alert, and when somebody had seen it.
_SEEN = """SELECT incident_id, announced_ns, acknowledged_ns FROM activations
    WHERE incident_id IN (SELECT value FROM json_each(?)) AND announced_ns IS NOT NULL
    ORDER BY incident_id, announced_ns"""
_MOST_NEWS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutedIncident:
    """An incident that people were told of.

    Attributes
    ----------
    kind, stage
        Of the alert that it began with.
    worst
        The alert that it is headed by.
    news
        When it was first told of, and again each time that something new of it was after all had been acknowledged; ns
        since 1970, the latest 20.
    put_aside
        It goes on, and all that goes on of it is shelved, suppressed or out of service.
    """

    incident: Incident
    kind: AlertKind
    stage: Stage
    worst: Alert
    news: tuple[int, ...]
    put_aside: bool

    @property
    def fires(self) -> bool:
        """Whether people are to hear of it."""
        return self.incident.state is IncidentState.OPEN and not self.put_aside


def routed_incidents(state: Path, *, ended_after_ns: int, most: int) -> list[RoutedIncident]:
    """Those that are open, and those that ended after a time (ns since 1970); as of one moment.

    Parameters
    ----------
    most
        Of each of both; those with the latest shots.

    Raises
    ------
    RetryableError, FatalError
        As ``reading``.
    """
    with reading(state) as connection:
        incidents = list(find_incidents(connection, _IN_STATE, (IncidentState.OPEN,), limit=most))
        incidents += find_incidents(connection, _ENDED, (IncidentState.CLOSED, ended_after_ns), limit=most)
        aside = {row[0] for row in connection.execute(_PUT_ASIDE, (IncidentState.OPEN, *COVERED))}
        ids = json.dumps([incident.first_alert_id for incident in incidents])
        first = {row[0]: (AlertKind(row[1]), Stage(*row[2:])) for row in connection.execute(_FIRST, (ids,))}
        worst = worst_alerts(connection, [incident.id for incident in incidents])
        news = _news(connection, [incident.id for incident in incidents])
    return [
        RoutedIncident(
            incident=incident,
            kind=first[incident.id][0],
            stage=first[incident.id][1],
            worst=worst[incident.id],
            news=news.get(incident.id, (incident.opened_ns,)),
            put_aside=incident.id in aside,
        )
        for incident in incidents
    ]


def _news(connection: sqlite3.Connection, incident_ids: list[str]) -> dict[str, tuple[int, ...]]:
    """When something began to be unseen of each, while nothing was before; ascending, at least one."""
    begun: dict[str, list[int]] = {}
    seen_ns: dict[str, float] = {}
    for incident, announced_ns, acknowledged_ns in connection.execute(_SEEN, (json.dumps(incident_ids),)):
        if announced_ns > seen_ns.get(incident, -math.inf):
            begun.setdefault(incident, []).append(announced_ns)
        until_ns = math.inf if acknowledged_ns is None else acknowledged_ns
        seen_ns[incident] = max(until_ns, seen_ns.get(incident, -math.inf))
    return {incident: tuple(times[-_MOST_NEWS:]) for incident, times in begun.items()}

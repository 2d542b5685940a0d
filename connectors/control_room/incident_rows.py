"""Incidents as rows."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from connectors.control_room.alarm_rows import find_activations
from models.alarms.incident import Incident, IncidentPart, IncidentState
from models.alarms.incidents import Episode
from models.alarms.priority import Priority
from models.alerts.alert import Alert, AlertKind
from models.devices import Stage

_COLUMNS = (
    "id, first_alert_id, priority, state, first_shot_ns, last_shot_ns, opened_ns, closed_ns, closes_ns, origin, stages,"
    " kinds, subjects, episodes, open_episodes, announced_ns, acknowledged_ns, acknowledged_by, revision"
)


_PARTS = """SELECT m.kind, m.subject, m.front_end, m.amp, m.arm, m.priority, min(a.first_shot_ns), max(a.last_shot_ns),
    count(*), sum(a.open), count(a.announced_ns), sum(a.announced_ns IS NOT NULL AND a.acknowledged_ns IS NULL)
    FROM activations a JOIN alarms m ON m.id = a.alarm_id WHERE a.incident_id = ? GROUP BY m.id"""


# Of what people were told of before the rest; a score that is not known is the lowest.
_WORST_FIRST = """a.announced_ns IS NULL, CASE m.priority WHEN 'high' THEN 0 WHEN 'medium' THEN 1 ELSE 2 END,
    json_extract(a.alert, '$.score') DESC, a.first_shot_ns, a.alert_id"""


_WORST = f"""SELECT ids.value, (SELECT a.alert_id FROM activations a JOIN alarms m ON m.id = a.alarm_id
    WHERE a.incident_id = ids.value ORDER BY {_WORST_FIRST} LIMIT 1) FROM json_each(?) AS ids"""  # noqa: S608


_ALL_WORST_FIRST = f"""SELECT a.alert_id FROM activations a JOIN alarms m ON m.id = a.alarm_id
    WHERE a.incident_id = ? ORDER BY {_WORST_FIRST}"""  # noqa: S608


#: Whether people have put an alarm aside, as ``models.alarms.put_aside.aside_cause`` says it; its value is the time.
ASIDE = """(json_extract(m.life, '$.out_of_service') OR coalesce(json_extract(m.life, '$.shelved_until_ns'), 0) > ?
    OR EXISTS (SELECT 1 FROM json_each(m.life, '$.suppressed_by') WHERE value = 'maintenance'))"""


# The same, for each of its stages, and what is put aside behind the rest.
_WORST_OF_STAGES = f"""SELECT incident_id, alert_id FROM (
    SELECT a.incident_id, a.alert_id, row_number() OVER (PARTITION BY a.incident_id, a.front_end, a.amp, a.arm
        ORDER BY {ASIDE}, {_WORST_FIRST}) AS place
    FROM json_each(?) AS ids JOIN activations a ON a.incident_id = ids.value JOIN alarms m ON m.id = a.alarm_id)
    WHERE place = 1"""  # noqa: S608

# What goes on and nobody has seen, then what is over and nobody has seen, then the rest.
_MOST_URGENT_FIRST = """acknowledged_ns IS NOT NULL, state <> 'open',
    CASE priority WHEN 'high' THEN 0 WHEN 'medium' THEN 1 ELSE 2 END, first_shot_ns DESC, id DESC"""


_IN_REACH = """SELECT a.alert_id, a.front_end, a.amp, a.arm, a.first_shot_ns, a.last_shot_ns, a.open, i.id,
    founding.first_shot_ns FROM activations a JOIN incidents i ON i.id = a.incident_id
    JOIN activations founding ON founding.alert_id = i.first_alert_id
    WHERE a.scope = ? AND a.first_shot_ns BETWEEN ? AND ?"""


def stage_text(stage: Stage) -> str:
    """A stage as it stands in the list of an incident's stages."""
    return json.dumps([stage.front_end, stage.amp, stage.arm])


def store_incident(connection: sqlite3.Connection, incident: Incident) -> None:
    """Write down how an incident stands."""
    connection.execute(
        f"INSERT OR REPLACE INTO incidents ({_COLUMNS})"  # noqa: S608
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(incident.id, incident.first_alert_id, incident.priority, incident.state),
            *(incident.first_shot_ns, incident.last_shot_ns, incident.opened_ns, incident.closed_ns),
            *(incident.closes_ns, incident.origin),
            f"[{', '.join(map(stage_text, incident.stages))}]",
            *(json.dumps(incident.kinds), json.dumps(incident.subjects)),
            *(incident.episodes, incident.open_episodes, incident.announced_ns),
            *(incident.acknowledged_ns, incident.acknowledged_by, incident.revision),
        ),
    )


def find_incident(connection: sqlite3.Connection, incident_id: str) -> Incident | None:
    """The incident of this id; None when there is none."""
    return next(find_incidents(connection, "id = ?", (incident_id,)), None)


def find_incidents(
    connection: sqlite3.Connection, where: str, values: Sequence[object] = (), *, limit: int = -1
) -> Iterator[Incident]:
    """Those that a condition selects, the latest first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM incidents WHERE {where} ORDER BY first_shot_ns DESC, id DESC LIMIT ?",  # noqa: S608
        (*values, limit),
    )
    return map(_incident, rows.fetchall())


def most_urgent_incidents(
    connection: sqlite3.Connection, where: str, values: Sequence[object] = (), *, limit: int
) -> tuple[list[Incident], int]:
    """Those that a condition selects, the most urgent first; and how many there are beyond the limit."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM incidents WHERE {where} ORDER BY {_MOST_URGENT_FIRST} LIMIT ?",  # noqa: S608
        (*values, limit),
    ).fetchall()
    count = connection.execute(f"SELECT count(*) FROM incidents WHERE {where}", values).fetchone()[0]  # noqa: S608
    return [_incident(row) for row in rows], count - len(rows)


def incidents_over(connection: sqlite3.Connection, now_ns: int) -> list[Incident]:
    """Those that close by now, the latest first."""
    return list(find_incidents(connection, "closes_ns <= ?", (now_ns,)))


def quiet_incidents(connection: sqlite3.Connection) -> list[Incident]:
    """Those that close unless something joins, the latest first."""
    return list(find_incidents(connection, "closes_ns IS NOT NULL"))


def episodes_in_reach(
    connection: sqlite3.Connection, scope: str, low_ns: int, high_ns: int
) -> Iterator[tuple[Episode, str, int]]:
    """The episodes of a scope that begin in a time, each with its incident's id and the first shot that founded it."""
    for row in connection.execute(_IN_REACH, (scope, low_ns, high_ns)):
        alert_id, front_end, amp, arm, first_ns, last_ns, is_open, incident_id, begin_ns = row
        place = f"{front_end}-{amp}-{arm}" if amp else scope
        episode = Episode(
            alert_id=alert_id, scope=scope, place=place, first_ns=first_ns, last_ns=last_ns, is_open=bool(is_open)
        )
        yield episode, incident_id, begin_ns


def incident_parts(connection: sqlite3.Connection, incident_id: str) -> list[IncidentPart]:
    """What the alarms of an incident are to it, by their ids."""
    parts = []
    for row in connection.execute(_PARTS, (incident_id,)):
        kind, subject, front_end, amp, arm, priority, first, last, episodes, open_episodes, announced, unseen = row
        part = IncidentPart(
            kind=AlertKind(kind),
            subject=subject,
            stage=Stage(front_end, amp, arm),
            priority=Priority(priority),
            first_shot_ns=first,
            last_shot_ns=last,
            episodes=episodes,
            open_episodes=open_episodes,
            announced=announced,
            unseen=unseen,
        )
        parts.append(part)
    return parts


def alerts_worst_first(connection: sqlite3.Connection, incident_id: str) -> list[str]:
    """The ids of an incident's alerts: the one that it is headed by, then the others in the same order."""
    return [alert_id for (alert_id,) in connection.execute(_ALL_WORST_FIRST, (incident_id,))]


def worst_alerts(connection: sqlite3.Connection, incident_ids: Iterable[str]) -> dict[str, Alert]:
    """The alert that each incident is headed by, by the incident's id: everywhere an incident is named, by the same.

    Of those that people were told of, or of all as long as there is none: of the highest priority, of these the highest
    score, of these the first.
    """
    rows = connection.execute(_WORST, (json.dumps(sorted(incident_ids)),))
    incidents = {alert_id: incident_id for incident_id, alert_id in rows if alert_id is not None}
    where = "alert_id IN (SELECT value FROM json_each(?))"
    found = find_activations(connection, where, (json.dumps(sorted(incidents)),))
    return {incidents[each.alert.id]: each.alert for each in found}


def worst_alerts_of_stages(
    connection: sqlite3.Connection, incident_ids: Iterable[str], now_ns: int
) -> dict[str, list[Alert]]:
    """As ``worst_alerts``, but one alert for each stage of an incident, of what nobody has put aside by now first."""
    rows = connection.execute(_WORST_OF_STAGES, (now_ns, json.dumps(sorted(incident_ids)))).fetchall()
    where = "alert_id IN (SELECT value FROM json_each(?))"
    known = find_activations(connection, where, (json.dumps(sorted(alert_id for _, alert_id in rows)),))
    alerts = {each.alert.id: each.alert for each in known}
    found: dict[str, list[Alert]] = {}
    for incident_id, alert_id in rows:
        if alert_id in alerts:
            found.setdefault(incident_id, []).append(alerts[alert_id])
    return found


def _incident(row: tuple[Any, ...]) -> Incident:
    values = dict(zip(_COLUMNS.split(", "), row, strict=True))
    return Incident(
        **{
            **values,
            "priority": Priority(values["priority"]),
            "state": IncidentState(values["state"]),
            "stages": tuple(Stage(*parts) for parts in json.loads(values["stages"])),
            "kinds": tuple(AlertKind(kind) for kind in json.loads(values["kinds"])),
            "subjects": tuple(json.loads(values["subjects"])),
        }
    )

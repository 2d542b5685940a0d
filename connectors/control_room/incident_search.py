"""Incidents that are looked for by what they are, page by page."""

import json
import sqlite3
from dataclasses import dataclass

from connectors.control_room.conditions import all_of
from connectors.control_room.incident_rows import ASIDE, find_incidents, stage_text
from connectors.control_room.schema import ANNOUNCED, UNACKNOWLEDGED, UNFINISHED
from models.alarms.incident import Incident
from models.alarms.priority import Priority
from models.alerts.alert import AlertKind
from models.devices import Stage

_UNSEEN = """SELECT 1 FROM activations a JOIN alarms m ON m.id = a.alarm_id
    WHERE a.incident_id = incidents.id AND a.announced_ns IS NOT NULL AND a.acknowledged_ns IS NULL"""
_WHOLE_ASIDE = f"EXISTS ({_UNSEEN}) AND NOT EXISTS ({_UNSEEN} AND NOT {ASIDE})"
# Both are lists in JSON.
_OF_STAGE = "instr(stages, ?) > 0"
_OF_KIND = "instr(kinds, ?) > 0"
_BEHIND = "(first_shot_ns, id) < (?, ?)"


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentQuestion:
    """Which incidents are wanted; what is False or None asks for nothing.

    Attributes
    ----------
    unfinished
        Those that are open, or of which something announced was not acknowledged.
    announced
        Those that people were told of.
    unacknowledged
        Those of which something announced was not acknowledged.
    priority
        Of at least this one.
    from_ns, to_ns
        With a shot from then on, and up to before then, ns since 1970.
    put_aside
        Those of which people have put aside all that nobody has acknowledged, or all others; None: both.
    now_ns
        By the clock: a shelving that is over by then puts nothing aside.
    """

    unfinished: bool = False
    announced: bool = False
    unacknowledged: bool = False
    stage: Stage | None = None
    kind: AlertKind | None = None
    priority: Priority | None = None
    from_ns: int | None = None
    to_ns: int | None = None
    put_aside: bool | None = None
    now_ns: int = 0


EVERY_INCIDENT = IncidentQuestion()


def search_incidents(
    connection: sqlite3.Connection, question: IncidentQuestion, *, behind: tuple[int, str] | None, limit: int
) -> list[Incident]:
    """Incidents, the latest first shot first.

    Parameters
    ----------
    behind
        First shot and id of the last one of the page before; None: from the latest one on.
    limit
        Of how many at most; -1: of all.
    """
    stage, kind, priority = question.stage, question.kind, question.priority
    urgent = [] if priority is None else [each.value for each in Priority if each.rank >= priority.rank]
    where, values = all_of(
        (question.unfinished, UNFINISHED, []),
        (question.announced, ANNOUNCED, []),
        (question.unacknowledged, UNACKNOWLEDGED, []),
        (stage is not None, _OF_STAGE, [] if stage is None else [stage_text(stage)]),
        (kind is not None, _OF_KIND, [json.dumps(kind)]),
        (priority is not None, f"priority IN ({', '.join('?' for _ in urgent)})", urgent),
        (question.from_ns is not None, "last_shot_ns >= ?", [question.from_ns]),
        (question.to_ns is not None, "first_shot_ns < ?", [question.to_ns]),
        (question.put_aside is True, _WHOLE_ASIDE, [question.now_ns]),
        (question.put_aside is False, f"NOT ({_WHOLE_ASIDE})", [question.now_ns]),
        (behind is not None, _BEHIND, behind or ()),
    )
    return list(find_incidents(connection, where, values, limit=limit))

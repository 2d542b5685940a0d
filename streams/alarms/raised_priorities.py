"""What goes on when settings make its kind more urgent: it is as urgent from then on as what begins by them."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from connectors.control_room.alarm_rows import find_activations, find_alarms, store_alarm
from connectors.control_room.incident_rows import store_incident
from connectors.control_room.told_subjects import what_goes_on
from models.alarms.alarm import Activation
from models.alarms.priority import Priority, highest
from streams.alarms.step_rules import StepRules

_OPEN = "id IN (SELECT alarm_id FROM activations WHERE open)"


def raise_priorities(connection: sqlite3.Connection, rules: StepRules) -> dict[str, Priority]:
    """Let what goes on be at least as urgent as these rules say, inside a step.

    An incident rises by what was announced and is not covered alone; by the rest once that is announced.

    Returns
    -------
    dict
        How urgent the incidents that have risen were before, by their ids.
    """
    urgency = _urgency(((each.alarm_id, each) for each in find_activations(connection, "open")), rules)
    for alarm in find_alarms(connection, _OPEN):
        raised = replace(alarm, priority=highest([alarm.priority, urgency[alarm.id]]))
        if raised != alarm:
            store_alarm(connection, raised, raised.life.next_ns(rules.alarms.rules(raised.kind).timing))
    activations, incidents = what_goes_on(connection)
    urgency = _urgency(((each.incident_id, each) for each in activations), rules)
    before: dict[str, Priority] = {}
    for incident in incidents:
        priority = highest([incident.priority, urgency[incident.id]])
        if priority is not incident.priority:
            store_incident(connection, replace(incident, priority=priority))
            before[incident.id] = incident.priority
    return before


def _urgency(activations: Iterable[tuple[str, Activation]], rules: StepRules) -> dict[str, Priority]:
    """How urgent the most urgent of these alerts is, by the id of what it belongs to."""
    found: dict[str, list[Priority]] = defaultdict(list)
    for owner, each in activations:
        found[owner].append(rules.priority(each.alert))
    return {owner: highest(priorities) for owner, priorities in found.items()}

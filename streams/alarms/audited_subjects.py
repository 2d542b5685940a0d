"""What the ids in the audit log mean to people."""

import re
from collections.abc import Iterable

from connectors.control_room.reader import ControlRoomReader
from connectors.state.reader import StateReader
from dashboards.alert_table import place_of
from dashboards.incident_words import subject_names
from dashboards.words import plain_words, utc_words
from models.alarms.audit_chain import AuditEntry

_ID = re.compile("[0-9a-f]{16}")


def names_in(entries: Iterable[AuditEntry], room: ControlRoomReader, state: StateReader) -> dict[str, str]:
    """Names of the alarms, incidents and alerts that entries name by ids; without those that are known no more.

    Raises
    ------
    FatalError, RetryableError
        As the readers.
    """
    ids = {text for entry in entries for text in _texts(entry) if _ID.fullmatch(text)}
    if not ids:
        return {}
    alarms = [alarm for alarm in room.alarms() if alarm.id in ids]
    others = sorted(ids.difference(alarm.id for alarm in alarms))
    alerts = [alert for id_ in others if (alert := state.alert(id_)) is not None]
    names = subject_names(None, alarms, ())
    names |= {alert.id: f"{plain_words(alert.kind)} of {place_of(alert)}" for alert in alerts}
    for id_ in others:
        if id_ not in names and (incident := room.incident(id_)) is not None:
            names[id_] = f"the incident of {utc_words(incident.first_shot_ns)}"
    return names


def _texts(entry: AuditEntry) -> Iterable[str]:
    yield entry.subject
    for value in entry.details.values():
        yield from map(str, value) if isinstance(value, list) else (str(value),)

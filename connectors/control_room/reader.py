"""What the control room knows, for those who only look: the console, reports, commands."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from connectors.control_room.alarm_rows import (
    OF_STAGE,
    find_activation,
    find_activations,
    find_alarm,
    find_alarms,
    latest_announcements,
    unseen_alarms_of,
)
from connectors.control_room.audit_log import entries_about, find_breaks, read_entries
from connectors.control_room.conditions import all_of
from connectors.control_room.database import DECISIONS_NAME, reading
from connectors.control_room.incident_rows import (
    alerts_worst_first,
    find_incident,
    most_urgent_incidents,
    worst_alerts,
    worst_alerts_of_stages,
)
from connectors.control_room.incident_search import EVERY_INCIDENT, IncidentQuestion, search_incidents
from connectors.control_room.schema import ANNOUNCED, UNFINISHED
from connectors.control_room.suppression_rows import find_suppressions
from models.alarms.alarm import Activation, Alarm
from models.alarms.audit_chain import AuditEntry
from models.alarms.incident import Incident
from models.alarms.life_cycle import AlarmState
from models.alarms.suppression import Cause, Suppression
from models.alerts.alert import Alert, AlertKind
from models.devices import Stage

_KNOWN = """SELECT EXISTS (SELECT 1 FROM incidents WHERE id = :id) OR EXISTS (SELECT 1 FROM alarms WHERE id = :id)
    OR EXISTS (SELECT 1 FROM activations WHERE alert_id = :id)"""


class ControlRoomReader:
    """The decisions in a state directory; every call looks at one moment of its own, from any thread.

    Without a file everything is empty.

    Raises
    ------
    FatalError
        By every method: ``state_damaged``, ``state_unusable`` or ``state_too_new``.
    RetryableError
        By every method: ``disk_full``, ``disk_error`` or ``state_busy``.
    """

    def __init__(self, state: Path) -> None:
        self._state = state

    @property
    def state(self) -> Path:
        """The state directory."""
        return self._state

    def is_there(self) -> bool:
        """Whether there are decisions, or something is in the way of knowing it: then every other method says what."""
        try:
            (self._state / DECISIONS_NAME).stat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True
        return True

    def knows(self, subject_id: str) -> bool:
        """Whether an incident, an alarm or an alert has this id."""
        with reading(self._state) as connection:
            return bool(connection.execute(_KNOWN, {"id": subject_id}).fetchone()[0])

    def incidents(
        self, question: IncidentQuestion = EVERY_INCIDENT, *, behind: tuple[int, str] | None = None, limit: int = 100
    ) -> list[Incident]:
        """Incidents, the latest first shot first; ``behind``: first shot and id of the last one of the page before."""
        with reading(self._state) as connection:
            return search_incidents(connection, question, behind=behind, limit=limit)

    def most_urgent(self, limit: int) -> tuple[list[Incident], int]:
        """Incidents that people were told of and that go on or wait for somebody; and how many there are beyond.

        First what goes on and nobody has seen, then what is over and nobody has seen, then the rest; of these by
        priority, and of these the latest first.
        """
        with reading(self._state) as connection:
            return most_urgent_incidents(connection, f"{UNFINISHED} AND {ANNOUNCED}", limit=limit)

    def incident(self, incident_id: str) -> Incident | None:
        """One incident; None when there is none."""
        with reading(self._state) as connection:
            return find_incident(connection, incident_id)

    def members(self, incident_id: str) -> list[str]:
        """The ids of the alerts of an incident, by first shot."""
        return [activation.alert.id for activation in self.activations(incident_id)]

    def activations(self, incident_id: str, *, limit: int = -1) -> list[Activation]:
        """The alerts of an incident with what is known of them, by first shot."""
        with reading(self._state) as connection:
            return list(find_activations(connection, "incident_id = ?", (incident_id,), limit=limit))

    def worst_first(self, incident_id: str) -> list[str]:
        """The ids of an incident's alerts, in the order in which they could head it."""
        with reading(self._state) as connection:
            return alerts_worst_first(connection, incident_id)

    def activations_of(self, alert_ids: Sequence[str]) -> list[Activation]:
        """What is known of these alerts, in their order; without those of which nothing is."""
        where = "alert_id IN (SELECT value FROM json_each(?))"
        with reading(self._state) as connection:
            found = {each.alert.id: each for each in find_activations(connection, where, (json.dumps(alert_ids),))}
        return [found[alert_id] for alert_id in alert_ids if alert_id in found]

    def unseen(self, incident_id: str, after_ns: int) -> list[Activation]:
        """The alerts of an incident that were announced after a time and that nobody has acknowledged."""
        where = "incident_id = ? AND announced_ns > ? AND acknowledged_ns IS NULL"
        with reading(self._state) as connection:
            return list(find_activations(connection, where, (incident_id, after_ns)))

    def worst_alerts(self, incidents: Iterable[Incident]) -> dict[str, Alert]:
        """The alert that each incident is headed by, by the incident's id; see ``incident_rows.worst_alerts``."""
        with reading(self._state) as connection:
            return worst_alerts(connection, [incident.id for incident in incidents])

    def worst_alerts_of_stages(self, incidents: Iterable[Incident], now_ns: int) -> dict[str, list[Alert]]:
        """For each stage of each incident the alert that the incident is headed by there, by the incident's id."""
        with reading(self._state) as connection:
            return worst_alerts_of_stages(connection, [incident.id for incident in incidents], now_ns)

    def unseen_alarms(self, incidents: Iterable[Incident]) -> dict[str, list[Alarm]]:
        """Of each incident the alarms with something in it that was announced and that nobody has acknowledged."""
        with reading(self._state) as connection:
            return unseen_alarms_of(connection, [incident.id for incident in incidents if incident.is_unseen])

    def latest_announcements(self, incident_ids: Iterable[str]) -> dict[str, int]:
        """When something of each incident was announced last; without those of which nothing was."""
        with reading(self._state) as connection:
            return latest_announcements(connection, incident_ids)

    def activation(self, alert_id: str) -> Activation | None:
        """What is known of an alert; None when nothing is."""
        with reading(self._state) as connection:
            return find_activation(connection, alert_id)

    def alarms(
        self,
        *,
        states: Iterable[AlarmState] | None = None,
        stage: Stage | None = None,
        kind: AlertKind | None = None,
        incident: str | None = None,
    ) -> list[Alarm]:
        """Alarms by their ids: one for each subject and kind that ever had an alert.

        Parameters
        ----------
        states
            Those that are shown as one of these; None: all.
        incident
            Those with an alert in this incident.
        """
        words = [] if states is None else sorted(state.value for state in states)
        wanted = all_of(
            (states is not None, f"state IN ({', '.join('?' for _ in words)})", words),
            (
                stage is not None,
                OF_STAGE,
                [] if stage is None else [stage.front_end, stage.amp, stage.arm],
            ),
            (kind is not None, "kind = ?", [kind]),
            (incident is not None, "id IN (SELECT alarm_id FROM activations WHERE incident_id = ?)", [incident]),
        )
        with reading(self._state) as connection:
            return list(find_alarms(connection, *wanted))

    def alarm(self, alarm_id: str) -> Alarm | None:
        """One alarm; None when there is none."""
        with reading(self._state) as connection:
            return find_alarm(connection, alarm_id)

    def maintenance(self, *, past: bool = False, limit: int = 100) -> list[Suppression]:
        """Stages under maintenance, the latest first; ``past``: those that were, too."""
        with reading(self._state) as connection:
            return find_suppressions(connection, cause=Cause.MAINTENANCE, past=past, limit=limit)

    def idle_stages(self) -> list[Suppression]:
        """Stages that are idle."""
        with reading(self._state) as connection:
            return find_suppressions(connection, cause=Cause.IDLE)

    def audit(self, after: int = 0, limit: int | None = 1000) -> list[AuditEntry]:
        """Entries of the audit log with larger numbers, in their order."""
        with reading(self._state) as connection:
            return read_entries(connection, after=after, limit=limit)

    def audit_of(self, subjects: Iterable[str], limit: int = 100) -> list[AuditEntry]:
        """The latest entries about any of these, or that touched an incident of them, in their order."""
        with reading(self._state) as connection:
            return entries_about(connection, subjects, limit=limit)

    def audit_breaks(self) -> list[str]:
        """Where the audit log is not as it was written, one sentence each."""
        with reading(self._state) as connection:
            return find_breaks(connection)

    def beginning_with(self, beginning: str) -> list[str]:
        """The ids of alarms, incidents and alerts that begin so, sorted."""
        low, high = beginning, f"{beginning}\uffff"
        with reading(self._state) as connection:
            found = [
                row[0]
                for table, column in (("alarms", "id"), ("incidents", "id"), ("activations", "alert_id"))
                for row in connection.execute(
                    f"SELECT {column} FROM {table} WHERE {column} BETWEEN ? AND ? LIMIT 20",  # noqa: S608
                    (low, high),
                )
            ]
        return sorted(found)

    def overdue(self, now_ns: int) -> int:
        """Of how many alarms a delay or a shelving is over by the clock that their keeper has not seen to yet."""
        with reading(self._state) as connection:
            return int(connection.execute("SELECT count(*) FROM alarms WHERE due_ns <= ?", (now_ns,)).fetchone()[0])

    def change_number(self) -> int:
        """Counts up with every step, whoever makes it; 0 before the first."""
        with reading(self._state) as connection:
            row = connection.execute("SELECT value FROM meta WHERE name = 'changes'").fetchone()
        return 0 if row is None else int(row[0])

"""Counts what the control room stands at, now and then, for Prometheus."""

from collections import Counter

from connectors.control_room.decisions import OperatorDecisions
from connectors.control_room.reader import ControlRoomReader
from connectors.state.reader import StateReader
from models.alerts.alert import AlertKind
from models.alerts.verdicts import Verdict
from streams.alarms.incident_metrics import MOST_NAMED, ControlRoomFigures, IncidentMetrics, NamedIncident

_MOST_INCIDENTS = 1000
_MOST_OF_AN_INCIDENT = 10


class IncidentFigures:
    """Reads the decisions of a state directory and shows how they stand; for one thread."""

    def __init__(self, state: StateReader, metrics: IncidentMetrics) -> None:
        self._state = state
        self._reader = ControlRoomReader(state.path)
        self._decisions = OperatorDecisions(state.path)
        self._metrics = metrics
        self._kinds: dict[str, AlertKind | None] = {}
        self._figures = ControlRoomFigures()
        self._counted: int | None = None

    def look(self) -> None:
        """Show how they stand; they are counted anew when a step was made.

        Raises
        ------
        RetryableError
            The disk fails, or others write for long: what was shown stays.
        """
        number = self._reader.change_number()
        if number != self._counted:
            self._figures = self._count()
            self._counted = number
        self._metrics.show(self._figures)

    def _count(self) -> ControlRoomFigures:
        told, _ = self._reader.most_urgent(_MOST_INCIDENTS)
        members = [
            (incident, self._reader.activations(incident.id, limit=_MOST_OF_AN_INCIDENT))
            for incident in told[:MOST_NAMED]
        ]
        return ControlRoomFigures(
            active=told,
            named=[
                NamedIncident(incident=incident, alerts=[each.alert for each in activations])
                for incident, activations in members
                if activations
            ],
            suppressed=[*self._reader.maintenance(), *self._reader.idle_stages()],
            judged=self._judged(),
        )

    def _judged(self) -> Counter[tuple[AlertKind, Verdict]]:
        counts: Counter[tuple[AlertKind, Verdict]] = Counter()
        for alert_id, verdict in self._decisions.latest_verdicts().items():
            if alert_id not in self._kinds:
                alert = self._state.alert(alert_id)
                self._kinds[alert_id] = None if alert is None else alert.kind
            kind = self._kinds[alert_id]
            if kind is not None:
                counts[kind, verdict] += 1
        return counts

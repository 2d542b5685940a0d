"""What Prometheus is told of incidents, suppressed stages and verdicts: a bounded set of series."""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric

from connectors.clock import Clock
from models.alarms.alarm import subject_of
from models.alarms.incident import Incident, IncidentStanding, IncidentState
from models.alarms.priority import Priority
from models.alarms.suppression import Cause, Suppression
from models.alerts.alert import Alert, AlertKind
from models.alerts.verdicts import Verdict

#: Only so many incidents are named, the newest ones, with so many of their alerts: each is a series of its own.
MOST_NAMED = 20
MOST_ALERTS = 60
#: What was told so long ago is told by another process by now, or by none.
FORGOTTEN_AFTER_S = 60.0

_MOST_STAGES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedIncident:
    """An incident and its alerts, by their first shots; at least one."""

    incident: Incident
    alerts: Sequence[Alert]


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlRoomFigures:
    """What the control room stands at.

    Attributes
    ----------
    active
        Incidents that people were told of, and that go on or that nobody has acknowledged.
    named
        The newest of them, at most ``MOST_NAMED``.
    judged
        How many episodes have this verdict, by the alert's kind.
    """

    active: Sequence[Incident] = ()
    named: Sequence[NamedIncident] = ()
    suppressed: Sequence[Suppression] = ()
    judged: Mapping[tuple[AlertKind, Verdict], int] = field(default_factory=dict)


class IncidentMetrics:
    """The figures as they were told last; nothing when that is long ago, as when another worker records now."""

    def __init__(self, registry: CollectorRegistry, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._figures = ControlRoomFigures()
        self._told_s = -FORGOTTEN_AFTER_S
        registry.register(self)

    def show(self, figures: ControlRoomFigures) -> None:
        """Tell these from now on."""
        with self._lock:
            self._figures, self._told_s = figures, self._clock.monotonic_s()

    def collect(self) -> Iterator[Metric]:
        """The series."""
        with self._lock:
            figures, told_s = self._figures, self._told_s
        known = self._clock.monotonic_s() - told_s < FORGOTTEN_AFTER_S
        yield _active(figures.active if known else None)
        yield _by_stage(figures.active if known else ())
        yield _named(figures.named if known else ())
        yield _alerts(figures.named if known else ())
        yield _suppressed(figures.suppressed if known else ())
        yield _judged(figures.judged if known else None)


def _active(incidents: Sequence[Incident] | None) -> Metric:
    family = GaugeMetricFamily(
        "petawatch_active_incidents",
        "Incidents that go on or that nobody has acknowledged.",
        labels=["priority", "standing"],
    )
    if incidents is not None:
        counts = Counter((incident.priority, incident.standing) for incident in incidents)
        for priority in Priority:
            for standing in IncidentStanding:
                family.add_metric([priority.value, standing.value], counts[priority, standing])
    return family


def _by_stage(incidents: Sequence[Incident]) -> Metric:
    family = GaugeMetricFamily(
        "petawatch_stage_incidents",
        "Incidents that go on and that hit a stage; those of files and the installation have none.",
        labels=["stage", "priority"],
    )
    going_on = [incident for incident in incidents if incident.state is IncidentState.OPEN]
    counts = Counter(
        (str(stage) if stage is not None else "", incident.priority)
        for incident in going_on
        for stage in incident.stages or (None,)
    )
    for stage in sorted({stage for stage, _ in counts})[:_MOST_STAGES]:
        for priority in Priority:
            family.add_metric([stage, priority.value], counts[stage, priority])
    return family


def _named(named: Sequence[NamedIncident]) -> Metric:
    family = GaugeMetricFamily(
        "petawatch_active_incident_info",
        "The newest active incidents, with the first alert of each.",
        labels=["incident", "priority", "standing", *_ALERT_LABELS],
    )
    for each in named[:MOST_NAMED]:
        incident = each.incident
        family.add_metric(
            [incident.id, incident.priority.value, incident.standing.value, *_alert_labels(each.alerts[0])], 1
        )
    return family


def _alerts(named: Sequence[NamedIncident]) -> Metric:
    family = GaugeMetricFamily(
        "petawatch_active_alert_info",
        "The alerts of the newest active incidents.",
        labels=["incident", "status", "severity", *_ALERT_LABELS],
    )
    members = ((each.incident.id, alert) for each in named[:MOST_NAMED] for alert in each.alerts)
    for incident_id, alert in islice(members, MOST_ALERTS):
        family.add_metric([incident_id, alert.status.value, alert.severity.value, *_alert_labels(alert)], 1)
    return family


_ALERT_LABELS = ("alert", "stage", "subject", "kind")


def _alert_labels(alert: Alert) -> tuple[str, str, str, str]:
    subject = subject_of(alert)[:200].encode("utf-8", "backslashreplace").decode()
    return alert.id, alert.stage.name, subject, alert.kind.value


def _suppressed(suppressions: Sequence[Suppression]) -> Metric:
    family = GaugeMetricFamily(
        "petawatch_stage_suppressed", "1 while a stage is idle or under maintenance.", labels=["stage", "cause"]
    )
    for stage, cause in sorted({(each.stage, each.cause) for each in suppressions})[: _MOST_STAGES * len(Cause)]:
        family.add_metric([stage, cause.value], 1)
    return family


def _judged(judged: Mapping[tuple[AlertKind, Verdict], int] | None) -> Metric:
    family = GaugeMetricFamily(
        "petawatch_judged_episodes", "Episodes by the verdict that counts.", labels=["kind", "verdict"]
    )
    if judged is not None:
        for kind in AlertKind:
            for verdict in Verdict:
                family.add_metric([kind.value, verdict.value], judged.get((kind, verdict), 0))
    return family

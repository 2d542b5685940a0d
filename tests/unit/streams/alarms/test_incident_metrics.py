"""What Prometheus is told of incidents, suppressed stages and verdicts."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from connectors.control_room.alarm_rows import store_activation
from connectors.control_room.database import ControlRoomDatabase
from connectors.control_room.decisions import OperatorDecisions
from connectors.control_room.incident_rows import store_incident
from connectors.state.commit import Commit
from connectors.state.directory import StateDirectory
from models.alarms.alarm import Activation, alarm_id
from models.alarms.incident import Incident, IncidentState, incident_id
from models.alarms.priority import Priority
from models.alarms.suppression import Cause, Suppression
from models.alerts.alert import Alert, AlertChange, AlertEvent, AlertKind, AlertSource, AlertStatus, Severity
from models.alerts.verdicts import EpisodeVerdict, Verdict
from models.devices import Stage
from streams.alarms.incident_figures import IncidentFigures
from streams.alarms.incident_metrics import FORGOTTEN_AFTER_S, ControlRoomFigures, IncidentMetrics, NamedIncident
from tests.support.manual_clock import ManualClock
from tests.unit.streams.test_measurement_metrics import read

FIRST, THIRD = Stage("LA", "A1", "11"), Stage("LA", "A3", "31")
CAMERA = "LA_A3_31-Camera_1-Camera-1"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry, clock: ManualClock) -> IncidentMetrics:
    return IncidentMetrics(registry, clock)


def an_alert(number: int = 1, kind: AlertKind = AlertKind.IMAGE_ANOMALY) -> Alert:
    return Alert(
        id=f"{number:016x}",
        kind=kind,
        severity=Severity.HIGH,
        status=AlertStatus.OPEN,
        stage=THIRD,
        device=CAMERA,
        first_shot_ns=number,
        last_shot_ns=number,
        shots=1,
        score=9.0,
        reasons=(),
        model="",
        source=AlertSource(file="a.h5", sha256="", path=""),
    )


def an_incident(
    number: int = 1,
    *,
    priority: Priority = Priority.HIGH,
    state: IncidentState = IncidentState.OPEN,
    acknowledged: bool = False,
    announced: bool = True,
    stages: tuple[Stage, ...] = (THIRD,),
) -> Incident:
    first = an_alert(number).id
    return Incident(
        id=incident_id(first),
        first_alert_id=first,
        priority=priority,
        state=state,
        first_shot_ns=number,
        last_shot_ns=number,
        opened_ns=number,
        closed_ns=None if state is IncidentState.OPEN else number,
        stages=stages,
        announced_ns=number if announced else None,
        acknowledged_ns=number if acknowledged else None,
    )


def most_figures(stages: Sequence[Stage]) -> ControlRoomFigures:
    """As many series as there can be in a facility of these stages."""
    incidents = [an_incident(number, stages=tuple(stages)) for number in range(1, 100)]
    return ControlRoomFigures(
        active=incidents,
        named=[
            NamedIncident(incident=incident, alerts=[an_alert(100 * place + number) for number in range(10)])
            for place, incident in enumerate(incidents, start=1)
        ],
        suppressed=[
            Suppression(number=1, stage=str(stage), cause=cause, from_ns=0) for stage in stages for cause in Cause
        ],
    )


def test_before_anything_is_told_there_is_nothing(metrics: IncidentMetrics, registry: CollectorRegistry) -> None:
    assert read(registry) == {}
    metrics.show(ControlRoomFigures())
    samples = read(registry)
    assert set(samples.values()) == {0}
    assert sum(name.startswith("petawatch_active_incidents{") for name in samples) == 9


def test_incidents_are_counted_by_priority_and_standing_and_once_for_each_stage(
    metrics: IncidentMetrics, registry: CollectorRegistry
) -> None:
    active = [
        an_incident(1, stages=(FIRST, THIRD)),
        an_incident(2, acknowledged=True),
        an_incident(3, priority=Priority.LOW, stages=()),
        an_incident(4, priority=Priority.LOW, state=IncidentState.CLOSED),
    ]
    metrics.show(ControlRoomFigures(active=active))
    counted = {name: value for name, value in read(registry).items() if value}
    assert counted == {
        "petawatch_active_incidents{priority=high,standing=unacknowledged}": 1,
        "petawatch_active_incidents{priority=high,standing=acknowledged}": 1,
        "petawatch_active_incidents{priority=low,standing=unacknowledged}": 1,
        "petawatch_active_incidents{priority=low,standing=returned}": 1,
        "petawatch_stage_incidents{priority=high,stage=LA-A1-11}": 1,
        "petawatch_stage_incidents{priority=high,stage=LA-A3-31}": 2,
        "petawatch_stage_incidents{priority=low,stage=}": 1,
    }


def test_the_newest_incidents_are_named_with_their_alerts(
    metrics: IncidentMetrics, registry: CollectorRegistry
) -> None:
    named = [
        NamedIncident(
            incident=an_incident(number), alerts=[an_alert(number), an_alert(100), an_alert(200), an_alert(300)]
        )
        for number in range(1, 30)
    ]
    metrics.show(ControlRoomFigures(named=named))
    incidents = [name for name in read(registry) if name.startswith("petawatch_active_incident_info")]
    assert len(incidents) == 20
    assert incidents[0] == (
        f"petawatch_active_incident_info{{alert={an_alert().id},incident={an_incident().id},kind=image_anomaly,"
        f"priority=high,stage=LA-A3-31,standing=unacknowledged,subject={CAMERA}}}"
    )
    alerts = [name for name in read(registry) if name.startswith("petawatch_active_alert_info")]
    assert len(alerts) == 60
    assert alerts[0] == (
        f"petawatch_active_alert_info{{alert={an_alert().id},incident={an_incident().id},kind=image_anomaly,"
        f"severity=high,stage=LA-A3-31,status=open,subject={CAMERA}}}"
    )


def test_suppressed_stages_are_named_once(metrics: IncidentMetrics, registry: CollectorRegistry) -> None:
    idle = Suppression(number=1, stage="LA-A1-11", cause=Cause.IDLE, from_ns=0)
    metrics.show(ControlRoomFigures(suppressed=[idle, idle]))
    assert read(registry)["petawatch_stage_suppressed{cause=idle,stage=LA-A1-11}"] == 1


def test_what_was_told_long_ago_is_told_no_more(
    metrics: IncidentMetrics, registry: CollectorRegistry, clock: ManualClock
) -> None:
    metrics.show(ControlRoomFigures(active=[an_incident()], judged={(AlertKind.DRIFT, Verdict.TRUE): 1}))
    clock.advance(FORGOTTEN_AFTER_S - 1)
    assert read(registry)
    clock.advance(2)
    assert read(registry) == {}


def test_the_figures_are_those_of_the_decisions(
    metrics: IncidentMetrics, registry: CollectorRegistry, tmp_path: Path
) -> None:
    alerts = [an_alert(1), an_alert(2, AlertKind.DRIFT), an_alert(3)]
    with StateDirectory.open(tmp_path / "state") as state:
        state.commit(Commit(alerts=[AlertEvent(change=AlertChange.OPENED, alert=alert) for alert in alerts]))
        database = ControlRoomDatabase.open(state.path)
        with database.step() as connection:
            for incident in (an_incident(1), an_incident(2, announced=False)):
                store_incident(connection, incident)
            for alert in alerts[:2]:
                activation = Activation(
                    alert=alert, alarm_id=alarm_id(alert), incident_id=incident_id(alert.id), known_ns=1
                )
                store_activation(connection, activation, "LA")
        database.close()
        for number, verdict in ((1, Verdict.FALSE), (1, Verdict.TRUE), (2, Verdict.FALSE)):
            OperatorDecisions(state.path).add_verdict(
                EpisodeVerdict(alert_id=an_alert(number).id, verdict=verdict, reason="", by="me", at_ns=number)
            )
        figures = IncidentFigures(state, metrics)
        figures.look()
    samples = {name: value for name, value in read(registry).items() if value}
    assert samples.pop("petawatch_active_incidents{priority=high,standing=unacknowledged}") == 1
    assert samples.pop("petawatch_stage_incidents{priority=high,stage=LA-A3-31}") == 1
    assert samples.pop("petawatch_judged_episodes{kind=image_anomaly,verdict=true}") == 1
    assert samples.pop("petawatch_judged_episodes{kind=drift,verdict=false}") == 1
    assert {name.split("{")[0] for name in samples} == {"petawatch_active_incident_info", "petawatch_active_alert_info"}
    assert all(f"alert={an_alert(1).id}" in name for name in samples)


def test_a_step_changes_the_figures_and_without_one_they_stay_in_force(
    metrics: IncidentMetrics, registry: CollectorRegistry, clock: ManualClock, tmp_path: Path
) -> None:
    alert = an_alert()
    with StateDirectory.open(tmp_path / "state") as state:
        state.commit(Commit(alerts=[AlertEvent(change=AlertChange.OPENED, alert=alert)]))
        figures = IncidentFigures(state, metrics)
        for _ in range(3):
            figures.look()
            clock.advance(FORGOTTEN_AFTER_S / 2)
        judged = "petawatch_judged_episodes{kind=image_anomaly,verdict=true}"
        assert read(registry)[judged] == 0
        OperatorDecisions(state.path).add_verdict(
            EpisodeVerdict(alert_id=alert.id, verdict=Verdict.TRUE, reason="", by="me", at_ns=1)
        )
        figures.look()
        assert read(registry)[judged] == 1

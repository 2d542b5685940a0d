"""Alerts that are raised and end in a state directory, as the keeper of the alarms takes them from the feed."""

from dataclasses import replace
from pathlib import Path

from connectors.clock import Clock
from connectors.control_room.reader import ControlRoomReader
from connectors.state.alarm_feed import FeedEntry
from models.alarms.alarm import alarm_id
from models.alerts.alert import Alert, AlertKind, AlertSource, AlertStatus, Severity
from models.devices import parse_device
from models.event_time import SECOND_NS
from streams.alarms.alarm_desk import AlarmDesk
from streams.alarms.alarm_steps import open_steps
from streams.settings import Settings, load_settings

CAMERA = "LA_A3_31-Camera_1-Camera-1"
FIRST_SHOT_NS = 1_656_667_800 * SECOND_NS


class RaisedAlerts:
    """The decisions of a state directory, with what operators do."""

    def __init__(self, state: Path, clock: Clock, settings: Settings | None = None) -> None:
        state.mkdir(parents=True, exist_ok=True)
        self.state = state
        self._clock = clock
        settings = settings or load_settings(None)
        self._steps = open_steps(state, settings, clock)
        self.desk = AlarmDesk(state, settings, clock)
        self.reader = ControlRoomReader(state)

    def raised(
        self,
        number: int = 1,
        *,
        device: str = CAMERA,
        kind: AlertKind = AlertKind.IMAGE_ANOMALY,
        severity: Severity = Severity.HIGH,
    ) -> Alert:
        """An alert that opens; those of numbers far apart are incidents of their own."""
        alert = Alert(
            id=f"{number:016x}",
            kind=kind,
            severity=severity,
            status=AlertStatus.OPEN,
            stage=parse_device(device).stage,
            device=device,
            first_shot_ns=FIRST_SHOT_NS + number * SECOND_NS,
            last_shot_ns=FIRST_SHOT_NS + number * SECOND_NS,
            shots=1,
            score=9.0,
            reasons=("residual",),
            model="",
            source=AlertSource(file="a.h5", sha256="", path=""),
        )
        self._take(alert)
        return alert

    def changed(self, alert: Alert, *, severity: Severity) -> Alert:
        """It goes on, and is worse."""
        alert = replace(alert, severity=severity, shots=alert.shots + 1)
        self._take(alert)
        return alert

    def ended(self, alert: Alert) -> None:
        """It is over."""
        self._take(replace(alert, status=AlertStatus.CLOSED))

    def let_time_pass(self) -> None:
        """What is due happens."""
        with self._steps.step():
            pass

    def end_incidents(self) -> None:
        """Incidents without an open episode are over, without waiting."""
        with self._steps.step() as book:
            book.settle()

    def incident_of(self, alert: Alert) -> str:
        """The id of its incident."""
        activation = self.reader.activation(alert.id)
        assert activation is not None
        return activation.incident_id

    def shelve(self, alert: Alert, hours: float = 1.0) -> None:
        """An operator shelves its alarm."""
        until_ns = self._clock.now_ns() + round(hours * 3600 * SECOND_NS)
        self.desk.shelve(alarm_id(alert), until_ns=until_ns, by="ana", why="known")

    def close(self) -> None:
        self.desk.close()
        self._steps.close()

    def _take(self, alert: Alert) -> None:
        with self._steps.step() as book:
            book.take([FeedEntry(alert=alert, committed_ns=self._clock.now_ns())])

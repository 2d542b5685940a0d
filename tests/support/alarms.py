"""Alerts by hand, and a control room with a clock that moves when it is told to."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import SecretStr

from connectors.control_room.database import reading
from connectors.control_room.reader import ControlRoomReader
from connectors.state.alarm_feed import FeedEntry
from connectors.state.directory import StateDirectory
from connectors.webhooks.settings import MessengerSettings, ReceiverSettings, Wanted
from models.alerts.alert import Alert, AlertKind, AlertSource, AlertStatus, Severity, alert_id
from models.devices import NO_STAGE, Device, parse_device
from models.event_time import SECOND_NS, parse_iso
from models.records import SourceReference
from streams.alarms.alarm_desk import AlarmDesk
from streams.alarms.alarm_steps import AlarmSteps, open_steps
from streams.alarms.settings import AlarmSettings
from streams.settings import Settings, load_settings
from tests.support.manual_clock import ManualClock

START = "2022-07-01T10:00:00Z"
START_NS = parse_iso(START)
CAMERA = "LA_A3_31-Camera_1-Camera-1"


def alert(
    device: str = CAMERA,
    kind: AlertKind = AlertKind.IMAGE_ANOMALY,
    *,
    at_s: float = 0.0,
    severity: Severity = Severity.HIGH,
) -> Alert:
    """An open alert of a device whose first odd shot was so long after ``START``."""
    subject = parse_device(device)
    return _alert(subject, kind, severity, START_NS + round(at_s * SECOND_NS))


def installation_alert(kind: AlertKind, where: str, *, at_s: float = 0.0) -> Alert:
    """An open alert about a part of the installation."""
    return _alert(SourceReference(file=where, sha256=""), kind, Severity.MEDIUM, START_NS + round(at_s * SECOND_NS))


def over(one: Alert, *, after_s: float = 0.0) -> Alert:
    """The same alert, closed."""
    last_ns = one.first_shot_ns + round(after_s * SECOND_NS)
    return replace(one, status=AlertStatus.CLOSED, last_shot_ns=max(one.last_shot_ns, last_ns))


def _alert(subject: Device | SourceReference, kind: AlertKind, severity: Severity, first_ns: int) -> Alert:
    is_device = isinstance(subject, Device)
    return Alert(
        id=alert_id(subject, kind, first_ns),
        kind=kind,
        severity=severity,
        status=AlertStatus.OPEN,
        stage=subject.stage if isinstance(subject, Device) else NO_STAGE,
        device=subject.name if isinstance(subject, Device) else "",
        first_shot_ns=first_ns,
        last_shot_ns=first_ns,
        shots=1,
        score=9.0,
        reasons=("residual",),
        model="",
        source=AlertSource(file="a.h5" if is_device else subject.file, sha256="", path=""),  # type: ignore[union-attr]
    )


@dataclass(frozen=True, slots=True)
class ControlRoom:
    """A state directory's decisions, their steps, and one receiver (``all``) that hears of everything."""

    state: Path
    settings: Settings
    clock: ManualClock
    steps: AlarmSteps
    desk: AlarmDesk
    reader: ControlRoomReader

    def take(self, *alerts: Alert) -> None:
        """The watch says how these stand now."""
        entries = [FeedEntry(alert=each, committed_ns=self.clock.now_ns()) for each in alerts]
        with self.steps.step() as book:
            book.take(entries)

    def pass_s(self, seconds: float) -> None:
        """Time goes on, and what is due happens."""
        self.clock.advance(seconds)
        with self.steps.step():
            pass

    def told(self) -> list[str]:
        """The types of all messages so far, in their order."""
        with reading(self.state) as connection:
            return [type_ for (type_,) in connection.execute("SELECT type FROM outbox ORDER BY id")]

    def told_of(self, subject_id: str) -> list[str]:
        """Those about one alert or incident."""
        with reading(self.state) as connection:
            rows = connection.execute("SELECT type FROM outbox WHERE subject_id = ? ORDER BY id", (subject_id,))
            return [type_ for (type_,) in rows]


@contextmanager
def control_room(
    state: Path,
    alarms: AlarmSettings | None = None,
    messengers: tuple[MessengerSettings, ...] = (),
    receivers: tuple[ReceiverSettings, ...] = (),
) -> Iterator[ControlRoom]:
    """A control room on an empty state directory, with other receivers beside ``all``."""
    StateDirectory.open(state).close()
    told = (ReceiverSettings(name="all", url=SecretStr("http://127.0.0.1:9/"), events=Wanted.ALL), *receivers)
    settings = load_settings(None, alarms=alarms or AlarmSettings(), receivers=told, messengers=messengers)
    clock = ManualClock(START)
    steps, desk = open_steps(state, settings, clock), AlarmDesk(state, settings, clock)
    try:
        yield ControlRoom(state, settings, clock, steps, desk, ControlRoomReader(state))
    finally:
        steps.close()
        desk.close()

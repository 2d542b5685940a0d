"""Random histories of incidents: what fires in Alertmanager ends with its incident, whatever its labels."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from connectors.alertmanager import Alertmanager, AlertmanagerSettings, RoutedAlert
from connectors.control_room.database import reading
from models.alerts.alert import Alert, Severity
from models.errors import RecordError, RetryableError
from streams.alarms.settings import AlarmSettings
from streams.telling.alertmanager_alerts import IncidentAlerts
from streams.telling.alertmanager_sender import AlertmanagerSender
from streams.telling.delivery_metrics import DeliveryMetrics
from tests.support.manual_clock import ManualClock
from tests.support.raised_alerts import CAMERA, RaisedAlerts

_DEVICES = [CAMERA, "LA_A3_31-Camera_2-Camera-1"]
_SEVERITIES = [Severity.LOW, Severity.MEDIUM, Severity.HIGH]
_PHRASES = [
    *((name,) for name in ("open", "worse", "close", "ack", "shelve", "wait", "look", "restart", "away")),
    *[("look", "worse", "close", "wait"), ("look", "ack", "open"), ("look", "close", "open", "close", "wait")],
    *[("look", "worse", "shelve"), ("look", "shelve", "close", "look", "wait")],
]
_STEPS = st.lists(st.tuples(st.sampled_from(_PHRASES), st.integers(0, 2)), min_size=5, max_size=20)


class _Fires(Alertmanager):
    """Which label sets fire there by now; it may be away."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(AlertmanagerSettings())
        self._clock = clock
        self.away = False
        self.ends: dict[tuple[tuple[str, str], ...], int] = {}

    def tell(self, alerts: Sequence[RoutedAlert]) -> None:
        if self.away:
            raise RetryableError("it is away", reason="alertmanager_away")
        for alert in alerts:
            self.ends[tuple(sorted(alert.labels.items()))] = alert.ends_ns

    def fire(self) -> list[str]:
        """The incident of each label set that fires."""
        now_ns = self._clock.now_ns()
        return sorted(dict(labels)["incident"] for labels, ends_ns in self.ends.items() if ends_ns > now_ns)


class _History:
    """Alerts of two devices of one stage, and a sender that looks when it is told to."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.alerts = RaisedAlerts(folder / "state", self.clock)
        self.alertmanager = _Fires(self.clock)
        self.open: list[Alert] = []
        self._number = 0
        self._restart(0)

    def do(self, name: str, number: int) -> None:
        self.clock.advance(0.7)
        with suppress(RecordError):  # it makes no sense now: it is refused
            getattr(self, f"_{name}")(number)

    def going_on(self) -> set[str]:
        """Incidents that go on and were announced."""
        with reading(self.alerts.state) as connection:
            query = "SELECT id FROM incidents WHERE state = 'open' AND announced_ns IS NOT NULL"
            return {row[0] for row in connection.execute(query)}

    def _open(self, number: int) -> None:
        self._number += 30
        device = _DEVICES[self._number // 30 % 2]
        self.open.append(self.alerts.raised(self._number, device=device, severity=_SEVERITIES[number]))

    def _worse(self, number: int) -> None:
        for at, one in enumerate(self.open[number : number + 1], number):
            worse = _SEVERITIES[min(_SEVERITIES.index(one.severity) + 1, 2)]
            self.open[at] = self.alerts.changed(one, severity=worse)

    def _close(self, number: int) -> None:
        for one in self.open[number : number + 1]:
            self.open.remove(one)
            self.alerts.ended(one)

    def _ack(self, number: int) -> None:
        for one in self.open[number : number + 1]:
            self.alerts.desk.acknowledge(one.id, by="ana")

    def _shelve(self, number: int) -> None:
        for one in self.open[number : number + 1]:
            self.alerts.shelve(one, hours=0.01)

    def _wait(self, number: int) -> None:
        self.clock.advance(60.0 * number)
        self.alerts.let_time_pass()

    def _look(self, _: int) -> None:
        with suppress(RetryableError):
            self.sender.look()
        if not self.alertmanager.away:
            fire = self.alertmanager.fire()
            assert len(fire) == len(set(fire)), "an incident fires under one label set"
            assert set(fire) <= self.going_on()

    def _away(self, number: int) -> None:
        self.alertmanager.away = bool(number)

    def _restart(self, _: int) -> None:
        alerts = IncidentAlerts(AlarmSettings(), installation="hpls", links="")
        metrics = DeliveryMetrics(CollectorRegistry(), self.clock)
        self.sender = AlertmanagerSender(
            self.alerts.state, self.alertmanager, alerts, self.clock, metrics, lambda _: None, resend_s=60.0
        )


@contextmanager
def _history() -> Iterator[_History]:
    with tempfile.TemporaryDirectory() as folder:
        history = _History(Path(folder))
        try:
            yield history
        finally:
            history.alerts.close()


# Every step is on the disk: a history that fails is not made shorter, which would take minutes.
@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.reuse, Phase.generate],
)
@given(_STEPS)
def test_what_fires_goes_on_and_ends_with_its_incident(steps: list[tuple[tuple[str, ...], int]]) -> None:
    with _history() as history:
        for phrase, number in steps:
            for name in phrase:
                history.do(name, number)
        while history.open:
            history.do("close", 0)
        history.do("wait", 10)
        history.do("away", 0)
        history.do("look", 0)
        assert history.alertmanager.fire() == []

"""Incidents in a real Alertmanager, by the configuration that is shipped: they appear, go on, are routed, and end."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from ruamel.yaml import YAML

from connectors.alertmanager import AlertmanagerSettings
from connectors.clock import SystemClock
from models.alerts.alert import Severity
from models.event_time import SECOND_NS, parse_iso
from servers.alertmanager_server import AlertmanagerServer, amtool
from streams.settings import load_settings
from streams.telling.alertmanager_sender import open_alertmanager_sender
from streams.telling.delivery_metrics import DeliveryMetrics
from tests.support.raised_alerts import RaisedAlerts
from tests.support.receiver import Receiver, receiving
from tests.support.watching import wait_until

SHIPPED = Path(__file__).parents[2] / "dashboards" / "alertmanager" / "alertmanager.yml"
RESEND_S = 1.0


def configuration(receiver: Receiver) -> str:
    """The shipped one, but that every receiver is told at one address, and at once."""
    document = YAML(typ="safe", pure=True).load(SHIPPED)
    del document["global"]
    document["route"]["group_interval"] = "1s"
    for each in document["receivers"]:
        for way in [name for name in each if name != "name"]:
            del each[way]
        each["webhook_configs"] = [{"url": receiver.url, "send_resolved": True}]
    return json.dumps(document)


def notified(receiver: Receiver) -> list[tuple[str, str, str]]:
    """Receiver, status and incident of each message."""
    messages = [json.loads(delivery.body) for delivery in receiver.deliveries]
    return [
        (message["receiver"], message["status"], alert["labels"]["incident"])
        for message in messages
        for alert in message["alerts"]
    ]


class _Told:
    """A state directory whose incidents an Alertmanager is told of."""

    def __init__(self, state: Path, server: AlertmanagerServer, **login: Any) -> None:
        self.clock = SystemClock()
        self.alerts = RaisedAlerts(state, self.clock)
        self._settings = load_settings(
            None,
            alertmanager=AlertmanagerSettings(url=server.address, resend_s=RESEND_S, **login),
            links={"address": "https://console.example.org"},
        )
        self._stack = ExitStack()
        self.sentences: list[str] = []

    def begins(self) -> None:
        metrics = DeliveryMetrics(CollectorRegistry(), self.clock)
        state = self.alerts.state
        open_alertmanager_sender(self._stack, state, self._settings, self.clock, metrics, self.sentences.append)

    def ends(self) -> None:
        self._stack.close()

    def closes(self) -> None:
        self.ends()
        self.alerts.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def server(alertmanager_programs: None, receiver: Receiver, tmp_path: Path) -> Iterator[AlertmanagerServer]:
    with AlertmanagerServer(tmp_path / "alertmanager", configuration(receiver)) as server:
        yield server


@pytest.fixture
def told(server: AlertmanagerServer, tmp_path: Path) -> Iterator[_Told]:
    told = _Told(tmp_path / "state", server)
    told.begins()
    yield told
    told.closes()


def shown(server: AlertmanagerServer) -> dict[str, dict[str, Any]]:
    """What ``amtool alert query`` shows, by incident."""
    return {alert["labels"]["incident"]: alert for alert in server.alerts()}


def test_an_incident_appears_goes_on_and_ends(told: _Told, server: AlertmanagerServer, receiver: Receiver) -> None:
    alert = told.alerts.raised()
    incident = told.alerts.incident_of(alert)
    wait_until(lambda: incident in shown(server))
    first = shown(server)[incident]
    assert first["generatorURL"] == f"https://console.example.org/incidents/{incident}"
    assert first["annotations"]["summary"] == "[high] the picture is not as usual, LA-A3-31"
    assert parse_iso(first["endsAt"][:19]) > told.clock.now_ns() + 23 * 3600 * SECOND_NS
    wait_until(lambda: shown(server)[incident]["endsAt"] > first["endsAt"])  # it was told again
    wait_until(lambda: ("operators-now", "firing", incident) in notified(receiver))
    told.alerts.ended(alert)
    told.alerts.end_incidents()
    wait_until(lambda: ("operators-now", "resolved", incident) in notified(receiver))
    assert shown(server) == {}
    assert len(notified(receiver)) == 2, "told of the beginning and of the end, once each"


def test_each_incident_is_told_by_itself_where_its_priority_sends_it(told: _Told, receiver: Receiver) -> None:
    alerts = [
        told.alerts.raised(5000 * number, device=f"LA_A3_31-Camera_{number}-Camera-1", severity=severity)
        for number, severity in enumerate((Severity.HIGH, Severity.MEDIUM, Severity.LOW, Severity.HIGH), 1)
    ]
    ids = [told.alerts.incident_of(alert) for alert in alerts]
    receivers = ["operators-now", "operators", "logbook", "operators-now"]
    expected = {(name, "firing", incident) for name, incident in zip(receivers, ids, strict=True)}
    wait_until(lambda: set(notified(receiver)) == expected)
    assert len(receiver.deliveries) == 4, "no message is about two incidents"
    told.alerts.changed(alerts[2], severity=Severity.HIGH)
    escalated = {("operators-now", "firing", ids[2]), ("logbook", "resolved", ids[2])}
    wait_until(lambda: set(notified(receiver)) == expected | escalated)


def test_a_watch_that_is_away_resolves_nothing_and_goes_on_afterwards(
    told: _Told, server: AlertmanagerServer, receiver: Receiver
) -> None:
    goes_on = told.alerts.raised(1)
    ends = told.alerts.raised(5000, device="LA_A3_31-Camera_2-Camera-1")
    ids = [told.alerts.incident_of(alert) for alert in (goes_on, ends)]
    wait_until(lambda: set(ids) == set(shown(server)))
    told.ends()
    told.alerts.ended(ends)
    told.alerts.end_incidents()
    assert set(shown(server)) == set(ids)
    told.begins()
    wait_until(lambda: ("operators-now", "resolved", ids[1]) in notified(receiver))
    assert set(shown(server)) == {ids[0]}


def test_an_alertmanager_that_was_away_is_told_everything(
    told: _Told, server: AlertmanagerServer, receiver: Receiver
) -> None:
    before = told.alerts.raised(1)
    wait_until(lambda: told.alerts.incident_of(before) in shown(server))
    wait_until(lambda: len(notified(receiver)) == 1)
    server.kill()
    meanwhile = told.alerts.raised(5000, device="LA_A3_31-Camera_2-Camera-1")
    wait_until(lambda: bool(told.sentences))
    server.start()
    both = {told.alerts.incident_of(alert) for alert in (before, meanwhile)}
    wait_until(lambda: set(shown(server)) == both)
    wait_until(lambda: told.sentences[1:] == ["Alertmanager takes incidents again"])


def test_what_is_shelved_in_petawatch_ends_in_alertmanager_and_is_never_silenced_there(
    told: _Told, server: AlertmanagerServer, receiver: Receiver
) -> None:
    alert = told.alerts.raised()
    incident = told.alerts.incident_of(alert)
    wait_until(lambda: incident in shown(server))
    told.alerts.shelve(alert)
    wait_until(lambda: ("operators-now", "resolved", incident) in notified(receiver))
    last = json.loads(receiver.deliveries[-1].body)
    assert last["commonAnnotations"]["end"] == "put aside"
    silences = amtool("silence", "query", "--alertmanager.url", server.address)
    assert silences.stdout.splitlines()[1:] == []


def test_one_that_asks_for_a_login_gets_it(alertmanager_programs: None, receiver: Receiver, tmp_path: Path) -> None:
    # "open sesame" as bcrypt has it.
    users = {"petawatch": "$2b$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy"}
    password = tmp_path / "password"
    password.write_text("shut sesame\n")
    with AlertmanagerServer(tmp_path / "alertmanager", configuration(receiver), users=users) as server:
        told = _Told(tmp_path / "state", server, user="petawatch", password_file=password)
        incident = told.alerts.incident_of(told.alerts.raised())
        told.begins()
        wait_until(lambda: bool(told.sentences))
        assert "answered 401" in told.sentences[0]
        told.ends()
        password.write_text("open sesame\n")
        told.begins()
        wait_until(lambda: ("operators-now", "firing", incident) in notified(receiver))
        told.closes()

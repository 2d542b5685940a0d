"""What Alertmanager is told, when, and what it is told after a restart or while it was away."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from connectors.alertmanager import Alertmanager, AlertmanagerSettings, RoutedAlert
from models.alerts.alert import Severity
from models.errors import RetryableError
from models.event_time import HOUR_NS, SECOND_NS, format_iso
from streams.alarms.settings import AlarmSettings
from streams.telling.alertmanager_alerts import IncidentAlerts
from streams.telling.alertmanager_sender import AlertmanagerSender
from streams.telling.delivery_metrics import DeliveryMetrics
from tests.support.manual_clock import ManualClock
from tests.support.raised_alerts import RaisedAlerts
from tests.support.watching import wait_until
from tests.unit.streams.test_measurement_metrics import read

RESEND_S = 60.0


class _Told(Alertmanager):
    """Stands for Alertmanager: takes what it is told, or is away."""

    def __init__(self) -> None:
        super().__init__(AlertmanagerSettings())
        self.posts: list[list[RoutedAlert]] = []
        self.away = False

    def tell(self, alerts: Sequence[RoutedAlert]) -> None:
        if self.away:
            raise RetryableError("it is away", reason="alertmanager_away")
        self.posts.append(list(alerts))

    def take(self) -> list[RoutedAlert]:
        """What was told since the last call."""
        told = [alert for post in self.posts for alert in post]
        self.posts.clear()
        return told


class _Room:
    """A state directory, its alerts, and who is told."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.state = folder / "state"
        self.alerts = RaisedAlerts(self.state, self.clock)
        self.told = _Told()
        self.sentences: list[str] = []
        self.registry = CollectorRegistry()
        self.metrics = DeliveryMetrics(self.registry, self.clock)
        self.sender = self.new_sender()

    def new_sender(self) -> AlertmanagerSender:
        """As after a restart."""
        return AlertmanagerSender(
            self.state,
            self.told,
            IncidentAlerts(AlarmSettings(), installation="hpls", links="https://console:8443"),
            self.clock,
            self.metrics,
            self.sentences.append,
            resend_s=RESEND_S,
        )

    def look(self, after_s: float = 0.0) -> list[RoutedAlert]:
        """What is told after so long."""
        self.clock.advance(after_s)
        self.sender.look()
        return self.told.take()

    def goes_on(self, alert: RoutedAlert) -> bool:
        return alert.ends_ns > self.clock.now_ns()


@pytest.fixture
def room(tmp_path: Path) -> Iterator[_Room]:
    room = _Room(tmp_path)
    yield room
    room.alerts.close()


def test_an_incident_is_told_with_few_labels_and_all_that_people_need(room: _Room) -> None:
    alert = room.alerts.raised()
    incident = room.alerts.incident_of(alert)
    firing = [each for each in room.look() if room.goes_on(each)]
    assert [each.labels for each in firing] == [
        {
            "alertname": "PetawatchIncident",
            "incident": incident,
            "priority": "high",
            "kind": "image_anomaly",
            "stage": "LA-A3-31",
            "installation": "hpls",
            "news": "",
        }
    ]
    annotations = firing[0].annotations
    assert annotations["summary"] == "[high] the picture is not as usual, LA-A3-31"
    assert "LA_A3_31-Camera_1-Camera-1" in annotations["description"]
    assert "Call: " in annotations["guidance"]
    assert firing[0].generator_url == f"https://console:8443/incidents/{incident}"
    assert firing[0].starts_ns == room.clock.now_ns()


def test_it_is_believed_for_a_day_without_word_and_told_again_long_before(room: _Room) -> None:
    room.alerts.raised()
    first = next(each for each in room.look() if room.goes_on(each))
    assert first.ends_ns == room.clock.now_ns() + 24 * HOUR_NS
    assert room.look(RESEND_S - 1) == []
    (again,) = room.look(1)
    assert again.labels == first.labels
    assert again.starts_ns == first.starts_ns
    assert again.ends_ns == first.ends_ns + round(RESEND_S * SECOND_NS)


def test_only_what_has_changed_is_told_between_and_all_is_told_again_in_time(room: _Room) -> None:
    first = room.alerts.raised(1)
    second = room.alerts.raised(5000, device="LA_A3_31-Camera_2-Camera-1")
    room.look()
    for _ in range(5):
        second = room.alerts.changed(second, severity=Severity.HIGH)
        room.alerts.desk.acknowledge(second.id, by="ana") if second.shots == 2 else None
        told = room.look(RESEND_S / 6)
        assert {each.labels["incident"] for each in told} <= {room.alerts.incident_of(second)}
    told = room.look(RESEND_S / 6)
    assert {each.labels["incident"] for each in told} == {room.alerts.incident_of(each) for each in (first, second)}
    acknowledged = {each.labels["incident"]: each.annotations.get("acknowledged_by") for each in told}
    assert acknowledged == {room.alerts.incident_of(first): None, room.alerts.incident_of(second): "ana"}


def test_its_end_is_told_at_once_and_for_a_quarter_of_an_hour(room: _Room) -> None:
    alert = room.alerts.raised()
    room.look()
    room.clock.advance(10)
    room.alerts.ended(alert)
    room.alerts.end_incidents()
    ended_ns = room.clock.now_ns()
    (end,) = room.look()
    assert (end.ends_ns, end.annotations["end"]) == (ended_ns, "over")
    for _ in range(14):
        assert [each.ends_ns for each in room.look(RESEND_S)] == [ended_ns]
    room.look(RESEND_S)
    room.look(RESEND_S)
    assert room.look(RESEND_S) == []


def test_after_a_restart_what_fires_goes_on_and_what_ended_meanwhile_ends(room: _Room) -> None:
    goes_on, ends = room.alerts.raised(1), room.alerts.raised(5000)
    room.look()
    room.clock.advance(5 * 3600)
    room.alerts.ended(ends)
    room.alerts.end_incidents()
    ended_ns = room.clock.now_ns()
    room.clock.advance(5 * 3600)
    room.sender = room.new_sender()
    told = {each.labels["incident"]: each for each in room.look() if each.annotations.get("end") in {None, "over"}}
    assert room.goes_on(told[room.alerts.incident_of(goes_on)])
    assert told[room.alerts.incident_of(ends)].ends_ns == ended_ns


def test_what_happened_while_it_was_away_is_told_when_it_is_back(room: _Room) -> None:
    ends = room.alerts.raised(1)
    room.look()
    room.told.away = True
    room.alerts.ended(ends)
    room.alerts.end_incidents()
    begins = room.alerts.raised(5000)
    for _ in range(20):
        with pytest.raises(RetryableError):
            room.look(RESEND_S)
    room.told.away = False
    told = {each.labels["incident"]: room.goes_on(each) for each in room.look() if each.labels["priority"] == "high"}
    assert told == {room.alerts.incident_of(ends): False, room.alerts.incident_of(begins): True}


def test_what_is_put_aside_ends_there_and_comes_again_with_the_end_of_that(room: _Room) -> None:
    alert = room.alerts.raised()
    room.look()
    room.alerts.shelve(alert, hours=1.0)
    (end,) = room.look(1)
    assert (end.ends_ns, end.annotations["end"]) == (room.clock.now_ns(), "put aside")
    room.clock.advance(3600)
    room.alerts.let_time_pass()
    assert [each.labels["priority"] for each in room.look() if room.goes_on(each)] == ["high"]


def test_one_that_ends_while_it_is_put_aside_does_not_fire_in_between(room: _Room) -> None:
    alert = room.alerts.raised()
    room.look()
    room.alerts.shelve(alert)
    room.look(1)
    room.alerts.ended(alert)
    assert [room.goes_on(each) for each in room.look(1)] == [False]
    room.alerts.end_incidents()
    assert [each.annotations["end"] for each in room.look(1)] == ["over"]


def test_what_was_put_aside_from_the_beginning_is_told_nobody(room: _Room) -> None:
    first = room.alerts.raised(1)
    room.alerts.ended(first)
    room.alerts.end_incidents()
    room.alerts.shelve(first)
    alert = room.alerts.raised(5000)
    told = room.look()
    assert room.alerts.incident_of(alert) not in {each.labels["incident"] for each in told}


def test_one_that_gets_more_urgent_changes_its_route(room: _Room) -> None:
    alert = room.alerts.raised(severity=Severity.LOW)
    room.look()
    room.alerts.changed(alert, severity=Severity.HIGH)
    told = {each.labels["priority"]: each for each in room.look(1)}
    assert {priority: room.goes_on(each) for priority, each in told.items()} == {
        "high": True, "medium": False, "low": False,
    }  # fmt: skip
    assert told["low"].annotations["end"] == "of another priority now"
    assert [each.labels["priority"] for each in room.look(RESEND_S)] == ["high"]


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("aside", [False, True])
def test_one_that_gets_more_urgent_and_is_over_at_once_ends_under_all_its_labels(
    room: _Room, restarted: bool, aside: bool
) -> None:
    alert = room.alerts.raised(severity=Severity.LOW)
    (begun,) = [each for each in room.look() if room.goes_on(each)]
    worse = room.alerts.changed(alert, severity=Severity.HIGH)
    if aside:
        room.alerts.shelve(worse)
    else:
        room.alerts.ended(worse)
        room.alerts.end_incidents()
    if restarted:
        room.sender = room.new_sender()
    told = {each.labels["priority"]: each for each in room.look(1)}
    assert not any(room.goes_on(each) for each in told.values())
    assert told["low"].labels == begun.labels
    assert told["low"].annotations["end"] == ("put aside" if aside else "over")


@pytest.mark.parametrize("restarted", [False, True])
def test_what_is_new_in_an_acknowledged_incident_is_told_as_another_alert(room: _Room, restarted: bool) -> None:
    first = room.alerts.raised(1)
    [before] = [each for each in room.look() if room.goes_on(each)]
    room.clock.advance(10)
    room.alerts.desk.acknowledge(first.id, by="ana")
    assert {tuple(each.labels.items()) for each in room.look()} == {tuple(before.labels.items())}
    room.clock.advance(10)
    second = room.alerts.raised(2, device="LA_A3_31-Camera_2-Camera-1")
    assert room.alerts.incident_of(second) == room.alerts.incident_of(first)
    news = format_iso(room.clock.now_ns())
    if restarted:
        room.sender = room.new_sender()
    told = {(each.labels["news"], each.labels["priority"]): each for each in room.look()}
    assert [labels for labels, each in told.items() if room.goes_on(each)] == [(news, "high")]
    assert told["", "high"].labels == before.labels
    assert told["", "high"].annotations["end"] == "something is new of it"
    room.clock.advance(10)
    room.alerts.raised(3, device="LA_A3_31-Camera_3-Camera-1")  # nobody has seen the second one yet
    assert {each.labels["news"] for each in room.look()} == {news}
    assert [each.labels["news"] for each in room.look(RESEND_S)] == [news]


def test_what_gets_worse_after_it_was_acknowledged_is_told_as_another_alert(room: _Room) -> None:
    first = room.alerts.raised(1)
    room.alerts.raised(2, device="LA_A3_31-Camera_2-Camera-1", severity=Severity.LOW)
    room.look()
    room.clock.advance(10)
    room.alerts.desk.acknowledge(room.alerts.incident_of(first), by="ana")
    room.look()
    room.clock.advance(10)
    room.alerts.raised(3, device="LA_A3_31-Camera_2-Camera-1")
    told = room.look()
    assert [each.labels["news"] for each in told if room.goes_on(each)] == [format_iso(room.clock.now_ns())]


def test_a_thread_tells_by_itself_and_what_has_happened_up_to_its_end(room: _Room) -> None:
    room.sender.start()
    wait_until(lambda: len(room.told.posts) == 1)
    alert = room.alerts.raised()
    wait_until(lambda: any(room.goes_on(each) for post in room.told.posts for each in post))
    room.alerts.ended(alert)
    room.alerts.end_incidents()
    room.sender.stop()
    assert room.told.take()[-1].annotations["end"] == "over"


def test_one_that_is_away_is_told_to_the_operator_once_and_shows_in_the_metrics(room: _Room) -> None:
    assert "petawatch_alertmanager_age_seconds{}" not in read(room.registry)
    room.told.away = True
    room.sender.start()
    wait_until(lambda: bool(room.sentences))
    room.clock.advance(400)
    samples = read(room.registry)
    assert samples["petawatch_alertmanager_age_seconds{}"] == 400
    assert samples["petawatch_alertmanager_posts_total{result=failed}"] >= 1
    room.told.away = False
    room.alerts.raised()
    wait_until(lambda: len(room.sentences) == 2)
    room.sender.stop()
    assert room.sentences == ["it is away; it is told again until it does", "Alertmanager takes incidents again"]
    assert read(room.registry)["petawatch_alertmanager_incidents{}"] == 1

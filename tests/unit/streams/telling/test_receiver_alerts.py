"""Who is not told of alerts is an alert."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from connectors.control_room.outbox import drop_all
from models.alerts.alert import AlertChange, AlertEvent, AlertKind, Severity
from streams.reporting_chores import ReportingChores
from streams.settings import Settings, load_settings
from streams.telling.receiver_alerts import ReceiverAlerts
from tests.support.manual_clock import ManualClock
from tests.support.outboxes import KeptOutbox, kept_outbox

OPENED, CLOSED = AlertChange.OPENED, AlertChange.CLOSED


class Site:
    """Alerts of two receivers, and what was told."""

    def __init__(self, state: Path) -> None:
        self.clock = ManualClock()
        self.kept = KeptOutbox(state)
        self.settings: Settings = load_settings(
            None, webhook_urls=("http://a/", "http://b/"), webhooks={"report_after_s": 900.0}
        )
        self.told: list[AlertEvent] = []
        self.alerts = ReceiverAlerts(state, self.settings, self.clock)

    def restart(self) -> None:
        self.alerts.close()
        self.alerts = ReceiverAlerts(self.kept.state, self.settings, self.clock)

    def put(self, receiver: str, subject: str = "1") -> None:
        self.kept.put(receiver, subject, created_ns=self.clock.now_ns())

    def pass_time(self, seconds: float, *, tell: bool = True) -> list[tuple[AlertChange, str, str]]:
        """What is to be told then."""
        self.clock.advance(seconds)
        events = self.alerts.events()
        if tell and events:
            self.alerts.told(events)
        self.told += events
        return [(event.change, event.alert.source.file, event.alert.reasons[0]) for event in events]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.alerts.close()
    site.kept.close()


def test_a_message_that_waits_for_too_long_is_told_and_its_delivery_too(site: Site) -> None:
    site.put("a")
    site.put("b")
    [*_, message] = site.kept.waiting().values()
    assert site.pass_time(890) == []
    site.kept.outbox.delivered(message, "204", site.clock.now_ns())
    assert site.pass_time(20) == [(OPENED, "receiver/a", "slow")]
    [event] = site.told
    assert (event.alert.kind, event.alert.severity) == (AlertKind.RECEIVER_FAILING, Severity.HIGH)
    assert site.pass_time(10) == []
    [message] = site.kept.waiting().values()
    site.kept.outbox.delivered(message, "204", site.clock.now_ns())
    assert site.pass_time(10) == [(CLOSED, "receiver/a", "slow")]
    assert {event.alert.id for event in site.told} == {event.alert.id}
    assert site.pass_time(10_000) == []


def test_why_it_waits(site: Site) -> None:
    site.put("a")
    site.put("b")
    first, second = site.kept.waiting().values()
    site.kept.outbox.failed(first, "answered 500 Oh", 0, site.clock.now_ns())
    site.kept.outbox.refused(second, "answered 422 No", 0)
    assert site.pass_time(901) == [(OPENED, "receiver/a", "away"), (OPENED, "receiver/b", "refused")]


def test_who_is_gone_is_told_at_once(site: Site) -> None:
    site.pass_time(61)
    site.put("a")
    [message] = site.kept.waiting().values()
    site.kept.outbox.failed(message, "answered 410 Gone", 0, site.clock.now_ns())
    site.kept.outbox.suspend("a", site.clock.now_ns(), gone=True)
    assert site.pass_time(3) == [(OPENED, "receiver/a", "gone")]


def test_it_is_offered_until_it_was_told_also_after_a_kill(site: Site) -> None:
    site.put("a")
    assert site.pass_time(901, tell=False) == [(OPENED, "receiver/a", "slow")]
    site.restart()
    assert site.pass_time(61, tell=False) == [(OPENED, "receiver/a", "slow")]
    assert site.pass_time(3) == [(OPENED, "receiver/a", "slow")]
    site.restart()
    assert site.pass_time(61) == []
    assert len({event.alert.id for event in site.told}) == 1


def test_while_another_process_writes_it_waits_for_nothing_and_tells_all_the_same(site: Site) -> None:
    site.put("a")
    with closing(sqlite3.connect(site.kept.state / "decisions.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        began_s = time.monotonic()
        assert site.pass_time(901) == [(OPENED, "receiver/a", "slow")]
        assert time.monotonic() - began_s < 10.0
        assert site.pass_time(3) == []
    assert site.pass_time(3) == []  # and remembers it now
    site.restart()
    assert site.pass_time(61) == []


def test_a_message_that_a_clock_wrote_which_was_ahead_is_waited_for_no_longer_than_others(site: Site) -> None:
    right_ns = site.clock.now_ns()
    site.clock.set_wall_clock("2023-07-01T10:00:00Z")
    site.put("a")
    site.clock.set_wall_clock(right_ns)
    assert site.pass_time(61) == []
    site.put("a", "2")
    assert site.pass_time(890) == []
    assert site.pass_time(20) == [(OPENED, "receiver/a", "slow")]
    assert site.told[0].alert.first_shot_ns <= site.clock.now_ns()


def test_after_a_long_stop_what_was_left_is_delivered_first(site: Site) -> None:
    site.put("a")
    site.clock.advance(100_000)
    site.restart()
    assert site.pass_time(30) == []
    [message] = site.kept.waiting().values()
    site.kept.outbox.delivered(message, "204", site.clock.now_ns())
    assert site.pass_time(100) == []


@pytest.mark.parametrize("others", [("http://b/",), ()])
def test_who_is_taken_out_of_the_settings_is_told_of_until_nothing_waits(site: Site, others: tuple[str, ...]) -> None:
    site.put("a")
    assert site.pass_time(901) == [(OPENED, "receiver/a", "slow")]
    named, site.settings = site.settings, load_settings(None, webhook_urls=others)
    site.restart()
    assert site.pass_time(61) == [(CLOSED, "receiver/a", "slow")]
    assert site.pass_time(3) == [(OPENED, "receiver/a", "not_configured")]
    site.restart()
    assert site.pass_time(1000) == []
    site.settings = named
    site.restart()
    assert site.pass_time(61) == [(CLOSED, "receiver/a", "not_configured")]
    assert site.pass_time(3) == [(OPENED, "receiver/a", "slow")]
    site.settings = load_settings(None, webhook_urls=others)
    site.restart()
    assert [word for *_, word in site.pass_time(61) + site.pass_time(3)] == ["slow", "not_configured"]
    with site.kept.database.step() as connection:
        assert drop_all(connection, "a", site.clock.now_ns()) == 1
    assert site.pass_time(3) == [(CLOSED, "receiver/a", "not_configured")]
    assert site.pass_time(1000) == []


class Chores:
    """Others."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def tick(self) -> None:
        self.done.append("tick")

    def drain_outbox(self) -> None:
        self.done.append("drain")


def test_what_could_not_be_reported_is_offered_again(tmp_path: Path) -> None:
    with kept_outbox(tmp_path):
        pass
    site, chores = Site(tmp_path), Chores()
    reports: list[list[AlertEvent]] = []

    def report(events: list[AlertEvent], then: object) -> None:
        reports.append(events)
        if len(reports) == 1:
            raise OSError("the disk is full")
        assert callable(then)
        then()

    loop = ReportingChores(chores, site.alerts, report)
    site.put("a")
    site.clock.advance(901)
    with pytest.raises(OSError, match="full"):
        loop.tick()
    for _ in range(3):
        site.clock.advance(3)
        loop.tick()
    assert [len(events) for events in reports] == [1, 1]
    loop.drain_outbox()
    assert chores.done == ["tick"] * 4 + ["drain"]
    site.alerts.close()
    site.kept.close()

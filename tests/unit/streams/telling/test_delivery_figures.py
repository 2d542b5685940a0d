"""What waits on its way to people is counted from the databases themselves."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from connectors.control_room.receivers import note_failure, note_suspension
from connectors.state.alarm_feed import FeedEntry
from connectors.state.commit import Commit
from connectors.state.directory import StateDirectory
from connectors.webhooks.sender import WebhookSender, WebhookSettings
from models.event_time import SECOND_NS
from streams.metrics import WatchMetrics
from streams.settings import load_settings
from streams.state_writing import open_state_writing
from streams.telling.delivery_figures import show_deliveries
from streams.telling.delivery_metrics import DeliveryMetrics
from tests.support.manual_clock import ManualClock
from tests.support.outboxes import KeptOutbox
from tests.unit.streams.alarms.test_incident_metrics import an_alert
from tests.unit.streams.test_measurement_metrics import read


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[KeptOutbox]:
    kept = KeptOutbox(tmp_path)
    yield kept
    kept.close()


def test_what_waits_and_who_takes_nothing_is_shown_with_its_age(kept: KeptOutbox) -> None:
    clock, registry = ManualClock(), CollectorRegistry()
    metrics = DeliveryMetrics(registry, clock)
    sender = WebhookSender(kept.outbox, {}, clock, WebhookSettings())
    with StateDirectory.open(kept.state) as state:

        def shown() -> dict[str, float]:
            show_deliveries(metrics, state.path, sender)
            return {name.removesuffix("{}"): value for name, value in read(registry).items()}

        assert {value for name, value in shown().items() if "webhook" not in name} == {0}
        now_ns = clock.now_ns()
        state.commit(Commit(feed=[FeedEntry(alert=an_alert(1), committed_ns=now_ns - 40 * SECOND_NS)]))
        state.commit(Commit(feed=[FeedEntry(alert=an_alert(2), committed_ns=now_ns)]))
        kept.put("a", "1", created_ns=now_ns - 700 * SECOND_NS)
        with kept.database.step() as connection:
            for name in ("a", "b"):
                note_failure(connection, name, "away", now_ns)
            note_suspension(connection, "b", now_ns, gone=False)
        figures = shown()
        assert figures["petawatch_alarm_feed_entries"] == 2
        assert figures["petawatch_alarm_feed_oldest_age_seconds"] == 40
        assert figures["petawatch_outbox_messages"] == 1
        assert figures["petawatch_outbox_oldest_age_seconds"] == 700
        assert figures["petawatch_failing_receivers"] == 2
        assert figures["petawatch_suspended_receivers"] == 1
        clock.advance(5)
        assert read(registry)["petawatch_alarm_feed_oldest_age_seconds{}"] == 45, "it grows though nobody looks"


def test_a_worker_that_records_no_more_shows_nothing_that_grows(tmp_path: Path) -> None:
    clock = ManualClock()
    metrics = WatchMetrics(clock)
    with ExitStack() as stack:
        settings = load_settings(None, alertmanager={"url": "http://127.0.0.1:9"})
        open_state_writing(
            stack, tmp_path, settings, clock=clock, metrics=metrics, tell=lambda _: None, stopping=lambda: False
        )
        clock.advance(400)
        metrics.delivery.set_outbox(3, clock.now_ns())
        shown = read(metrics.registry)
        assert shown["petawatch_alertmanager_age_seconds{}"] == 400
        assert shown["petawatch_outbox_messages{}"] == 3
    clock.advance(400)
    shown = read(metrics.registry)
    assert "petawatch_alertmanager_age_seconds{}" not in shown
    assert shown["petawatch_outbox_messages{}"] == shown["petawatch_outbox_oldest_age_seconds{}"] == 0

"""From a fault to those who are to hear of it: a watch with a signed receiver, one that is away, and a messenger."""

import json
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook

from connectors.clock import SystemClock
from connectors.control_room.reader import ControlRoomReader
from connectors.control_room.receipts import ReceiptReader
from connectors.state.alarm_feed import FeedEntry
from connectors.state.commit import Commit
from connectors.state.directory import StateDirectory
from connectors.webhooks.signing import new_secret
from models.alerts.alert import Alert, AlertChange, AlertEvent
from servers.kafka_server import free_port
from tests.support.alarms import alert, over
from tests.support.outboxes import kept_outbox
from tests.support.receiver import Reply, receiving
from tests.support.watch_results import WatchResults
from tests.support.watching import wait_until, watch_live, watch_once

OLD, NEW = new_secret(), new_secret()
CLASSES = ("alert", "incident")


def test_all_who_are_to_hear_of_a_fault_do(day: Path, undisturbed: WatchResults, tmp_path: Path) -> None:
    state = tmp_path / "state"
    with receiving() as closed:
        away_url = closed.url
    with receiving() as shift, receiving() as chat:
        chat.usual = Reply(200, {})
        receivers = [
            {"name": "shift", "url": shift.url, "secrets": [NEW, OLD], "events": "all"},
            {"name": "urgent", "url": away_url, "events": "alert", "minimum_priority": "high"},
        ]
        messengers = [{"name": "chat", "url": f"json://127.0.0.1:{chat.port}/hook"}]
        told: list[str] = []
        watch_once(day, state, tell=told.append, receivers=receivers, messengers=messengers)
    # Whoever knows either secret verifies every message.
    events = [Webhook(OLD).verify(delivery.body, delivery.headers) for delivery in shift.deliveries]
    assert [Webhook(NEW).verify(delivery.body, delivery.headers) for delivery in shift.deliveries] == events
    assert len(set(shift.event_ids())) == len(events)
    of_class = {name: [event for event in events if event["type"].startswith(f"{name}.")] for name in CLASSES}
    told_of = Counter((event["data"]["id"], event["data"]["event"]) for event in of_class["alert"])
    # One that gets worse is announced again.
    assert Counter({each: times for each, times in told_of.items() if each[1] != "announced_again"}) == Counter(
        (alert["id"], word) for alert in undisturbed.alerts for word in ("opened", "closed")
    )
    for subject in {event["data"]["id"] for event in events}:
        words = [event["data"]["event"] for event in events if event["data"]["id"] == subject]
        assert (words[0], words[-1]) == ("opened", "closed")
    incidents = {event["data"]["id"] for event in of_class["incident"]}
    assert {event["data"]["incident"] for event in of_class["alert"]} == incidents
    assert len(incidents) < len(undisturbed.alerts)
    # People hear of incidents alone.
    texts = [json.loads(delivery.body) for delivery in chat.deliveries]
    assert len(texts) == len(of_class["incident"])
    assert all(text["title"].startswith("[") and "since " in text["message"] for text in texts)
    # What waits for the one that is away is known, and who got what, too.
    high = [alert["id"] for alert in undisturbed.alerts if alert["severity"] == "high"]
    standing = ReceiptReader(state).standing()
    assert standing.waiting["urgent"].messages >= len(high) > 0
    assert "ConnectionRefusedError" in standing.failing["urgent"].last_error
    alert_id = high[0]
    [incident_id] = {event["data"]["incident"] for event in of_class["alert"] if event["data"]["id"] == alert_id}
    receipts = ReceiptReader(state).of_subjects([alert_id, incident_id])
    assert {(receipt.receiver, receipt.status) for receipt in receipts} == {("shift", "204"), ("chat", "sent")}
    assert not any(secret in str(told) for secret in (OLD, NEW))


def test_others_hear_of_a_receiver_that_does_not_answer(tmp_path: Path) -> None:
    state, port = tmp_path / "state", free_port()
    with receiving(port) as closed:
        pass
    with kept_outbox(state) as kept:
        kept.put("away", "1", created_ns=SystemClock().now_ns())
    with receiving() as shift:
        options: dict[str, Any] = {
            "receivers": [{"name": "shift", "url": shift.url}, {"name": "away", "url": closed.url}],
            "webhooks": {"first_retry_s": 0.1, "max_retry_s": 0.5, "report_after_s": 1.0},
        }

        def told() -> list[tuple[str, str, str, list[str]]]:
            return [(one["kind"], one["source"]["file"], one["event"], one["reasons"]) for one in shift.messages]

        with watch_live(tmp_path / "data", state, **options):
            wait_until(lambda: told() == [("receiver_failing", "receiver/away", "opened", ["away"])])
            with receiving(port) as back:  # it comes back, and hears of everything, this alert too
                wait_until(lambda: [event for _, _, event, _ in told()] == ["opened", "closed"])
                wait_until(lambda: sorted(back.event_ids()) == sorted(["1-opened", *shift.event_ids()]))


def test_a_receiver_that_is_added_during_an_incident_hears_of_it_at_the_next_start_and_once(tmp_path: Path) -> None:
    data, state = tmp_path / "data", tmp_path / "state"
    data.mkdir()
    one = alert()
    _commit(state, one, AlertChange.OPENED)
    with watch_live(data, state):
        wait_until(lambda: bool(ControlRoomReader(state).incidents()))
    [incident] = ControlRoomReader(state).incidents()
    beginnings, end = [(incident.id, "opened"), (one.id, "opened")], (one.id, "closed")
    with receiving() as pager:
        options: dict[str, Any] = {"receivers": [{"name": "pager", "url": pager.url, "events": "all"}]}
        with watch_live(data, state, **options):
            wait_until(lambda: len(pager.deliveries) >= len(beginnings))
        assert sorted(pager.events()) == sorted(beginnings)
        _commit(state, over(one), AlertChange.CLOSED)
        with watch_live(data, state, **options):
            wait_until(lambda: end in pager.events())
        assert sorted(pager.events()) == sorted([*beginnings, end])


def _commit(state: Path, one: Alert, change: AlertChange) -> None:
    """A watch has found this, and was killed right then."""
    entry = FeedEntry(alert=one, committed_ns=SystemClock().now_ns())
    with closing(StateDirectory.open(state)) as directory:
        directory.commit(Commit(alerts=[AlertEvent(change=change, alert=one)], feed=[entry]))

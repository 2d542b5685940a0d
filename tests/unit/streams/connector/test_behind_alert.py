"""The alert about files that are not sent."""

import json

from models.alerts.alert import AlertChange, AlertKind
from models.alerts.facility_alerts import BehindReason
from streams.connector.behind_alert import BehindAlert, webhook_messages


def opened(alert: BehindAlert, *, by_webhook: bool) -> str:
    event = alert.opening(301.0, 5, 9, BehindReason.KAFKA_AWAY)
    assert event is not None
    assert (event.change, event.alert.kind) == (AlertChange.OPENED, AlertKind.CONNECTOR_BEHIND)
    alert.opened(event, by_webhook=by_webhook)
    return event.alert.id


def test_it_opens_once_beyond_the_limit_and_closes_well_below() -> None:
    alert = BehindAlert("recorder-1", 300.0)
    assert alert.opening(300.0, 5, 9, BehindReason.BEHIND) is None
    number = opened(alert, by_webhook=False)
    assert alert.opening(400.0, 5, 9, BehindReason.BEHIND) is None
    assert alert.closing(200.0) == []
    [closing] = alert.closing(100.0)
    assert (closing.change, closing.alert.id) == (AlertChange.CLOSED, number)
    alert.closed()
    assert not alert.is_open
    assert alert.closing(0.0) == []


def test_what_kafka_has_not_heard_of_is_told_with_the_closing() -> None:
    alert = BehindAlert("recorder-1", 300.0)
    number = opened(alert, by_webhook=True)
    restored = BehindAlert("recorder-1", 300.0)
    restored.restore(alert.state())
    assert restored.told_by_webhook
    events = restored.closing(0.0)
    assert [event.change for event in events] == [AlertChange.OPENED, AlertChange.CLOSED]
    assert {event.alert.id for event in events} == {number}


def test_receivers_get_it_without_kafka() -> None:
    alert = BehindAlert("recorder-1", 300.0)
    event = alert.opening(301.0, 5, 9, BehindReason.KAFKA_AWAY)
    assert event is not None
    messages = webhook_messages(event, ("http://a", "http://b"), 77)
    assert [(message.url, message.created_ns) for message in messages] == [("http://a", 77), ("http://b", 77)]
    assert "kafka_away" in json.dumps(json.loads(messages[0].body))

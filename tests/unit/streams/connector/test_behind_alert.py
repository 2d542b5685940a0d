"""The alert about files that are not sent."""

import json

from models.alerts.alert import AlertChange, AlertKind
from models.alerts.facility_alerts import BehindReason
from streams.connector.behind_alert import behind_alert, unsent, webhook_messages


def test_it_names_the_connector_and_why() -> None:
    [event] = behind_alert("recorder-1", 300.0).observe(301.0, unsent(5, 9, BehindReason.KAFKA_AWAY))
    assert (event.change, event.alert.kind) == (AlertChange.OPENED, AlertKind.CONNECTOR_BEHIND)
    assert (event.alert.first_shot_ns, event.alert.last_shot_ns, event.alert.reasons) == (5, 9, ("kafka_away",))
    assert event.alert.source.file == "connect/recorder-1"


def test_receivers_get_it_without_kafka() -> None:
    [event] = behind_alert("recorder-1", 300.0).observe(301.0, unsent(5, 9, BehindReason.KAFKA_AWAY))
    messages = webhook_messages(event, ("http://a", "http://b"), 77)
    assert [(message.url, message.created_ns) for message in messages] == [("http://a", 77), ("http://b", 77)]
    assert "kafka_away" in json.dumps(json.loads(messages[0].body))

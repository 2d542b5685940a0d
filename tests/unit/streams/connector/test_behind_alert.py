"""The alert about files that are not sent."""

from models.alerts.alert import AlertChange, AlertKind
from models.alerts.facility_alerts import BehindReason
from streams.connector.behind_alert import behind_alert, unsent


def test_it_names_the_connector_and_why() -> None:
    [event] = behind_alert("recorder-1", 300.0).observe(301.0, unsent(5, 9, BehindReason.KAFKA_AWAY))
    assert (event.change, event.alert.kind) == (AlertChange.OPENED, AlertKind.CONNECTOR_BEHIND)
    assert (event.alert.first_shot_ns, event.alert.last_shot_ns, event.alert.reasons) == (5, 9, ("kafka_away",))
    assert event.alert.source.file == "connect/recorder-1"

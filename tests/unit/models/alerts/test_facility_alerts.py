"""Alerts about the installation: their ids hold the opening and the closing together."""

from dataclasses import replace

from models.alerts.alert import AlertChange, AlertKind, AlertStatus, Severity
from models.alerts.facility_alerts import BehindReason, connector_alert, lag_alert


def test_an_alert_of_lag_opens_and_closes_under_one_id() -> None:
    opened = lag_alert("image", 3, first_ns=100, last_ns=200, status=AlertStatus.OPEN)
    closed = lag_alert("image", 3, first_ns=100, last_ns=900, status=AlertStatus.CLOSED)
    assert (opened.change, closed.change) == (AlertChange.OPENED, AlertChange.CLOSED)
    assert closed.alert == replace(opened.alert, status=AlertStatus.CLOSED, last_shot_ns=900)
    assert opened.alert.kind is AlertKind.PIPELINE_LAG
    assert opened.alert.severity is Severity.MEDIUM
    assert opened.alert.source.file == "image/3"


def test_every_place_and_every_beginning_is_an_alert_of_its_own() -> None:
    events = [
        lag_alert("image", 3, first_ns=100, last_ns=200, status=AlertStatus.OPEN),
        lag_alert("image", 4, first_ns=100, last_ns=200, status=AlertStatus.OPEN),
        lag_alert("join", 3, first_ns=100, last_ns=200, status=AlertStatus.OPEN),
        lag_alert("image", 3, first_ns=101, last_ns=200, status=AlertStatus.OPEN),
        connector_alert("a", first_ns=100, last_ns=200, reason=BehindReason.BEHIND, status=AlertStatus.OPEN),
        connector_alert("b", first_ns=100, last_ns=200, reason=BehindReason.BEHIND, status=AlertStatus.OPEN),
    ]
    assert len({event.alert.id for event in events}) == len(events)


def test_a_connectors_alert_keeps_its_id_when_the_reason_changes() -> None:
    opened = connector_alert(
        "rec-1", first_ns=7, last_ns=9, reason=BehindReason.KAFKA_AWAY, status=AlertStatus.OPEN
    ).alert
    closed = connector_alert("rec-1", first_ns=7, last_ns=9, reason=BehindReason.HELD_BACK, status=AlertStatus.CLOSED)
    assert closed.alert.id == opened.id
    assert opened.reasons == ("kafka_away",)
    assert opened.severity is Severity.HIGH
    assert opened.source.file == "connect/rec-1"


def test_the_last_moment_never_lies_before_the_first() -> None:
    assert lag_alert("join", 0, first_ns=5, last_ns=1, status=AlertStatus.OPEN).alert.last_shot_ns == 5

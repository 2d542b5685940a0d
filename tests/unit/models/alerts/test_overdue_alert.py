"""An alert while something waits for too long: when it opens and closes, and who knows of it."""

import pytest

from models.alerts.alert import AlertChange, AlertEvent, AlertStatus
from models.alerts.facility_alerts import BehindReason, connector_alert
from models.alerts.overdue_alert import OverdueAlert
from models.state import State

OPENED, CLOSED = AlertChange.OPENED, AlertChange.CLOSED
LIMIT_S = 100.0


def overdue() -> OverdueAlert:
    def event(about: State, status: AlertStatus) -> AlertEvent:
        return connector_alert("a", first_ns=about["first_ns"], last_ns=9, reason=BehindReason.BEHIND, status=status)

    return OverdueAlert(LIMIT_S, event)


def changes(alert: OverdueAlert, age_s: float) -> list[AlertChange]:
    return [event.change for event in alert.observe(age_s, {"first_ns": round(age_s)})]


def test_it_opens_beyond_the_limit_and_closes_well_below() -> None:
    alert = overdue()
    assert changes(alert, 100.0) == []
    [opening] = alert.observe(101.0, {"first_ns": 7})
    assert opening.change is OPENED
    alert.told([opening])
    assert changes(alert, 500.0) == []
    assert changes(alert, 50.1) == []
    [closing] = alert.observe(50.0, {})
    assert (closing.change, closing.alert.id) == (CLOSED, opening.alert.id)
    alert.told([closing])
    assert changes(alert, 0.0) == []
    assert alert.state() == {}


def test_what_was_not_told_is_offered_again_also_after_a_restart() -> None:
    alert, restarted = overdue(), overdue()
    [opening] = alert.observe(101.0, {"first_ns": 7})
    restarted.restore(alert.state())
    assert restarted.observe(105.0, {"first_ns": 8}) == alert.observe(105.0, {"first_ns": 8}) == [opening]
    assert changes(restarted, 0.0) == [OPENED, CLOSED]
    restarted.told([opening])
    assert changes(restarted, 0.0) == [CLOSED]


def test_what_receivers_alone_have_heard_of_is_told_whole_with_the_closing() -> None:
    alert, restarted = overdue(), overdue()
    alert.told(alert.observe(101.0, {"first_ns": 7}), by_webhook=True)
    assert changes(alert, 200.0) == []
    restarted.restore(alert.state())
    assert restarted.told_by_webhook
    events = restarted.observe(0.0, {})
    assert [event.change for event in events] == [OPENED, CLOSED]
    assert len({event.alert.id for event in events}) == 1
    restarted.told(events)
    assert restarted.state() == {}


@pytest.mark.parametrize(
    ("saved", "at_closing"),
    [
        ({"first_ns": 5, "by_webhook": False}, [CLOSED]),
        ({"first_ns": 5, "by_webhook": True}, [OPENED, CLOSED]),
        ({"first_ns": 5, "told": True}, [CLOSED]),
        ({"first_ns": 5, "told": False}, [OPENED, CLOSED]),
    ],
)
def test_what_earlier_programs_saved_is_gone_on_with(saved: State, at_closing: list[AlertChange]) -> None:
    alert = overdue()
    alert.restore(saved)
    assert changes(alert, 200.0) == ([OPENED] if saved.get("told") is False else [])
    assert changes(alert, 0.0) == at_closing

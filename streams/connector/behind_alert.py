"""The alert about snapshots that lie on disk and are not sent."""

from models.alerts.alert import AlertEvent, AlertStatus
from models.alerts.facility_alerts import BehindReason, connector_alert
from models.alerts.overdue_alert import OverdueAlert
from models.state import State


def behind_alert(connector: str, limit_s: float) -> OverdueAlert:
    """The alert of a connector of this name.

    Parameters
    ----------
    limit_s
        The oldest file that was not sent may be so old.
    """

    def event(about: State, status: AlertStatus) -> AlertEvent:
        return connector_alert(
            connector,
            first_ns=about["first_ns"],
            last_ns=about["last_ns"],
            reason=BehindReason(about["reason"]),
            status=status,
        )

    return OverdueAlert(limit_s, event)


def unsent(first_ns: int, last_ns: int, reason: BehindReason) -> State:
    """What the alert is about: when the oldest and the newest file begin that are not sent, ns since 1970, and why."""
    return {"first_ns": first_ns, "last_ns": last_ns, "reason": reason.value}

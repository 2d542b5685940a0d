"""The alert about snapshots that lie on disk and are not sent, and its way to receivers without Kafka."""

from connectors.alert_documents import alert_body, alert_event_id
from connectors.state.commit import OutboxMessage
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


def webhook_messages(event: AlertEvent, urls: tuple[str, ...], now_ns: int) -> list[OutboxMessage]:
    """An alert on its way to the receivers without Kafka; they know the same event by its id when it comes again."""
    body = alert_body(event, now_ns=now_ns, evidence=[])
    return [
        OutboxMessage(url=url, alert_id=event.alert.id, event_id=alert_event_id(event), body=body, created_ns=now_ns)
        for url in urls
    ]

"""The alert about snapshots that lie on disk and are not sent: when it opens, when it closes."""

from connectors.alert_documents import alert_body, alert_event_id
from connectors.state.commit import OutboxMessage
from models.alerts.alert import AlertEvent, AlertStatus
from models.alerts.facility_alerts import BehindReason, connector_alert
from models.state import State

# It closes when the oldest has come down to this part of the limit, so that it does not flicker around it.
_CLOSE_AT = 0.5


class BehindAlert:
    """One alert at a time.

    Parameters
    ----------
    connector
        Its name.
    limit_s
        The oldest file that was not sent may be so old.
    """

    def __init__(self, connector: str, limit_s: float) -> None:
        self._connector = connector
        self._limit_s = limit_s
        self._opened: State = {}

    @property
    def is_open(self) -> bool:
        """Whether it is open."""
        return bool(self._opened)

    @property
    def told_by_webhook(self) -> bool:
        """Whether its opening could not go through Kafka."""
        return bool(self._opened.get("by_webhook", False))

    def opening(self, oldest_s: float, first_ns: int, last_ns: int, reason: BehindReason) -> AlertEvent | None:
        """The event that opens it, when that is due; nothing changes before ``opened``.

        Parameters
        ----------
        oldest_s
            Age of the oldest file that is not sent.
        first_ns, last_ns
            When the oldest and the newest of them begin, ns since 1970.
        """
        if self._opened or oldest_s <= self._limit_s:
            return None
        return connector_alert(
            self._connector, first_ns=first_ns, last_ns=last_ns, reason=reason, status=AlertStatus.OPEN
        )

    def opened(self, event: AlertEvent, *, by_webhook: bool) -> None:
        """The opening was told."""
        self._opened = {
            "first_ns": event.alert.first_shot_ns,
            "last_ns": event.alert.last_shot_ns,
            "reason": event.alert.reasons[0],
            "by_webhook": by_webhook,
        }

    def closing(self, oldest_s: float) -> list[AlertEvent]:
        """The events that close it, when that is due: its opening again when Kafka has not had it yet."""
        if not self._opened or oldest_s > _CLOSE_AT * self._limit_s:
            return []
        statuses = [AlertStatus.OPEN, AlertStatus.CLOSED] if self.told_by_webhook else [AlertStatus.CLOSED]
        return [
            connector_alert(
                self._connector,
                first_ns=self._opened["first_ns"],
                last_ns=self._opened["last_ns"],
                reason=BehindReason(self._opened["reason"]),
                status=status,
            )
            for status in statuses
        ]

    def closed(self) -> None:
        """The closing was told."""
        self._opened = {}

    def state(self) -> State:
        """All that later events depend on."""
        return dict(self._opened)

    def restore(self, state: State) -> None:
        """Go on from a saved state."""
        self._opened = dict(state)


def webhook_messages(event: AlertEvent, urls: tuple[str, ...], now_ns: int) -> list[OutboxMessage]:
    """An alert on its way to the receivers without Kafka; they know the same event by its id when it comes again."""
    body = alert_body(event, now_ns=now_ns, evidence=[])
    return [
        OutboxMessage(url=url, alert_id=event.alert.id, event_id=alert_event_id(event), body=body, created_ns=now_ns)
        for url in urls
    ]

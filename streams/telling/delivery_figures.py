"""Counts what is on its way from alerts to people, now and then, for Prometheus."""

from pathlib import Path

from connectors.control_room.database import reading
from connectors.control_room.receivers import failing_receivers
from connectors.state.alarm_feed import waiting_in_feed
from connectors.webhooks.sender import WebhookSender
from streams.telling.delivery_metrics import DeliveryMetrics


def show_deliveries(metrics: DeliveryMetrics, state: Path, sender: WebhookSender) -> None:
    """Count anew and show it.

    Raises
    ------
    RetryableError
        The disk fails, or others write for long: what was shown stays.
    """
    metrics.set_outbox(*sender.waiting())
    metrics.set_webhooks(sender.counts)
    metrics.set_feed(*waiting_in_feed(state))
    with reading(state) as decisions:
        failing = failing_receivers(decisions).values()
    metrics.set_receivers(failing=len(failing), suspended=sum(one.suspension is not None for one in failing))

"""What Prometheus is told of the way from an alert to people: what waits, who takes nothing, and since when."""

import threading
from collections.abc import Iterator
from dataclasses import fields

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from connectors.clock import Clock
from connectors.webhooks.sender import WebhookCounts
from models.event_time import SECOND_NS


class DeliveryMetrics:
    """Told by several threads; ages are computed when Prometheus asks, so they grow while nothing moves."""

    def __init__(self, registry: CollectorRegistry, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: dict[str, tuple[int, int | None]] = {"alarm_feed": (0, None), "outbox": (0, None)}
        self._failing = self._suspended = 0
        self._webhooks = WebhookCounts()
        self._firing = 0
        self._posts = {"taken": 0, "failed": 0}
        self._taken_s: float | None = None
        registry.register(self)

    def forget(self) -> None:
        """Others deliver now, as another worker that records: nothing waits here, and no age grows."""
        with self._lock:
            self._waiting = dict.fromkeys(self._waiting, (0, None))
            self._failing = self._suspended = self._firing = 0
            self._taken_s = None

    def set_feed(self, entries: int, oldest_ns: int | None) -> None:
        """How many steps of alerts wait for the keeper of the alarms, and since when (ns since 1970)."""
        with self._lock:
            self._waiting["alarm_feed"] = entries, oldest_ns if entries else None

    def set_outbox(self, messages: int, oldest_ns: int | None) -> None:
        """How many messages wait for their receivers, and since when (ns since 1970)."""
        with self._lock:
            self._waiting["outbox"] = messages, oldest_ns if messages else None

    def set_webhooks(self, counts: WebhookCounts) -> None:
        """What the sender has counted since the start."""
        self._webhooks = counts

    def set_receivers(self, *, failing: int, suspended: int) -> None:
        """How many receivers take nothing, and how many of these are asked now and then only."""
        with self._lock:
            self._failing, self._suspended = failing, suspended

    def alertmanager_begins(self) -> None:
        """There is an Alertmanager that is to be told."""
        with self._lock:
            self._taken_s = self._clock.monotonic_s()

    def alertmanager_took(self, firing: int) -> None:
        """Alertmanager took what it was told; so many incidents fire there."""
        with self._lock:
            self._firing, self._taken_s = firing, self._clock.monotonic_s()
            self._posts["taken"] += 1

    def alertmanager_failed(self) -> None:
        """It took nothing."""
        with self._lock:
            self._posts["failed"] += 1

    def collect(self) -> Iterator[Metric]:
        """The series, with ages as of now."""
        with self._lock:
            waiting, (failing, suspended) = dict(self._waiting), (self._failing, self._suspended)
        feed, feed_age_s = self._backlog(*waiting["alarm_feed"])
        yield _gauge("petawatch_alarm_feed_entries", "Steps of alerts that wait for the keeper of the alarms.", feed)
        yield _gauge("petawatch_alarm_feed_oldest_age_seconds", "Age of the oldest of them.", feed_age_s)
        messages, age_s = self._backlog(*waiting["outbox"])
        yield _gauge("petawatch_outbox_messages", "Messages that wait for their receivers.", messages)
        yield _gauge("petawatch_outbox_oldest_age_seconds", "Age of the oldest waiting message.", age_s)
        yield _gauge("petawatch_failing_receivers", "Receivers that take no messages.", failing)
        yield _gauge("petawatch_suspended_receivers", "Of these, asked now and then only.", suspended)
        counts = self._webhooks
        results = CounterMetricFamily(
            "petawatch_webhook_deliveries", "Attempts to deliver messages.", labels=["result"]
        )
        for each in fields(counts):
            results.add_metric([each.name], getattr(counts, each.name))
        yield results
        yield from self._alertmanager()

    def _backlog(self, count: int, oldest_ns: int | None) -> tuple[int, float]:
        return count, 0.0 if oldest_ns is None else max(0, self._clock.now_ns() - oldest_ns) / SECOND_NS

    def _alertmanager(self) -> Iterator[Metric]:
        """Nothing but names where there is no Alertmanager."""
        firing = GaugeMetricFamily("petawatch_alertmanager_incidents", "Incidents that fire in Alertmanager.")
        age = GaugeMetricFamily("petawatch_alertmanager_age_seconds", "Since Alertmanager took what it was told.")
        posts = CounterMetricFamily("petawatch_alertmanager_posts", "Attempts to tell Alertmanager.", labels=["result"])
        with self._lock:
            if self._taken_s is not None:
                firing.add_metric([], self._firing)
                age.add_metric([], self._clock.monotonic_s() - self._taken_s)
                for result, count in self._posts.items():
                    posts.add_metric([result], count)
        yield from (firing, age, posts)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value)

"""What a watch does now and then beside its work: figures for Prometheus, old evidence, the sender's health."""

from connectors.clock import Clock
from connectors.evidence_store import EvidenceStore
from connectors.state.directory import StateDirectory
from connectors.state.outbox import SqliteOutbox
from connectors.webhooks import WebhookSender
from models.errors import RetryableError
from streams.metrics import WatchMetrics

_FIGURES_EVERY_S = 5.0
_EXPIRE_EVERY_S = 600.0
_DRAIN_S = 10.0
_DRAIN_LOOK_S = 0.05


class Housekeeping:
    """Chores of the watch's own thread, each at its own pace."""

    def __init__(
        self,
        *,
        state: StateDirectory,
        evidence: EvidenceStore,
        outbox: SqliteOutbox,
        sender: WebhookSender,
        metrics: WatchMetrics,
        clock: Clock,
    ) -> None:
        self._state = state
        self._evidence = evidence
        self._outbox = outbox
        self._sender = sender
        self._metrics = metrics
        self._clock = clock
        self._figures_at_s = self._expire_at_s = clock.monotonic_s()

    def tick(self) -> None:
        """Do what is due.

        Raises
        ------
        FatalError
            What has ended the sender of webhooks.
        """
        self._sender.check()
        now_s = self._clock.monotonic_s()
        try:
            if now_s >= self._figures_at_s:
                self._figures_at_s = now_s + _FIGURES_EVERY_S
                self._show_figures()
            if now_s >= self._expire_at_s:
                self._expire_at_s = now_s + _EXPIRE_EVERY_S
                self._evidence.expire(self._clock.now_ns())
        except RetryableError as error:  # the disk is full or busy: the next tick tries again, commits say so
            self._metrics.set_stalled(error.reason)

    def drain_outbox(self) -> None:
        """Give the receivers a last moment; what they don't take stays in the outbox for the next watch."""
        until_s = self._clock.monotonic_s() + _DRAIN_S
        self._sender.notify()
        while self._outbox.waiting() and not self._sender.troubles and self._clock.monotonic_s() < until_s:
            self._clock.sleep(_DRAIN_LOOK_S)

    def _show_figures(self) -> None:
        records = self._state.ledger()["records"]
        read, pending = records["read"], records["pending"]
        self._metrics.set_ledger(read=read, ended=sum(records.values()) - read - pending, pending=pending)
        self._metrics.set_outbox(self._outbox.waiting(), self._outbox.oldest_ns())
        self._metrics.set_webhooks(self._sender.counts)
        self._metrics.set_evidence_bytes(self._evidence.total_bytes)

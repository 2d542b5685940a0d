"""What a watch does now and then beside its work: figures for Prometheus, old evidence, the sender's health."""

from connectors.clock import Clock
from connectors.evidence_store import EvidenceStore
from connectors.state.directory import StateDirectory
from connectors.webhooks.sender import WebhookSender
from models.errors import RetryableError
from streams.alarms.alarm_keeper import AlarmKeeper
from streams.alarms.incident_figures import IncidentFigures
from streams.metrics import WatchMetrics
from streams.telling.delivery_figures import show_deliveries

_FIGURES_EVERY_S = 5.0
_EXPIRE_EVERY_S = 600.0
_DRAIN_S = 10.0


class Housekeeping:
    """Chores of the watch's own thread, each at its own pace."""

    def __init__(
        self,
        *,
        state: StateDirectory,
        evidence: EvidenceStore,
        keeper: AlarmKeeper,
        sender: WebhookSender,
        metrics: WatchMetrics,
        clock: Clock,
    ) -> None:
        self._state = state
        self._incidents = IncidentFigures(state, metrics.incidents)
        self._evidence = evidence
        self._keeper = keeper
        self._sender = sender
        self._metrics = metrics
        self._clock = clock
        self._keeper_waited = False
        self._figures_at_s = self._expire_at_s = clock.monotonic_s()

    def tick(self) -> None:
        """Do what is due.

        Raises
        ------
        FatalError
            What has ended the keeper of alarms, or the sender of messages.
        """
        self._keeper.check()
        self._sender.check()
        if self._keeper.waits_for or self._keeper_waited:
            self._metrics.set_stalled(self._keeper.waits_for)
            self._keeper_waited = bool(self._keeper.waits_for)
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
        self._keeper.drain()
        self._sender.drain(_DRAIN_S)

    def _show_figures(self) -> None:
        records = self._state.ledger()["records"]
        read, pending = records["read"], records["pending"]
        self._metrics.set_ledger(read=read, ended=sum(records.values()) - read - pending, pending=pending)
        show_deliveries(self._metrics.delivery, self._state.path, self._sender)
        self._metrics.set_evidence_bytes(self._evidence.total_bytes)
        self._incidents.look()

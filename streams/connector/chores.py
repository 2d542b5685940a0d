"""What a connector does now and then beside sending: its progress, its backlog and the alert about it, webhooks."""

from contextlib import suppress

from connectors.clock import Clock
from connectors.folder_lock import FolderLocks
from connectors.spool_listing import SpoolFile
from connectors.state.alarm_feed import FeedEntry
from connectors.state.commit import Commit
from connectors.webhooks.sender import WebhookSender
from connectors.wire.progress import Progress
from models.alerts.alert import AlertEvent, AlertStatus
from models.alerts.facility_alerts import BehindReason
from models.errors import RetryableError
from models.event_time import SECOND_NS
from streams.alarms.alarm_keeper import AlarmKeeper
from streams.connector.behind_alert import unsent
from streams.connector.flow_limit import FlowLimit
from streams.connector.journal import SendingJournal
from streams.connector.message_sender import MessageSender
from streams.connector.progress_follower import ProgressFollower
from streams.connector.sending_runner import SendingRunner
from streams.facility.facility_metrics import ConnectorMetrics
from streams.metrics import WatchMetrics

_FIGURES_EVERY_S = 2.0
_PROGRESS_EVERY_S = 5.0
_DRAIN_S = 10.0


class ConnectorChores:
    """Chores of the loop's own thread, each at its own pace."""

    def __init__(
        self,
        *,
        runner: SendingRunner,
        journal: SendingJournal,
        messages: MessageSender,
        limit: FlowLimit,
        follower: ProgressFollower,
        locks: FolderLocks,
        webhooks: WebhookSender,
        keeper: AlarmKeeper,
        metrics: WatchMetrics,
        signs: ConnectorMetrics,
        clock: Clock,
        name: str,
    ) -> None:
        self._runner = runner
        self._journal = journal
        self._messages = messages
        self._limit = limit
        self._follower = follower
        self._locks = locks
        self._webhooks = webhooks
        self._keeper = keeper
        self._metrics = metrics
        self._signs = signs
        self._clock = clock
        self._name = name
        self._figures_at_s = self._progress_at_s = clock.monotonic_s()
        self._telling = False

    def tick(self) -> None:
        """Do what is due.

        Raises
        ------
        FatalError
            What has ended the keeper of alarms, the sender of webhooks or the follower of the agents; a folder that
            another connector has.
        """
        self._keeper.check()
        self._webhooks.check()
        self._follower.check()
        now_s = self._clock.monotonic_s()
        if now_s >= self._figures_at_s:
            self._figures_at_s = now_s + _FIGURES_EVERY_S
            self._locks.take()
            self._look_at_backlog()
        if now_s >= self._progress_at_s and not self._runner.is_away:
            self._progress_at_s = now_s + _PROGRESS_EVERY_S
            self._tell_progress()

    def drain_outbox(self) -> None:
        """Give the receivers a last moment; what they don't take stays in the outbox for the next run."""
        self._keeper.drain()
        self._webhooks.drain(_DRAIN_S)

    def tell_end(self) -> None:
        """Say that the connector ends in order: nobody is to miss it."""
        if not self._runner.is_away:
            with suppress(RetryableError):  # Kafka has gone: then it is missed until it is back
                self._messages.progress(self._progress(ended=True))
                self._messages.flush()

    def _look_at_backlog(self) -> None:
        files = self._runner.unsent
        oldest_ns = min((file.closed_ns for file in files), default=None)
        self._signs.set_unsent(len(files), oldest_ns)
        self._signs.set_ahead(self._limit.ahead_s())
        with suppress(RetryableError):  # the disk is busy: figures of the next tick
            self._metrics.delivery.set_outbox(*self._webhooks.waiting())
        self._metrics.delivery.set_webhooks(self._webhooks.counts)
        if not self._telling:
            self._tell_backlog(files, self._age_s(oldest_ns))

    def _tell_backlog(self, files: list[SpoolFile], oldest_s: float) -> None:
        alert = self._journal.behind
        starts = [self._journal.progress.start_ns(file.relative, file.mtime_ns) for file in files]
        events = alert.observe(oldest_s, unsent(min(starts), max(starts), self._reason()) if starts else {})
        if not events:
            return
        if self._runner.is_away and events[-1].alert.status is AlertStatus.OPEN:
            alert.told(events, by_webhook=True)
            self._send_webhooks(events)
        else:
            self._telling = True
            self._runner.report_first(events, lambda: self._told(events))

    def _reason(self) -> BehindReason:
        if self._runner.is_away:
            return BehindReason.KAFKA_AWAY
        return BehindReason.HELD_BACK if self._runner.is_held else BehindReason.BEHIND

    def _told(self, events: list[AlertEvent]) -> None:
        self._telling = False
        by_webhook = self._journal.behind.told_by_webhook
        self._journal.behind.told(events)
        if by_webhook:
            self._send_webhooks(events[-1:])

    def _send_webhooks(self, events: list[AlertEvent]) -> None:
        now_ns = self._clock.now_ns()
        feed = [FeedEntry(alert=event.alert, committed_ns=now_ns) for event in events]
        self._journal.commit(Commit(alerts=events, feed=feed))
        self._keeper.notify()

    def _age_s(self, oldest_ns: int | None) -> float:
        return 0.0 if oldest_ns is None else max(0, self._clock.now_ns() - oldest_ns) / SECOND_NS

    def _tell_progress(self) -> None:
        with suppress(RetryableError):  # the runner tells that Kafka is away; the next word replaces this one
            self._messages.progress(self._progress())

    def _progress(self, *, ended: bool = False) -> Progress:
        oldest_ns = min((file.closed_ns for file in self._runner.unsent), default=None)
        return Progress(
            name=self._name,
            at_ns=self._clock.now_ns(),
            snapshot_start_ns=self._journal.newest_ns,
            oldest_unsent_s=None if oldest_ns is None else self._age_s(oldest_ns),
            ended=ended,
        )

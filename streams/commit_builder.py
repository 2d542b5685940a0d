"""From what the pipeline gave to what is made durable: evidence on disk, the feed of alarms, one transaction."""

from collections.abc import Callable, Mapping

from connectors.clock import Clock
from connectors.evidence_store import EvidenceStore
from connectors.state.alarm_feed import FeedEntry
from connectors.state.commit import Commit
from connectors.state.directory import StateDirectory
from models.alerts.alert import AlertEvent
from models.errors import RetryableError
from streams.metrics import WatchMetrics
from streams.watch_pipeline import PipelineOutput

_RETRY_PAUSE_S = 2.0


class CommitBuilder:
    """Turns outputs into commits and makes them durable; waits as long as the disk is full.

    Parameters
    ----------
    tell
        Called with a sentence when the work has to wait.
    on_commit
        Called after every commit (to wake the keeper of alarms, to show progress).
    stopping
        Whether the watch is to end: then it waits for nothing, and what could not be written is done again by the next.
    waits
        Whether to wait for a full disk at all; else the caller gets the ``RetryableError``, and nothing has changed.
    """

    def __init__(
        self,
        *,
        state: StateDirectory,
        evidence: EvidenceStore,
        clock: Clock,
        metrics: WatchMetrics,
        on_commit: Callable[[list[AlertEvent]], None],
        tell: Callable[[str], None],
        stopping: Callable[[], bool],
        waits: bool = True,
    ) -> None:
        self._state = state
        self._evidence = evidence
        self._clock = clock
        self._metrics = metrics
        self._on_commit = on_commit
        self._tell = tell
        self._stopping = stopping
        self._waits = waits

    def commit(
        self,
        output: PipelineOutput,
        commit: Commit,
        *,
        closed_ns: int | None = None,
        closed_by_alert: Mapping[str, int] | None = None,
    ) -> None:
        """Add an output to a commit and make it durable.

        Parameters
        ----------
        commit
            What is known beside the output: states, files, pending records.
        closed_ns
            When the file behind it was closed, for the latency of its alerts.
        closed_by_alert
            The same by the alert's id, where the alerts come from several files.
        """
        commit.decided += output.decided
        commit.triplets += output.triplets
        commit.alerts += output.alerts
        self._until_done(lambda: self._write_evidence(output, commit))
        closed_by_alert = closed_by_alert or {}
        now_ns = self._clock.now_ns()
        commit.feed += [
            FeedEntry(alert=event.alert, committed_ns=now_ns, closed_ns=closed_by_alert.get(event.alert.id, closed_ns))
            for event in commit.alerts
        ]
        self._until_done(lambda: self._state.commit(commit))
        self._observe(commit, closed_ns, closed_by_alert)
        self._on_commit(commit.alerts)

    def tell(self, sentence: str) -> None:
        """Say something that an operator should know."""
        self._tell(sentence)

    def flush_rows(self) -> None:
        """Write the buffered rows out as Parquet."""
        self._until_done(self._state.flush)

    def _observe(self, commit: Commit, closed_ns: int | None, closed_by_alert: Mapping[str, int]) -> None:
        metrics = self._metrics
        metrics.committed()
        metrics.decided(commit.decided)
        metrics.triplets(commit.triplets)
        for event in commit.alerts:
            metrics.alerts([event], closed_ns=closed_by_alert.get(event.alert.id, closed_ns))
        for record in commit.files:
            metrics.file(record.status.value)
        for name, count in commit.file_counts.items():
            metrics.file(name, count)
        if commit.evidence:
            metrics.set_evidence_bytes(self._evidence.total_bytes)

    def _write_evidence(self, output: PipelineOutput, commit: Commit) -> None:
        commit.evidence = [self._evidence.write(frame) for frame in output.evidence]

    def _until_done(self, work: Callable[[], object]) -> None:
        """Nothing is lost when the disk is full: the same work is done again until it succeeds."""
        if not self._waits:
            self._once(work)
            return
        stalled = False
        while True:
            try:
                work()
            except RetryableError as error:
                if not stalled:
                    self._tell(f"{error}; the watch waits and tries again")
                if self._stopping():
                    raise
                stalled = True
                self._metrics.set_stalled(error.reason)
                self._clock.sleep(_RETRY_PAUSE_S)
            else:
                if stalled:
                    self._tell("the watch goes on")
                    self._metrics.set_stalled("")
                return

    def _once(self, work: Callable[[], object]) -> None:
        try:
            work()
        except RetryableError as error:
            self._metrics.set_stalled(error.reason)
            raise
        if self._metrics.stalled:
            self._metrics.set_stalled("")

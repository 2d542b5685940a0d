"""From what the pipeline gave to what is made durable."""

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from connectors.evidence_store import EvidenceStore
from connectors.state.alarm_feed import AlarmFeed
from connectors.state.commit import Commit
from connectors.state.directory import StateDirectory
from models.alerts.alert import AlertChange, AlertEvent, AlertSource, AlertStatus, EvidenceFrame
from models.errors import FatalError, RetryableError
from models.records import IMAGE_SHAPE
from streams.commit_builder import CommitBuilder
from streams.metrics import WatchMetrics
from streams.watch_pipeline import PipelineOutput
from tests.support.manual_clock import ManualClock
from tests.unit.connectors.state.examples import CAMERA, START_NS, alert_event, decided, file_record, triplets


class Harness:
    """A builder with a real state directory, a clock of its own, and ears."""

    def __init__(self, path: Path) -> None:
        self.clock = ManualClock("2022-07-01T10:00:00Z")
        self.state = StateDirectory.open(path)
        self.metrics = WatchMetrics(self.clock)
        self.told: list[str] = []
        self.committed: list[list[AlertEvent]] = []
        self.stop = False
        self.builder = CommitBuilder(
            state=self.state,
            evidence=EvidenceStore(path),
            clock=self.clock,
            metrics=self.metrics,
            on_commit=self.committed.append,
            tell=self.told.append,
            stopping=lambda: self.stop,
        )


@pytest.fixture
def harness(tmp_path: Path) -> Harness:
    return Harness(tmp_path / "state")


def evidence(alert_id: str) -> EvidenceFrame:
    flat = np.zeros(IMAGE_SHAPE, np.float32)
    return EvidenceFrame(
        alert_id=alert_id,
        role="worst",
        event_time_ns=START_NS,
        device=CAMERA,
        source=AlertSource(file="a.h5", sha256="00", path="x"),
        raw=flat.astype(np.uint16),
        cleaned=flat,
        reconstruction=flat,
        residual_z=flat,
    )


def test_everything_of_a_step_is_durable_together(harness: Harness) -> None:
    opened, updated, closed = (alert_event(change=change) for change in AlertChange)
    output = PipelineOutput(
        decided=[decided()],
        triplets=[triplets()],
        alerts=[opened, updated, closed],
        evidence=[evidence(opened.alert.id)],
    )
    closed_ns = harness.clock.now_ns() - 500_000_000
    harness.builder.commit(output, Commit(files=[file_record()]), closed_ns=closed_ns)
    [(stored, links)] = harness.state.alerts()
    assert stored.status is AlertStatus.CLOSED
    assert [link.role for link in links] == ["worst"]
    assert (harness.state.path / links[0].png).is_file()
    assert harness.state.ledger()["balanced"]
    assert harness.committed == [[opened, updated, closed]]
    with closing(AlarmFeed(harness.state.path)) as feed:
        told = feed.next(10)
        [activity] = feed.activities()
    assert [entry.alert for entry in told] == [opened.alert, updated.alert, closed.alert]
    assert {(entry.committed_ns, entry.closed_ns) for entry in told} == {(harness.clock.now_ns(), closed_ns)}
    assert str(activity.stage) == str(triplets().stage)


def test_a_full_disk_is_waited_out_and_told_of_once(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = harness.state.commit
    seen: list[tuple[str, int]] = []

    def full(step: Commit) -> int:
        seen.append((harness.metrics.stalled, len(step.decided)))
        if len(seen) <= 3:
            raise RetryableError("the disk is full; make room", reason="disk_full")
        return commit(step)

    monkeypatch.setattr(harness.state, "commit", full)
    harness.builder.commit(PipelineOutput(decided=[decided()]), Commit(files=[file_record()]))
    assert seen == [("", 1), ("disk_full", 1), ("disk_full", 1), ("disk_full", 1)]
    assert len(harness.clock.slept_s) == 3
    assert harness.told == ["the disk is full; make room; the watch waits and tries again", "the watch goes on"]
    assert harness.metrics.stalled == ""
    assert harness.state.ledger()["balanced"]


def test_evidence_waits_for_the_disk_too(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    write = EvidenceStore.write
    failures = [True, True]

    def full(store: EvidenceStore, frame: EvidenceFrame) -> object:
        if failures:
            failures.pop()
            raise RetryableError("the disk is full", reason="disk_full")
        return write(store, frame)

    monkeypatch.setattr(EvidenceStore, "write", full)
    harness.builder.commit(PipelineOutput(evidence=[evidence("a"), evidence("b")]), Commit())
    assert len(list(harness.state.path.glob("evidence/*/*.png"))) == 2


def test_a_watch_that_is_to_end_waits_for_nothing(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Commit) -> int:
        harness.stop = True
        raise RetryableError("the disk is full", reason="disk_full")

    monkeypatch.setattr(harness.state, "commit", full)
    with pytest.raises(RetryableError):
        harness.builder.commit(PipelineOutput(), Commit())
    assert harness.clock.slept_s == []


def test_what_can_not_be_mended_by_waiting_ends_the_watch(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged() -> int:
        raise FatalError("it is damaged", reason="state_damaged")

    monkeypatch.setattr(harness.state, "flush", damaged)
    with pytest.raises(FatalError):
        harness.builder.flush_rows()

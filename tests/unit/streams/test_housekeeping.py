"""What a watch does beside its work."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from connectors.evidence_store import EvidenceStore
from connectors.state.directory import StateDirectory
from connectors.webhooks.receiver import HttpReceiver
from connectors.webhooks.sender import WebhookSender, WebhookSettings
from connectors.webhooks.settings import ReceiverSettings
from models.errors import FatalError, RetryableError
from streams.alarms.alarm_keeper import AlarmKeeper
from streams.housekeeping import Housekeeping
from streams.metrics import WatchMetrics
from streams.settings import default_settings
from tests.support.manual_clock import ManualClock
from tests.support.outboxes import KeptOutbox
from tests.unit.streams.test_metrics import read


class Parts:
    """All that housekeeping looks after, real."""

    def __init__(self, path: Path) -> None:
        self.clock = ManualClock()
        self.state = StateDirectory.open(path)
        self.kept = KeptOutbox(path)
        self.evidence = EvidenceStore(path)
        receiver = ReceiverSettings(name="a", url=SecretStr("http://127.0.0.1:9/"))
        channels = {"a": HttpReceiver(receiver, self.clock, timeout_s=1.0)}
        self.sender = WebhookSender(self.kept.outbox, channels, self.clock, WebhookSettings())
        self.keeper = AlarmKeeper(path, default_settings(), self.clock, self.sender.notify)
        self.metrics = WatchMetrics(self.clock)
        self.chores = Housekeeping(
            state=self.state,
            evidence=self.evidence,
            keeper=self.keeper,
            sender=self.sender,
            metrics=self.metrics,
            clock=self.clock,
        )


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    parts = Parts(tmp_path / "state")
    yield parts
    parts.keeper.stop()
    parts.kept.close()
    parts.state.close()


def send(parts: Parts, *subjects: int) -> None:
    for subject in subjects:
        parts.kept.put("a", str(subject), created_ns=parts.clock.now_ns())


def test_figures_are_shown_now_and_then(parts: Parts) -> None:
    send(parts, 1, 2, 3)
    parts.clock.advance(60)
    parts.chores.tick()
    shown = read(parts.metrics)
    assert shown["petawatch_outbox_messages"] == 3
    assert shown["petawatch_outbox_oldest_age_seconds"] == 60
    assert shown["petawatch_ledger_unbalanced_records"] == 0
    send(parts, 4, 5)
    parts.clock.advance(1)
    parts.chores.tick()
    assert read(parts.metrics)["petawatch_outbox_messages"] == 3  # not yet
    parts.clock.advance(5)
    parts.chores.tick()
    assert read(parts.metrics)["petawatch_outbox_messages"] == 5


def test_old_evidence_goes_now_and_then(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    expired: list[int] = []
    monkeypatch.setattr(parts.evidence, "expire", expired.append)
    for _ in range(61):
        parts.chores.tick()
        parts.clock.advance(20)
    assert len(expired) == 3  # at once, and every ten minutes


def test_a_full_disk_does_not_end_the_watch(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> int:
        raise RetryableError("the disk is full", reason="disk_full")

    monkeypatch.setattr(parts.evidence, "expire", full)
    parts.chores.tick()
    assert parts.metrics.stalled == "disk_full"


def test_a_dead_sender_ends_the_watch(parts: Parts) -> None:
    parts.sender._failure = FatalError("it is damaged", reason="state_damaged")
    with pytest.raises(FatalError):
        parts.chores.tick()


def test_a_dead_keeper_of_alarms_ends_the_watch(parts: Parts) -> None:
    parts.keeper._failure = FatalError("it is damaged", reason="state_damaged")
    with pytest.raises(FatalError):
        parts.chores.tick()


def test_it_shows_why_nobody_is_told_of_alerts(parts: Parts) -> None:
    parts.keeper._waits_for = "state_busy"
    parts.chores.tick()
    assert parts.metrics.stalled == "state_busy"
    parts.keeper._waits_for = ""
    parts.chores.tick()
    assert parts.metrics.stalled == ""


def test_receivers_get_a_last_moment_and_no_more(parts: Parts) -> None:
    parts.chores.drain_outbox()
    assert parts.clock.slept_s == []  # nothing waits
    send(parts, 1)
    parts.chores.drain_outbox()  # the sender does not even run
    assert 9 < sum(parts.clock.slept_s) <= 11
    assert len(parts.kept.waiting()) == 1

"""What a connector does beside sending: its progress, and the alert about files that are not sent."""

import errno
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from connectors.control_room.database import reading
from connectors.control_room.receipts import ReceiptReader
from connectors.folder_lock import FolderLocks
from connectors.snapshots import content as content_module
from connectors.spool_listing import SpoolFile
from connectors.webhooks.sender import WebhookCounts
from connectors.wire.progress import Progress
from models.alerts.alert import AlertChange
from models.errors import FatalError
from models.messages import AlertMessage
from streams.connector.chores import ConnectorChores
from streams.connector.connector import own_alarms
from streams.facility.facility_metrics import ConnectorMetrics
from streams.metrics import WatchMetrics
from streams.settings import load_settings
from streams.topology import AgentName, TopicName
from tests.support.sending import Connector, opened
from tests.support.snapshot_files import NAME, minute, write_production

RECEIVER = "http://127.0.0.1:9/alerts"


class Webhooks:
    """A sender of webhooks that sends nothing."""

    def __init__(self) -> None:
        self.notified = 0
        self.counts = WebhookCounts()
        self.failure: FatalError | None = None

    def waiting(self) -> tuple[int, int | None]:
        return 0, None

    def check(self) -> None:
        if self.failure is not None:
            raise self.failure

    def notify(self) -> None:
        self.notified += 1


class Site:
    """A connector, its chores, and a file on disk."""

    def __init__(self, connector: Connector, data: Path) -> None:
        self.connector = connector
        self.webhooks = Webhooks()
        settings = load_settings(None, webhook_urls=(RECEIVER,), links={"address": "http://control-room:8080"})
        self.keeper = own_alarms(connector.state.path, settings, connector.clock, self.webhooks.notify)
        metrics = WatchMetrics(connector.clock)
        self.figures = metrics.registry.collect
        self.signs = ConnectorMetrics(metrics.registry, connector.clock)
        self.chores = ConnectorChores(
            runner=connector.runner,
            journal=connector.journal,
            messages=connector.sender,
            limit=connector.limit,
            follower=cast(Any, SimpleNamespace(check=lambda: None)),
            locks=FolderLocks([]),
            webhooks=cast(Any, self.webhooks),
            keeper=self.keeper,
            metrics=metrics,
            signs=self.signs,
            clock=connector.clock,
            name="recorder-1",
        )
        path = write_production(data / NAME, minute(3))
        self.file = SpoolFile(
            root=data,
            path=path,
            relative=NAME,
            size=path.stat().st_size,
            mtime_ns=7,
            closed_ns=connector.clock.now_ns(),
        )

    def waiting(self) -> int:
        """How many messages wait for receivers."""
        self.keeper.drain()
        waiting = ReceiptReader(self.connector.state.path).standing().waiting
        return sum(one.messages for one in waiting.values())

    def pass_time(self, seconds: int) -> None:
        """The loop goes round every second."""
        for _ in range(seconds):
            self.connector.clock.advance(1)
            self.connector.runner.go_on()
            self.chores.tick()

    def alerts(self) -> list[tuple[AlertChange, str]]:
        """What Kafka heard."""
        found = self.connector.producer.messages(TopicName.ALERTS)
        events = [message.event for message in found if isinstance(message, AlertMessage)]
        return [(event.change, event.alert.reasons[0]) for event in events]


@contextmanager
def site(tmp_path: Path) -> Iterator[Site]:
    with opened(tmp_path / "journal", connect={"behind_alert_s": 100.0, "max_ahead_s": 60.0}) as connector:
        place = Site(connector, tmp_path / "data")
        yield place
        place.keeper.stop()


def test_when_kafka_is_away_receivers_hear_of_it_directly(tmp_path: Path) -> None:
    with site(tmp_path) as place:
        place.connector.producer.away = True
        place.connector.runner.process([place.file])
        place.pass_time(98)
        assert place.waiting() == 0
        place.pass_time(10)
        assert place.waiting() == 1
        assert place.webhooks.notified
        with reading(place.connector.state.path) as connection:
            [(body,)] = connection.execute("SELECT body FROM outbox")
        told = json.loads(body)["data"]
        assert told["id"]
        assert "link" not in told, "the console does not know of it yet"
        place.pass_time(100)
        assert place.waiting() == 1
        place.connector.producer.away = False
        place.pass_time(10)
        assert place.waiting() == 2  # the closing
        assert place.alerts() == [(AlertChange.OPENED, "kafka_away"), (AlertChange.CLOSED, "kafka_away")]
        assert place.connector.journal.behind.state() == {}
    # A receiver knows by the ids that what Kafka told of is the same.


def test_files_that_are_held_back_are_told_of_through_kafka(tmp_path: Path) -> None:
    with site(tmp_path) as place:
        limit, start_ns = place.connector.limit, place.connector.runner._start_ns(place.file)
        limit.sent(start_ns - 120 * 10**9)
        limit.worked((AgentName.IMAGE, 0), {TopicName.IMAGES: 0})
        limit.reach({(TopicName.IMAGES, 0): 1}, limit.newest_ns)
        place.connector.runner.process([place.file])
        for offset in range(110):
            place.connector.limit.worked((AgentName.IMAGE, 0), {TopicName.IMAGES: -offset})  # it moves
            place.pass_time(1)
        assert place.alerts() == [(AlertChange.OPENED, "held_back")]
        assert place.waiting() == 0
        limit.worked((AgentName.IMAGE, 0), {TopicName.IMAGES: 1})
        place.pass_time(10)
        assert place.alerts() == [(AlertChange.OPENED, "held_back"), (AlertChange.CLOSED, "held_back")]
        assert place.connector.runner.unsent == []


def test_an_open_alert_outlives_the_connector(tmp_path: Path) -> None:
    with site(tmp_path) as place:
        place.connector.producer.away = True
        place.connector.runner.process([place.file])
        place.pass_time(110)
        assert place.connector.journal.behind.state()
    with site(tmp_path) as place:
        assert place.connector.journal.behind.told_by_webhook
        place.pass_time(10)
        assert [change for change, _ in place.alerts()] == [AlertChange.OPENED, AlertChange.CLOSED]


def test_it_says_that_it_ends_in_order_unless_kafka_is_away(tmp_path: Path) -> None:
    with site(tmp_path) as place:
        place.pass_time(1)
        place.chores.tell_end()
        told = place.connector.producer.messages(TopicName.PROGRESS)
        assert [message.ended for message in told if isinstance(message, Progress)] == [False, True]
        place.connector.producer.away = True
        place.connector.runner.process([place.file])
        place.pass_time(5)
        assert place.connector.runner.is_away
        place.chores.tell_end()
        assert len(place.connector.producer.messages(TopicName.PROGRESS)) == 2


def test_it_tells_how_far_it_has_come(tmp_path: Path) -> None:
    with site(tmp_path) as place:
        place.pass_time(1)
        place.connector.runner.process([place.file])
        place.pass_time(12)
        place.connector.sender.flush()
        told = [
            message
            for message in place.connector.producer.messages(TopicName.PROGRESS)
            if isinstance(message, Progress)
        ]
        keys = {each.key for each in place.connector.producer.acknowledged if each.topic == TopicName.PROGRESS}
    assert keys == {b"connect/recorder-1"}
    assert len(told) == 3
    assert told[0].snapshot_start_ns is None
    assert told[-1].snapshot_start_ns == place.connector.limit.newest_ns
    assert told[-1].oldest_unsent_s is None


def test_what_ends_the_sender_of_webhooks_ends_the_connector(tmp_path: Path) -> None:
    with site(tmp_path) as place:
        place.webhooks.failure = FatalError("damaged", reason="state_damaged")
        with pytest.raises(FatalError, match="damaged"):
            place.chores.tick()


def test_a_file_that_the_storage_does_not_give_is_backlog_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with site(tmp_path) as place:
        with monkeypatch.context() as broken:
            broken.setattr(content_module, "_hold", fail)
            place.connector.runner.process([place.file])
            place.pass_time(50)
            assert not place.connector.runner.has_work
            samples = {sample.name: sample.value for each in place.figures() for sample in each.samples}
            assert samples["petawatch_connect_unsent_files"] == 1
            assert samples["petawatch_connect_oldest_unsent_age_seconds"] == pytest.approx(50)
            place.connector.runner.read_again()
            place.pass_time(60)
            behind = [(change, reason) for change, reason in place.alerts() if reason == "behind"]
            assert behind == [(AlertChange.OPENED, "behind")]
            told = place.connector.producer.messages(TopicName.PROGRESS)
            assert [each.oldest_unsent_s is not None for each in told if isinstance(each, Progress)][-1:] == [True]
        place.connector.runner.read_again()
        place.pass_time(10)
        behind = [(change, reason) for change, reason in place.alerts() if reason == "behind"]
        assert behind == [(AlertChange.OPENED, "behind"), (AlertChange.CLOSED, "behind")]
        assert place.connector.runner.unsent == []

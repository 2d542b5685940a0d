"""What the connector sends of files, and what it does when Kafka is away, when it is stopped, when files come again."""

import errno
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from connectors.clock import SystemClock
from connectors.kafka.failures import MessageTooLargeError
from connectors.snapshots import content as content_module
from connectors.spool_listing import SpoolFile, scan
from connectors.state.commit import Commit, FileRecord, FileStatus
from connectors.wire.announcement import Announcement
from models.alerts.alert import AlertKind, AlertStatus
from models.errors import FatalError
from models.messages import AlertMessage, DeviceNotice, NoticeKind, RecordMessage
from streams.topology import RECORD_TOPICS, AgentName, TopicName
from tests.support.recording_producer import RecordingProducer, decoded
from tests.support.sending import Connector, opened
from tests.support.snapshot_files import CAMERA, METER, NAME, SPECTRO, Shots, minute, write_production

RECORDS = tuple(RECORD_TOPICS.values())


def later(minutes: int) -> str:
    return NAME.replace("09-34", f"09-{34 + minutes}")


def shots(minutes: int, count: int = 10) -> Shots:
    return {time.replace("09-34", f"09-{34 + minutes}"): each for time, each in minute(count, seed=minutes).items()}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for number in range(3):
        write_production(tmp_path / "data" / later(number), shots(number))
    return tmp_path / "data"


def files(data: Path) -> list[SpoolFile]:
    return scan([data], SystemClock())[0]


def times_by_device(messages: Iterable[Any]) -> dict[tuple[str, str], list[int]]:
    """Each record once: what was sent before is cut away, as the agents do."""
    found: dict[tuple[str, str], list[int]] = {}
    for message in messages:
        if isinstance(message, RecordMessage):
            known = found.setdefault((message.block.source.sha256, message.block.device.name), [])
            assert message.first_record <= len(known), "a record was left out"
            times = message.block.event_time_ns.tolist()
            again = len(known) - message.first_record
            assert known[message.first_record :][: len(times)] == times[:again]
            known += times[again:]
    return found


def assert_all_records(connector: Connector, snapshots: int, count: int = 10) -> None:
    found = times_by_device(connector.producer.messages(*RECORDS))
    assert len(found) == 3 * snapshots
    for times in found.values():
        assert len(times) == count
        assert (np.diff(times) > 0).all()


def test_a_snapshot_is_records_then_ends_then_the_announcement(tmp_path: Path, data: Path) -> None:
    with opened(tmp_path / "journal") as connector:
        connector.send(files(data)[:1])
        messages = connector.producer.messages()
        keys = [message.key for message in connector.producer.acknowledged]
    kinds = [type(message).__name__ for message in messages]
    assert kinds == ["RecordMessage"] * 3 + ["DeviceNotice"] * 3 + ["Announcement"]
    announced = messages[-1]
    assert isinstance(announced, Announcement)
    assert announced.devices == {CAMERA: 10, METER: 10, SPECTRO: 10}
    assert announced.ends == tuple(sorted([CAMERA, METER, SPECTRO]))
    assert announced.record is not None
    assert (announced.record.status, announced.record.records_read) == (FileStatus.ACCEPTED, 30)
    for message, key in zip(messages[3:6], keys[3:6], strict=True):
        assert isinstance(message, DeviceNotice)
        assert (message.kind, message.records, message.replaces) == (NoticeKind.SNAPSHOT_END, 10, False)
        assert key == message.device.name.encode()
        assert sorted(message.stage_devices) == sorted([CAMERA, METER, SPECTRO])
        assert message.until_ns == announced.record.last_ns
    assert connector.signs.files == ["sent"]
    assert connector.signs.records == 30


def test_devices_that_a_snapshot_lacks_are_told_too(tmp_path: Path, data: Path) -> None:
    write_production(data / later(3), {time: {CAMERA: each[CAMERA]} for time, each in shots(3).items()})
    with opened(tmp_path / "journal") as connector:
        connector.send(files(data)[2:])
        [*_, announced] = connector.producer.messages(TopicName.SNAPSHOTS)
        notices = connector.producer.messages(*RECORDS)[-3:]
    assert isinstance(announced, Announcement)
    assert announced.devices == {CAMERA: 10}
    assert announced.ends == tuple(sorted([CAMERA, METER, SPECTRO]))
    assert [notice.records for notice in notices if isinstance(notice, DeviceNotice)].count(0) == 2


def test_units_are_acknowledged_before_the_journal_has_them(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    units = {"unit_bytes": 100_000, "block_records": 2}
    with opened(tmp_path / "journal", units=units) as connector:
        commit, producer = connector.state.commit, connector.producer

        def check(step: Commit) -> int:
            assert not producer.queued
            return commit(step)

        monkeypatch.setattr(connector.state, "commit", check)
        connector.send(files(data))
        assert connector.state.sequence > 6
        assert_all_records(connector, 3)
        names = [message.record.path for message in announcements(connector) if message.record]
    assert names == [NAME, later(1), later(2)]


def announcements(connector: Connector) -> list[Announcement]:
    found = connector.producer.messages(TopicName.SNAPSHOTS)
    return [message for message in found if isinstance(message, Announcement)]


def test_while_kafka_is_away_the_work_stands_and_then_goes_on_in_order(tmp_path: Path, data: Path) -> None:
    units = {"unit_bytes": 100_000, "block_records": 2}
    with opened(tmp_path / "journal", units=units) as connector:
        producer, flushes = connector.producer, iter(range(100))

        def fail_in_the_middle() -> None:
            producer.away = producer.away or next(flushes) == 2

        producer.before_flush = fail_in_the_middle
        connector.runner.process(files(data))
        for _ in range(60):
            connector.clock.advance(0.25)
            connector.runner.go_on()
        assert connector.signs.away
        assert len(connector.told) == 1
        assert set(connector.stalled) == {"kafka_away"}
        assert len(connector.runner.unsent) == 3
        producer.before_flush = lambda: None
        producer.away = False
        connector.send([])
        assert_all_records(connector, 3)
        assert not connector.signs.away
        assert connector.told[1:] == ["the connector goes on"]
        assert connector.stalled[-1] == ""
        # It stood where it was: nothing was sent twice.
        assert (
            sum(len(message.block) for message in producer.messages(*RECORDS) if isinstance(message, RecordMessage))
            == 90
        )


def test_a_busy_broker_is_not_away(tmp_path: Path, data: Path) -> None:
    with opened(tmp_path / "journal") as connector:
        connector.producer.away = True
        connector.runner.process(files(data))
        connector.clock.advance(4)
        connector.runner.go_on()
        connector.producer.away = False
        connector.send([])
    assert connector.told == []
    assert connector.stalled == []


@pytest.mark.parametrize("kill_at", range(12))
def test_a_connector_that_was_killed_sends_the_rest(
    tmp_path: Path, data: Path, kill_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At any flush or commit; what was sent since the last commit comes once more."""
    units = {"unit_bytes": 150_000, "block_records": 3}
    producer = RecordingProducer()
    steps = iter(range(1000))

    class KilledError(Exception):
        pass

    def step() -> None:
        if next(steps) == kill_at:
            producer.acknowledged += producer.queued[: len(producer.queued) // 2]
            producer.queued = []
            raise KilledError

    with opened(tmp_path / "journal", producer, units=units) as connector:
        producer.before_flush = step
        commit = connector.state.commit

        def kill_before(made: Commit) -> int:
            step()
            return commit(made)

        monkeypatch.setattr(connector.state, "commit", kill_before)
        with pytest.raises(KilledError):
            connector.send(files(data))
    producer.before_flush = lambda: None
    # The next run has other settings; what was begun is cut as it was.
    with opened(tmp_path / "journal", producer, connect={"block_bytes": 60_000}) as connector:
        again = [file for file in files(data) if not connector.runner.is_done(file.relative, file.size, file.mtime_ns)]
        connector.send(again)
        assert_all_records(connector, 3)
        last = {message.record.path: message for message in announcements(connector) if message.record}
    assert [message.record.records_read for message in last.values() if message.record] == [30] * 3
    assert all(message.devices == {CAMERA: 10, METER: 10, SPECTRO: 10} for message in last.values())


def test_an_empty_journal_sends_the_same_again(tmp_path: Path, data: Path) -> None:
    sent = []
    for name in ("first", "second"):
        with opened(tmp_path / name) as connector:
            connector.send(files(data))
            sent.append(connector.producer.acknowledged)

    def timeless(headers: Iterable[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
        return [header for header in headers if header[0] != "closed_ns"]

    first, second = sent
    assert [(m.topic, m.key, timeless(m.headers)) for m in first] == [
        (m.topic, m.key, timeless(m.headers)) for m in second
    ]
    assert [m.value for m in first if m.topic in RECORDS] == [m.value for m in second if m.topic in RECORDS]


def test_the_same_content_again_is_only_mentioned(tmp_path: Path, data: Path) -> None:
    with opened(tmp_path / "journal") as connector:
        connector.send(files(data)[:1])
        (data / NAME).touch()
        [touched, *_] = files(data)
        assert not connector.runner.is_done(touched.relative, touched.size, touched.mtime_ns)
        connector.send([touched])
        assert connector.runner.is_done(touched.relative, touched.size, touched.mtime_ns)
        assert [dict(message.file_counts) for message in announcements(connector)] == [{}, {"skipped": 1}]
        assert_all_records(connector, 1)
    assert connector.signs.files == ["sent", "skipped"]


def test_a_file_that_replaces_another_says_so(tmp_path: Path, data: Path) -> None:
    with opened(tmp_path / "journal") as connector:
        connector.send(files(data)[:1])
        [old] = announcements(connector)
        write_production(data / NAME, shots(0, count=7))
        connector.send(files(data)[:1])
        messages = connector.producer.messages()[7:]
    *records, announced = messages
    assert all(message.block.replacement for message in records if isinstance(message, RecordMessage))
    assert all(
        message.replaces and message.until_ns is None for message in records if isinstance(message, DeviceNotice)
    )
    assert isinstance(announced, Announcement)
    assert announced.record is not None
    assert old.record is not None
    assert announced.record.replaced_sha256 == old.record.sha256
    assert announced.devices[CAMERA] == 7


def test_a_file_that_cant_be_read_is_told_and_closed_when_it_can(tmp_path: Path, data: Path) -> None:
    good = (data / NAME).read_bytes()
    (data / NAME).write_bytes(b"no HDF5 at all")
    with opened(tmp_path / "journal") as connector:
        connector.send(files(data)[:1])
        [rejected] = announcements(connector)
        assert rejected.record is not None
        assert (rejected.record.status, rejected.ends) == (FileStatus.REJECTED, ())
        (data / NAME).write_bytes(good)
        connector.send(files(data)[:1])
        alerts = [m.event.alert for m in connector.producer.messages(TopicName.ALERTS) if isinstance(m, AlertMessage)]
        assert_all_records(connector, 1)
    assert [(alert.kind, alert.status) for alert in alerts] == [
        (AlertKind.SNAPSHOT_REJECTED, AlertStatus.OPEN),
        (AlertKind.SNAPSHOT_REJECTED, AlertStatus.CLOSED),
    ]
    assert connector.signs.files == ["rejected", "sent"]


def test_messages_that_are_too_large_are_split(tmp_path: Path, data: Path) -> None:
    producer = RecordingProducer()
    producer.most_bytes = 100_000
    with opened(tmp_path / "journal", producer) as connector:
        connector.send(files(data)[:1])
        assert_all_records(connector, 1)
        sizes = [len(m.block) for m in producer.messages(TopicName.IMAGES) if isinstance(m, RecordMessage)]
    assert sizes == [2, 3, 2, 3]
    producer.most_bytes = 10_000
    with opened(tmp_path / "other", producer) as connector, pytest.raises(MessageTooLargeError, match="block_bytes"):
        connector.send(files(data)[:1])


def test_files_wait_for_the_agents(tmp_path: Path, data: Path) -> None:
    with opened(tmp_path / "journal", connect={"max_ahead_s": 60.0}) as connector:
        connector.limit.worked((AgentName.IMAGE, 0), {TopicName.IMAGES: 0})
        connector.limit.reach({(TopicName.IMAGES, 0): 1}, None)
        connector.limit.sent(connector.runner._start_ns(files(data)[0]))
        connector.runner.process(files(data))
        connector.clock.advance(1)
        connector.runner.go_on()
        assert [file.relative for file in connector.runner.unsent] == [later(2)]
        assert connector.runner.is_held
        assert connector.signs.held
        connector.limit.worked((AgentName.IMAGE, 0), {TopicName.IMAGES: 1})
        connector.send([])
        assert not connector.signs.held
        assert_all_records(connector, 3)


def test_the_end_of_the_input_goes_to_every_device(tmp_path: Path, data: Path) -> None:
    with opened(tmp_path / "journal") as connector:
        connector.runner.process(files(data))
        connector.runner.finish()
        ends = connector.producer.messages(*RECORDS)[-3:]
    assert sorted(end.device.name for end in ends if isinstance(end, DeviceNotice)) == sorted([CAMERA, METER, SPECTRO])
    for end in ends:
        assert isinstance(end, DeviceNotice)
        assert end.kind is NoticeKind.INPUT_END
        assert len(end.stage_devices) == 3
    assert_all_records(connector, 3)


def test_silence_stands_in_line(tmp_path: Path, data: Path) -> None:
    with opened(tmp_path / "journal") as connector:
        connector.send(files(data)[:1])
        connector.producer.away = True
        connector.runner.process(files(data)[1:2])
        connector.runner.silence(connector.runner.series)
        connector.producer.away = False
        connector.send([])
        connector.clock.advance(1)
        connector.runner.go_on()
        messages = connector.producer.messages(*RECORDS)
    kinds = [message.kind if isinstance(message, DeviceNotice) else "records" for message in messages[6:]]
    assert kinds == ["records"] * 3 + [NoticeKind.SNAPSHOT_END] * 3 + [NoticeKind.SILENT] * 3


def test_reports_are_sent_and_remembered(tmp_path: Path) -> None:
    record = FileRecord(
        path="a.txt", root="/d", sha256="", size_bytes=0, mtime_ns=0, status=FileStatus.IGNORED, reason="not_hdf5_name"
    )
    with opened(tmp_path / "journal") as connector:
        connector.runner.report([], Commit(files=[record]))
        assert connector.runner.is_known("a.txt")
        [announced] = announcements(connector)
    assert announced.record == record
    assert connector.signs.files == ["ignored"]


def test_it_stops_between_units(tmp_path: Path, data: Path) -> None:
    units = {"unit_bytes": 100_000, "block_records": 2}
    with opened(tmp_path / "journal", units=units) as connector:
        connector.producer.before_flush = lambda: connector.stop.append(True)
        connector.runner.process(files(data))
        connector.runner.finish()
        assert connector.runner.unsent
        assert connector.state.sequence == 1


def test_messages_can_be_read_by_everyone(tmp_path: Path, data: Path) -> None:
    with opened(tmp_path / "journal") as connector:
        connector.send(files(data))
        assert all(decoded(message) is not None for message in connector.producer.acknowledged)


class Storage:
    """Gives one file only after some tries, or never."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str, failures: int) -> None:
        self.failures = failures
        self._name = name
        self._hold = content_module._hold
        monkeypatch.setattr(content_module, "_hold", self._try)

    def _try(self, descriptor: int, size: int) -> Any:
        if self.failures and Path(f"/proc/self/fd/{descriptor}").readlink().name == Path(self._name).name:
            self.failures -= 1
            raise OSError(errno.EIO, "Input/output error")
        return self._hold(descriptor, size)


def ends(connector: Connector) -> list[DeviceNotice]:
    found = connector.producer.messages(*RECORDS)
    return [each for each in found if isinstance(each, DeviceNotice) and each.kind is NoticeKind.INPUT_END]


def test_what_the_storage_did_not_give_is_read_again_before_the_end(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = Storage(monkeypatch, later(1), failures=3)
    with opened(tmp_path / "journal") as connector:
        connector.runner.process(files(data))
        connector.runner.finish()
        assert_all_records(connector, 3)
        assert len(ends(connector)) == 3
        assert connector.producer.messages(*RECORDS)[-3:] == ends(connector)
        assert connector.runner.unsent == []
    assert storage.failures == 0
    assert connector.clock.slept_s.count(1.0) == 3


def test_the_input_does_not_end_while_a_file_cant_be_read(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = Storage(monkeypatch, later(1), failures=1000)
    producer = RecordingProducer()
    with opened(tmp_path / "journal", producer) as connector:
        connector.runner.process(files(data))
        with pytest.raises(FatalError, match=rf"1 file could not be read .*{later(1)}; mend the storage") as refusal:
            connector.runner.finish()
        assert refusal.value.reason == "storage"
        assert [file.relative for file in connector.runner.unsent] == [later(1)]
        assert ends(connector) == []
        assert_all_records(connector, 2)
    storage.failures = 0
    with opened(tmp_path / "journal", producer) as connector:
        again = [file for file in files(data) if not connector.runner.is_done(file.relative, file.size, file.mtime_ns)]
        assert [file.relative for file in again] == [later(1)]
        connector.runner.process(again)
        connector.runner.finish()
        assert_all_records(connector, 3)
        assert len(ends(connector)) == 3


def test_a_connector_that_is_to_end_does_not_complain_of_the_storage(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Storage(monkeypatch, later(0), failures=1000)
    with opened(tmp_path / "journal") as connector:
        connector.producer.before_flush = lambda: connector.stop.append(True)
        connector.runner.process(files(data))
        connector.runner.finish()
        assert later(0) in [file.relative for file in connector.runner.unsent]
        assert connector.clock.slept_s == []


def test_a_file_is_unsent_once_also_when_it_is_written_anew(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = Storage(monkeypatch, later(0), failures=1000)
    with opened(tmp_path / "journal") as connector:
        connector.runner.process(files(data)[:1])
        assert [file.relative for file in connector.runner.unsent] == [later(0)]
        connector.producer.away = True
        connector.runner.process(files(data))
        assert [file.relative for file in connector.runner.unsent] == [later(0), later(1), later(2)]
        connector.producer.away = False
        storage.failures = 0
        connector.clock.advance(1)
        connector.runner.go_on()
        connector.runner.read_again()
        connector.send([])
        assert_all_records(connector, 3)

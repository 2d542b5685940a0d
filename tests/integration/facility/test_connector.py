"""The connector on a real broker: every record once and in order, whatever happens to it, to Kafka, to the files."""

import json
import re
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from connectors.kafka.producer import BlockProducer
from connectors.kafka.reader import TopicReader
from connectors.snapshots.reader import open_snapshot
from connectors.wire.announcement import Announcement
from connectors.wire.codec import Message, decode, encode
from connectors.wire.message import Incoming, Outgoing
from connectors.wire.progress import Progress
from models.alerts.alert import AlertKind, AlertStatus
from models.messages import AlertMessage, DeviceNotice, NoticeKind, RecordMessage
from servers.kafka_server import KafkaServer, free_port
from streams.settings import load_settings
from streams.topology import RECORD_TOPICS, TopicName
from tests.support.archiving import read_archive
from tests.support.kafka import kafka_settings, make_topics, own_installation
from tests.support.small_recorder import SmallRecorder
from tests.support.watching import deliver, petawatch, petawatch_running, wait_until

RECORDS = tuple(topic.value for topic in RECORD_TOPICS.values())
#: Small units and blocks, so that there are many places to be interrupted at; a live watch that keeps nobody waiting.
SMALL = {
    "PETAWATCH_UNITS__UNIT_BYTES": "2000000",
    "PETAWATCH_UNITS__BLOCK_RECORDS": "20",
    "PETAWATCH_CONNECT__BLOCK_BYTES": "200000",
    "PETAWATCH_SPOOL__SETTLE_S": "0.2",
    "PETAWATCH_SPOOL__SETTLE_EMPTY_S": "0.2",
    "PETAWATCH_SPOOL__RESCAN_S": "0.5",
    "PETAWATCH_SEQUENCE__REORDER_WAIT_S": "0.2",
}


@dataclass
class Site:
    """An installation of one connector on a broker."""

    server: KafkaServer
    installation: str
    environment: dict[str, str] = field(default_factory=dict)

    def read(self, *topics: str) -> list[tuple[Incoming, Message]]:
        """All messages of some topics, in the order of their partitions."""
        with TopicReader(kafka_settings(self.server), self.installation) as reader:
            return [(incoming, decode(incoming)) for incoming in reader.read(topics or RECORDS)]

    def announced(self) -> list[Announcement]:
        found = [message for _, message in self.read(TopicName.SNAPSHOTS)]
        return [message for message in found if isinstance(message, Announcement)]

    def names(self) -> list[str]:
        """Of the files that were announced, in order."""
        return [message.record.path for message in self.announced() if message.record is not None]


def site_on(server: KafkaServer, **options: str) -> Site:
    topics = own_installation("connect")
    make_topics(server, topics)
    environment = {
        "PETAWATCH_KAFKA__BOOTSTRAP_SERVERS": server.address,
        "PETAWATCH_TOPICS__INSTALLATION": topics.installation,
        "PETAWATCH_TOPICS__IMAGE_PARTITIONS": "2",
        "PETAWATCH_TOPICS__ENERGY_PARTITIONS": "2",
        "PETAWATCH_TOPICS__SPECTRUM_PARTITIONS": "2",
        "PETAWATCH_TOPICS__OTHER_PARTITIONS": "1",
        "PETAWATCH_TOPICS__JOIN_PARTITIONS": "2",
        "PETAWATCH_CONNECT__NAME": "recorder-1",
        **SMALL,
        **options,
    }
    return Site(server, topics.installation, environment)


@pytest.fixture
def site(kafka: KafkaServer) -> Site:
    return site_on(kafka)


@pytest.fixture
def own_server(kafka: KafkaServer, tmp_path: Path) -> Iterator[KafkaServer]:
    """A broker that the test may stop; asking for the shared one skips where there is none."""
    with KafkaServer(tmp_path / "broker") as server:
        yield server


def expected(snapshots: list[Path], root: Path) -> dict[tuple[str, str], list[int]]:
    """The event times of each device in each file, by (file, device)."""
    found: dict[tuple[str, str], list[int]] = {}
    for path in snapshots:
        with open_snapshot(path, root=root) as snapshot:
            for block in snapshot.blocks(100_000):
                found.setdefault((block.source.file, block.device.name), []).extend(block.event_time_ns.tolist())
    return found


def deduplicated(messages: list[tuple[Incoming, Message]]) -> dict[tuple[str, str], list[int]]:
    """The same of what was sent, as the agents see it: what comes again is passed over; nothing may be left out."""
    found: dict[tuple[str, str], list[int]] = {}
    for incoming, message in messages:
        if isinstance(message, RecordMessage):
            block = message.block
            assert incoming.key == block.device.name.encode()
            known = found.setdefault((block.source.file, block.device.name), [])
            assert message.first_record <= len(known), f"records of {block.device} are left out"
            known += block.event_time_ns.tolist()[len(known) - message.first_record :]
    return found


def assert_ends_after_records(messages: list[tuple[Incoming, Message]]) -> None:
    """No record of a file comes for the first time behind the word that the file has ended."""
    ended: dict[tuple[str, str], int] = {}
    reached: dict[tuple[str, str], int] = {}
    for _, message in messages:
        if isinstance(message, DeviceNotice) and message.kind is NoticeKind.SNAPSHOT_END:
            key = (message.source.sha256, message.device.name)
            assert reached.get(key, 0) == message.records
            ended[key] = message.records
        elif isinstance(message, RecordMessage):
            key = (message.block.source.sha256, message.block.device.name)
            end = message.first_record + len(message.block)
            assert key not in ended or end <= ended[key]
            reached[key] = max(end, reached.get(key, 0))


def test_a_day_is_sent_once_in_order_with_its_end(site: Site, day: Path, snapshots: list[Path], tmp_path: Path) -> None:
    command = ("connect", day, "--state", tmp_path / "journal", "--once")
    done = petawatch(*command, environment=site.environment)
    assert done.returncode == 0, done.stderr
    messages = site.read()
    wanted = expected(snapshots, day)
    sent = [message.block for _, message in messages if isinstance(message, RecordMessage)]
    assert sum(map(len, sent)) == sum(map(len, wanted.values()))  # nothing twice
    assert deduplicated(messages) == wanted
    assert_ends_after_records(messages)
    devices = {device for _, device in wanted}
    last = {message.device.name: message.kind for _, message in messages if isinstance(message, DeviceNotice)}
    assert last == dict.fromkeys(devices, NoticeKind.INPUT_END)
    files = [message for message in site.announced() if message.devices]
    assert len(files) == len(snapshots)
    for announced in files:
        assert announced.record is not None
        counts = {device: len(times) for (file, device), times in wanted.items() if file == announced.record.path}
        assert announced.devices == counts
        assert announced.record.records_read == sum(counts.values())
        assert set(announced.ends) >= set(counts)

    before = len(site.announced())
    again = petawatch(*command, environment=site.environment)
    assert again.returncode == 0, again.stderr
    assert len(site.announced()) == before  # the journal knows all of them


def test_replaying_with_an_empty_journal_sends_the_same(site: Site, day: Path, tmp_path: Path) -> None:
    for journal in ("first", "second"):
        done = petawatch("connect", day, "--state", tmp_path / journal, "--once", environment=site.environment)
        assert done.returncode == 0, done.stderr
    sent: dict[tuple[str, int], list[Incoming]] = {}
    for incoming, message in site.read():
        if isinstance(message, RecordMessage):
            sent.setdefault((incoming.topic, incoming.partition), []).append(incoming)
    assert sent
    for messages in sent.values():
        first, second = messages[: len(messages) // 2], messages[len(messages) // 2 :]
        assert [(each.key, each.value, _lineage(each)) for each in first] == [
            (each.key, each.value, _lineage(each)) for each in second
        ]


def _lineage(message: Incoming) -> list[tuple[str, bytes]]:
    return [header for header in message.headers if header[0] != "closed_ns"]


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.long)])
def test_a_connector_that_is_killed_in_the_middle_loses_nothing(
    site: Site, day: Path, snapshots: list[Path], tmp_path: Path, kills: int
) -> None:
    command = ("connect", day, "--state", tmp_path / "journal", "--once")
    interrupted = 0
    for kill in range(kills):
        more = _count(site) + 3 * kill
        with petawatch_running(*command, environment=site.environment) as process:
            wait_until(partial(_has_ended_or_sent, process, site, more))
            interrupted += process.poll() is None
            process.send_signal(signal.SIGKILL)
            process.wait()
    assert interrupted
    done = petawatch(*command, environment=site.environment)
    assert done.returncode == 0, done.stderr
    messages = site.read()
    assert deduplicated(messages) == expected(snapshots, day)
    assert_ends_after_records(messages)
    assert set(site.names()) >= {str(path.relative_to(day)) for path in snapshots}


def _has_ended_or_sent(process: "subprocess.Popen[str]", site: Site, messages: int) -> bool:
    return process.poll() is not None or _count(site) > messages


def _count(site: Site) -> int:
    with TopicReader(kafka_settings(site.server), site.installation) as reader:
        return sum(reader.end_offsets(RECORDS).values())


def test_while_the_broker_is_away_it_waits_and_then_catches_up(
    own_server: KafkaServer, day: Path, snapshots: list[Path], tmp_path: Path
) -> None:
    site, data, port = site_on(own_server), tmp_path / "data", free_port()
    data.mkdir()
    command = ("connect", data, "--state", tmp_path / "journal", "--http", f"127.0.0.1:{port}")
    with petawatch_running(*command, environment=site.environment) as process:
        _deliver_all(snapshots[:2], day, data)
        wait_until(lambda: len(site.names()) >= 2)
        assert _ready(port) == (200, "")
        own_server.kill()
        _deliver_all(snapshots[2:4], day, data)
        wait_until(lambda: _ready(port)[0] == 503)
        assert "kafka_away" in _ready(port)[1]
        time.sleep(5)
        assert process.poll() is None
        wait_until(lambda: "petawatch_connect_unsent_files 2.0" in _metrics(port))
        own_server.start()
        wait_until(lambda: len(site.names()) >= 4)
        wait_until(lambda: _ready(port)[0] == 200)
        own_server.kill()
        _deliver_all(snapshots[4:], day, data)
        time.sleep(3)
        told_at_s = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        assert time.monotonic() - told_at_s < 10
        _, errors = process.communicate()
    until_it_was_back, *since = errors.split("the connector goes on")
    assert until_it_was_back.count("the connector waits and tries again") == 1
    # Of the second time it is told only if its end takes as long as a busy broker is waited for.
    assert [sentences.count("the connector waits and tries again") <= 1 for sentences in since] == [True]
    own_server.start()
    done = petawatch("connect", data, "--state", tmp_path / "journal", "--once", environment=site.environment)
    assert done.returncode == 0, done.stderr
    messages = site.read()
    assert deduplicated(messages) == expected(sorted(data.rglob("*.h5")), data)
    assert_ends_after_records(messages)
    order = [name for name in dict.fromkeys(site.names()) if name.endswith(".h5")]
    assert order == sorted(order, key=lambda name: name.split("_")[-1])


def _deliver_all(snapshots: list[Path], day: Path, data: Path) -> None:
    for path in snapshots:
        deliver(path, data / path.relative_to(day).parent)


def _ready(port: int) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return answer.status, ""
    except urllib.error.HTTPError as error:
        return error.code, str(json.loads(error.read()).get("reason", ""))
    except OSError:
        return 0, ""


def _metrics(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        text: str = answer.read().decode()
        return text


def test_a_second_connector_on_the_folder_is_refused(site: Site, day: Path, tmp_path: Path) -> None:
    command = ("connect", day, "--state", tmp_path / "first")
    with petawatch_running(*command, environment=site.environment) as process:
        wait_until(lambda: bool(_count(site)))
        refused = petawatch("connect", day, "--state", tmp_path / "second", environment=site.environment)
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    assert refused.returncode == 1
    assert "another connector on this computer sends the snapshots of" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
    assert process.returncode == 0


def test_replaced_and_rejected_files(site: Site, day: Path, snapshots: list[Path], tmp_path: Path) -> None:
    data = tmp_path / "data"
    _deliver_all(snapshots[:2], day, data)
    replaced = data / snapshots[0].relative_to(day)
    damaged = replaced.with_name(replaced.name.replace("09-30", "09-29"))
    damaged.write_bytes(b"no HDF5 at all")
    command = ("connect", data, "--state", tmp_path / "journal", "--once")
    assert petawatch(*command, environment=site.environment).returncode == 0
    before = _count(site)
    shutil.copyfile(snapshots[2], replaced)  # other content under the same name
    damaged.unlink()
    assert petawatch(*command, environment=site.environment).returncode == 0
    announced = [message.record for message in site.announced() if message.record is not None]
    versions = [record for record in announced if record.path == str(replaced.relative_to(data))]
    assert [record.replaced_sha256 for record in versions] == [None, versions[0].sha256]
    assert _count(site) > before
    news = [message for incoming, message in site.read() if isinstance(message, RecordMessage)]
    of_version = {message.block.source.sha256: message.block.replacement for message in news}
    assert of_version[versions[0].sha256] is False
    assert of_version[versions[1].sha256] is True
    alerts = [message.event.alert for _, message in site.read(TopicName.ALERTS) if isinstance(message, AlertMessage)]
    rejected = [alert for alert in alerts if alert.kind is AlertKind.SNAPSHOT_REJECTED]
    assert [(alert.status, alert.reasons) for alert in rejected] == [(AlertStatus.OPEN, ("not_hdf5",))]


def test_files_wait_on_disk_for_agents_that_are_behind(
    kafka: KafkaServer, day: Path, snapshots: list[Path], tmp_path: Path
) -> None:
    site = site_on(kafka, PETAWATCH_CONNECT__MAX_AHEAD_S="50", PETAWATCH_CONNECT__DEAD_PARTITION_AFTER_S="1000")
    data, port = tmp_path / "data", free_port()
    _deliver_all(snapshots[:4], day, data)
    command = ("connect", data, "--state", tmp_path / "journal", "--http", f"127.0.0.1:{port}")
    with (
        petawatch_running(*command, environment=site.environment) as process,
        BlockProducer(kafka_settings(kafka), site.installation) as producer,
    ):
        wait_until(lambda: len(site.names()) >= 4)
        for partition in range(2):  # a worker that has done next to nothing
            _report(producer, f"image/{partition}", 1)
        wait_until(lambda: "petawatch_connect_ahead_seconds 60.0" in _metrics(port))
        _deliver_all(snapshots[4:], day, data)
        wait_until(lambda: "petawatch_connect_held_back_seconds_total 0.0" not in _metrics(port))
        assert len([name for name in site.names() if name.endswith(".h5")]) == 4
        # Looked for now: the topic is compacted, and keeps the latest only.
        wait_until(lambda: any(message.oldest_unsent_s for message in _own_progress(site)))
        with TopicReader(kafka_settings(kafka), site.installation) as reader:
            for (_, partition), end in reader.end_offsets([TopicName.IMAGES]).items():
                _report(producer, f"image/{partition}", end)
        wait_until(lambda: len([name for name in site.names() if name.endswith(".h5")]) > 4)
        assert _own_progress(site)[-1].snapshot_start_ns is not None
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _own_progress(site: Site) -> list[Progress]:
    read = site.read(TopicName.PROGRESS)
    return [
        message for incoming, message in read if incoming.key == b"connect/recorder-1" and isinstance(message, Progress)
    ]


def _report(producer: BlockProducer, key: str, next_offset: int) -> None:
    encoded = encode(Progress(name="worker-1", at_ns=1, next_offset=next_offset, snapshot_start_ns=1))
    producer.send(Outgoing(topic=TopicName.PROGRESS, key=key.encode(), value=encoded.value, headers=encoded.headers))
    producer.flush()


def test_a_broker_that_is_absent_at_the_start_is_waited_for(
    own_server: KafkaServer, day: Path, snapshots: list[Path], tmp_path: Path
) -> None:
    site = site_on(own_server)
    own_server.stop()
    with petawatch_running(
        "connect", day, "--state", tmp_path / "journal", "--once", environment=site.environment
    ) as process:
        assert process.stderr is not None
        errors = ""
        while "tries again" not in errors:
            errors += process.stderr.readline()
            assert process.poll() is None, errors
        own_server.start()
        errors += process.communicate(timeout=120)[1]
    assert process.returncode == 0, errors
    assert errors.count("does not answer") == 1
    assert "the connector waits and tries again" in errors
    assert deduplicated(site.read()) == expected(snapshots, day)


def test_topics_that_are_missing_are_refused(kafka: KafkaServer, day: Path, tmp_path: Path) -> None:
    environment = {
        "PETAWATCH_KAFKA__BOOTSTRAP_SERVERS": kafka.address,
        "PETAWATCH_TOPICS__INSTALLATION": own_installation().installation,
    }
    refused = petawatch("connect", day, "--state", tmp_path / "journal", environment=environment)
    assert refused.returncode == 1
    assert re.search(r"topics are missing.*petawatch topics apply", refused.stderr)
    assert len(refused.stderr.strip().splitlines()) == 1


def test_a_refused_login_is_one_sentence(kafka: KafkaServer, day: Path, tmp_path: Path) -> None:
    environment = {
        "PETAWATCH_KAFKA__BOOTSTRAP_SERVERS": kafka.address,
        "PETAWATCH_KAFKA__SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "PETAWATCH_KAFKA__USERNAME": "somebody",
        "PETAWATCH_KAFKA__PASSWORD": "nothing-that-is-shown",
    }
    refused: subprocess.CompletedProcess[str] = petawatch(
        "connect", day, "--state", tmp_path / "journal", environment=environment
    )
    assert refused.returncode == 1
    assert len(refused.stderr.strip().splitlines()) == 1
    assert "nothing-that-is-shown" not in refused.stderr


def test_a_connector_archives_its_own_files(
    kafka: KafkaServer, day: Path, snapshots: list[Path], tmp_path: Path
) -> None:
    store = tmp_path / "store"
    store.write_text("no folder")
    archive = {"PETAWATCH_ARCHIVE__STORE": str(store), "PETAWATCH_ARCHIVE__OLDEST_WAITING_S": "0.5"}
    site = site_on(kafka, **archive)
    state = tmp_path / "journal"
    command = ("connect", day, "--state", state)
    with petawatch_running(*command, environment=site.environment) as process:
        wait_until(lambda: late_alerts(site) == ["open"], every_s=0.5)
        store.unlink()
        wait_until(lambda: late_alerts(site) == ["open", "closed"], every_s=0.5)
        process.terminate()
        assert process.wait(60) == 0
    found = read_archive(load_settings(None, archive={"store": str(store)}), state)
    assert sorted(file.path for file in found.files) == sorted(str(path.relative_to(day)) for path in snapshots)
    assert all(len(versions) == 1 for versions in found.versions.values())


def late_alerts(site: Site) -> list[str]:
    alerts = [message.event.alert for _, message in site.read(TopicName.ALERTS) if isinstance(message, AlertMessage)]
    return [alert.status.value for alert in alerts if alert.kind is AlertKind.ARCHIVE_LATE]


def test_data_that_stop_are_told_to_the_recorder_once_over_a_restart(kafka: KafkaServer, tmp_path: Path) -> None:
    site = site_on(kafka, PETAWATCH_DATA_STOPPED_AFTER_S="2")
    data, journal = tmp_path / "data", tmp_path / "journal"
    recorder = SmallRecorder(tmp_path / "aside", data)
    command = ("connect", data, "--state", journal)

    def stops() -> list[tuple[str, AlertStatus]]:
        messages = [message for _, message in site.read(TopicName.ALERTS) if isinstance(message, AlertMessage)]
        alerts = [message.event.alert for message in messages]
        return [(one.source.file, one.status) for one in alerts if one.kind is AlertKind.DATA_STOPPED]

    opened = ("recorders/recorder-1", AlertStatus.OPEN)
    with petawatch_running(*command, environment=site.environment) as process:
        recorder.deliver_until_missed(journal)
        wait_until(lambda: stops() == [opened])
        process.send_signal(signal.SIGKILL)
        process.wait(60)
    with petawatch_running(*command, environment=site.environment) as process:
        time.sleep(8)  # it starts, and would miss data twice
        assert stops() == [opened]
        with recorder.delivering():
            wait_until(lambda: stops() == [opened, ("recorders/recorder-1", AlertStatus.CLOSED)])
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0

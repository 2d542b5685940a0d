"""Workers that count, as processes of their own, on a broker; and what they must have counted."""

import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from kafka import KafkaAdminClient, KafkaProducer

from connectors.kafka.reader import TopicReader
from connectors.kafka.settings import KafkaSettings
from connectors.wire.codec import ORIGIN_HEADER, decode
from connectors.wire.message import Incoming
from connectors.wire.progress import Progress
from servers.kafka_server import KafkaServer
from streams.facility.topic_plan import apply_topics, plan
from streams.topology import TopicName, TopicSettings
from tests.support.kafka import own_installation

KEYS = 16
_ROOT = Path(__file__).parents[2]


class CountingWorker:
    """A worker process; entered, it runs, and it is killed at the end."""

    def __init__(self, config: Path, instance: str, log: Path, pause_s: float) -> None:
        self._command = [sys.executable, "-m", "tests.support.counting_worker", str(config), instance, str(pause_s)]
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as stream:
            self._process = subprocess.Popen(self._command, cwd=_ROOT, stdout=stream, stderr=stream)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.kill()

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        assert self._process is not None
        return self._process

    @property
    def said(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def terminate(self) -> tuple[int, float]:
        """The exit code, and how long the end took."""
        begun = time.monotonic()
        self.process.terminate()
        code = self.process.wait(timeout=60)
        return code, time.monotonic() - begun

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)


@dataclass
class Counted:
    """What the workers sent: as a receiver takes it, repeats passed over."""

    sums: dict[str, tuple[int, int]] = field(default_factory=dict)
    repeats: int = 0
    out_of_step: list[str] = field(default_factory=list)
    origins: dict[int, set[int]] = field(default_factory=dict)


class CountingGroup:
    """An installation of its own, with messages to count."""

    def __init__(self, server: KafkaServer, folder: Path, *, session_timeout_s: float = 6.0, **options: float) -> None:
        self.folder = folder
        self.topics: TopicSettings = own_installation("count", energy_partitions=4)
        self.kafka = KafkaSettings(bootstrap_servers=server.address)
        self._sent = 0
        self._expected: dict[str, tuple[int, int]] = {}
        self.config = folder / "petawatch.toml"
        more = "".join(f"{name} = {value}\n" for name, value in options.items())
        self.config.write_text(
            f'[kafka]\nbootstrap_servers = "{server.address}"\n'
            f'[topics]\ninstallation = "{self.topics.installation}"\nenergy_partitions = 4\njoin_partitions = 2\n'
            "image_partitions = 2\nspectrum_partitions = 2\nother_partitions = 1\n"
            f"[worker]\nsession_timeout_s = {session_timeout_s}\n{more}[checkpoints]\nevery_s = 0.5\n",
            encoding="utf-8",
        )
        apply_topics(self.kafka, plan(self.topics, 1 << 20), lambda _: None)

    def worker(self, instance: str, pause_s: float = 0.0) -> CountingWorker:
        return CountingWorker(self.config, instance, self.folder / f"{instance}.log", pause_s)

    def send(self, count: int, within_s: float = 0.0) -> None:
        """Send the next numbers, spread over a time."""
        producer = self._producer()
        for number in range(self._sent, self._sent + count):
            key = f"k{number % KEYS}"
            total, before = self._expected.get(key, (0, 0))
            self._expected[key] = total + number, before + 1
            producer.send(self._energies, key=key.encode(), value=b"%d" % number)
            if within_s:
                time.sleep(within_s / count)
        producer.flush()
        producer.close()
        self._sent += count

    def send_bad(self, value: bytes, key: str = "k0") -> None:
        producer = self._producer()
        producer.send(self._energies, key=key.encode(), value=value, headers=[("mark", b"1")])
        producer.flush()
        producer.close()

    def keep_sending_until_shared_by(self, *instances: str, timeout_s: float = 120.0) -> None:
        """Send on, until each of these workers, and nobody else, has saved some of it."""
        until = time.monotonic() + timeout_s
        while True:
            before_ns = time.time_ns()
            self.send(80, within_s=1.0)
            time.sleep(1.0)
            told = [decode(message) for message in self.read(TopicName.PROGRESS)]
            fresh = {each.name for each in told if isinstance(each, Progress) and each.at_ns > before_ns}
            if fresh == set(instances):
                return
            assert time.monotonic() < until, f"{fresh} instead of {instances}"

    def wait_until_counted(self, timeout_s: float = 90.0) -> Counted:
        """What was counted, as soon as all of it is."""
        until = time.monotonic() + timeout_s
        while (counted := self.counted()).sums != self._expected:
            assert time.monotonic() < until, f"counted {counted}, expected {self._expected}"
            time.sleep(0.5)
        assert not counted.out_of_step
        return counted

    def counted(self) -> Counted:
        counted, last = Counted(), dict[tuple[int, str, int], int]()
        for message in self.read(TopicName.SCORED):
            origin = next(value.decode() for name, value in message.headers if name == ORIGIN_HEADER).split("/")
            source, offset = (message.partition, origin[0], int(origin[1])), int(origin[2])
            counted.origins.setdefault(int(origin[1]), set()).add(offset)
            if offset <= last.get(source, -1):
                counted.repeats += 1
                continue
            last[source] = offset
            key, total, number = (message.value or b"").decode().split()
            if int(number) != counted.sums.get(key, (0, 0))[1] + 1:
                counted.out_of_step.append(f"{key} {number} from {origin}")
            counted.sums[key] = int(total), int(number)
        return counted

    def unread(self) -> int:
        """How many messages the group has not committed."""
        client = KafkaAdminClient(bootstrap_servers=self.kafka.bootstrap_servers)
        try:
            offsets = client.list_group_offsets({f"{self.topics.installation}.worker.energy": None})
        finally:
            client.close()
        committed = {place.partition: at.offset for of_group in offsets.values() for place, at in of_group.items()}
        with TopicReader(self.kafka, self.topics.installation) as reader:
            ends = reader.end_offsets([TopicName.ENERGIES])
        return sum(end - committed.get(number, 0) for (_, number), end in ends.items())

    def read(self, topic: TopicName) -> list[Incoming]:
        with TopicReader(self.kafka, self.topics.installation) as reader:
            return list(reader.read([topic]))

    @property
    def _energies(self) -> str:
        return self.topics.full_name(TopicName.ENERGIES)

    def _producer(self) -> KafkaProducer:
        return KafkaProducer(bootstrap_servers=self.kafka.bootstrap_servers, acks="all", linger_ms=0)

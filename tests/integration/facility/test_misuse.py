"""What an operator may get wrong: every mistake is one sentence that says what, where and what to do."""

import asyncio
import contextlib
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from connectors.checkpoints import document
from connectors.checkpoints.document import POSITION_NAMES, DamagedError, Position, decode_position
from connectors.kafka.admin import open_admin
from connectors.kafka.producer import BlockProducer
from connectors.kafka.reader import TopicReader
from connectors.model_files import default_model
from connectors.wire.codec import decode, encode
from connectors.wire.message import Outgoing
from connectors.wire.progress import Progress
from models.messages import RecordMessage
from servers.kafka_server import KafkaServer, free_port
from streams.topology import AgentName, TopicName, TopicSettings
from tests.support.checkpoint_stores import TopicStores
from tests.support.kafka import kafka_settings, make_topics, own_installation
from tests.support.watching import petawatch, petawatch_running, wait_until

_OPTIONS = ("image_partitions", "energy_partitions", "spectrum_partitions", "other_partitions", "join_partitions")
#: Of a camera's record in the simulated day, about.
_RECORD_BYTES = 40_000


@dataclass
class Site:
    """An installation with its topics, as the environment of a command names it."""

    server: KafkaServer
    topics: TopicSettings

    @property
    def environment(self) -> dict[str, str]:
        partitions = {f"PETAWATCH_TOPICS__{option.upper()}": str(getattr(self.topics, option)) for option in _OPTIONS}
        return {
            "PETAWATCH_KAFKA__BOOTSTRAP_SERVERS": self.server.address,
            "PETAWATCH_TOPICS__INSTALLATION": self.topics.installation,
            "PETAWATCH_CHECKPOINTS__EVERY_S": "0.1",
            **partitions,
        }

    def run(self, *arguments: str | Path, **environment: str) -> "subprocess.CompletedProcess[str]":
        return petawatch(*arguments, environment=self.environment | environment)

    def set_limit(self, topic: TopicName, most_bytes: int) -> None:
        with open_admin(kafka_settings(self.server)) as admin:
            admin.set_options(self.topics.full_name(topic), {"max.message.bytes": str(most_bytes)})

    def scored(self) -> int:
        """How many checkpoints with a model the progress topic tells of."""
        with TopicReader(kafka_settings(self.server), self.topics.installation) as reader:
            found = [decode(message) for message in reader.read((TopicName.PROGRESS,)) if message.value is not None]
        return sum(isinstance(message, Progress) and bool(message.model) for message in found)

    def has_scored_more(self, told: int) -> bool:
        return self.scored() > told


@pytest.fixture
def site(kafka: KafkaServer) -> Site:
    topics = own_installation("misuse", image_partitions=1)
    make_topics(kafka, topics)
    return Site(kafka, topics)


def sentence(done: "subprocess.CompletedProcess[str]", code: int = 1) -> str:
    """The one line that a command says."""
    assert (done.returncode, done.stderr.count("\n")) == (code, 1), done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def first_line(site: Site, *arguments: str | Path) -> str:
    """What a command says first that then goes on running."""
    with petawatch_running(*arguments, environment=site.environment) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        process.terminate()
        assert process.wait(60) in {0, -signal.SIGTERM}  # it may not have begun to listen to signals
    return line


@contextlib.contextmanager
def something_else(answer: bytes) -> Iterator[str]:
    """A server that is no Kafka: says something to everybody, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection, contextlib.suppress(OSError):
                    connection.sendall(answer)
                    connection.recv(1000)

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("command", ["topics check", "dead-letters list", "worker --agents energy"])
def test_an_address_where_no_kafka_is(command: str) -> None:
    arguments = command.split()
    absent = f"127.0.0.1:{free_port()}"
    said = sentence(petawatch(*arguments, environment={"PETAWATCH_KAFKA__BOOTSTRAP_SERVERS": absent}))
    assert f"Kafka at {absent} does not answer" in said
    said = sentence(petawatch(*arguments, environment={"PETAWATCH_KAFKA__BOOTSTRAP_SERVERS": "none.invalid:9092"}))
    assert "Kafka at none.invalid:9092 can't be found" in said
    assert "correct kafka.bootstrap_servers" in said


@pytest.mark.parametrize("answer", [b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b""])
def test_something_else_than_kafka_answers(answer: bytes) -> None:
    with something_else(answer) as address:
        said = sentence(petawatch("topics", "check", environment={"PETAWATCH_KAFKA__BOOTSTRAP_SERVERS": address}))
    assert f"Kafka at {address} does not answer" in said
    assert "is kafka.bootstrap_servers right?" in said


@pytest.mark.parametrize("command", ["worker --agents image", "connect {folder} --once --state {folder}/journal"])
def test_other_numbers_of_partitions(site: Site, command: str, tmp_path: Path) -> None:
    arguments = [word.format(folder=tmp_path) for word in command.split()]
    said = sentence(site.run(*arguments, PETAWATCH_TOPICS__IMAGE_PARTITIONS="3"))
    assert "images has 1 partitions, not the 3 of the configuration; set topics.image_partitions to 1" in said


def test_topics_that_take_only_small_messages(site: Site, day: Path, tmp_path: Path) -> None:
    site.set_limit(TopicName.IMAGES, 2 * _RECORD_BYTES)
    done = site.run("connect", day, "--once", "--state", tmp_path / "one")
    assert done.returncode == 0, done.stderr
    with TopicReader(kafka_settings(site.server), site.topics.installation) as reader:
        sent = [(message, decode(message)) for message in reader.read((TopicName.IMAGES,))]
    sizes = [len(message.value or b"") for message, content in sent if isinstance(content, RecordMessage)]
    assert 0 < max(sizes) < 2 * _RECORD_BYTES
    site.set_limit(TopicName.IMAGES, 2_000)
    said = sentence(site.run("connect", day, "--once", "--state", tmp_path / "two"))
    assert f"no message as large as one for {site.topics.installation}.images" in said
    assert "max.message.bytes" in said


def test_a_state_directory_that_nobody_uses_is_told(site: Site, tmp_path: Path) -> None:
    arguments = ("worker", "--agents", "energy", "--state", tmp_path / "state")
    assert "is not used: it is the recorder's" in first_line(site, *arguments)


def test_workers_with_different_models_name_both(site: Site) -> None:
    other = Progress(name="elsewhere", at_ns=1, next_offset=0, model="another-model-7")
    encoded = encode(other)
    with BlockProducer(kafka_settings(site.server), site.topics.installation) as producer:
        producer.send(Outgoing(topic=TopicName.PROGRESS, key=b"image/0", value=encoded.value, headers=encoded.headers))
        producer.flush()
    said = first_line(site, "worker", "--agents", "image")
    assert f"with the model {default_model().name}, but the last scores of others are by elsewhere with another" in said
    assert "give all workers the same worker.model" in said


def test_a_damaged_checkpoint_falls_back_and_a_newer_one_is_refused(
    site: Site, day: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = tmp_path / "begun"
    for snapshot in sorted(day.rglob("*.h5"))[:2]:
        target = begun / snapshot.relative_to(day)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(snapshot, target)
    with petawatch_running("worker", "--agents", "image", environment=site.environment):
        for folder, journal in ((begun, "first"), (day, "second")):  # what comes later needs a checkpoint of its own
            told = site.scored()
            done = site.run("connect", folder, "--once", "--state", tmp_path / journal)
            assert done.returncode == 0, done.stderr
            wait_until(partial(site.has_scored_more, told))
    replace_latest(site, lambda _: b"rubbish")
    said = first_line(site, "worker", "--agents", "image")
    assert "the latest checkpoint of agent image, partition 0 is damaged: the work goes on from the one before" in said
    replace_latest(site, lambda latest: newer(latest, monkeypatch))
    said = sentence(site.run("worker", "--agents", "image"))
    assert "a newer Petawatch wrote the checkpoint of agent image, partition 0" in said
    assert "run that version, or a newer one" in said


def newer(position: Position, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The document as a program of the next format writes it."""
    with monkeypatch.context() as later:
        later.setattr(document, "FORMAT", document.FORMAT + 1)
        return position.encode()


def replace_latest(site: Site, other: Callable[[Position], bytes]) -> None:
    """Put another document into the place of the latest checkpoint of the image agent, as a faulty program would."""
    agent = AgentName.IMAGE.value
    topic = site.topics.full_name(TopicName.CHECKPOINTS_IMAGE)

    async def replace() -> None:
        kept = await TopicStores(kafka_settings(site.server), {agent: topic}).kept(agent, 0)
        positions = []
        for name in POSITION_NAMES:
            with contextlib.suppress(DamagedError):
                positions.append(decode_position(kept[name], agent))
        latest = max(positions, key=lambda position: position.generation)
        producer = AIOKafkaProducer(bootstrap_servers=site.server.address, transactional_id="faulty")
        async with producer, producer.transaction():
            await producer.send_and_wait(topic, other(latest), key=latest.name.encode(), partition=0)

    asyncio.run(replace())

"""A replay through Kafka gives what a replay in one process gives, bit for bit, and leaves nothing on the cluster."""

import json
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from connectors.kafka.admin import open_admin
from connectors.kafka.groups import open_group_admin
from connectors.kafka.producer import BlockProducer
from connectors.kafka.reader import TopicReader
from connectors.model_files import default_model, write_model
from connectors.state.reader import StateReader
from connectors.wire.message import Outgoing
from models.errors import FatalError
from servers.kafka_server import KafkaServer
from streams.drills.comparison import differences
from streams.processes.command_process import COMMAND, CommandProcess
from streams.topology import TopicName, TopicSettings
from tests.integration.archive.test_replay import STRETCH, assert_same_stretch, watched
from tests.support.commands import Run
from tests.support.kafka import kafka_settings, make_topics, own_installation
from tests.support.receiver import receiving
from tests.support.watch_results import WatchResults, read_results
from tests.support.watching import wait_until

__all__ = ["watched"]

pytestmark = pytest.mark.timeout(600)

#: So long that the cameras come to change to another model.
LONGER = ("--from", "2022-07-01T09:31", "--to", "2022-07-01T09:33")
# As in the tests' own process: a busy computer would hardly get on with it.
NOT_GIVING_WAY = f"import connectors.process_priority as own; own.give_way = lambda: None; {COMMAND}"
JOIN = "more workers can join on other computers: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A facility with a live installation on Kafka, and the archive of another watch."""

    kafka: KafkaServer
    live: TopicSettings
    config: Path
    watched: Path
    folder: Path

    def replay(self, *more: str | Path, into: str, stretch: tuple[str, ...] = STRETCH) -> list[str | Path]:
        """The words of the command."""
        where: list[str | Path] = [
            "--state",
            self.watched / "state",
            "--config",
            self.config,
            "--into",
            self.folder / into,
        ]
        return ["replay", *stretch, *where, *more]

    def results(self, into: str, model: str = default_model().name) -> Path:
        return self.folder / into / model

    def names(self) -> list[str]:
        """All topics and groups of the live installation and of whoever is called like it."""
        settings = kafka_settings(self.kafka)
        with open_admin(settings) as admin, open_group_admin(settings) as groups:
            return admin.names(self.live.installation) + groups.names(self.live.installation)

    def running(self) -> list[Path]:
        """The processes with an installation that is called like this one."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                environment = (process / "environ").read_bytes()
            except OSError:
                continue  # it has ended
            if f"INSTALLATION={self.live.installation}-replay-".encode() in environment:
                found.append(process)
        return found


@pytest.fixture(scope="module")
def site(watched: Path, kafka: KafkaServer, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The live installation has topics, and something in one of them."""
    folder, live = tmp_path_factory.mktemp("replays"), own_installation("facility", image_partitions=4)
    make_topics(kafka, live)
    with BlockProducer(kafka_settings(kafka), live.installation) as producer:
        producer.send(Outgoing(topic=TopicName.IMAGES, key=b"Camera", value=b"of the live watch"))
        producer.flush()
    lines = [f'[kafka]\nbootstrap_servers = "{kafka.address}"', f'[topics]\ninstallation = "{live.installation}"']
    counts = ("image", "energy", "spectrum", "other", "join")
    lines += [f"{name}_partitions = {getattr(live, f'{name}_partitions')}" for name in counts]
    # A model may change where a unit of work begins: each snapshot has several.
    lines += ["[units]", "unit_bytes = 1000000"]
    config = folder / "petawatch.toml"
    config.write_text((watched / "petawatch.toml").read_text() + "\n".join(lines) + "\n")
    return Site(kafka=kafka, live=live, config=config, watched=watched, folder=folder)


@pytest.fixture(scope="module")
def other_model(site: Site) -> Iterator[tuple[str, Path]]:
    """The name and the folder of another model."""
    other = replace(default_model(), seeds={})
    folder = site.folder / "other"
    write_model(folder, other)
    yield other.name, folder
    shutil.rmtree(folder)


def has_recorded(results: Path) -> bool:
    """Whether some shots have come through."""
    try:
        with StateReader.open(results) as reader:
            return bool(reader.ledger()["records"]["triplet"])
    except FatalError:
        return False  # it is not there yet


def test_killed_and_taken_up_again_it_is_the_same_bit_for_bit(
    site: Site, command: Run, undisturbed: WatchResults
) -> None:
    before = site.names()
    assert len(before) > 10
    with CommandProcess(
        site.replay("--workers", "1", into="workers"), log=site.folder / "killed.log", program=NOT_GIVING_WAY
    ) as killed:
        wait_until(lambda: has_recorded(site.results("workers")) or not killed.running, within_s=200)
        assert killed.running, killed.tail()
        assert len(site.running()) == 2
    wait_until(lambda: not site.running())
    assert len(site.names()) > len(before)
    code, out, told = command(*site.replay(into="workers"))
    assert code == 1
    assert "this replay was begun with --workers" in told
    code, out, told = command(*site.replay("--workers", "2", "--json", into="workers"))
    assert code == 0, told
    code, alone, told = command(*site.replay("--json", into="one"))
    assert code == 0, told
    assert differences(site.results("workers"), site.results("one")) == []
    assert_same_stretch(read_results(site.results("workers")), undisturbed)
    assert json.loads(out) | {"results": []} == json.loads(alone) | {"results": []}
    assert site.names() == before
    assert not site.running()
    with TopicReader(kafka_settings(site.kafka), site.live.installation) as reader:
        assert [message.value for message in reader.read([TopicName.IMAGES])] == [b"of the live watch"]


def test_another_model_is_the_same_too_with_a_worker_that_was_started_elsewhere(
    site: Site, command: Run, other_model: tuple[str, Path]
) -> None:
    before, (name, folder) = site.names(), other_model
    for into in ("workers of two models", "one for two models"):
        more: tuple[str | Path, ...] = ("--model", folder) if into.startswith("one") else ()
        code, _, told = command(*site.replay(*more, into=into, stretch=LONGER))
        assert code == 0, told
    log = site.folder / "replay.log"
    with receiving() as receiver:
        more = ("--model", folder, "--workers", "0", "--webhook", receiver.url)
        words = site.replay(*more, into="workers of two models", stretch=LONGER)
        finish_with_a_worker_elsewhere(words, log, site)
    found = site.results("workers of two models", name)
    assert differences(found, site.results("one for two models", name)) == []
    assert {id_ for id_, event in receiver.events() if event == "closed"} == alerts_of(found)
    assert site.names() == before


def finish_with_a_worker_elsewhere(words: list[str | Path], log: Path, site: Site) -> None:
    with CommandProcess(words, log=log, program=NOT_GIVING_WAY) as replay:
        wait_until(lambda: JOIN in log.read_text() or not replay.running, within_s=200)
        with started_by(log, site) as worker:
            wait_until(lambda: "stop its workers elsewhere" in log.read_text() or not replay.running, within_s=200)
            assert replay.running, replay.tail()
            assert worker.stop() == 0
        assert replay.wait(200) == 0, replay.tail()


def alerts_of(results: Path) -> set[str]:
    with StateReader.open(results) as reader:
        return {alert.id for alert, _ in reader.alerts()}


def started_by(log: Path, site: Site) -> CommandProcess:
    """A worker that was started with the line that a replay printed."""
    line = log.read_text().partition(JOIN)[2].splitlines()[0]
    words = shlex.split(line.replace("FILE", str(site.config)))
    program = words.index("petawatch")
    options = dict(word.split("=", 1) for word in words[:program])
    return CommandProcess(words[program + 1 :], log=log.with_name("elsewhere.log"), options=options)

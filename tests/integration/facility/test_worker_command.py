"""`petawatch worker` on a real broker: what it refuses, and how it begins and ends."""

import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from connectors.kafka.groups import open_group_admin
from connectors.kafka.settings import KafkaSettings
from servers.kafka_server import KafkaServer, free_port
from streams.facility.topic_plan import apply_topics, plan
from streams.topology import TopicSettings
from tests.support.kafka import kafka_settings, own_installation

_PETAWATCH = str(Path(sys.executable).with_name("petawatch"))


@pytest.fixture
def topics(kafka: KafkaServer) -> TopicSettings:
    """An installation with its topics."""
    settings = own_installation("worker")
    apply_topics(kafka_settings(kafka), plan(settings, 1 << 20), lambda _: None)
    return settings


def configuration(folder: Path, address: str, topics: TopicSettings, **worker: str) -> str:
    file = folder / f"petawatch-{len(list(folder.iterdir()))}.toml"
    options = "".join(f'{name} = "{value}"\n' for name, value in worker.items())
    file.write_text(
        f'[kafka]\nbootstrap_servers = "{address}"\n[topics]\ninstallation = "{topics.installation}"\n'
        f"image_partitions = {topics.image_partitions}\nenergy_partitions = {topics.energy_partitions}\n"
        f"spectrum_partitions = {topics.spectrum_partitions}\nother_partitions = {topics.other_partitions}\n"
        f"join_partitions = {topics.join_partitions}\n[worker]\n{options}",
        encoding="utf-8",
    )
    return str(file)


def worker(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([_PETAWATCH, "worker", *arguments], capture_output=True, text=True, timeout=180, check=False)


@contextmanager
def running(*arguments: str) -> Iterator["subprocess.Popen[str]"]:
    port = free_port()
    command = [_PETAWATCH, "worker", *arguments, "--http", f"127.0.0.1:{port}"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            wait_until_ready(port)
            yield process
        finally:
            process.kill()


def wait_until_ready(port: int) -> None:
    until = time.monotonic() + 150
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
                assert answer.status == 200
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    pytest.fail("the worker is not ready")


def test_wrong_usage_is_one_sentence(tmp_path: Path) -> None:
    for arguments, words in ((("--agents", "image,lasers"), "lasers is no agent"), ((), "the recorder needs --state")):
        found = worker(*arguments)
        assert (found.returncode, words in found.stderr) == (2, True)


def test_without_a_broker_or_topics_it_does_not_start(kafka: KafkaServer, tmp_path: Path) -> None:
    nowhere = configuration(tmp_path, f"127.0.0.1:{free_port()}", own_installation())
    found = worker("--config", nowhere, "--agents", "energy")
    assert (found.returncode, found.stderr.count("\n")) == (1, 1)
    assert "does not answer" in found.stderr
    found = worker("--config", configuration(tmp_path, kafka.address, own_installation()), "--agents", "energy")
    assert (found.returncode, found.stderr.count("\n")) == (1, 1)
    assert ": petawatch topics apply --config FILE" in found.stderr


def test_one_name_is_one_worker_and_an_agent_belongs_to_one_group(
    kafka: KafkaServer, topics: TopicSettings, tmp_path: Path
) -> None:
    first = configuration(tmp_path, kafka.address, topics, instance="first")
    second = configuration(tmp_path, kafka.address, topics, instance="second")
    with running("--config", first, "--agents", "energy") as process:
        wait_for_members(kafka_settings(kafka), topics, 1)
        twin = worker("--config", first, "--agents", "energy")
        assert (twin.returncode, "a worker named first runs on this computer" in twin.stderr) == (1, True)
        other = worker("--config", second, "--agents", "energy,join")
        assert (other.returncode, "the energy agents run already" in other.stderr) == (1, True)
        assert process.poll() is None


def test_sigterm_saves_leaves_the_group_and_ends_soon(
    kafka: KafkaServer, topics: TopicSettings, tmp_path: Path
) -> None:
    config = configuration(tmp_path, kafka.address, topics, instance="first")
    with running("--config", config, "--state", str(tmp_path / "state")) as process:
        wait_for_members(kafka_settings(kafka), topics, 1)
        begun = time.monotonic()
        process.terminate()
        _, said = process.communicate(timeout=60)
        assert (process.returncode, said, time.monotonic() - begun < 10) == (0, "", True)
    wait_for_members(
        kafka_settings(kafka), topics, 0, within_s=5.0
    )  # who does not leave stays for 10 s, less a heartbeat


def wait_for_members(kafka: KafkaSettings, topics: TopicSettings, count: int, within_s: float = 60.0) -> None:
    until = time.monotonic() + within_s
    with open_group_admin(kafka) as admin:
        while sum(len(members) for members in admin.members(f"{topics.installation}.").values()) != count:
            assert time.monotonic() < until
            time.sleep(0.2)

"""The broker that the tests run on: it can be killed, paused and started again, and holds what was written."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer

from servers.__main__ import down
from servers.failures import ServerFailedError
from servers.kafka_server import KafkaServer, free_port, process_runs
from servers.server_process import wait_until_stopped
from tests.support.kafka import make_topic


@pytest.fixture
def own_server(kafka: KafkaServer, tmp_path: Path) -> Iterator[KafkaServer]:
    """A broker that the test may stop; asking for the shared one skips where there is none."""
    with KafkaServer(tmp_path / "broker") as server:
        yield server


def _write(server: KafkaServer, topic: str, value: bytes) -> None:
    producer = KafkaProducer(bootstrap_servers=server.address)
    producer.send(topic, value).get(30)
    producer.close()


def _read(server: KafkaServer, topic: str) -> list[bytes]:
    options = {"auto_offset_reset": "earliest", "consumer_timeout_ms": 3000}
    consumer = KafkaConsumer(topic, bootstrap_servers=server.address, **options)
    try:
        return [message.value for message in consumer]
    finally:
        consumer.close()


def test_what_was_written_outlives_a_kill(own_server: KafkaServer) -> None:
    topic = make_topic(own_server, "kept")
    _write(own_server, topic, b"before")
    address = own_server.address
    own_server.kill()
    assert not own_server.running
    own_server.start()
    assert own_server.address == address
    _write(own_server, topic, b"after")
    assert _read(own_server, topic) == [b"before", b"after"]


def test_a_paused_broker_goes_on(own_server: KafkaServer) -> None:
    topic = make_topic(own_server, "paused")
    own_server.pause()
    time.sleep(0.2)
    assert own_server.running
    own_server.resume()
    _write(own_server, topic, b"on")
    assert _read(own_server, topic) == [b"on"]


def test_a_paused_broker_answers_nobody_once_pause_has_returned(own_server: KafkaServer) -> None:
    for _ in range(100):
        own_server.pause()
        stopped = {_state(thread) for thread in Path(f"/proc/{own_server.pid}/task").iterdir()}
        own_server.pause()  # again, as it is
        own_server.resume()
        assert stopped == {"T"}


def _state(thread: Path) -> str:
    [line] = (line for line in (thread / "status").read_text().splitlines() if line.startswith("State:"))
    return line.split()[1]


def test_what_ends_cannot_be_waited_for_to_stop() -> None:
    with subprocess.Popen(["true"]) as process, pytest.raises(ServerFailedError, match=f"process {process.pid} ended"):
        wait_until_stopped(process.pid)


def test_what_goes_on_is_not_waited_for_for_ever() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        with pytest.raises(ServerFailedError, match=f"process {process.pid} did not stop within 0 s"):
            wait_until_stopped(process.pid, timeout_s=0.05)
        process.kill()


def test_what_does_not_run_cannot_be_paused(own_server: KafkaServer) -> None:
    own_server.kill()
    with pytest.raises(ServerFailedError, match=r"Kafka does not run: there is nothing to pause; see .*broker\.log"):
        own_server.pause()


def test_a_broker_that_cannot_start_names_its_log(kafka: KafkaServer, tmp_path: Path) -> None:
    server = KafkaServer(tmp_path, port=kafka.port)
    with pytest.raises(ServerFailedError, match=r"ended with 1 at its start; see .*broker\.log"):
        server.start()
    assert b"Address already in use" in server.log.read_bytes()


def test_the_servers_of_make_servers_outlive_the_command(kafka: KafkaServer, tmp_path: Path) -> None:
    port = free_port()
    try:
        assert f"127.0.0.1:{port}" in _up(tmp_path, port)
        assert "already" in _up(tmp_path, port)
        pid = int((tmp_path / "pid").read_text())
        assert process_runs(pid, str(tmp_path))
    finally:
        stopped = down(tmp_path)
    assert stopped == "Kafka is stopped"
    assert not process_runs(pid, str(tmp_path))
    assert down(tmp_path) == "Kafka does not run"


def _up(folder: Path, port: int) -> str:
    """What the command says; it has ended then. In this process nobody would ever wait for its server."""
    code = (
        "import pathlib, sys; from servers.__main__ import up; print(up(pathlib.Path(sys.argv[1]), int(sys.argv[2])))"
    )
    command = [sys.executable, "-c", code, str(folder), str(port)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout

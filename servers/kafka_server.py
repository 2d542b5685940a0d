"""A real Kafka of one node on loopback."""

import base64
import os
import random
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from servers.failures import ServerFailedError
from servers.kafka_libraries import kafka_libraries
from servers.kafka_properties import Security, broker_properties, scram_arguments

_READY = b"Kafka Server started"
_START_S = 120.0
_STOP_S = 15.0
_PORT_ATTEMPTS = 200
# Below the range from which the system takes the ports of outgoing connections: a port of ours stays free while the
# broker is down for a while.
_PORTS = range(20_000, 32_000)
# Forgotten while it runs, a process is complained about.
_OUTLIVING: list[subprocess.Popen[bytes]] = []


class KafkaServer:
    """A broker with its data in a folder; entered, it runs.

    Parameters
    ----------
    folder
        Of the configuration, the data and the log; made if absent. Used again, it holds the same topics.
    port
        Of the clients; a free one when 0. It stays the same over restarts.
    heap
        Most memory of the Java heap.
    properties
        More of the broker's properties; they win.
    security
        What it asks of its clients.
    outlives
        Whether it goes on when this process ends. Otherwise it is killed then, however the process ended.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int = 0,
        heap: str = "512m",
        properties: Mapping[str, str] | None = None,
        security: Security | None = None,
        outlives: bool = False,
    ) -> None:
        self.folder = folder
        self.port = port or free_port()
        self._inner_ports = (free_port(), free_port())
        self._heap = heap
        self._extra = dict(properties or {})
        self._security = security or Security()
        self._outlives = outlives
        self._process: subprocess.Popen[bytes] | None = None
        self._keeper: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def address(self) -> str:
        """For ``kafka.bootstrap_servers``."""
        return f"127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """What the broker says."""
        return self.folder / "broker.log"

    @property
    def pid(self) -> int:
        """Of the broker's process; 0 when it does not run."""
        return self._process.pid if self.running and self._process is not None else 0

    @property
    def running(self) -> bool:
        """Whether the process lives; a paused one does."""
        return self._process is not None and self._process.poll() is None

    def start(self, *, wait: bool = True) -> None:
        """Start it, and return when it serves.

        Raises
        ------
        ServerMissingError
            Java or Maven are not installed.
        ServerFailedError
            It did not start; the sentence names its log.
        """
        if self.running:
            return
        libraries = kafka_libraries()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._configure(libraries)
        with self.log.open("ab") as log:
            seen = log.tell()
            self._process = subprocess.Popen(
                self._java(libraries, "kafka.Kafka", str(self._configuration)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C is for the tests, not for the broker
            )
        if self._outlives:
            _OUTLIVING.append(self._process)
        else:
            self._keeper = _kill_when_orphaned(self._process.pid)
        if wait:
            self._wait_until_ready(seen)

    def stop(self) -> None:
        """Shut it down in order; killed when it takes too long."""
        if self._process is None:
            return
        if self.running:
            self._signal(signal.SIGCONT)
            self._signal(signal.SIGTERM)
        self._finish(_STOP_S)

    def kill(self) -> None:
        """End it as a crash does."""
        if self._process is None:
            return
        self._signal(signal.SIGKILL)
        self._finish(_STOP_S)

    def restart(self) -> None:
        """Start again what was stopped or killed, or stop and start it."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Stop it where it is: connections stay open and nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after a pause."""
        self._signal(signal.SIGCONT)

    @property
    def _configuration(self) -> Path:
        return self.folder / "server.properties"

    def _configure(self, libraries: Path) -> None:
        properties = broker_properties(self.folder, (self.port, *self._inner_ports), self._security, self._extra)
        self._configuration.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
        self._configuration.chmod(0o600)  # it may hold passwords
        if (self.folder / "data" / "meta.properties").exists():
            return
        command = ["format", "-t", _cluster_id(), "-c", str(self._configuration), *scram_arguments(self._security)]
        done = subprocess.run(
            self._java(libraries, "kafka.tools.StorageTool", *command), capture_output=True, text=True, check=False
        )
        if done.returncode:
            said = " ".join((done.stdout + done.stderr).split())[-400:]
            raise ServerFailedError(f"the storage of Kafka in {self.folder} can't be formatted: {said}")

    def _java(self, libraries: Path, program: str, *arguments: str) -> list[str]:
        logging = f"-Dlog4j2.configurationFile={Path(__file__).parent / 'kafka' / 'log4j2.xml'}"
        options = [f"-Xmx{self._heap}", "-XX:+UseSerialGC", logging, "-cp", f"{libraries}/*"]
        return ["java", *options, program, *arguments]

    def _wait_until_ready(self, seen: int) -> None:
        assert self._process is not None  # noqa: S101 - for mypy
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            if _READY in _tail(self.log, seen) and _accepts(self.port):
                return
            if (code := self._process.poll()) is not None:
                self._finish(_STOP_S)
                raise ServerFailedError(f"Kafka ended with {code} at its start; see {self.log}")
            time.sleep(0.05)
        self.kill()
        raise ServerFailedError(f"Kafka did not start within {_START_S:.0f} s; see {self.log}")

    def _signal(self, number: int) -> None:
        if self.running and self._process is not None:
            self._process.send_signal(number)

    def _finish(self, timeout_s: float) -> None:
        assert self._process is not None  # noqa: S101 - for mypy
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
        if self._keeper is not None:
            self._keeper.kill()
            self._keeper.communicate()
            self._keeper = None


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    for _ in range(_PORT_ATTEMPTS):
        port = random.choice(_PORTS)  # noqa: S311 - no secret
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise ServerFailedError(f"no port of {_PORTS.start} to {_PORTS.stop} is free")


def _accepts(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def _tail(path: Path, start: int) -> bytes:
    with path.open("rb") as file:
        file.seek(start)
        return file.read()


def _cluster_id() -> str:
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass  # it would be taken for an option
    return text


def _kill_when_orphaned(pid: int) -> subprocess.Popen[bytes]:
    # The keeper reads from a pipe that only this process can write to: it comes to its end when this process does.
    return subprocess.Popen(
        ["sh", "-c", f'trap "" INT; read -r _; kill -9 {pid}'],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def process_runs(pid: int, word: str) -> bool:
    """Whether a process lives whose command line holds a word: numbers of processes are used again."""
    try:
        return word in Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return False


def end_process(pid: int, word: str, timeout_s: float = _STOP_S) -> None:
    """End such a process in order; killed when it takes too long."""
    deadline = time.monotonic() + timeout_s
    number = signal.SIGTERM
    while process_runs(pid, word):
        os.kill(pid, number)
        while process_runs(pid, word) and time.monotonic() < deadline:
            time.sleep(0.05)
        number, deadline = signal.SIGKILL, time.monotonic() + 5

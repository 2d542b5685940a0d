"""A real Kafka of one node on loopback."""

import base64
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from servers.failures import ServerFailedError
from servers.kafka_libraries import kafka_libraries
from servers.kafka_properties import Security, broker_properties, scram_arguments
from servers.server_process import ServerProcess, accepts, end_process, free_port, process_runs

__all__ = ["KafkaServer", "end_process", "free_port", "process_runs"]

_READY = b"Kafka Server started"


class KafkaServer(ServerProcess):
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

    name = "Kafka"

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
        super().__init__(folder, port=port, outlives=outlives)
        self._inner_ports = (free_port(), free_port())
        self._heap = heap
        self._extra = dict(properties or {})
        self._security = security or Security()

    @property
    def address(self) -> str:
        """For ``kafka.bootstrap_servers``."""
        return f"127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """What the broker says."""
        return self.folder / "broker.log"

    @property
    def _configuration(self) -> Path:
        return self.folder / "server.properties"

    def _prepare(self) -> Sequence[str]:
        libraries = kafka_libraries()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._configure(libraries)
        return self._java(libraries, "kafka.Kafka", str(self._configuration))

    def _serves(self, said: bytes) -> bool:
        return _READY in said and accepts(self.port)

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


def _cluster_id() -> str:
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass  # it would be taken for an option
    return text

"""``python -m servers up`` starts the servers that Petawatch works with on loopback; ``down`` stops them."""

import sys
from pathlib import Path

from servers.failures import ServerFailedError, ServerMissingError
from servers.kafka_libraries import CACHE
from servers.kafka_server import KafkaServer, end_process, process_runs

KAFKA_PORT = 19092
_FOLDER = CACHE / "servers" / "kafka"


def main(arguments: list[str]) -> int:
    """Run a command and return its exit code: 0 done, 1 failure, 2 wrong usage."""
    if arguments not in (["up"], ["down"]):
        sys.stderr.write("usage: python -m servers up|down\n")
        return 2
    try:
        sentence = up() if arguments == ["up"] else down()
    except (ServerMissingError, ServerFailedError, OSError) as error:
        sys.stderr.write(f"servers: {error}\n")
        return 1
    sys.stdout.write(f"{sentence}\n")
    return 0


def up(folder: Path = _FOLDER, port: int = KAFKA_PORT) -> str:
    """Start Kafka unless it runs."""
    if _running(folder):
        return f"Kafka runs already at 127.0.0.1:{port}"
    server = KafkaServer(folder, port=port, heap="1g", outlives=True)
    server.start()
    (folder / "pid").write_text(str(server.pid))
    return f"Kafka runs at {server.address}, data and log in {folder}; stop it by: make servers-down"


def down(folder: Path = _FOLDER) -> str:
    """Stop Kafka if it runs; its data stay."""
    pid = _running(folder)
    if not pid:
        return "Kafka does not run"
    end_process(pid, str(folder))
    (folder / "pid").unlink(missing_ok=True)
    return "Kafka is stopped"


def _running(folder: Path) -> int:
    try:
        pid = int((folder / "pid").read_text())
    except (OSError, ValueError):
        return 0
    return pid if process_runs(pid, str(folder)) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

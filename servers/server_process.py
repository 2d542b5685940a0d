"""A server as a process on loopback: started, stopped, killed, paused; it ends with whoever started it."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from servers.failures import ServerFailedError

_STOP_S = 15.0
_PORT_ATTEMPTS = 200
# Below the range from which the system takes the ports of outgoing connections: a port of ours stays free while the
# server is down for a while.
_PORTS = range(20_000, 32_000)


class ServerProcess:
    """A server with its data in a folder; entered, it runs. Those of a kind say how it is called and when it serves.

    Parameters
    ----------
    folder
        Of the configuration, the data and the log; made if absent. Used again, it holds the same data.
    port
        Of the clients; a free one when 0. It stays the same over restarts.
    outlives
        Whether it goes on when this process ends. Otherwise it is killed then, however the process ended.
    """

    #: Its name in sentences.
    name = "the server"
    #: A start that takes longer has failed.
    start_s = 120.0

    def __init__(self, folder: Path, *, port: int = 0, outlives: bool = False) -> None:
        self.folder = folder
        self.port = port or free_port()
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
    def log(self) -> Path:
        """What the server says."""
        return self.folder / "server.log"

    @property
    def pid(self) -> int:
        """Of the server's process; 0 when it does not run."""
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
            What it needs is not installed.
        ServerFailedError
            It did not start; the sentence names its log.
        """
        if self.running:
            return
        command = self._prepare()
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            seen = log.tell()
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                start_new_session=True,  # a Ctrl-C is for the tests, not for the server
            )
        if not self._outlives:
            self._keeper = kill_when_orphaned(self._process.pid)
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
        """Stop it where it is: connections stay open and nothing answers, from the return of this call on.

        Raises
        ------
        ServerFailedError
            It does not run, or did not stop.
        """
        if not self.running:
            raise ServerFailedError(f"{self.name} does not run: there is nothing to pause; see {self.log}")
        self._signal(signal.SIGSTOP)
        wait_until_stopped(self.pid)

    def resume(self) -> None:
        """Let it go on after a pause."""
        self._signal(signal.SIGCONT)

    def _prepare(self) -> Sequence[str]:
        """Make ready what it needs; returns the command that is it."""
        raise NotImplementedError

    def _serves(self, said: bytes) -> bool:
        """Whether it serves, given what it said since its start."""
        raise NotImplementedError

    def _wait_until_ready(self, seen: int) -> None:
        assert self._process is not None  # noqa: S101 - for mypy
        deadline = time.monotonic() + self.start_s
        while time.monotonic() < deadline:
            if self._serves(_tail(self.log, seen)):
                return
            if (code := self._process.poll()) is not None:
                self._finish(_STOP_S)
                raise ServerFailedError(f"{self.name} ended with {code} at its start; see {self.log}")
            time.sleep(0.05)
        self.kill()
        raise ServerFailedError(f"{self.name} did not start within {self.start_s:.0f} s; see {self.log}")

    def _signal(self, number: int) -> None:
        if self.running and self._process is not None:
            os.killpg(self._process.pid, number)  # it leads a group of its own: with whatever it started

    def _finish(self, timeout_s: float) -> None:
        assert self._process is not None  # noqa: S101 - for mypy
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._process.wait()
        self._process = None
        end_keeper(self._keeper)
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


def accepts(port: int) -> bool:
    """Whether somebody listens on a port of loopback."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def process_runs(pid: int, word: str) -> bool:
    """Whether a process lives whose command line holds a word: numbers of processes are used again."""
    try:
        return word in Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return False


def wait_until_stopped(pid: int, timeout_s: float = _STOP_S) -> None:
    """Return when no thread of a process runs that was sent SIGSTOP: they go on for a moment, and may answer.

    Raises
    ------
    ServerFailedError
        They still run, or the process has ended.
    """
    deadline = time.monotonic() + timeout_s
    while (states := _thread_states(pid)) != {"T"}:
        if not states:
            raise ServerFailedError(f"process {pid} ended instead of being paused")
        if time.monotonic() > deadline:
            raise ServerFailedError(f"process {pid} did not stop within {timeout_s:.0f} s of being paused")
        time.sleep(0.001)


def end_process(pid: int, word: str, timeout_s: float = _STOP_S) -> None:
    """End such a process in order; killed when it takes too long."""
    deadline = time.monotonic() + timeout_s
    number = signal.SIGTERM
    while process_runs(pid, word):
        os.kill(pid, number)
        while process_runs(pid, word) and time.monotonic() < deadline:
            time.sleep(0.05)
        number, deadline = signal.SIGKILL, time.monotonic() + 5


def kill_when_orphaned(pid: int) -> subprocess.Popen[bytes]:
    """Kill the group that a process leads once this process has ended, however; to be killed when that is done."""
    # The keeper reads from a pipe that only this process can write to: it comes to its end when this process does.
    return subprocess.Popen(
        ["sh", "-c", f'trap "" INT; read -r _; kill -9 -{pid}'],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def end_keeper(keeper: subprocess.Popen[bytes] | None) -> None:
    """End what ``kill_when_orphaned`` began, if it did: there is nobody left to kill."""
    if keeper is not None:
        keeper.kill()
        keeper.communicate()


def _thread_states(pid: int) -> set[str]:
    """The letters of proc(5); none where the process has ended."""
    states = set()
    for thread in Path(f"/proc/{pid}/task").glob("*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            states.add(thread.read_text().rpartition(")")[2].split()[0])
    return states - {"Z", "X"}


def _tail(path: Path, start: int) -> bytes:
    with path.open("rb") as file:
        file.seek(start)
        return file.read()

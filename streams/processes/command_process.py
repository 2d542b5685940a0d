"""One of Petawatch's own commands as a process that is started, paused and killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from models.errors import FatalError
from streams.settings import environment_with

# Whoever started it may be killed: then nobody would end it.
_BOUND = "from connectors.end_with_parent import end_with; end_with({parent}); "
#: The program of a process that runs the command line.
COMMAND = "import sys; from streams.command_line import main; main(sys.argv[1:])"
_TAIL_CHARACTERS = 2_000
# Places in /proc/PID/stat behind the name.
_USER_TICKS, _SYSTEM_TICKS = 11, 12


class CommandProcess:
    """One command with its output in a file, or beside this process's; killed at the end, or when this process ends.

    The thread that makes it must live as long as it is needed: it is killed with that thread.

    Parameters
    ----------
    arguments
        As on the command line, without ``petawatch``.
    options
        Settings for this process alone, by their names in the environment.
    log
        Gets both outputs; without it what it says goes where this process's words go, and its output nowhere.
    program
        Python source that takes the arguments; the command line's own by default.
    """

    def __init__(
        self,
        arguments: Sequence[str | Path],
        *,
        log: Path | None,
        options: Mapping[str, str] | None = None,
        program: str = COMMAND,
    ) -> None:
        self.name = str(arguments[0]) if log is None else log.stem
        self.log = log
        self._command = [sys.executable, "-c", _BOUND.format(parent=os.getpid()) + program, *map(str, arguments)]
        self._environment = environment_with(options or {})
        self._ended_on_purpose = False
        self._process = self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    @property
    def cpu_s(self) -> float:
        """Processor time that it has taken so far."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[_USER_TICKS]) + int(fields[_SYSTEM_TICKS])) / os.sysconf("SC_CLK_TCK")

    @property
    def failed(self) -> bool:
        """Whether it ended with an error, and not because it was ended on purpose."""
        return not self._ended_on_purpose and self._process.poll() not in {None, 0}

    def start_again(self) -> None:
        """As a supervisor does: the same command, after it has ended."""
        self.kill()
        self._ended_on_purpose = False
        self._process = self._start()

    def kill(self) -> None:
        """``kill -9``; a process that has ended stays ended."""
        self._ended_on_purpose = True
        if self.running:
            self._process.kill()
        self._process.wait()

    def pause(self) -> None:
        """SIGSTOP: it does nothing, and can't know it."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT after a pause."""
        self._process.send_signal(signal.SIGCONT)

    def ask_to_end(self) -> None:
        """SIGTERM."""
        self._ended_on_purpose = True
        if self.running:
            self._process.send_signal(signal.SIGTERM)

    def stop(self, within_s: float = 30.0) -> int:
        """SIGTERM, and wait; the exit code."""
        self.ask_to_end()
        return self.wait(within_s)

    def wait(self, within_s: float) -> int:
        """The exit code.

        Raises
        ------
        FatalError
            ``process_ended`` if it does not end in time.
        """
        try:
            return self._process.wait(within_s)
        except subprocess.TimeoutExpired as error:
            raise FatalError(
                f"`petawatch {self.name}` has not ended within {within_s:g} s; its output ends with: {self.tail()}",
                reason="process_ended",
            ) from error

    def _start(self) -> "subprocess.Popen[bytes]":
        nothing = subprocess.DEVNULL
        if self.log is None:
            return subprocess.Popen(  # noqa: S603 - our own interpreter and command line
                self._command, stdin=nothing, stdout=nothing, env=self._environment
            )
        with self.log.open("ab") as output:
            return subprocess.Popen(  # noqa: S603 - as above
                self._command, stdin=nothing, stdout=output, stderr=subprocess.STDOUT, env=self._environment
            )

    def tail(self) -> str:
        """The end of its output; empty without a file of it."""
        if self.log is None:
            return ""
        return self.log.read_text(encoding="utf-8", errors="replace")[-_TAIL_CHARACTERS:].strip()

"""The console beside a watch: a process that is started again when it ends, and is never in the watch's way."""

import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from connectors.access.passwords import Passwords
from connectors.access.users import Users
from connectors.clock import Clock
from models.errors import FatalError
from streams.console.access.access import is_loopback, require_users
from streams.console.listening import listening
from streams.console.settings import ConsoleSettings
from streams.http_address import parse_http_address
from streams.processes.command_process import COMMAND, CommandProcess

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
# One that has run for so long is started again at once.
_STEADY_S = 60.0
_LOOK_EVERY_S = 0.2
_STOP_WITHIN_S = 10.0


class ConsoleChild:
    """Runs ``petawatch console`` until it is closed, from a thread of its own.

    Parameters
    ----------
    http
        ``HOST:PORT``.
    config
        The file of the settings, for the child.
    tell
        Gets a sentence when the child has ended.
    program
        Python source that takes the arguments; the command line's own by default.

    Raises
    ------
    FatalError
        What would keep it from ever starting: the address is none, is taken, or others reach it and nobody can sign in.
    """

    def __init__(
        self,
        http: str,
        state: Path,
        settings: ConsoleSettings,
        config: Path | None,
        *,
        clock: Clock,
        tell: Callable[[str], None],
        program: str = COMMAND,
    ) -> None:
        host, port = parse_http_address(http)
        if not is_loopback(host) or settings.proxies:
            require_users(Users(state, clock, Passwords()).all(), host)
        listening(host, port).close()
        self._arguments: list[str | Path] = ["console", "--state", state, "--http", http]
        self._arguments += [] if config is None else ["--config", config]
        self._program = program
        self._clock = clock
        self._tell = tell
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="console", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
        self._thread.join()

    def stop(self) -> None:
        """Let it end, soon; a Ctrl-C on the terminal ends the child as well."""
        self._stop.set()

    def _run(self) -> None:
        # The kernel ends the child with the thread that has started it: this one.
        pause_s = _FIRST_PAUSE_S
        while True:
            started_s = self._clock.monotonic_s()
            how = self._run_once()
            if self._stop.is_set():
                return
            steady = self._clock.monotonic_s() - started_s >= _STEADY_S
            pause_s = _FIRST_PAUSE_S if steady else pause_s
            self._tell(f"the console {how}; it is started again in {pause_s:g} s, and the watch goes on")
            if self._stop.wait(pause_s):
                return
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _run_once(self) -> str:
        """How it ended."""
        try:
            with CommandProcess(self._arguments, log=None, program=self._program) as child:
                while child.running and not self._stop.wait(_LOOK_EVERY_S):
                    pass
                code = child.stop(_STOP_WITHIN_S)
        except OSError as error:
            return f"can't be started ({error.strerror})"
        except FatalError:  # it does not end when it is told to: it is killed
            return "hangs"
        return f"has ended (exit code {code})"

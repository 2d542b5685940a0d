"""The processes of one installation, with settings of their own: started together, watched over, ended together."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from models.errors import FatalError
from streams.processes.command_process import COMMAND, CommandProcess

_STOP_WITHIN_S = 30.0
_INSTANCE = "PETAWATCH_WORKER__INSTANCE"


class InstallationProcesses:
    """Petawatch's commands as processes; those that are left at the end of the block are killed.

    Parameters
    ----------
    folder
        Gets their output.
    config
        The site's settings; None for the defaults.
    options
        More settings, by their names in the environment.
    most_restarts
        So often all together are started again after an error.
    """

    def __init__(self, folder: Path, config: Path | None, options: Mapping[str, str], *, most_restarts: int) -> None:
        self.folder = folder
        self._config = config
        self._options = options
        self._most_restarts = most_restarts
        self._started: list[CommandProcess] = []
        self._restarts = 0
        folder.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for process in self._started:
            process.kill()

    def start(
        self,
        arguments: Sequence[str | Path],
        *,
        log: str = "",
        options: Mapping[str, str] | None = None,
        program: str = COMMAND,
        before: Sequence[str] = (),
        supervised: bool = True,
    ) -> CommandProcess:
        """Start a command of this installation.

        Parameters
        ----------
        before
            Arguments of another program than the command line.
        supervised
            Whether it is looked after here; else whoever calls this waits for it.
        """
        config: list[str | Path] = [] if self._config is None else ["--config", self._config]
        process = CommandProcess(
            [*before, *arguments, *config],
            log=self.folder / f"{log or arguments[0]}.log",
            options={**self._options, **(options or {})},
            program=program,
        )
        if supervised:
            self._started.append(process)
        return process

    def start_worker(
        self,
        name: str,
        *,
        agents: str = "",
        state: Path | None = None,
        options: Mapping[str, str] | None = None,
        **more: Any,
    ) -> CommandProcess:
        """Start a worker with a name of its own, which it keeps over restarts.

        Parameters
        ----------
        agents
            As ``--agents`` takes them; all when empty.
        state
            State directory of the recorder.
        more
            As ``start`` takes them.
        """
        arguments: list[str | Path] = ["worker"]
        arguments += [] if state is None else ["--state", state]
        arguments += ["--agents", agents] if agents else []
        own = {_INSTANCE: name, **(options or {})}
        return self.start(arguments, log=name, options=own, **more)

    def supervise(self) -> None:
        """Start again what ended with an error, as a site's supervisor does.

        Raises
        ------
        FatalError
            ``process_ended`` if that goes on and on.
        """
        for process in self._started:
            if process.failed:
                self._restarts += 1
                if self._restarts > self._most_restarts:
                    raise FatalError(f"{process.name} ends again and again: {process.tail()}", reason="process_ended")
                process.start_again()

    def stop(self) -> None:
        """Let all end in order.

        Raises
        ------
        FatalError
            ``process_ended`` when one does not end in time.
        """
        for process in self._started:
            process.ask_to_end()
        for process in self._started:
            process.wait(_STOP_WITHIN_S)

"""Power over the broker, for the drills that take it away."""

import subprocess
from typing import Protocol

from models.errors import FatalError

_COMMAND_S = 120.0


class BrokerControl(Protocol):
    """Stops and starts the broker that the drills run on."""

    def kill(self) -> None:
        """Take it away at once, as a failing computer would."""
        ...

    def start(self) -> None:
        """Bring it back with the data that it had; returns when it answers."""
        ...

    def fill_disk(self) -> None:
        """From now on it can't write its files on."""
        ...


class CommandBroker:
    """A site's own commands.

    Parameters
    ----------
    kill_command, start_command, fill_command
        Shell commands; an empty one is not there.
    """

    def __init__(self, kill_command: str, start_command: str, fill_command: str = "") -> None:
        self._kill_command = kill_command
        self._start_command = start_command
        self._fill_command = fill_command

    @property
    def complete(self) -> bool:
        """Whether all commands are there."""
        return bool(self._kill_command and self._start_command and self._fill_command)

    def kill(self) -> None:
        """Run the command that kills."""
        _run(self._kill_command, "--broker-kill")

    def start(self) -> None:
        """Run the command that starts."""
        _run(self._start_command, "--broker-start")

    def fill_disk(self) -> None:
        """Run the command that fills the disk."""
        _run(self._fill_command, "--broker-fill-disk")


def _run(command: str, option: str) -> None:
    if not command:
        raise FatalError(f"this drill needs power over the broker; give the command as {option}", reason="drill")
    try:
        ended = subprocess.run(  # noqa: S602 - the operator's own command line
            command, shell=True, capture_output=True, text=True, timeout=_COMMAND_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise FatalError(f"{option}: {command!r} has not ended within {_COMMAND_S:g} s", reason="drill") from error
    if ended.returncode:
        raise FatalError(f"{option}: {command!r} failed: {ended.stderr.strip()[-500:]}", reason="drill")

"""Lets something happen between two calls to a mount: it is unmounted, or its process dies, just then."""

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.tape.volume_system import LinuxVolumes, MountLine

_CALLS = ("getxattr", "setxattr", "statvfs", "stat", "scandir", "listdir", "mkdir", "open", "rename", "unlink", "fsync")


class BetweenCalls:
    """Counts the calls of this process to mounts, and does something before the one that was chosen.

    Counted are the system's calls with a path below a folder, and each question of ``LinuxVolumes``.

    Parameters
    ----------
    below
        Of all mount points.
    """

    def __init__(self, patch: pytest.MonkeyPatch, below: Path) -> None:
        self._below = f"{below}/"
        self._action: Callable[[], object] = lambda: None
        self._at = 0
        self.calls = 0
        for name in _CALLS:
            patch.setattr(os, name, self._counted(getattr(os, name)))
        patch.setattr(io, "open", self._counted(io.open))
        for name in ("mounts", "server"):
            patch.setattr(LinuxVolumes, name, self._question(getattr(LinuxVolumes, name)))

    def happen(self, action: Callable[[], object], at: int) -> None:
        """Do this before the call of that number, counted from now on, from 1."""
        self._action, self._at, self.calls = action, at, 0

    def _step(self) -> None:
        self.calls += 1
        if self.calls == self._at:
            self._action()

    def _counted(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            if arguments and isinstance(arguments[0], str | Path) and f"{arguments[0]}/".startswith(self._below):
                self._step()
            return function(*arguments, **options)

        return call

    def _question(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(system: LinuxVolumes, *arguments: MountLine) -> Any:
            self._step()
            return function(system, *arguments)

        return call

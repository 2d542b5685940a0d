"""Processes that kill themselves at a chosen step; they come from one that has loaded all that they need."""

import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from connectors.control_room.database import ControlRoomDatabase


class Steps:
    """Kills its process at the given step."""

    def __init__(self, left: int) -> None:
        self._left = left
        self._lock = threading.Lock()

    def step(self) -> None:
        with self._lock:
            self._left -= 1
            if not self._left:
                os.kill(os.getpid(), signal.SIGKILL)

    def counted(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, with a step before it and one behind it."""

        def call(*arguments: Any, **options: Any) -> Any:
            self.step()
            result = function(*arguments, **options)
            self.step()
            return result

        return call


def count_transactions(steps: Steps) -> None:
    """Make each transaction on a control room's database two steps of this process."""
    original = ControlRoomDatabase.step

    @contextmanager
    def step(self: ControlRoomDatabase) -> Iterator[Any]:
        with original(self) as connection:
            yield connection
            steps.step()  # all is written, and nothing of it is durable
        steps.step()  # it is durable, and nobody knows it

    ControlRoomDatabase.step = step  # type: ignore[method-assign]


class KilledProcesses:
    """Runs what a module's ``serve`` does, each time in a process of its own."""

    def __init__(self, module: str) -> None:
        self._module = module

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", self._module],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def run(self, path: Path, step: int) -> bool:
        """Work until all is done, or until that step; whether it came so far."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{step} {path}\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        assert code in {0, -signal.SIGKILL}
        return code != 0


def serve(work: Callable[[Path, int], None]) -> None:
    """Do the work as often as it is asked for, each time in a child, until nobody asks any more."""
    for line in sys.stdin:
        step, _, path = line.strip().partition(" ")
        child = os.fork()
        if not child:
            code = 1
            try:
                work(Path(path), int(step))
                code = 0
            except BaseException:  # noqa: BLE001 - the other side is told that it failed, and how
                traceback.print_exc()
            finally:
                os._exit(code)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        sys.stdout.flush()

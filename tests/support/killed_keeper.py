"""Keepers of tapes that kill themselves at a chosen step.

Steps are the calls that leave something behind on the disk or the tape, and, before and after, those of the catalog.
"""

import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Self, cast

from connectors.catalog.catalog import Catalog
from connectors.clock import SystemClock
from streams.archive.opened_archive import opened_archive
from streams.archive.tape.tape_keeper import open_keeper

_LASTING = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.setxattr", "subprocess.Popen"}


class _Steps:
    def __init__(self, left: int) -> None:
        self._left = left
        self._lock = threading.Lock()

    def step(self) -> None:
        with self._lock:
            self._left -= 1
            if not self._left:
                os.kill(os.getpid(), signal.SIGKILL)

    def counted(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            self.step()
            result = function(*arguments, **options)
            self.step()
            return result

        return call


class _CountedCatalog:
    def __init__(self, catalog: Catalog, steps: _Steps) -> None:
        self._catalog = catalog
        self._steps = steps

    def __getattr__(self, name: str) -> Any:
        return self._steps.counted(getattr(self._catalog, name))


class KilledKeepers:
    """Runs keepers, each in a process of its own; they come from one that has loaded all that they need."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.killed_keeper"],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def run(self, config: Path, step: int) -> bool:
        """Keep the tapes once, or until that step; whether it came so far."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{step} {config}\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        assert code in {0, -signal.SIGKILL}
        return code != 0


def keep_until(config: Path, step: int) -> None:
    """Keep the tapes once; this process is killed on the way if it takes so many steps."""
    steps = _Steps(step)
    with opened_archive(None, config) as archive:
        counted = replace(archive, catalog=cast("Catalog", _CountedCatalog(archive.catalog, steps)))
        sys.addaudithook(lambda event, _: steps.step() if event in _LASTING else None)
        os.fsync = steps.counted(os.fsync)
        with open_keeper(counted, SystemClock(), lambda _: None) as keeper:
            keeper.run_once()


def main() -> None:
    """Run the keepers that are asked for, until nobody asks any more."""
    for line in sys.stdin:
        step, _, config = line.strip().partition(" ")
        child = os.fork()
        if not child:
            code = 1
            try:
                keep_until(Path(config), int(step))
                code = 0
            except BaseException:  # noqa: BLE001 - the other side is told that it failed, and how
                traceback.print_exc()
            finally:
                os._exit(code)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

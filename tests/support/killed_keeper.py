"""Keepers of tapes that kill themselves at a chosen step.

Steps are the calls that leave something behind on the disk or the tape, and, before and after, those of the catalog.
"""

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from connectors.catalog.catalog import Catalog
from connectors.clock import SystemClock
from streams.archive.opened_archive import opened_archive
from streams.archive.tape.tape_keeper import open_keeper
from tests.support.killed_processes import KilledProcesses, Steps, serve

_LASTING = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.setxattr", "subprocess.Popen"}


class _CountedCatalog:
    def __init__(self, catalog: Catalog, steps: Steps) -> None:
        self._catalog = catalog
        self._steps = steps

    def __getattr__(self, name: str) -> Any:
        return self._steps.counted(getattr(self._catalog, name))


class KilledKeepers(KilledProcesses):
    """Runs keepers, each in a process of its own."""

    def __init__(self) -> None:
        super().__init__("tests.support.killed_keeper")


def keep_until(config: Path, step: int) -> None:
    """Keep the tapes once; this process is killed on the way if it takes so many steps."""
    steps = Steps(step)
    with opened_archive(None, config) as archive:
        counted = replace(archive, catalog=cast("Catalog", _CountedCatalog(archive.catalog, steps)))
        sys.addaudithook(lambda event, _: steps.step() if event in _LASTING else None)
        os.fsync = steps.counted(os.fsync)
        with open_keeper(counted, SystemClock(), lambda _: None) as keeper:
            keeper.run_once()


if __name__ == "__main__":
    serve(keep_until)

"""A watch with its console, as processes, and files that come to it: what a browser test looks at."""

import re
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from models.simulation.settings import SimulationSettings
from streams.simulation.files import simulate
from tests.support.watching import deliver, petawatch_running, wait_until

#: A watch that does not keep a test waiting; simulated days lie years back, and are to look live.
QUICK = "[spool]\nsettle_s = 0.2\nrescan_s = 0.5\n[sequence]\nreorder_wait_s = 0.2\n[console]\nstale_after_s = 1e9\n"


@dataclass(slots=True)
class LiveConsole:
    """A command that serves a console, and where it listens."""

    process: "subprocess.Popen[str]"
    told: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Without a slash at its end; waits until the console listens, for the latest one that was started."""
        wait_until(lambda: bool(self._addresses()) or self.process.poll() is not None, within_s=120)
        assert self._addresses(), self.told
        return self._addresses()[-1]

    def _addresses(self) -> list[str]:
        return re.findall(r"console listens at (\S+)", "".join(self.told))


@contextmanager
def console_running(*arguments: str | Path) -> Iterator[LiveConsole]:
    """A command that serves a console while the block runs."""
    with petawatch_running(*arguments) as process:
        live = LiveConsole(process)
        assert process.stderr is not None
        reader = threading.Thread(target=live.told.extend, args=(iter(process.stderr.readline, ""),), daemon=True)
        reader.start()
        try:
            yield live
        finally:
            process.terminate()
            process.wait(60)
            reader.join()


@dataclass(frozen=True, slots=True)
class FaultyDay:
    """Three minutes of a stage: without beam, normal, with faults."""

    data: Path
    files: Sequence[Path]

    @classmethod
    def simulated(cls, folder: Path) -> "FaultyDay":
        """Written into a folder."""
        simulate(folder, SimulationSettings(minutes=3, stages=1, hz=5, seed=2, fault_spacing_s=12))
        files = sorted(folder.rglob("*.h5"), key=lambda path: path.name.rpartition("_")[2])
        return cls(folder / "data", files)

    def deliver(self, number: int, watched: Path) -> None:
        """A minute's file, as recorders do it."""
        file = self.files[number]
        deliver(file, watched / file.relative_to(self.data).parent)

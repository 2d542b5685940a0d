"""How long it takes to read a snapshot of the production dialect into blocks."""

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from connectors.snapshots.reader import open_snapshot
from models.simulation.settings import SimulationSettings
from streams.benchmarks.figure import Figure, median_figure, seconds_each
from streams.simulation.files import simulate
from streams.work_units import UnitSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingSize:
    """How often each file is read, and at which rate its shots are fired: 600 shots at 10 Hz."""

    repeats: int = 20
    hz: float = 10.0


def measure_reading(size: ReadingSize) -> Iterator[Figure]:
    """Seconds to read one snapshot with all its records into blocks, plain and compressed, from the page cache."""
    with tempfile.TemporaryDirectory(prefix="petawatch-bench-") as temporary:
        for gzip in (False, True):
            folder = Path(temporary, "gzip" if gzip else "plain")
            root = simulate(folder, SimulationSettings(minutes=1, stages=1, hz=size.hz, faults=False, gzip=gzip))
            path = next(root.rglob("*.h5"))
            records = _read(path, root)
            what = f"{records:,} records, {path.stat().st_size / 1e6:.1f} MB{', gzip' if gzip else ''}"
            seconds = seconds_each(lambda path=path, root=root: _read(path, root), repeats=size.repeats)  # type: ignore[misc]
            read = median_figure(f"reading {what}", seconds, unit="s", per=1.0, wanted="0.25")
            yield read
            seconds = seconds_each(path.read_bytes, repeats=size.repeats)
            plain = median_figure(f"plain read of the same file ({what})", seconds, unit="s", per=1.0, wanted="")
            yield plain
            yield Figure(name=f"reading by plain read ({what})", value=read.value / plain.value, unit="times")
            shutil.rmtree(folder)


def _read(path: Path, root: Path) -> int:
    """Read every block; how many records there were."""
    with open_snapshot(path, root=root) as snapshot:
        return sum(len(block) for block in snapshot.blocks(UnitSettings().block_records))

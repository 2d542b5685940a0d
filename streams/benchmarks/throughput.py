"""How many records a second the whole watch takes: read, clean, score, join, account, commit, write Parquet."""

import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from connectors.snapshots.reader import open_snapshot
from models.devices import RecordKind, parse_device
from models.simulation.settings import SimulationSettings
from streams.benchmarks.cpu_seconds import CpuSeconds
from streams.benchmarks.figure import Figure
from streams.settings import load_settings
from streams.simulation.files import simulate
from streams.warm_up import warm_up
from streams.watch import open_watch

_MILLISECONDS = 1e3
_MICROSECONDS = 1e6
#: What runs on which threads of a watch, by the beginning of their names.
_PHASES = {
    "reader": "reading",
    "device": "cleaning and scoring",
    "MainThread": "joins, evidence, commits, Parquet",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ThroughputSize:
    """What is watched: stages with one camera, one meter and one spectrometer each, at 10 Hz, faults in."""

    stages: int = 4
    minutes: int = 6
    hz: float = 10.0


def measure_throughput(size: ThroughputSize) -> Iterator[Figure]:
    """Images and records per second of ``petawatch watch --once``, and the processor time behind them."""
    warm_up()
    with tempfile.TemporaryDirectory(prefix="petawatch-bench-") as temporary:
        folder = Path(temporary)
        data = simulate(
            folder / "day", SimulationSettings(stages=size.stages, minutes=size.minutes, hz=size.hz, seed=3)
        )
        images, records = _count_records(data)
        with open_watch([data], folder / "state", load_settings(None)) as watch, CpuSeconds() as cpu:
            began = time.perf_counter()
            watch.run_once()
            taken = time.perf_counter() - began
    yield Figure(name="images a second, whole watch", value=images / taken, unit="images/s", wanted=">= 2000")
    yield Figure(name="records a second, whole watch", value=records / taken, unit="records/s", wanted=">= 6000")
    name = "processor time per image, whole watch"
    yield Figure(name=name, value=cpu.total / images * _MILLISECONDS, unit="ms")
    for thread, phase in _PHASES.items():
        value = cpu.by_thread[thread] / images * _MICROSECONDS
        yield Figure(name=f"processor time per image, {phase}", value=value, unit="us")
    others = cpu.total - sum(cpu.by_thread[thread] for thread in _PHASES)
    yield Figure(name="processor time per image, all else", value=others / images * _MICROSECONDS, unit="us")


def _count_records(data: Path) -> tuple[int, int]:
    """Images and records in all snapshots below a folder."""
    counts: Counter[RecordKind] = Counter()
    for path in data.rglob("*.h5"):
        with open_snapshot(path, root=data) as snapshot:
            for name, records in snapshot.manifest.records.items():
                counts[parse_device(name).kind] += records
    return counts[RecordKind.CAMERA], counts.total()

"""How much memory a watch with all cameras takes, and whether it grows with the hours."""

import hashlib
import multiprocessing
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path, PurePosixPath

from connectors.snapshots.manifest import Dialect, Manifest
from connectors.spool_listing import SpoolFile
from models.errors import FatalError
from models.event_time import MINUTE_NS
from models.records import SourceReference
from models.snapshot_names import parse_snapshot_name
from streams.benchmarks.cpu_seconds import CpuSeconds
from streams.benchmarks.facility_load import FACILITY_CAMERAS, MINUTE_SHOTS, FacilityLoad
from streams.benchmarks.figure import Figure
from streams.settings import load_settings
from streams.watch import open_watch
from streams.work_units import UnitSettings, WorkUnit

_HZ = 10.0
# Every recorder has a fault once in so many minutes.
_FAULT_EVERY_MINUTES = 30
_KIB_PER_GB = 1e9 / 1024
# In less time the buffers that are bounded have not filled, and rows that wait hide the rest.
_LEAST_MINUTES = 20
_EARLY, _LATE = (0.1, 0.3), (0.8, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemorySize:
    """How many minutes of event time, and recorders with one camera, one meter and one spectrometer each."""

    minutes: int = 60
    recorders: int = FACILITY_CAMERAS


@dataclass(frozen=True, slots=True, kw_only=True)
class _Usage:
    """What the watching process told at its end, sizes in KiB."""

    resident_kib: list[int]  # after each minute
    peak_kib: int
    seconds: float
    cpu_seconds: float


def measure_memory(size: MemorySize) -> Iterator[Figure]:
    """Resident memory of a watch in a process of its own that is given the facility's records without files."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    with tempfile.TemporaryDirectory(prefix="petawatch-bench-") as folder:
        process = context.Process(target=_watch_load, args=(size, folder, sender))
        process.start()
        sender.close()
        try:
            usage: _Usage = receiver.recv()
        except EOFError as error:
            raise FatalError("the watching process has failed; see its message above", reason="benchmark") from error
        finally:
            process.join()
    what = f"{size.recorders} cameras"
    images = size.minutes * size.recorders * MINUTE_SHOTS
    yield Figure(name=f"peak resident memory, {what}", value=usage.peak_kib / _KIB_PER_GB, unit="GB", wanted="<= 1.5")
    early, late = (_least_kib(usage.resident_kib, part) / _KIB_PER_GB for part in (_EARLY, _LATE))
    for (begin, end), value in ((_EARLY, early), (_LATE, late)):
        stretch = f"from {begin:.0%} to {end:.0%} of {size.minutes} minutes"
        yield Figure(name=f"least resident memory {stretch}, {what}", value=value, unit="GB")
    if size.minutes >= _LEAST_MINUTES:
        growth = (late - early) / early * 100
        yield Figure(name=f"growth of memory over {size.minutes} minutes", value=growth, unit="%", wanted="no growth")
    yield Figure(name=f"images a second, {what}", value=images / usage.seconds, unit="images/s", wanted=">= 940")
    name = f"processor time per image, {what}"
    yield Figure(name=name, value=usage.cpu_seconds / images * 1e3, unit="ms")


def _watch_load(size: MemorySize, folder: str, answer: Connection) -> None:
    """Run a watch on records that are made as they are wanted, and tell how much memory it took."""
    load, resident_kib = FacilityLoad(), []
    began = time.perf_counter()
    with open_watch([Path(folder)], Path(folder, "state"), load_settings(None)) as watch, CpuSeconds() as cpu:
        for minute in range(size.minutes):
            watch.process_units(_units(load, size.recorders, minute))
            resident_kib.append(_status_kib("VmRSS"))
    answer.send(
        _Usage(
            resident_kib=resident_kib,
            peak_kib=_status_kib("VmHWM"),
            seconds=time.perf_counter() - began,
            cpu_seconds=cpu.total,
        )
    )
    answer.close()


def _least_kib(resident_kib: list[int], part: tuple[float, float]) -> int:
    """The least in a part of the run: in between, rows that wait for Parquet come and go."""
    minutes = len(resident_kib)
    begin = min(int(part[0] * minutes), minutes - 1)
    return min(resident_kib[begin : max(int(part[1] * minutes), begin + 1)])


def _units(load: FacilityLoad, recorders: int, minute: int) -> Iterator[WorkUnit]:
    """The units that the snapshots of one minute would give."""
    for recorder in range(recorders):
        relative = load.relative_path(recorder, minute)
        source = SourceReference(file=relative, sha256=hashlib.sha256(relative.encode()).hexdigest())
        fault = (recorder + minute) % _FAULT_EVERY_MINUTES == _FAULT_EVERY_MINUTES - 1
        recorded = load.minute(recorder, minute, fault=fault)
        blocks = {
            device: list(one.blocks(source, _HZ, UnitSettings().block_records)) for device, one in recorded.items()
        }
        records = {device.name: len(one.event_time_ns) for device, one in recorded.items()}
        size_bytes = sum(one.payload.nbytes for one in recorded.values())
        manifest = Manifest(
            dialect=Dialect.PRODUCTION,
            source=source,
            size_bytes=size_bytes,
            interval_hz=_HZ,
            series=parse_snapshot_name(PurePosixPath(relative)).series,
            first_ns=min(int(one.event_time_ns[0]) for one in recorded.values()),
            last_ns=max(int(one.event_time_ns[-1]) for one in recorded.values()),
            records=records,
            dead_letters=(),
            dead_letter_counts={},
            truncated=False,
        )
        file = SpoolFile(
            root=Path("/"),
            path=Path("/", relative),
            relative=relative,
            size=size_bytes,
            mtime_ns=load.start_ns(minute) + MINUTE_NS,
            closed_ns=load.start_ns(minute) + MINUTE_NS,
        )
        yield WorkUnit(file=file, manifest=manifest, blocks=blocks, records=sum(records.values()), last=True)


def _status_kib(name: str) -> int:
    """A line of Linux's account of this process: VmRSS (now) or VmHWM (the most so far)."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    return 0

"""How fast an archive that exists already comes into the catalog."""

import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from connectors.catalog.opening import open_catalog
from connectors.catalog.settings import CatalogSettings
from connectors.clock import SystemClock
from connectors.file_hash import file_sha256
from connectors.index_journal import IndexJournal
from models.simulation.settings import SimulationSettings
from streams.archive.cataloguing.indexing import JOURNAL_NAME, Indexer, IndexOptions
from streams.benchmarks.figure import Figure
from streams.settings import default_settings
from streams.simulation.files import simulate

# Snapshots of a minute and of one front end: a day of them has its own folder.
_MINUTES_A_DAY = 1440
# Large files are names of so few on the disk: more than a processor's caches hold, and no burden for a disk.
_LARGE_COPIES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexingSize:
    """How many files, of how many shots, and how often each run is repeated.

    Attributes
    ----------
    files, shots
        Small files: each is the same snapshot of a camera, a meter and a spectrometer under another name.
    large_files, large_shots
        Of 5 MB without compression, as a camera's snapshots are.
    """

    files: int = 20_000
    shots: int = 3
    large_files: int = 300
    large_shots: int = 100
    repeats: int = 3


def measure_indexing(size: IndexingSize) -> Iterator[Figure]:
    """Files a second into a catalog in SQLite, from the page cache: read for the first time, and known already.

    Beside it the same files are read and hashed by as many threads, and nothing else: faster it can't be.
    """
    with tempfile.TemporaryDirectory(prefix="petawatch-bench-") as temporary:
        folder = Path(temporary)
        for name, files, shots in (("small", size.files, size.shots), ("large", size.large_files, size.large_shots)):
            root = folder / name
            large = name == "large"
            megabytes = _generate(root, files, shots, copies=_LARGE_COPIES if large else files, gzip=not large) / 1e6
            what = f"{files:,} files of {3 * shots:,} records and {megabytes:.2f} MB"
            first, again, cpu_ms, hashed = [], [], [], []
            for repeat in range(size.repeats):
                hashed.append(_hash(root))
                archive = folder / f"{name}-{repeat}"
                begun_s = time.process_time()
                first.append(_index(root, archive, files))
                cpu_ms.append(1e3 * (time.process_time() - begun_s) / files)
                again.append(_index(root, archive, files))
            yield _figure(f"indexing {what}", first, wanted=">= 250" if name == "small" else "")
            volume = statistics.median(first) * megabytes
            yield Figure(name=f"processor time of each file ({what})", value=statistics.median(cpu_ms), unit="ms")
            yield Figure(name=f"content read and hashed ({what})", value=volume, unit="MB/s")
            ratios = [indexed / alone for indexed, alone in zip(first, hashed, strict=True)]
            yield Figure(
                name=f"indexing against reading and hashing alone ({what})",
                value=statistics.median(ratios),
                unit="times as fast",
                spread=(min(ratios), max(ratios)),
            )
            yield _figure(f"indexing once more, nothing has changed ({what})", again, wanted="")


def _generate(root: Path, files: int, shots: int, *, copies: int, gzip: bool) -> int:
    """Copies of a snapshot under the names of consecutive minutes, nobody writes to them for long; bytes of each."""
    hz = shots / 60
    simulated = simulate(
        root.with_name(f"{root.name}-one"), SimulationSettings(minutes=1, stages=1, hz=hz, faults=False, gzip=gzip)
    )
    source = next(simulated.rglob("*.h5"))
    content = source.read_bytes()
    front = source.name.partition("snapshot_")[0]
    written: list[Path] = []
    for number in range(files):
        days, minute = divmod(number, _MINUTES_A_DAY)
        day = date(2022, 7, 1) + timedelta(days=days)
        folder = root / "10Hz" / day.isoformat()
        if minute == 0:
            folder.mkdir(parents=True)
        path = folder / f"{front}snapshot_{day}_{minute // 60:02d}-{minute % 60:02d}-00-000.h5"
        if number >= copies:
            path.hardlink_to(written[number % copies])
            continue
        path.write_bytes(content)
        os.utime(path, (1, 1))
        written.append(path)
    return len(content)


def _hash(root: Path) -> float:
    """Files a second that are read and hashed alone."""
    clock = SystemClock()
    paths = sorted(root.rglob("*.h5"))
    begun_s = clock.monotonic_s()
    with ThreadPoolExecutor(default_settings().worker_threads) as threads:
        list(threads.map(file_sha256, paths))
    return len(paths) / (clock.monotonic_s() - begun_s)


def _index(root: Path, archive: Path, files: int) -> float:
    """Files a second."""
    clock = SystemClock()
    begun_s = clock.monotonic_s()
    archive.mkdir(exist_ok=True)
    threads = default_settings().worker_threads
    with closing(open_catalog(CatalogSettings(), archive)) as catalog, IndexJournal(archive / JOURNAL_NAME) as journal:
        indexer = Indexer(catalog, journal, IndexOptions(threads=threads), clock, _fail)
        if indexer.index([root]).found != files:
            raise AssertionError(f"{indexer.counts.found} files were found of {files}")
    return files / (clock.monotonic_s() - begun_s)


def _fail(sentence: str) -> None:
    raise AssertionError(sentence)


def _figure(name: str, rates: list[float], *, wanted: str) -> Figure:
    return Figure(
        name=name,
        value=statistics.median(rates),
        unit="files/s",
        wanted=wanted,
        spread=(min(rates), max(rates)),
    )

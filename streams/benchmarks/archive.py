"""How fast bundles are built and written, against a plain copy of the same bytes to the same folder."""

import hashlib
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from connectors.tape.bundle_file import BuiltBundle, build_bundle
from connectors.tape.library import mounted_cartridges
from connectors.tape.sequential_copy import copy_sequentially
from connectors.tape.side_hash import BLOCK_BYTES
from models.archive.archived_file import ArchivedFile
from models.errors import FatalError
from streams.benchmarks.figure import Figure, seconds_each
from streams.settings import load_settings

_MEGABYTE = 1e6
_GIGABYTE = 1e9
_MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveSize:
    """How much is written, and how often.

    Attributes
    ----------
    files
        Of ``file_mib`` each: a bundle.
    repeats
        Turns of all ways.
    target
        The folder that is written to; None is a temporary one.
    """

    files: int = 16
    file_mib: int = 16
    repeats: int = 7
    target: Path | None = None


def measure_archive(size: ArchiveSize) -> Iterator[Figure]:
    """SHA-256 alone; then a plain copy, the writing of a bundle and its building, in turns."""
    block = memoryview(np.random.default_rng(0).bytes(64 * _MIB))
    seconds = seconds_each(lambda: hashlib.sha256(block).digest(), repeats=size.repeats)
    speed = len(block) / statistics.median(seconds) / _GIGABYTE
    yield Figure(name="SHA-256 on one core", value=speed, unit="GB/s")
    with tempfile.TemporaryDirectory(prefix="petawatch-bench-") as folder:
        yield from _measure_bundles(Path(folder), size)


def first_cartridge(config: Path | None) -> Path | None:
    """The root of the first mounted cartridge that the settings name; None without settings, or drives in them.

    Raises
    ------
    FatalError
        ``no_cartridge``: drives are named, and nothing can be written in any.
    """
    settings = load_settings(config) if config else None
    if settings is None or not settings.tape.mounts:
        return None
    found = mounted_cartridges(settings.tape, settings.archive.installation)
    if not found.cartridges:
        said = "; ".join(problem.sentence for problem in found.problems)
        raise FatalError(f"no cartridge of tape.mounts can be measured: {said}", reason="no_cartridge")
    found.cartridges[0].require_ready()
    return found.cartridges[0].root


def _measure_bundles(folder: Path, size: ArchiveSize) -> Iterator[Figure]:
    contents = _contents(folder, size)
    built = build_bundle(folder, "bench", contents)
    # Its name begins with a point: should it stay behind, the cartridge is still ours.
    target = (size.target or folder) / f".{folder.name}"
    device = target.parent.stat().st_dev
    ways: dict[str, Callable[[], object]] = {
        "a plain copy in blocks of 4 MiB": partial(_plain_copy, built.path, target),
        "a bundle written": partial(copy_sequentially, built, target, device, lambda: None),
        "a bundle built": partial(build_bundle, folder, "bench", contents),
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    try:
        for _ in range(size.repeats):
            for name, work in ways.items():
                target.unlink(missing_ok=True)
                begin = time.perf_counter()
                work()
                taken[name].append(time.perf_counter() - begin)
    finally:
        target.unlink(missing_ok=True)
    copied, written, made = taken.values()
    where = f"to {size.target}" if size.target else "to a local folder"
    yield _speed(f"a plain copy in blocks of 4 MiB, {where}", copied, built)
    yield _speed(f"a bundle written, {where}", written, built)
    yield _speed("a bundle built, in a local folder", made, built)
    # In one turn after each other: what disturbs the disk for longer disturbs both.
    ratios = [plain / bundle for plain, bundle in zip(copied, written, strict=True)]
    yield Figure(
        name=f"a bundle written, against a plain copy, {where}",
        value=statistics.median(ratios),
        unit="times as fast",
        wanted=">= 0.9",
        spread=(min(ratios), max(ratios)),
    )


def _speed(name: str, seconds: Sequence[float], built: BuiltBundle) -> Figure:
    speeds = sorted(built.size_bytes / taken / _MEGABYTE for taken in seconds)
    return Figure(name=name, value=statistics.median(speeds), unit="MB/s", spread=(speeds[0], speeds[-1]))


def _contents(folder: Path, size: ArchiveSize) -> list[tuple[ArchivedFile, Path]]:
    """Files of noise, which nothing on the way can make smaller."""
    random = np.random.default_rng(0)
    contents = []
    for number in range(size.files):
        content = random.bytes(size.file_mib * _MIB)
        source = folder / f"{number}.h5"
        with source.open("wb") as stream:
            stream.write(content)
            os.fsync(stream.fileno())  # else the first way would wait for it as well
        key = f"10Hz/2022-07-01/{source.name}"
        file = ArchivedFile(
            key=key,
            path=key,
            root=str(folder),
            sha256=hashlib.sha256(content).hexdigest(),
            size_bytes=len(content),
            mtime_ns=source.stat().st_mtime_ns,
        )
        contents.append((file, source))
    return contents


def _plain_copy(source: Path, target: Path) -> None:
    """What ``dd bs=4M conv=fsync`` does."""
    block = memoryview(bytearray(BLOCK_BYTES))
    with source.open("rb", buffering=0) as reading, target.open("xb", buffering=0) as writing:
        while filled := reading.readinto(block):
            writing.write(block[:filled])
        os.fsync(writing.fileno())

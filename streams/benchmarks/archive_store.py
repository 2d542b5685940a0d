"""How fast files go into an object store, hashing included, against what the bare client moves to the same server."""

import os
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from connectors.archive.opening import open_store
from connectors.archive.store import ArchiveStore
from connectors.file_hash import file_sha256
from connectors.object_store.client import asking_again, store_client
from connectors.object_store.settings import ObjectStoreSettings
from streams.benchmarks.figure import Figure

_MIB = 1 << 20
_MEGABYTE = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveStoreSize:
    """How much is sent, and how often.

    Attributes
    ----------
    sizes_mib
        Of the files of a turn: snapshots of a minute, and one that goes in parts.
    repeats
        Turns of both ways.
    """

    sizes_mib: Sequence[Sequence[int]] = ((32,) * 4, (320,))
    repeats: int = 7


def measure_archive_store(size: ArchiveStoreSize, settings: ObjectStoreSettings) -> Iterator[Figure]:
    """Both ways in turns, into a bucket of its own that is removed afterwards.

    Parameters
    ----------
    settings
        Of a store in which buckets may be made.
    """
    name = f"petawatch-bench-{uuid.uuid4().hex[:12]}"
    store = open_store(f"s3://{name}", settings)
    client = store_client(settings, asking_again(settings.retries))
    store.prepare()
    try:
        with tempfile.TemporaryDirectory(prefix="petawatch-bench-") as folder:
            for sizes_mib in size.sizes_mib:
                files = _contents(Path(folder), sizes_mib)

                def bare(files: Sequence[Path] = files) -> None:
                    for file in files:
                        client.fput_object(name, file.name, str(file))

                def ours(files: Sequence[Path] = files) -> None:
                    for file in files:
                        _hash_and_put(store, file)

                what = f"{len(sizes_mib)} x {sizes_mib[0]} MiB"
                yield from _compare(what, sum(sizes_mib) * _MIB, (ours, bare), size.repeats, lambda: _empty(store))
    finally:
        _empty(store)
        client.remove_bucket(name)


def _compare(
    what: str,
    size_bytes: int,
    ways: tuple[Callable[[], None], Callable[[], None]],
    repeats: int,
    empty: Callable[[], None],
) -> Iterator[Figure]:
    taken: tuple[list[float], list[float]] = ([], [])
    for turn in range(repeats + 1):
        for way in (0, 1) if turn % 2 else (1, 0):
            begin = time.perf_counter()
            ways[way]()
            if turn:  # the first one only warms up
                taken[way].append(time.perf_counter() - begin)
            empty()
    for name, seconds in zip(("hashed and archived", "by the bare client"), taken, strict=True):
        speeds = sorted(size_bytes / second / _MEGABYTE for second in seconds)
        yield Figure(
            name=f"{what} to the object store, {name}",
            value=statistics.median(speeds),
            unit="MB/s",
            spread=(speeds[0], speeds[-1]),
        )
    # In one turn after each other: what disturbs the server for longer disturbs both.
    ratios = sorted(bare / ours for ours, bare in zip(*taken, strict=True))
    yield Figure(
        name=f"{what} hashed and archived, against the bare client",
        value=statistics.median(ratios),
        unit="times as fast",
        wanted=">= 0.8",
        spread=(ratios[0], ratios[-1]),
    )


def _hash_and_put(store: ArchiveStore, file: Path) -> None:
    sha256 = file_sha256(file)
    store.put(f"bench/{file.name}", file, sha256, file.stat().st_size, {"sha256": sha256})


def _empty(store: ArchiveStore) -> None:
    for key in list(store.keys()):
        for version in store.versions(key):
            store.remove(key, version.version)


def _contents(folder: Path, sizes_mib: Sequence[int]) -> list[Path]:
    """Files of noise, which nothing on the way can make smaller."""
    random, files = np.random.default_rng(0), []
    for number, size_mib in enumerate(sizes_mib):
        file = folder / f"{number}.h5"
        with file.open("wb") as stream:
            stream.write(random.bytes(size_mib * _MIB))
            os.fsync(stream.fileno())
        files.append(file)
    return files

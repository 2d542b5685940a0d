"""Writes a batch of bundles to one cartridge; what is noted as written is in the cartridge's index."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from connectors.catalog.catalog import Catalog
from connectors.clock import Clock
from connectors.tape.bundle_file import BuiltBundle
from connectors.tape.cartridge import Cartridge
from models.archive.copies import BundleCopy, CopyState
from models.errors import RecordError, RetryableError

#: The cartridge has no room left.
FULL = "tape_full"
# It lies in the disk and not in the cartridge.
_OF_THE_DISK = frozenset({"disk_failed", "disk_full"})


@dataclass(slots=True, kw_only=True)
class Batch:
    """What became of a batch.

    Attributes
    ----------
    written
        Copies that were noted.
    spoiled
        Ids of bundles that are not on the disk as they were built.
    full
        The cartridge said that it is.
    unfit
        Why nothing could be written to it, though nothing of it failed.
    failed
        What failed in the middle of the work: the cartridge is not to be trusted.
    """

    written: list[BundleCopy] = field(default_factory=list)
    spoiled: list[str] = field(default_factory=list)
    full: RetryableError | None = None
    unfit: RetryableError | None = None
    failed: RetryableError | None = None


def write_batch(cartridge: Cartridge, bundles: Sequence[BuiltBundle], catalog: Catalog, clock: Clock) -> Batch:
    """Write bundles one behind the other, then the index, and note each copy as written.

    A bundle that is there already, from a process that was killed before it noted it, is read and stays.

    Raises
    ------
    RetryableError
        The catalog is away, or the disk fails: of the cartridge nothing is to be said.
    FatalError
        ``drive_in_use``, ``tape_mount_unknown``.
    """
    batch = Batch()
    mount_id = cartridge.mount_id
    try:
        cartridge.require_ready()
    except RetryableError as error:
        batch.unfit = error
        return batch
    paths = _write(cartridge, bundles, batch)
    if batch.failed is not None or not paths:
        return batch
    try:
        cartridge.sync()
        places = [cartridge.placement(path) for _, path in paths]
    except RetryableError as error:
        batch.failed = error
        return batch
    now_ns = clock.now_ns()
    for (built, path), (partition, start_block) in zip(paths, places, strict=True):
        copy = BundleCopy(
            bundle_id=built.manifest.bundle_id,
            volume=cartridge.uuid,
            path=path,
            state=CopyState.WRITTEN,
            mount_id=mount_id,
            written_ns=now_ns,
            partition=partition,
            start_block=start_block,
        )
        catalog.put_bundle_copy(copy)
        batch.written.append(copy)
    return batch


def _write(cartridge: Cartridge, bundles: Sequence[BuiltBundle], batch: Batch) -> list[tuple[BuiltBundle, str]]:
    """Those that were written before something stopped it, and their paths."""
    paths: list[tuple[BuiltBundle, str]] = []
    for built in bundles:
        try:
            paths.append((built, cartridge.write_bundle(built)))
        except RecordError:
            batch.spoiled.append(built.manifest.bundle_id)
        except RetryableError as error:
            if error.reason in _OF_THE_DISK:
                raise
            if error.reason == FULL:
                batch.full = error
            else:
                batch.failed = error
            break
    return paths

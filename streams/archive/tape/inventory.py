"""The inventory of cartridges, and what an operator decides about one."""

import shlex
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from connectors.catalog.catalog import Catalog
from connectors.disk_failures import disk_failures
from connectors.process_lock import ProcessLock
from models.archive.copies import BundleCopy, CopyState
from models.archive.volume_steps import cleared, filled, retired, suspected
from models.archive.volumes import Volume, VolumeState
from models.errors import FatalError

_LOCK_NAME = "inventory.lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeLine:
    """A cartridge, and how many bundles' copies are on it in which state."""

    volume: Volume
    safe: int
    written: int
    damaged: int


def list_volumes(catalog: Catalog) -> list[VolumeLine]:
    """The inventory, by barcode, then uuid."""
    on_it: defaultdict[str, list[CopyState]] = defaultdict(list)
    for copy in catalog.bundle_copies():
        on_it[copy.volume].append(copy.state)
    return [
        VolumeLine(
            volume=volume,
            safe=on_it[volume.uuid].count(CopyState.SAFE),
            written=on_it[volume.uuid].count(CopyState.WRITTEN),
            damaged=on_it[volume.uuid].count(CopyState.DAMAGED),
        )
        for volume in catalog.volumes()
    ]


def find_volume(volumes: Iterable[Volume], name: str) -> Volume:
    """The cartridge of this name, as sentences say it, or of this uuid.

    Raises
    ------
    FatalError
        ``volume_unknown``: none has it, or several have.
    """
    found = [volume for volume in volumes if name in {volume.name, volume.uuid}]
    if not name or not found:
        raise FatalError(
            f"the catalog has no cartridge {name!r}; `petawatch archive volumes` lists those it has",
            reason="volume_unknown",
        )
    if len(found) > 1:
        uuids = ", ".join(volume.uuid for volume in found)
        raise FatalError(
            f"several cartridges are called {name}: give one of the uuids {uuids}", reason="volume_unknown"
        )
    return found[0]


class Inventory:
    """The cartridges of a catalog, changed step by step: the keeper, a verification and operators may do it at once.

    Parameters
    ----------
    folder
        The archive's: it holds the lock.
    """

    def __init__(self, catalog: Catalog, folder: Path) -> None:
        self._catalog = catalog
        self._lock = folder / _LOCK_NAME

    def change(self, uuid: str, change: Callable[[Volume], Volume]) -> Volume:
        """Change a cartridge as it is noted at this moment, whatever was known of it before; a new one is scratch.

        Raises
        ------
        RetryableError
            ``disk_full``, ``disk_failed``; the catalog is away.
        """
        with disk_failures(self._lock.parent):
            lock = ProcessLock.of_file(self._lock, wait=True)
        with lock:
            known = self._noted(uuid)
            changed = change(known)
            if changed == known:
                return known
            self._catalog.put_volume(changed)
            return self._noted(uuid)  # a catalog that was begun anew may not have known that it is suspect, or retired

    def _noted(self, uuid: str) -> Volume:
        return {volume.uuid: volume for volume in self._catalog.volumes()}.get(uuid, Volume(uuid=uuid))

    def retire(self, name: str) -> Volume:
        """Take a cartridge out of use for good: nothing is written to it, and its copies count for nothing."""
        return self.change(find_volume(self._catalog.volumes(), name).uuid, retired)

    def close(self, name: str) -> Volume:
        """Write nothing more to a cartridge.

        Raises
        ------
        FatalError
            ``volume_state``: it is suspect or retired, which nothing is written to anyway.
        """
        closed = self.change(find_volume(self._catalog.volumes(), name).uuid, filled)
        if closed.state is not VolumeState.FULL:
            raise FatalError(
                f"the cartridge {name} is {closed.state.value}: nothing is written to it as it is",
                reason="volume_state",
            )
        return closed

    def clear(self, name: str) -> Volume:
        """Trust a suspect cartridge again, when all its copies were read back since.

        Raises
        ------
        FatalError
            ``volume_state``: it is not suspect; ``volume_unverified``: not all its copies were read back since, or
            some are damaged.
        """

        def change(volume: Volume) -> Volume:
            self._require_verified(volume, name)
            return cleared(volume)

        return self.change(find_volume(self._catalog.volumes(), name).uuid, change)

    def distrust(self, uuid: str, mount_id: str) -> Volume:
        """Note that a write or a reading failed: nothing on the cartridge counts until it was read anew.

        Parameters
        ----------
        mount_id
            The mount that failed: what is read in it again may come from memory, and proves nothing.
        """
        volume = self.change(uuid, suspected)  # first: from here on none of its copies counts
        for copy in self._catalog.bundle_copies(volume=uuid):
            if copy.state is CopyState.SAFE:
                self._catalog.put_bundle_copy(to_be_read_anew(copy, mount_id))
        return volume

    def _require_verified(self, volume: Volume, name: str) -> None:
        if volume.state is not VolumeState.SUSPECT:
            raise FatalError(f"the cartridge {name} is {volume.state.value}, not suspect", reason="volume_state")
        copies = self._catalog.bundle_copies(volume=volume.uuid)
        if any(copy.state is CopyState.DAMAGED for copy in copies):
            raise FatalError(
                f"the cartridge {name} has damaged copies; `petawatch archive verify --repair` writes them elsewhere, "
                "then take it out of use with --retire",
                reason="volume_unverified",
            )
        if volume.last_verified_ns is None or any(copy.state is not CopyState.SAFE for copy in copies):
            raise FatalError(
                f"the cartridge {name} was not read back since it is suspect; mount it anew and run "
                f"`petawatch archive verify --volume {shlex.quote(name)}`",
                reason="volume_unverified",
            )


def to_be_read_anew(copy: BundleCopy, mount_id: str) -> BundleCopy:
    """The same copy, which counts again when it was read back under another mount than this one."""
    return replace(copy, state=CopyState.WRITTEN, mount_id=mount_id, read_back_ns=None)

"""The cartridges that are mounted, as the keeper looks at them: taken into the inventory, ours apart from others."""

from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from connectors.clock import Clock
from connectors.tape.cartridge import Cartridge
from connectors.tape.library import lock_drive, mounted_cartridges
from connectors.tape.volume_system import LinuxVolumes
from models.archive.copies import CopyState
from models.archive.volumes import Volume, VolumeState
from models.errors import RetryableError
from models.event_time import HOUR_NS
from streams.archive.opened_archive import OpenedArchive
from streams.archive.settings import require_installation
from streams.archive.tape.inventory import Inventory

# An empty drive is no trouble; if a cartridge is wanted, it is said that one is.
_EMPTY = frozenset({"tape_not_mounted", "tape_vanished"})


@dataclass(slots=True, kw_only=True)
class Mounted:
    """What is mounted now.

    Attributes
    ----------
    cartridges
        Ours and unclaimed ones, by uuid, in the order of ``tape.mounts``.
    volumes
        The whole inventory, by uuid.
    unfit
        Why nothing can be done with what is mounted in other places, by place.
    """

    cartridges: dict[str, Cartridge] = field(default_factory=dict)
    volumes: dict[str, Volume] = field(default_factory=dict)
    unfit: dict[str, str] = field(default_factory=dict)


class TapeDrives:
    """The drives and libraries of the settings, which one keeper alone has.

    Raises
    ------
    FatalError
        ``configuration``: the installation has no name.
    """

    def __init__(self, archive: OpenedArchive, clock: Clock) -> None:
        require_installation(archive.settings.archive, archive.settings.tape)
        self._archive = archive
        self._inventory = Inventory(archive.catalog, archive.folder)
        self._clock = clock
        self._system = LinuxVolumes()
        # By uuid, the mount in which a cartridge was compared with the catalog.
        self._compared: dict[str, str] = {}

    def lock(self, stack: ExitStack) -> None:
        """Keep other keepers away until ``stack`` is closed.

        Raises
        ------
        FatalError
            ``drive_in_use``.
        """
        for mount in self._archive.settings.tape.mounts:
            stack.enter_context(lock_drive(mount, self._archive.folder))

    def look_anew(self) -> None:
        """Let the next ``look`` compare each cartridge with the catalog again: it is not the one of before."""
        self._compared.clear()

    def look(self) -> Mounted:
        """What is mounted now; the inventory has it.

        Raises
        ------
        RetryableError
            The catalog is away.
        """
        settings, catalog = self._archive.settings, self._archive.catalog
        found = mounted_cartridges(settings.tape, settings.archive.installation, self._system)
        mounted = Mounted(volumes={volume.uuid: volume for volume in catalog.volumes()})
        for problem in found.problems:
            if problem.reason not in _EMPTY:
                mounted.unfit[str(problem.place)] = problem.sentence
        for cartridge in found.cartridges:
            try:
                self._take_in(cartridge, mounted)
            except RetryableError as error:
                if not error.reason.startswith("tape_"):
                    raise
                if error.reason not in _EMPTY:
                    mounted.unfit[str(cartridge.root)] = str(error)
        return mounted

    def _take_in(self, cartridge: Cartridge, mounted: Mounted) -> None:
        ours, owner = self._archive.settings.archive.installation, cartridge.owner()
        if owner not in {"", ours}:
            mounted.unfit[str(cartridge.root)] = (
                f"the cartridge {cartridge.label} in {cartridge.root} belongs to the installation {owner!r}; nothing "
                "is written to it, put in another one"
            )
            return
        now_ns = self._clock.now_ns()
        volume = self._inventory.change(cartridge.uuid, lambda known: _as_found(cartridge, owner, known, now_ns))
        mounted.cartridges[volume.uuid] = cartridge
        mounted.volumes[volume.uuid] = volume
        self._distrust_what_is_gone(cartridge, mounted)

    def _distrust_what_is_gone(self, cartridge: Cartridge, mounted: Mounted) -> None:
        """What was formatted anew, or went back to an earlier index, no longer holds the copies that count."""
        if self._compared.get(cartridge.uuid) == cartridge.mount_id:
            return
        barcode = mounted.volumes[cartridge.uuid].barcode
        gone = [
            each.uuid
            for each in mounted.volumes.values()
            if barcode == each.barcode != "" and each.uuid != cartridge.uuid
        ]
        there = set(cartridge.bundle_paths())
        copies = self._archive.catalog.bundle_copies(volume=cartridge.uuid)
        if any(copy.state is CopyState.SAFE and copy.path not in there for copy in copies):
            gone.append(cartridge.uuid)
        for uuid in gone:
            if mounted.volumes[uuid].state not in {VolumeState.SUSPECT, VolumeState.RETIRED}:
                mounted.volumes[uuid] = self._inventory.distrust(uuid, cartridge.mount_id)
        self._compared[cartridge.uuid] = cartridge.mount_id


def _as_found(cartridge: Cartridge, owner: str, known: Volume, now_ns: int) -> Volume:
    """The inventory's entry, with what the cartridge says of itself now."""
    found = cartridge.volume
    volume = replace(
        known,
        barcode=found.barcode,
        label=found.name,
        installation=owner or known.installation,
        capacity_bytes=found.capacity_bytes,
        used_bytes=max(found.capacity_bytes - found.free_bytes, 0),
        state=VolumeState.FILLING if owner and known.state is VolumeState.SCRATCH else known.state,
    )
    # Not noted in each round, but often enough to tell when it was last seen.
    if known != volume or known.last_mounted_ns is None or abs(now_ns - known.last_mounted_ns) > HOUR_NS:
        return replace(volume, last_mounted_ns=now_ns)
    return volume

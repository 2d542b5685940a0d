"""What is done with mounted cartridges: bundles written and read back, cartridges closed, distrusted, remounted."""

from collections.abc import Callable, Sequence

from connectors.clock import Clock
from connectors.tape.cartridge import Cartridge
from connectors.tape.remount import remount
from models.alerts.facility_alerts import TapeReason
from models.archive.copies import CopyState
from models.archive.volume_steps import filled
from models.archive.volumes import VolumeState
from models.errors import RetryableError
from streams.archive.opened_archive import OpenedArchive
from streams.archive.tape.bundle_intake import BundleIntake
from streams.archive.tape.bundle_needs import wanting_bundles
from streams.archive.tape.bundle_writing import write_batch
from streams.archive.tape.cartridge_choice import OpenCartridge, WantingBundle, choose_cartridges
from streams.archive.tape.inventory import Inventory
from streams.archive.tape.local_bundles import LocalBundles
from streams.archive.tape.reading_back import INTERRUPTED, Reading, read_back, to_be_proven
from streams.archive.tape.tape_drives import Mounted
from streams.archive.tape.tape_needs import Troubles

_WRITABLE = frozenset({VolumeState.SCRATCH, VolumeState.FILLING})


class CartridgeWork:
    """Works on what is mounted; each step is noted in the catalog before the next.

    Parameters
    ----------
    tell
        Called with a sentence about what was done.
    """

    def __init__(
        self,
        archive: OpenedArchive,
        local: LocalBundles,
        troubles: Troubles,
        clock: Clock,
        tell: Callable[[str], None],
    ) -> None:
        self._catalog = archive.catalog
        self._inventory = Inventory(archive.catalog, archive.folder)
        self._tape = archive.settings.tape
        self._local = local
        self._troubles = troubles
        self._clock = clock
        self._tell = tell
        self._intake = BundleIntake(archive.catalog, archive.settings.archive.installation, tell)
        self._remount_failure = ""

    def take_in(self, mounted: Mounted) -> bool:
        """Take bundles into the catalog that it does not know on what was mounted since; whether there were any.

        A catalog that was restored from a backup lacks them, and their files would be written once more.
        """
        return sum(self._take_in(cartridge, mounted) for cartridge in mounted.cartridges.values()) > 0

    def look_anew(self) -> None:
        """Let the next ``take_in`` look at all that is mounted: the catalog is not the one of before."""
        self._intake.look_anew()

    def read_back(self, mounted: Mounted) -> bool:
        """Read what waits for a remount which has been; whether anything was found out."""
        busy = False
        for uuid, cartridge in mounted.cartridges.items():
            if mounted.volumes[uuid].state in {VolumeState.SUSPECT, VolumeState.RETIRED}:
                continue
            waiting = to_be_proven(self._catalog.bundle_copies(volume=uuid), cartridge)
            reading = read_back(cartridge, waiting, self._catalog, self._clock)
            self._judge(reading, cartridge, mounted)
            busy |= bool(reading.done)
        return busy

    def write(self, mounted: Mounted) -> tuple[bool, list[WantingBundle]]:
        """Write what lacks copies; whether anything was done, and which bundles nothing mounted has room for."""
        wanting = wanting_bundles(self._catalog, self._local, self._tape.copies)
        if not wanting:
            return False, []
        cartridges = self._open(mounted)
        closed = self._close_full(cartridges, wanting, mounted)
        chosen, without = choose_cartridges(wanting, [one for one in cartridges if one.uuid not in closed])
        done = [self._write_to(mounted.cartridges[uuid], ids, mounted) for uuid, ids in chosen.items()]
        return bool(closed) or any(done), without

    def remount(self, mounted: Mounted) -> bool:
        """Mount anew, by the operator's command, what must be read back; whether anything was."""
        done = False
        for uuid, cartridge in mounted.cartridges.items():
            state = mounted.volumes[uuid].state
            if not self._tape.remount or state in {VolumeState.SUSPECT, VolumeState.RETIRED}:
                continue
            copies = self._catalog.bundle_copies(volume=uuid)
            mount_id = cartridge.mount_id
            if not any(copy.state is CopyState.WRITTEN and copy.mount_id == mount_id for copy in copies):
                continue
            try:
                # A library's cartridges share one mount: the first one's remount was theirs, too.
                if cartridge.probe().server == mount_id:
                    remount(cartridge, self._tape, self._clock)
                done = True
                self._remount_failure = ""
            except RetryableError as error:
                if error.reason != self._remount_failure:
                    self._tell(str(error))
                self._remount_failure = error.reason
        return done

    def _take_in(self, cartridge: Cartridge, mounted: Mounted) -> bool:
        if mounted.volumes[cartridge.uuid].state in {VolumeState.SUSPECT, VolumeState.RETIRED}:
            return False
        try:
            return self._intake.take_in(cartridge)
        except RetryableError as error:
            if not error.reason.startswith("tape_"):
                raise
            if error.reason not in INTERRUPTED:
                self._tell(str(error))
                self._distrust(cartridge, mounted, TapeReason.READ_FAILED)
            return False

    def _judge(self, reading: Reading, cartridge: Cartridge, mounted: Mounted) -> None:
        label = cartridge.label
        for copy in reading.good:
            self._tell(f"bundle {copy.bundle_id} on the cartridge {label} was read back, and is what was built")
        for copy in reading.lost:
            self._tell(f"bundle {copy.bundle_id} is not on the cartridge {label} any more; it is written anew")
        for copy in reading.damaged:
            self._tell(f"bundle {copy.bundle_id} on the cartridge {label} is damaged ({copy.damaged})")
        if reading.failed is not None:
            self._tell(str(reading.failed))
        if reading.failed is not None or reading.damaged:
            reason = TapeReason.COPY_DAMAGED if reading.damaged else TapeReason.READ_FAILED
            self._distrust(cartridge, mounted, reason)

    def _write_to(self, cartridge: Cartridge, ids: Sequence[str], mounted: Mounted) -> bool:
        label = cartridge.label
        bundles = [built for id_ in ids if (built := self._local.opened(id_)) is not None]
        batch = write_batch(cartridge, bundles, self._catalog, self._clock)
        for copy in batch.written:
            self._tell(f"bundle {copy.bundle_id} is written to the cartridge {label}; it counts when it was read back")
        for id_ in batch.spoiled:
            self._local.remove(id_)
            self._tell(f"bundle {id_} on the disk is not what was built, and was removed")
        if batch.unfit is not None:
            mounted.unfit[str(cartridge.root)] = str(batch.unfit)
        if batch.failed is not None:
            self._tell(str(batch.failed))
            self._distrust(cartridge, mounted, TapeReason.WRITE_FAILED)
        elif batch.full is not None:
            self._tell(str(batch.full))
            self._close(cartridge.uuid, mounted)
        return bool(batch.written or batch.full or batch.failed or batch.spoiled)

    def _open(self, mounted: Mounted) -> list[OpenCartridge]:
        found = []
        for uuid, cartridge in mounted.cartridges.items():
            volume = mounted.volumes[uuid]
            if volume.state not in _WRITABLE:
                continue
            try:
                # One that can't be written to would be chosen in each round, in the place of another one.
                cartridge.require_ready()
                free_bytes = cartridge.free_bytes()
            except RetryableError as error:
                mounted.unfit[str(cartridge.root)] = str(error)
                continue
            found.append(OpenCartridge(uuid=uuid, name=volume.name, state=volume.state, free_bytes=free_bytes))
        return found

    def _close_full(
        self, cartridges: Sequence[OpenCartridge], wanting: Sequence[WantingBundle], mounted: Mounted
    ) -> set[str]:
        """Close those that have no room for an ordinary bundle any more; their uuids."""
        closed = set()
        for one in cartridges:
            waiting = [bundle.size_bytes for bundle in wanting if one.uuid not in bundle.held_by]
            no_room = any(one.free_bytes < size <= self._tape.bundle_bytes for size in waiting)
            if one.state is VolumeState.FILLING and no_room:
                self._close(one.uuid, mounted)
                self._tell(f"the cartridge {one.name} is full, and is closed")
                closed.add(one.uuid)
        return closed

    def _distrust(self, cartridge: Cartridge, mounted: Mounted, reason: TapeReason) -> None:
        volume = self._inventory.distrust(cartridge.uuid, cartridge.mount_id)
        mounted.volumes[volume.uuid] = volume
        self._troubles.note(volume, reason)

    def _close(self, uuid: str, mounted: Mounted) -> None:
        mounted.volumes[uuid] = self._inventory.change(uuid, filled)

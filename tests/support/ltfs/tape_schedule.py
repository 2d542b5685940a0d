"""A random sequence of what happens to an archive on tape, and what must hold after each of its steps."""

import random
from collections.abc import Callable

from models.archive.copies import CopyState
from models.archive.restore_order import WantedVolume
from models.archive.safety import proven_volumes
from models.archive.volumes import VolumeState
from models.errors import RetryableError
from tests.support.ltfs.archive_world import COPIES, ArchiveWorld
from tests.support.ltfs.drive import MIB, Drive, TapeShelf
from tests.support.ltfs.faults import Faults
from tests.support.ltfs.medium import Medium

_FILE_BYTES = 20_000
# A fault comes before so much was written; a bundle of the schedules is 30 to 250 kB.
_FAULT_BYTES = 60_000


class TapeSchedule:
    """What happens is chosen by chance; all of it is in ``history``.

    Parameters
    ----------
    random
        Seeded: the same one gives the same schedule.
    """

    def __init__(self, shelf: TapeShelf, random: random.Random) -> None:
        self.random = random
        self.world = ArchiveWorld(shelf)
        self.history: list[str] = []
        #: Copies that something happened to on the tape itself, after they were written well, and of which bundle.
        self._rotten: dict[str, str] = {}

    def step(self) -> None:
        """One thing happens; then the keeper may do what it can, and an operator may look after the drives."""
        happens: dict[Callable[[], str], int] = {
            self._record: 4,
            self._fault: 6,
            self._kill: 1,
            self._remount: 1,
            self._unmount: 1,
            self._swap: 1,
            self._rot: 1,
            self._lose_bundle: 1,
            self._free: 2,
            self._verify: 1,
        }
        (action,) = self.random.choices(list(happens), list(happens.values()))
        self.history.append(action())
        if self.random.random() < 0.6:
            self._keep()
        if self.random.random() < 0.6:
            self._mend()

    def meet(self, faults: Faults) -> None:
        """The first drive fails while the first bundle is written, and someone wants room at once."""
        self.world.record(2, _FILE_BYTES)
        self.world.drives[0].set(faults)
        self._keep()
        self.check()
        self.history.append(self._free())

    def check(self) -> None:
        """What the archive says is true."""
        safe = self.world.safe_files()
        with self.world.archive.catalog() as catalog:
            volumes = {volume.uuid: volume for volume in catalog.volumes()}
            for copy in catalog.bundle_copies():
                if copy.id not in self._rotten and proven_volumes(copy.bundle_id, [copy], volumes):
                    bundle = catalog.bundle(copy.bundle_id)
                    assert bundle is not None, self.history
                    assert self.world.is_on_tape(copy, bundle), (copy, self.history)
            for file in self.world.files.values():
                holding = self.world.copies_with(file, catalog)
                assert holding or self.world.is_near(file), (file.key, self.history)
                if file.id in safe:
                    bundles = catalog.bundles_of([file.id])[file.id]
                    rotten = {id_ for id_, bundle_id in self._rotten.items() if bundle_id in bundles}
                    assert len(holding | rotten) >= COPIES, (file.key, self.history)

    def settle(self) -> None:
        """Faults end, and an operator puts everything right: then all files become safe."""
        self.history.append("settle")
        for _ in range(3):
            self._mend()
            self._keep()
            if self.world.safe_files() == set(self.world.files):
                return
            self._bring_back()
            for drive in self.world.drives:
                self._change(drive, self._scratch())
        assert self.world.safe_files() == set(self.world.files), (self.history, self.world.archive.told)

    def restore_from_tapes(self) -> None:
        """All disks are lost, and everything comes back from the cartridges."""
        self.world.lose_all_but_tapes()
        into = self.world.shelf.folder / "restored"
        into.mkdir()
        report = self.world.restore(list(self.world.files), into, self._put_in)
        assert not report.refused, (report.refused, report.problems, self.history)
        assert report.restored.total() == report.restored["tape"] == len(self.world.files), self.history

    # --- what happens ---

    def _record(self) -> str:
        count = self.random.randint(1, 3)
        self.world.record(count, _FILE_BYTES)
        return f"record {count}"

    def _fault(self) -> str:
        self.world.record(1, _FILE_BYTES)
        drive = self.random.choice(self.world.drives)
        if not drive.is_served:
            return "no fault"
        after = self.random.choice([0, self.random.randrange(_FAULT_BYTES)])
        calls = ["write", "fsync", "close"]
        faults = self.random.choice(
            [
                Faults(full_at=self.random.choice([*calls, "open"]), full_after_bytes=after),
                Faults(error_at=self.random.choice([*calls, "sync"]), error_after_bytes=after),
                Faults(dies_at=self.random.choice(["create", *calls, "sync", "end"]), dies_after_bytes=after),
                Faults(sync_loses="*.tar", dies_at=self.random.choice(["", "end"])),
                Faults(sync_tears="*.tar"),
                Faults(no_index_at_unmount=True),
                Faults(unreadable="*.tar"),
            ]
        )
        drive.set(faults)
        return f"{drive.mount.name}: {faults.told}"

    def _kill(self) -> str:
        drive = self.random.choice(self.world.drives)
        if drive.pid:
            drive.kill()
        return f"{drive.mount.name}: kill"

    def _remount(self) -> str:
        drive = self.random.choice(self.world.drives)
        if drive.is_served:
            drive.remount()
        return f"{drive.mount.name}: remount"

    def _unmount(self) -> str:
        drive = self.random.choice(self.world.drives)
        if drive.is_served:
            drive.unmount()
        return f"{drive.mount.name}: unmount"

    def _swap(self) -> str:
        first, second = self.world.drives
        if not (first.is_served and second.is_served):
            return "no swap"
        one, other = first.medium, second.medium
        first.unmount()
        second.unmount()
        _put(first, other)
        _put(second, one)
        return "swap"

    def _rot(self) -> str:
        """One byte of one copy; another good copy stays."""
        with self.world.archive.catalog() as catalog:
            copies = [copy for copy in catalog.bundle_copies() if copy.state is CopyState.SAFE]
        sound = [copy for copy in copies if copy.id not in self._rotten]
        self.random.shuffle(sound)
        for copy in sound:
            if any(other.bundle_id == copy.bundle_id for other in sound if other is not copy):
                self.world.medium(copy).rot(copy.path, self.random.randrange(1, _FILE_BYTES))
                self._rotten[copy.id] = copy.bundle_id
                return f"{self.world.medium(copy).label.barcode}: rot {copy.bundle_id}"
        return "no rot"

    def _lose_bundle(self) -> str:
        """One that waits on the disk for its copies; what it was made of is there."""
        waiting = self.world.archive.bundles
        if not waiting:
            return "no bundle to lose"
        tar = self.random.choice(waiting)
        tar.unlink()
        return f"lose {tar.name}"

    def _free(self) -> str:
        self.world.free_recorders()
        self.world.free_store()
        return "free"

    def _verify(self) -> str:
        damages = self.world.verify()
        self.world.repair(damages)
        return f"verify and repair {len(damages)}"

    # --- who works on it ---

    def _keep(self) -> None:
        try:
            self.world.archive.keep()
        except RetryableError as error:
            self.history.append(f"the keeper waits: {error.reason}")
        else:
            self.history.append("keep")

    def _mend(self) -> None:
        """An operator looks after the drives: what is dead is checked and mounted, what takes no more is replaced."""
        states = {volume.uuid: volume.state for volume in self.world.archive.volumes()}
        for drive in self.world.drives:
            if not drive.is_served:
                drive.recover()
                self.history.append(f"{drive.mount.name}: recover")
            drive.set(Faults())
            if states.get(drive.medium.label.uuid) in {VolumeState.FULL, VolumeState.SUSPECT}:
                self._change(drive, self._scratch())

    def _bring_back(self) -> None:
        """The operator puts in what lacks proven copies, so that it is repaired."""
        with self.world.archive.catalog() as catalog:
            lacking = catalog.bundles_of(set(self.world.files) - self.world.safe_files())
            bundles = {id_ for ids in lacking.values() for id_ in ids}
            copies = catalog.bundle_copies(bundles) if bundles else []
        self.world.repair()
        for medium in {copy.volume: self.world.medium(copy) for copy in copies}.values():
            if all(drive.medium is not medium for drive in self.world.drives):
                self._change(self.world.drives[0], medium)
                self.world.repair()

    def _put_in(self, wanted: list[tuple[str, WantedVolume]]) -> None:
        """The operator puts in what a restore asks for."""
        media = {medium.label.uuid: medium for medium in self.world.shelf.cartridges}
        loaded = {drive.medium.label.uuid for drive in self.world.drives}
        first = next(each.volume for _, each in wanted if each.volume not in loaded)
        self._change(self.world.drives[0], media[first])

    def _change(self, drive: Drive, medium: Medium) -> None:
        drive.unmount()
        _put(drive, medium)
        self.history.append(f"{drive.mount.name}: {medium.label.barcode} is put in")

    def _scratch(self) -> Medium:
        return self.world.shelf.cartridge(capacity_bytes=4 * MIB)


def _put(drive: Drive, medium: Medium) -> None:
    """As an operator does: what was taken out of a drive that failed is checked before it is mounted."""
    if medium.inconsistent:
        medium.ltfsck()
    drive.load(medium)

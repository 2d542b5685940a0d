"""Reads copies back and compares them; what is damaged is noted, and counts no more."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from connectors.clock import Clock
from models.archive.copies import BundleCopy, Damage, StoreCopy
from models.archive.file_query import FileQuery
from models.archive.sampling import is_in_share
from models.archive.volumes import Volume
from streams.archive.opened_archive import OpenedArchive
from streams.archive.stored_contents import damage_in, note_reading
from streams.archive.tape.cartridge_reading import CartridgeReading
from streams.archive.tape.inventory import Inventory, find_volume
from streams.archive.tape.tape_drives import TapeDrives

_TOGETHER = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which copies are read.

    Attributes
    ----------
    from_ns
        Of files with records from this event time on; None for all.
    volume
        Name or uuid: only the copies on this cartridge; empty for the store and all mounted cartridges.
    sample
        This part of the copies, chosen by computed hash; another part in each run.
    started_ns
        When the run began, by the clock: what was read since is not read again when it goes on after a kill.
    """

    from_ns: int | None = None
    volume: str = ""
    sample: float = 1.0
    started_ns: int = 0

    @property
    def whole(self) -> bool:
        """Whether every copy of a place is read."""
        return self.from_ns is None and self.sample >= 1.0

    def chooses(self, copy_id: str) -> bool:
        """Whether a copy is in the sample."""
        return is_in_share(f"{self.started_ns}|{copy_id}", self.sample)

    def is_due(self, read_back_ns: int | None, now_ns: int) -> bool:
        """Whether a copy was not read in this run yet; a reading from the future is none: the clock was set back."""
        return read_back_ns is None or not self.started_ns <= read_back_ns <= now_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class DamagedCopy:
    """A copy that is not what it should be.

    Attributes
    ----------
    place
        Address of the store, or name of the cartridge.
    subject
        Key of the file, or id of the bundle.
    """

    place: str
    subject: str
    damage: Damage
    copy: StoreCopy | BundleCopy


@dataclass(slots=True, kw_only=True)
class Verified:
    """What a run has found.

    Attributes
    ----------
    read
        Copies that were read and compared.
    unread
        A sentence for each place whose copies could not all be read.
    """

    read: int = 0
    damaged: list[DamagedCopy] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)


class Verification:
    """One run over the copies of a scope."""

    def __init__(self, archive: OpenedArchive, scope: Scope, clock: Clock) -> None:
        self._archive = archive
        self._catalog = archive.catalog
        self._scope = scope
        self._clock = clock
        self._result = Verified()
        self._damaged: Callable[[DamagedCopy], None] = lambda _: None
        self._step: Callable[[], None] = lambda: None

    def run(self, damaged: Callable[[DamagedCopy], None], advance: Callable[[int, int], None]) -> Verified:
        """Read all copies of the scope; each finding is noted in the catalog before the next copy is read.

        Parameters
        ----------
        damaged
            Called with each damaged copy.
        advance
            Called with how many copies were looked at, and how many there are.

        Raises
        ------
        RetryableError
            The store or the catalog is away: what was read stays noted.
        FatalError
            ``volume_unknown``; what store and catalog raise.
        """
        in_store = [] if self._scope.volume else self._in_store()
        on_tape = self._on_tape()
        done, total = 0, len(in_store) + sum(len(copies) for _, copies in on_tape)

        def step() -> None:
            nonlocal done
            done += 1
            advance(done, total)

        self._damaged, self._step = damaged, step
        advance(0, total)
        for copy in in_store:
            self._read_stored(copy)
        for volume, copies in on_tape:
            self._read_cartridge(volume, copies)
        return self._result

    def _in_store(self) -> list[StoreCopy]:
        """The copies in the configured store that are due."""
        store = self._archive.store
        if store is None:
            return []
        files = [file.id for file in self._catalog.find_files(FileQuery(from_ns=self._scope.from_ns))]
        found = []
        for begin in range(0, len(files), _TOGETHER):
            for copies in self._catalog.store_copies(files[begin : begin + _TOGETHER]).values():
                found += [copy for copy in copies if copy.store == store.address]
        now_ns = self._clock.now_ns()
        return [
            copy for copy in found if self._scope.chooses(copy.id) and self._scope.is_due(copy.read_back_ns, now_ns)
        ]

    def _on_tape(self) -> list[tuple[Volume, list[BundleCopy]]]:
        """The copies on each cartridge that are due, in the order of their places."""
        volumes = self._catalog.volumes()
        if self._scope.volume:
            volumes = [find_volume(volumes, self._scope.volume)]
        wanted = self._bundles_in_scope()
        found = []
        for volume in volumes:
            copies = [
                copy
                for copy in self._catalog.bundle_copies(volume=volume.uuid)
                if (wanted is None or copy.bundle_id in wanted) and self._scope.chooses(copy.id)
            ]
            if copies:
                found.append((volume, copies))
        return found

    def _bundles_in_scope(self) -> set[str] | None:
        if self._scope.from_ns is None:
            return None
        files = [file.id for file in self._catalog.find_files(FileQuery(from_ns=self._scope.from_ns))]
        found: set[str] = set()
        for begin in range(0, len(files), _TOGETHER):
            for ids in self._catalog.bundles_of(files[begin : begin + _TOGETHER]).values():
                found.update(ids)
        return found

    def _read_stored(self, copy: StoreCopy) -> None:
        store = self._archive.store
        assert store is not None  # noqa: S101 - else there are no copies
        key, _, sha256 = copy.file_id.rpartition("@")
        damage = damage_in(store, key, copy.version, sha256)
        note_reading(self._catalog, copy, damage, self._clock.now_ns())
        self._result.read += 1
        if damage:
            self._tell(DamagedCopy(place=copy.store, subject=key, damage=damage, copy=copy))
        self._step()

    def _read_cartridge(self, volume: Volume, copies: Sequence[BundleCopy]) -> None:
        mounted = TapeDrives(self._archive, self._clock).look()
        cartridge, name = mounted.cartridges.get(volume.uuid), volume.name
        if cartridge is None:
            self._result.unread.append(f"the cartridge {name} is not mounted: {len(copies)} copies on it were not read")
            return
        inventory = Inventory(self._catalog, self._archive.folder)
        state = mounted.volumes[volume.uuid].state
        reading = CartridgeReading(cartridge, state, self._catalog, inventory, self._clock)
        # As they stand now: while other copies were read, this cartridge may have been distrusted, or written anew.
        noted = {copy.id: copy for copy in self._catalog.bundle_copies(volume=volume.uuid)}
        now_ns = self._clock.now_ns()
        for copy in (noted[each.id] for each in copies if each.id in noted):
            if not reading.goes_on:
                break
            if self._scope.is_due(copy.read_back_ns, now_ns) and (found := reading.read(copy)) is not None:
                self._result.read += 1
                if found.damaged:
                    self._tell(
                        DamagedCopy(place=name, subject=copy.bundle_id, damage=Damage(found.damaged), copy=found)
                    )
            self._step()
        self._result.unread += reading.unread(name)
        reading.conclude(whole=self._scope.whole)

    def _tell(self, damaged: DamagedCopy) -> None:
        self._result.damaged.append(damaged)
        self._damaged(damaged)

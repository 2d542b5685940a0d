"""Reads copies back and compares them; what is damaged is noted, and counts no more."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from connectors.archive.store import ArchiveStore
from connectors.catalog.batches import batches
from connectors.clock import Clock
from models.archive.archived_file import ArchivedFile
from models.archive.copies import BundleCopy, Damage, StoreCopy
from models.archive.file_query import FileQuery
from models.archive.sampling import is_in_share
from models.archive.volumes import Volume, VolumeState
from streams.archive.opened_archive import OpenedArchive
from streams.archive.safekeeping.store_reading import StoreReading
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
        Name or uuid: only the copies on this cartridge; empty for the store and all cartridges but retired ones.
    mounted
        Of the cartridges only those that are mounted when the run begins.
    sample
        This part of the copies, chosen by computed hash; another part in each run.
    started_ns
        When the run began, by the clock: what was read since is not read again when it goes on after a kill.
    """

    from_ns: int | None = None
    volume: str = ""
    mounted: bool = False
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


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadCopies:
    """Copies that were to be read and were not, or prove nothing yet.

    Attributes
    ----------
    place
        Address of the store, or name of the cartridge.
    sentence
        Why, and how many.
    """

    place: str
    copies: int
    sentence: str


@dataclass(slots=True, kw_only=True)
class Verified:
    """What a run has found.

    Attributes
    ----------
    read
        Copies that were read and compared.
    elsewhere
        Files that have copies, but none in the store though one is wanted there.
    broken_off
        Whether the store failed: the same run goes on with it the next time.
    """

    read: int = 0
    damaged: list[DamagedCopy] = field(default_factory=list)
    unread: list[UnreadCopies] = field(default_factory=list)
    elsewhere: int = 0
    broken_off: bool = False


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

        A store or cartridge that can't be read is left out for the rest, and the others are gone on with.

        Parameters
        ----------
        damaged
            Called with each damaged copy.
        advance
            Called with how many files and copies on tape were looked at, and how many there are.

        Raises
        ------
        RetryableError
            The catalog is away: what was read stays noted.
        FatalError
            ``volume_unknown``; what the catalog raises.
        """
        on_tape = self._on_tape()
        store = None if self._scope.volume else self._archive.store
        files = sum(1 for _ in self._files()) if store is not None else 0
        done, total = 0, files + sum(len(copies) for _, copies in on_tape)

        def step() -> None:
            nonlocal done
            done += 1
            advance(done, total)

        self._damaged, self._step = damaged, step
        advance(0, total)
        if store is not None:
            self._read_store(store)
        for volume, copies in on_tape:
            self._read_cartridge(volume, copies)
        return self._result

    def _files(self) -> Iterator[ArchivedFile]:
        return self._catalog.find_files(FileQuery(from_ns=self._scope.from_ns))

    def _on_tape(self) -> list[tuple[Volume, list[BundleCopy]]]:
        """The copies on each cartridge, in the order of their places."""
        wanted = self._bundles_in_scope()
        found = []
        for volume in self._volumes():
            copies = [
                copy
                for copy in self._catalog.bundle_copies(volume=volume.uuid)
                if (wanted is None or copy.bundle_id in wanted) and self._scope.chooses(copy.id)
            ]
            if copies:
                found.append((volume, copies))
        return found

    def _volumes(self) -> list[Volume]:
        """The cartridges to be read; of a retired one nothing counts, so it is read only when it is named."""
        volumes = self._catalog.volumes()
        if self._scope.volume:
            return [find_volume(volumes, self._scope.volume)]
        if not self._archive.settings.tape.mounts:
            return []
        mounted = TapeDrives(self._archive, self._clock).look().cartridges if self._scope.mounted else None
        return [
            volume
            for volume in volumes
            if volume.state is not VolumeState.RETIRED and (mounted is None or volume.uuid in mounted)
        ]

    def _bundles_in_scope(self) -> set[str] | None:
        if self._scope.from_ns is None:
            return None
        found: set[str] = set()
        for page in batches(self._files(), _TOGETHER):
            for ids in self._catalog.bundles_of([file.id for file in page]).values():
                found.update(ids)
        return found

    def _read_store(self, store: ArchiveStore) -> None:
        reading = StoreReading(store, self._catalog, self._clock, self._is_due)
        for copy, damage in reading.damaged(self._files(), self._step):
            key = copy.file_id.rpartition("@")[0]
            self._tell(DamagedCopy(place=copy.store, subject=key, damage=damage, copy=copy))
        self._result.read += reading.read
        if not self._archive.settings.archive.free_store:  # else copies on tape alone are enough
            self._result.elsewhere = reading.elsewhere
        if reading.failure:
            which = f"{reading.unread} copies in {store.address} were not read"
            nothing = f"the catalog knows of no copy in {store.address} that is to be read, and it can't be asked"
            sentence = f"{which if reading.unread else nothing}: {reading.failure}"
            self._result.unread.append(UnreadCopies(place=store.address, copies=reading.unread, sentence=sentence))
            self._result.broken_off = True

    def _is_due(self, copy: StoreCopy) -> bool:
        return self._scope.chooses(copy.id) and self._scope.is_due(copy.read_back_ns, self._clock.now_ns())

    def _read_cartridge(self, volume: Volume, copies: Sequence[BundleCopy]) -> None:
        mounted = TapeDrives(self._archive, self._clock).look()
        cartridge, name = mounted.cartridges.get(volume.uuid), volume.name
        if cartridge is None:
            sentence = f"the cartridge {name} is not mounted: {len(copies)} copies on it were not read"
            self._result.unread.append(UnreadCopies(place=name, copies=len(copies), sentence=sentence))
            return
        inventory = Inventory(self._catalog, self._archive.folder)
        state = mounted.volumes[volume.uuid].state
        reading = CartridgeReading(cartridge, state, self._catalog, inventory, self._clock)
        # As they stand now: while other copies were read, this cartridge may have been distrusted, or written anew.
        noted = {copy.id: copy for copy in self._catalog.bundle_copies(volume=volume.uuid)}
        now_ns = self._clock.now_ns()
        chosen = [noted[each.id] for each in copies if each.id in noted]
        due = [copy for copy in chosen if self._scope.is_due(copy.read_back_ns, now_ns)]
        read = sum(self._is_read(copy, reading, name) for copy in due)
        self._result.read += read
        if sentences := reading.unread(name):
            unread = UnreadCopies(place=name, copies=len(due) - read, sentence="; ".join(sentences))
            self._result.unread.append(unread)
        reading.conclude(whole=self._scope.whole)

    def _is_read(self, copy: BundleCopy, reading: CartridgeReading, name: str) -> bool:
        found = reading.read(copy) if reading.goes_on else None
        if found is not None and found.damaged:
            damage = Damage(found.damaged)
            self._tell(DamagedCopy(place=name, subject=copy.bundle_id, damage=damage, copy=found))
        self._step()
        return found is not None

    def _tell(self, damaged: DamagedCopy) -> None:
        self._result.damaged.append(damaged)
        self._damaged(damaged)

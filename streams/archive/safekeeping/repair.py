"""Writes good copies where damaged ones were, or none: into the store, and bundles onto other cartridges."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from connectors.archive.store import ArchiveStore
from connectors.clock import Clock
from connectors.disk_failures import disk_failures
from connectors.durable_files import file_aside, put_in_place
from connectors.tape.bundle_file import NothingToBundleError, build_bundle
from connectors.tape.cartridge import Cartridge
from models.archive.archived_file import ArchivedFile
from models.archive.copies import Bundle, BundleCopy, CopyState, StoreCopy
from models.errors import RecordError, RetryableError
from streams.archive.opened_archive import OpenedArchive
from streams.archive.safekeeping.good_contents import GoodContents, few_at_once
from streams.archive.stored_contents import damage_in
from streams.archive.tape.bundle_needs import short_bundles
from streams.archive.tape.disk_room import DiskRoom
from streams.archive.tape.local_bundles import MOST_LOCAL, LocalBundles
from streams.archive.tape.tape_drives import TapeDrives
from streams.archive.whole_copies import put_whole


class Repair:
    """Repairs from what is good: recorders' files, stores, cartridges that are mounted.

    Parameters
    ----------
    tell
        Called with a sentence about each repair, and about what can't be repaired.
    """

    def __init__(self, archive: OpenedArchive, clock: Clock, tell: Callable[[str], None]) -> None:
        self._archive = archive
        self._catalog = archive.catalog
        self._clock = clock
        self._tell = tell
        self._cartridges = TapeDrives(archive, clock).look().cartridges if archive.settings.tape.mounts else {}
        self._contents = GoodContents(archive, self._cartridges, clock, tell)
        self._room = DiskRoom((archive.folder,), archive.settings.tape.disk_reserve_bytes)

    def stored(self, store: ArchiveStore, copies: Iterable[StoreCopy]) -> int:
        """Put damaged copies into the store again; how many are there now, read back and compared.

        Raises
        ------
        RetryableError
            The store, the catalog or the disk fails for now.
        """
        damaged = {copy.file_id: copy.version for copy in copies}
        files = (file for id_ in damaged if (file := self._catalog.file(id_)) is not None)
        return self._put_all(store, files, damaged)

    def missing(self, store: ArchiveStore, files: Iterable[ArchivedFile]) -> int:
        """Bring files into the store that the catalog knows of in other places only; how many are there now.

        Raises
        ------
        RetryableError
            The store, the catalog or the disk fails for now.
        """
        found = 0

        def not_found() -> Iterator[ArchivedFile]:
            nonlocal found
            for file in files:
                if self._is_found(store, file):
                    found += 1
                else:
                    yield file

        return self._put_all(store, not_found(), {}) + found

    def bundles(self) -> list[str]:
        """Bring bundles with too few copies back to the disk, for the keeper of the tapes; those that were.

        No more than may wait there at once.

        Raises
        ------
        RetryableError
            The catalog or the disk fails for now; ``disk_full`` also when less than the reserve would be left.
        """
        local = LocalBundles(self._archive.folder, self._catalog)
        with disk_failures(local.folder):
            local.folder.mkdir(parents=True, exist_ok=True)
        volumes = {volume.uuid: volume for volume in self._catalog.volumes()}
        copies = self._catalog.bundle_copies()
        by_bundle: defaultdict[str, list[BundleCopy]] = defaultdict(list)
        for copy in copies:
            by_bundle[copy.bundle_id].append(copy)
        wanted = self._archive.settings.tape.copies
        short = short_bundles(self._catalog.bundle_ids(), copies, volumes, wanted, local.ids())
        room, brought = MOST_LOCAL - len(local.ids()), list[str]()
        for done, id_ in enumerate(short):
            if len(brought) >= room:
                self._tell(
                    f"bundles that lack copies, too: {len(short) - done}; repair again when these are on cartridges"
                )
                break
            if self._bring_back(id_, by_bundle[id_], local):
                brought.append(id_)
        return brought

    def _put_all(self, store: ArchiveStore, files: Iterable[ArchivedFile], damaged: Mapping[str, str]) -> int:
        done = 0
        for few in few_at_once(files):
            with self._contents.of(few) as places:
                for file in few:
                    if file.id in places:
                        done += self._put(store, file, places[file.id], damaged.get(file.id, ""))
                    else:
                        what = f"in {store.address} is damaged" if file.id in damaged else f"is not in {store.address}"
                        self._tell(f"{file.key} {what}, and no good copy can be reached")
        return done

    def _put(self, store: ArchiveStore, file: ArchivedFile, source: Path, damaged: str) -> bool:
        try:
            version = put_whole(store, file, source, [damaged] if damaged else [])
        except RecordError as error:
            self._tell(str(error))
            return False
        if version is None:
            self._tell(f"{file.key} was put into {store.address} again, and is damaged there again; look at the store")
            return False
        self._note(store, file, version.version)
        if damaged:
            self._tell(f"{file.key} is in {store.address} again")
        return True

    def _is_found(self, store: ArchiveStore, file: ArchivedFile) -> bool:
        """Whether the store has a file of which the catalog does not know that: it was made anew from cartridges."""
        for version in store.versions(file.key):
            same = (version.sha256, version.size_bytes) == (file.sha256, file.size_bytes)
            if same and damage_in(store, file.key, version.version, file.sha256) is None:
                self._note(store, file, version.version)
                return True
        return False

    def _note(self, store: ArchiveStore, file: ArchivedFile, version: str) -> None:
        now_ns = self._clock.now_ns()
        copy = StoreCopy(file_id=file.id, store=store.address, version=version, read_back_ns=now_ns)
        self._catalog.add_store_copies([copy])

    def _bring_back(self, id_: str, copies: Sequence[BundleCopy], local: LocalBundles) -> bool:
        bundle = self._catalog.bundle(id_)
        if bundle is None:
            return False
        if self._from_tape(bundle, copies, local) or self._from_contents(bundle, local):
            self._tell(f"bundle {id_} is on the disk again, to be written to another cartridge")
            return True
        if not copies and self._catalog.remove_bundle(id_):
            self._tell(f"bundle {id_} is on no cartridge and can't be made again; its files are bundled anew")
        else:
            self._tell(
                f"bundle {id_} lacks copies, and can't be made again from what can be reached; mount its cartridges"
            )
        return False

    def _from_tape(self, bundle: Bundle, copies: Sequence[BundleCopy], local: LocalBundles) -> bool:
        """Copy the whole bundle from a cartridge; it is what it should be, or it is not there."""
        fresh = local.folder / f".{bundle.id}.tar.again"
        for cartridge, copy in self._readable(copies):
            self._room.require(bundle.size_bytes)
            try:
                with disk_failures(local.folder):
                    sha256 = _copy(cartridge, copy, fresh)
                    if sha256 != bundle.sha256:
                        fresh.unlink(missing_ok=True)
                        continue
                    put_in_place(fresh, local.folder / f"{bundle.id}.tar")
            except RetryableError as error:
                if not error.reason.startswith("tape_"):
                    raise
                self._leave_silent(cartridge, error)
                continue
            return True
        return False

    def _from_contents(self, bundle: Bundle, local: LocalBundles) -> bool:
        """Build the bundle anew of its files: the same files give the same bytes."""
        files = [file for member in bundle.members if (file := self._catalog.file(member.file_id)) is not None]
        self._room.require(2 * bundle.size_bytes)  # at the most: what is fetched lies beside it
        with self._contents.of(files) as places:
            if len(places) < len(bundle.members):
                return False
            sources = [(file, places[file.id]) for file in files]
            try:
                built = build_bundle(local.folder, self._archive.settings.archive.installation, sources)
            except NothingToBundleError:
                return False
        if (built.manifest.bundle_id, built.sha256) == (bundle.id, bundle.sha256):
            return True
        local.remove(built.manifest.bundle_id)
        return False

    def _readable(self, copies: Iterable[BundleCopy]) -> Iterator[tuple[Cartridge, BundleCopy]]:
        """Copies on mounted cartridges, those that were proven first."""
        for copy in sorted(copies, key=lambda copy: copy.state is not CopyState.SAFE):
            cartridge = self._cartridges.get(copy.volume)
            if cartridge is not None and copy.state is not CopyState.DAMAGED:
                yield cartridge, copy

    def _leave_silent(self, cartridge: Cartridge, error: RetryableError) -> None:
        """Each wait for a cartridge that does not answer is long: it is left alone from then on."""
        if error.reason == "tape_silent":
            self._cartridges.pop(cartridge.uuid, None)
            self._tell(str(error))


def _copy(cartridge: Cartridge, copy: BundleCopy, fresh: Path) -> str:
    """Copy a bundle from a cartridge, durably; the SHA-256 of what came."""
    cartridge.probe()
    with file_aside(fresh) as stream:
        return cartridge.bundles.copy(copy.path, stream)

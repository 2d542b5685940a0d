"""Writes good copies where damaged ones were: into the store again, and bundles onto other cartridges."""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from connectors.archive.store import ArchiveStore
from connectors.clock import Clock
from connectors.disk_failures import disk_failures
from connectors.durable_files import sync_folder
from connectors.tape.bundle_file import NothingToBundleError, build_bundle
from connectors.tape.cartridge import Cartridge
from models.archive.archived_file import ArchivedFile
from models.archive.copies import Bundle, BundleCopy, CopyState, StoreCopy
from models.errors import RecordError, RetryableError
from streams.archive.opened_archive import OpenedArchive
from streams.archive.tape.bundle_needs import short_bundles
from streams.archive.tape.file_contents import FileContents
from streams.archive.tape.local_bundles import MOST_LOCAL, LocalBundles
from streams.archive.tape.tape_drives import TapeDrives
from streams.archive.whole_copies import put_whole

_FOLDER = "repair"


class Repair:
    """Repairs from what is good: recorders' files, the store, cartridges that are mounted.

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
        self._contents = FileContents(archive.catalog, archive.store, archive.folder, clock, place=_FOLDER)
        self._cartridges = TapeDrives(archive, clock).look().cartridges if archive.settings.tape.mounts else {}

    def stored(self, store: ArchiveStore, copy: StoreCopy) -> bool:
        """Put a damaged copy into the store again; whether it is there now, read back and compared.

        Raises
        ------
        RetryableError
            The store, the catalog or the disk fails for now.
        """
        file = self._catalog.file(copy.file_id)
        source = None if file is None else self._good_content(file)
        if file is None or source is None:
            self._tell(f"{copy.file_id.rpartition('@')[0]} in {copy.store} is damaged, and no good copy can be reached")
            return False
        try:
            version = put_whole(store, file, source, [copy.version])
        except RecordError as error:
            self._tell(str(error))
            return False
        finally:
            self._contents.forget()
        if version is None:
            self._tell(f"{file.key} was put into {store.address} again, and is damaged there again; look at the store")
            return False
        now_ns = self._clock.now_ns()
        fresh = StoreCopy(file_id=file.id, store=store.address, version=version.version, read_back_ns=now_ns)
        self._catalog.add_store_copies([fresh])
        self._tell(f"{file.key} is in {store.address} again")
        return True

    def bundles(self) -> list[str]:
        """Bring bundles with too few copies back to the disk, for the keeper of the tapes; those that were.

        No more than may wait there at once.

        Raises
        ------
        RetryableError
            The catalog or the disk fails for now.
        """
        local = LocalBundles(self._archive.folder, self._catalog)
        with disk_failures(local.folder):
            local.folder.mkdir(parents=True, exist_ok=True)
        volumes = {volume.uuid: volume for volume in self._catalog.volumes()}
        copies = self._catalog.bundle_copies()
        wanted = self._archive.settings.tape.copies
        short = short_bundles(self._catalog.bundle_ids(), copies, volumes, wanted, local.ids())
        room, brought = MOST_LOCAL - len(local.ids()), list[str]()
        for done, id_ in enumerate(short):
            if len(brought) >= room:
                self._tell(
                    f"bundles that lack copies, too: {len(short) - done}; repair again when these are on cartridges"
                )
                break
            if self._bring_back(id_, [copy for copy in copies if copy.bundle_id == id_], local):
                brought.append(id_)
        return brought

    def _bring_back(self, id_: str, copies: Sequence[BundleCopy], local: LocalBundles) -> bool:
        bundle = self._catalog.bundle(id_)
        if bundle is None:
            return False
        if self._from_tape(bundle, copies, local) or self._from_contents(bundle, local):
            self._tell(f"bundle {id_} is on the disk again, to be written to another cartridge")
            return True
        self._tell(f"bundle {id_} lacks copies, and can't be made again from what can be reached; mount its cartridges")
        return False

    def _from_tape(self, bundle: Bundle, copies: Sequence[BundleCopy], local: LocalBundles) -> bool:
        """Copy the whole bundle from a cartridge; it is what it should be, or it is not there."""
        fresh = local.folder / f".{bundle.id}.tar.again"
        for cartridge, copy in self._readable(copies):
            try:
                with disk_failures(local.folder), self._answering(cartridge):
                    sha256 = _copy(cartridge, copy, fresh)
                    if sha256 != bundle.sha256:
                        fresh.unlink(missing_ok=True)
                        continue
                    fresh.rename(local.folder / f"{bundle.id}.tar")
                    sync_folder(local.folder)
            except RetryableError as error:
                with suppress(OSError):
                    fresh.unlink(missing_ok=True)
                if not error.reason.startswith("tape_"):
                    raise
                continue
            return True
        return False

    def _from_contents(self, bundle: Bundle, local: LocalBundles) -> bool:
        """Build the bundle anew of its files: the same files give the same bytes."""
        files = [self._catalog.file(member.file_id) for member in bundle.members]
        sources = [(file, source) for file in files if file is not None and (source := self._near_content(file))]
        try:
            if len(sources) < len(bundle.members):
                return False
            built = build_bundle(local.folder, self._archive.settings.archive.installation, sources)
        except NothingToBundleError:
            return False
        finally:
            self._contents.forget()
        if (built.manifest.bundle_id, built.sha256) == (bundle.id, bundle.sha256):
            return True
        local.remove(built.manifest.bundle_id)
        return False

    def _good_content(self, file: ArchivedFile) -> Path | None:
        """A place with the file's content, compared."""
        local = self._contents.local(file)
        if local is not None and _sha256(local) == file.sha256:
            return local
        bundles = self._catalog.bundles_of([file.id]).get(file.id, [])
        for cartridge, copy in self._readable(self._catalog.bundle_copies(bundles) if bundles else []):
            bundle = self._catalog.bundle(copy.bundle_id)
            for member in bundle.members if bundle else ():
                if member.file_id == file.id:
                    path = self._contents.folder / file.sha256
                    with (
                        suppress(RecordError, RetryableError),
                        self._answering(cartridge),
                        self._room(),
                        path.open("wb") as stream,
                    ):
                        if cartridge.bundles.copy_member(copy.path, member, stream) == file.sha256:
                            return path
        return None

    def _near_content(self, file: ArchivedFile) -> Path | None:
        local = self._contents.local(file)
        if local is not None and _sha256(local) == file.sha256:
            return local
        try:
            return self._contents.fetch(file)
        except RecordError:
            return None

    def _readable(self, copies: Iterable[BundleCopy]) -> Iterator[tuple[Cartridge, BundleCopy]]:
        """Copies on mounted cartridges, those that were proven first."""
        for copy in sorted(copies, key=lambda copy: copy.state is not CopyState.SAFE):
            cartridge = self._cartridges.get(copy.volume)
            if cartridge is not None and copy.state is not CopyState.DAMAGED:
                yield cartridge, copy

    @contextmanager
    def _answering(self, cartridge: Cartridge) -> Iterator[None]:
        """Each wait for a cartridge that does not answer is long: it is left alone from then on."""
        try:
            yield
        except RetryableError as error:
            if error.reason == "tape_silent":
                self._cartridges.pop(cartridge.uuid, None)
                self._tell(str(error))
            raise

    @contextmanager
    def _room(self) -> Iterator[None]:
        with disk_failures(self._contents.folder):
            self._contents.folder.mkdir(parents=True, exist_ok=True)
            yield


def _copy(cartridge: Cartridge, copy: BundleCopy, fresh: Path) -> str:
    """Copy a bundle from a cartridge, durably; the SHA-256 of what came."""
    cartridge.probe()
    with fresh.open("wb") as stream:
        sha256 = cartridge.bundles.copy(copy.path, stream)
        stream.flush()
        os.fsync(stream.fileno())
    return sha256


def _sha256(path: Path) -> str:
    """Of a file; empty when it can't be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""

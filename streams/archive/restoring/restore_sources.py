"""The copies that a restore can read: recorders' own files, the store, and cartridges."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from connectors.archive.contents import copy_pieces, file_pieces
from connectors.archive.store import ArchiveStore
from connectors.catalog.batches import batches
from connectors.catalog.catalog import Catalog
from connectors.tape.library import MountedCartridges, mounted_cartridges
from models.archive.archived_file import ArchivedFile
from models.archive.copies import BundleMember, StoreCopy
from models.archive.restore_order import TapePlace, tape_rank
from models.errors import FatalError
from streams.archive.cataloguing.known_copies import known_copies
from streams.archive.earlier_stores import EarlierStores
from streams.archive.opened_archive import OpenedArchive
from streams.archive.own_files import own_file
from streams.archive.restoring.restore_target import Fill

#: Files whose copies are asked for at once.
_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreSources:
    """Where contents can be read.

    Attributes
    ----------
    store
        That of the settings; None when they name none.
    cartridges
        What is mounted now.
    earlier
        Opens another store by its address in the catalog; None reads from no other one.
    try_damaged
        Whether copies in stores that were damaged when they were last read are tried once more.
    """

    catalog: Catalog
    store: ArchiveStore | None
    cartridges: Callable[[], MountedCartridges]
    earlier: Callable[[str], ArchiveStore] | None = None
    try_damaged: bool = True

    @classmethod
    def of(cls, archive: OpenedArchive) -> "RestoreSources":
        """Those of an installation's archive."""
        settings = archive.settings
        return cls(
            catalog=archive.catalog,
            store=archive.store,
            cartridges=lambda: mounted_cartridges(settings.tape, settings.archive.installation),
            earlier=EarlierStores(settings.object_store),
        )

    def store_of(self, copy: StoreCopy) -> ArchiveStore:
        """The store that has a copy, which is asked nothing yet.

        Raises
        ------
        FatalError
            ``archive_store_refused``, ``archive_store_login``.
        """
        if self.store is not None and self.store.address == copy.store:
            return self.store
        if self.earlier is None:
            raise FatalError(f"{copy.store} is not the store of the settings", reason="archive_store_refused")
        return self.earlier(copy.store)


@dataclass(frozen=True, slots=True, kw_only=True)
class NearCopy:
    """A copy that is read at once.

    Attributes
    ----------
    source
        ``local`` or ``store``.
    copy
        In the store; None for the recorders' own file.
    """

    source: str
    fill: Fill
    copy: StoreCopy | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileCopies:
    """Of one file: the copies that are read at once, the nearest first, and its places on cartridges."""

    file: ArchivedFile
    near: tuple[NearCopy, ...]
    on_tape: tuple[TapePlace, ...]


def copies_of(files: Iterable[ArchivedFile], sources: RestoreSources) -> Iterator[FileCopies]:
    """All copies that are known of these files and may be read, in their order."""
    members: dict[str, dict[str, BundleMember]] = {}
    for page in batches(files, _PAGE):
        yield from _page_copies(page, sources, members)


def _page_copies(
    page: Sequence[ArchivedFile], sources: RestoreSources, members: dict[str, dict[str, BundleMember]]
) -> Iterator[FileCopies]:
    catalog = sources.catalog
    known = known_copies(catalog, [file.id for file in page])
    named = {bundle for copies in known.values() for bundle in copies.bundles}
    for bundle in set(members) - named:  # the files come by time, as the bundles were made
        del members[bundle]
    for bundle in named - set(members):
        found = catalog.bundle(bundle)
        members[bundle] = {member.file_id: member for member in found.members} if found is not None else {}
    for file in page:
        copies = known[file.id]
        places = [
            TapePlace(
                file=file,
                copy=copy,
                member=members[copy.bundle_id][file.id],
                rank=tape_rank(copy, copies.volumes.get(copy.volume)),
            )
            for copy in copies.bundle_copies
            if file.id in members[copy.bundle_id]
        ]
        near = _near(file, copies.store_copies, sources)
        yield FileCopies(file=file, near=tuple(near), on_tape=tuple(places))


def _near(file: ArchivedFile, stored: Collection[StoreCopy], sources: RestoreSources) -> Iterator[NearCopy]:
    local = own_file(file)
    if local is not None:
        yield NearCopy(source="local", fill=lambda stream: copy_pieces(file_pieces(local), stream)[0])
    present = sources.store.address if sources.store is not None else ""
    # One that was damaged when it was last read may be whole again, and costs a try only.
    for copy in sorted(stored, key=lambda copy: (bool(copy.damaged), copy.store != present)):
        if (sources.try_damaged or not copy.damaged) and (copy.store == present or sources.earlier is not None):
            yield NearCopy(source="store", fill=_reading(sources, file.key, copy), copy=copy)


def _reading(sources: RestoreSources, key: str, copy: StoreCopy) -> Fill:
    def fill(stream: BinaryIO) -> str:
        return sources.store_of(copy).read(key, copy.version, stream)

    return fill

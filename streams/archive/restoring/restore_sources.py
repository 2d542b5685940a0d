"""The copies that a restore can read: recorders' own files, the store, and cartridges."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

from connectors.archive.contents import copy_pieces, file_pieces
from connectors.archive.store import ArchiveStore
from connectors.catalog.catalog import Catalog
from connectors.tape.library import MountedCartridges, mounted_cartridges
from models.archive.archived_file import ArchivedFile
from models.archive.copies import BundleMember, StoreCopy
from models.archive.restore_order import TapePlace, tape_rank
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
        None when there is none.
    cartridges
        What is mounted now.
    """

    catalog: Catalog
    store: ArchiveStore | None
    cartridges: Callable[[], MountedCartridges]

    @classmethod
    def of(cls, archive: OpenedArchive) -> "RestoreSources":
        """Those of an installation's archive."""
        settings = archive.settings
        return cls(
            catalog=archive.catalog,
            store=archive.store,
            cartridges=lambda: mounted_cartridges(settings.tape, settings.archive.installation),
        )


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


def copies_of(files: Sequence[ArchivedFile], sources: RestoreSources) -> Iterator[FileCopies]:
    """All copies that are known of these files, in their order."""
    members: dict[str, dict[str, BundleMember]] = {}
    rest = iter(files)
    while page := list(islice(rest, _PAGE)):
        yield from _page_copies(page, sources, members)


def _page_copies(
    page: Sequence[ArchivedFile], sources: RestoreSources, members: dict[str, dict[str, BundleMember]]
) -> Iterator[FileCopies]:
    catalog, ids = sources.catalog, [file.id for file in page]
    stored, bundles = catalog.store_copies(ids), catalog.bundles_of(ids)
    named = {bundle for held in bundles.values() for bundle in held}
    copies = catalog.bundle_copies(named) if named else []
    volumes = {volume.uuid: volume for volume in catalog.volumes()} if copies else {}
    for bundle in set(members) - named:  # the files come by time, as the bundles were made
        del members[bundle]
    for bundle in named - set(members):
        found = catalog.bundle(bundle)
        members[bundle] = {member.file_id: member for member in found.members} if found is not None else {}
    for file in page:
        places = [
            TapePlace(
                file=file,
                copy=copy,
                member=members[copy.bundle_id][file.id],
                rank=tape_rank(copy, volumes.get(copy.volume)),
            )
            for copy in copies
            if copy.bundle_id in bundles.get(file.id, ()) and file.id in members[copy.bundle_id]
        ]
        near = _near(file, stored.get(file.id, ()), sources.store)
        yield FileCopies(file=file, near=tuple(near), on_tape=tuple(places))


def _near(file: ArchivedFile, stored: Sequence[StoreCopy], store: ArchiveStore | None) -> Iterator[NearCopy]:
    local = own_file(file)
    if local is not None:
        yield NearCopy(source="local", fill=lambda stream: copy_pieces(file_pieces(local), stream)[0])
    # One that was damaged when it was last read may be whole again, and costs a try only.
    for copy in sorted(stored, key=lambda copy: bool(copy.damaged)):
        if store is not None and copy.store == store.address:
            yield NearCopy(source="store", fill=_reading(store, file.key, copy.version), copy=copy)


def _reading(store: ArchiveStore, key: str, version: str) -> Fill:
    def fill(stream: BinaryIO) -> str:
        return store.read(key, version, stream)

    return fill

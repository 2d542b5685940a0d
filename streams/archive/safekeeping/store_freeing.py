"""Removes versions from the store whose copies on tape are enough, where the settings allow that."""

from collections.abc import Callable, Iterator

from connectors.archive.store import ArchiveStore
from connectors.catalog.batches import batches
from connectors.catalog.catalog import Catalog
from models.archive.archived_file import ArchivedFile
from models.archive.copies import StoreCopy
from models.archive.file_query import FileQuery
from models.archive.safety import Obstacle, SafetyRule, WhyNot, obstacles
from models.errors import FatalError, RecordError
from streams.archive.cataloguing.known_copies import known_copies
from streams.archive.opened_archive import OpenedArchive

_TOGETHER = 200


def free_store(
    archive: OpenedArchive,
    before_ns: int,
    decided: Callable[[ArchivedFile, tuple[Obstacle, ...]], None],
    *,
    dry: bool = False,
) -> None:
    """Remove the versions of files with records before a time only, for good; each is safe on tape at that moment.

    Parameters
    ----------
    before_ns
        Event time: files that reach beyond it stay.
    decided
        Called with each file that has a copy in the store, and what keeps it; nothing when it was removed.

    Raises
    ------
    FatalError
        ``store_kept``: the settings do not allow it, or want no copies on tape.
    RetryableError
        The catalog or the store is away.
    """
    store, settings = archive.store, archive.settings
    if store is None or not settings.archive.free_store or not settings.tape.copies:
        raise FatalError(
            "versions in the store are removed only with archive.store, archive.free_store = true and tape.copies of 1 "
            "or more; mend the settings, or leave --store-before out",
            reason="store_kept",
        )
    rule = SafetyRule(store="", tape_copies=settings.tape.copies)
    for file, copy in _in_store(archive.catalog, store, before_ns):
        # Asked anew for each: what was read of many may be old when its turn comes.
        why_not = tuple(obstacles(known_copies(archive.catalog, [file.id])[file.id], rule))
        if not why_not and not dry:
            why_not = _remove(archive.catalog, store, file, copy)
        decided(file, why_not)


def _in_store(catalog: Catalog, store: ArchiveStore, before_ns: int) -> Iterator[tuple[ArchivedFile, StoreCopy]]:
    files = (file for file in catalog.find_files(FileQuery(to_ns=before_ns)) if (file.last_ns or 0) < before_ns)
    for together in batches(files, _TOGETHER):
        copies = catalog.store_copies([file.id for file in together])
        for file in together:
            yield from ((file, copy) for copy in copies.get(file.id, []) if copy.store == store.address)


def _remove(catalog: Catalog, store: ArchiveStore, file: ArchivedFile, copy: StoreCopy) -> tuple[Obstacle, ...]:
    catalog.remove_store_copy(copy.id)  # first: nothing may rely on a copy that is about to go
    try:
        store.remove(file.key, copy.version)
    except RecordError as error:
        catalog.add_store_copies([copy])
        return (Obstacle(why=WhyNot.LOCKED, sentence=str(error)),)
    return ()

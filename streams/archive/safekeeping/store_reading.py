"""Reads the copies in the store back, and finds the files that have none there."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from connectors.archive.store import ArchiveStore
from connectors.catalog.batches import batches
from connectors.catalog.catalog import Catalog
from connectors.clock import Clock
from models.archive.archived_file import ArchivedFile
from models.archive.copies import Damage, StoreCopy
from models.archive.file_query import FileQuery
from models.archive.safety import KnownCopies
from models.errors import FatalError, RetryableError
from streams.archive.cataloguing.known_copies import known_copies
from streams.archive.own_files import own_file
from streams.archive.stored_contents import damage_in, note_reading

#: Files whose copies are asked for at once.
_TOGETHER = 500


class StoreReading:
    """One pass over the copies in a store; each finding is noted before the next copy is read.

    Parameters
    ----------
    is_due
        Whether a copy is to be read.

    Attributes
    ----------
    read, unread
        Copies that were read, and that were not since the store failed.
    failure
        How it failed; empty while it did not. It is asked no more then: each answer may be long in coming.
    elsewhere
        Files that have copies in other places only (``lies_elsewhere``).
    """

    def __init__(
        self, store: ArchiveStore, catalog: Catalog, clock: Clock, is_due: Callable[[StoreCopy], bool]
    ) -> None:
        self._store = store
        self._catalog = catalog
        self._clock = clock
        self._is_due = is_due
        self.read = 0
        self.unread = 0
        self.failure = ""
        self.elsewhere = 0

    def damaged(self, files: Iterable[ArchivedFile], step: Callable[[], None]) -> Iterator[tuple[StoreCopy, Damage]]:
        """Read the copies of these files; those that are damaged.

        Parameters
        ----------
        step
            Called after each file.

        Raises
        ------
        RetryableError, FatalError
            What the catalog raises.
        """
        for page in batches(files, _TOGETHER):
            known = known_copies(self._catalog, [file.id for file in page])
            for file in page:
                copies = known[file.id]
                self.elsewhere += lies_elsewhere(file, copies, self._store.address)
                for copy in copies.store_copies:
                    if copy.store == self._store.address and self._is_due(copy):
                        damage = self._damage(file, copy)
                        if damage is not None:
                            yield copy, damage
                step()

    def _damage(self, file: ArchivedFile, copy: StoreCopy) -> Damage | None:
        if not self.failure:
            try:
                damage = damage_in(self._store, file.key, copy.version, file.sha256)
            except (RetryableError, FatalError) as error:
                self.failure = str(error)
            else:
                note_reading(self._catalog, copy, damage, self._clock.now_ns())
                self.read += 1
                return damage
        self.unread += 1
        return None


def lies_elsewhere(file: ArchivedFile, copies: KnownCopies, store: str) -> bool:
    """Whether a file has copies, but none in this store, and no recorders' file that the archiver brings there."""
    if any(copy.store == store for copy in copies.store_copies):
        return False
    return bool(copies.store_copies or copies.bundle_copies) and own_file(file) is None


def files_elsewhere(catalog: Catalog, store: str, query: FileQuery) -> Iterator[ArchivedFile]:
    """The files of a query that have copies in other places only; a page of them is held at once."""
    for page in batches(catalog.find_files(query), _TOGETHER):
        yield from _elsewhere(catalog, store, page)


def _elsewhere(catalog: Catalog, store: str, page: Sequence[ArchivedFile]) -> list[ArchivedFile]:
    known = known_copies(catalog, [file.id for file in page])
    return [file for file in page if lies_elsewhere(file, known[file.id], store)]

"""Reads the copies in the store back, and finds the files that have none there."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from connectors.archive.archive_keys import PROBE_KEY
from connectors.archive.store import ArchiveStore
from connectors.catalog.batches import batches
from connectors.catalog.catalog import Catalog
from connectors.clock import Clock
from models.archive.archived_file import ArchivedFile
from models.archive.copies import Damage, KnownCopies, StoreCopy
from models.archive.file_query import FileQuery
from models.errors import FatalError, RetryableError
from streams.archive.cataloguing.known_copies import known_copies
from streams.archive.stored_contents import damage_in, note_damage

#: Files whose copies are asked for at once.
_TOGETHER = 500
# A commit takes longer than reading a small file; what a kill takes away is read again.
_NOTED_EVERY_S = 1.0


class StoreReading:
    """One pass over the copies in a store; damage is noted at once, and what is good each second.

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
        self._good: list[StoreCopy] = []
        self._noted_s = clock.monotonic_s()
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
        self._probe()
        try:
            for page in batches(files, _TOGETHER):
                known = known_copies(self._catalog, [file.id for file in page])
                for file in page:
                    copies = known[file.id]
                    self.elsewhere += lies_elsewhere(copies, self._store.address)
                    for copy in copies.store_copies:
                        if copy.store == self._store.address and self._is_due(copy):
                            damage = self._damage(file, copy)
                            if damage is not None:
                                yield copy, damage
                    step()
                self._note_good()
        finally:
            self._note_good()

    def _probe(self) -> None:
        """A store that is not there, or is misspelt, is found out also where the catalog knows of no copy in it."""
        try:
            self._store.versions(PROBE_KEY)
        except (RetryableError, FatalError) as error:
            self.failure = str(error)

    def _damage(self, file: ArchivedFile, copy: StoreCopy) -> Damage | None:
        if not self.failure:
            try:
                damage = damage_in(self._store, file.key, copy.version, file.sha256)
            except (RetryableError, FatalError) as error:
                self.failure = str(error)
            else:
                self.read += 1
                if damage is None:
                    self._good.append(replace(copy, damaged="", read_back_ns=self._clock.now_ns()))
                    if self._clock.monotonic_s() - self._noted_s >= _NOTED_EVERY_S:
                        self._note_good()
                else:
                    note_damage(self._catalog, copy, damage)
                return damage
        self.unread += 1
        return None

    def _note_good(self) -> None:
        """Note what was read and is good, of copies that nobody has removed or replaced meanwhile."""
        there = self._catalog.store_copies([copy.file_id for copy in self._good]) if self._good else {}
        versions = {copy.id: copy.version for copies in there.values() for copy in copies}
        self._catalog.add_store_copies([copy for copy in self._good if versions.get(copy.id) == copy.version])
        self._good.clear()
        self._noted_s = self._clock.monotonic_s()


def lies_elsewhere(copies: KnownCopies, store: str) -> bool:
    """Whether a file has copies, but none in this store."""
    return bool(copies.store_copies or copies.bundle_copies) and all(
        copy.store != store for copy in copies.store_copies
    )


def files_elsewhere(catalog: Catalog, store: str, query: FileQuery) -> Iterator[ArchivedFile]:
    """The files of a query that have copies in other places only; a page of them is held at once."""
    for page in batches(catalog.find_files(query), _TOGETHER):
        yield from _elsewhere(catalog, store, page)


def _elsewhere(catalog: Catalog, store: str, page: Sequence[ArchivedFile]) -> list[ArchivedFile]:
    known = known_copies(catalog, [file.id for file in page])
    return [file for file in page if lies_elsewhere(known[file.id], store)]

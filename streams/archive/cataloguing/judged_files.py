"""What the catalog knows of the files of a stretch, and whether their copies are enough."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from connectors.archive.opening import open_store
from connectors.catalog.opening import catalog_file, open_catalog
from models.archive.file_query import FileQuery
from models.archive.found_file import FoundFile
from models.archive.safety import Obstacle, SafetyRule, obstacles
from models.errors import FatalError
from streams.archive.cataloguing.file_search import search_files
from streams.archive.lost_catalog import catalog_missing, files_entered
from streams.archive.opened_archive import OpenedArchive
from streams.archive.places import archive_folder, archive_missing
from streams.archive.safekeeping.freeing import safety_rule
from streams.settings import Settings

# Nobody waits longer for a page.
_PATIENCE_S = 5.0

#: A file with what its copies lack; None where the settings want no copies.
JudgedFile = tuple[FoundFile, Sequence[Obstacle] | None]


@dataclass(frozen=True, slots=True)
class ArchiveSearch:
    """An archive that was opened to be asked; changes nothing."""

    archive: OpenedArchive

    def files(self, query: FileQuery, limit: int) -> list[JudgedFile]:
        """The first files that are asked for."""
        rule = self._rule()
        found = islice(search_files(self.archive.catalog, query), limit)
        return [(file, None if rule is None else obstacles(file.copies, rule)) for file in found]

    def _rule(self) -> SafetyRule | None:
        try:
            return safety_rule(self.archive)
        except FatalError as error:
            if error.reason != "no_copies_wanted":
                raise
            return None


@contextmanager
def opened_search(state: Path, settings: Settings) -> Iterator[ArchiveSearch]:
    """Open the catalog, which must be there.

    Raises
    ------
    FatalError
        ``archive_missing``, ``catalog_missing``; and as ``open_catalog``.
    RetryableError
        The catalog is away.
    """
    folder = archive_folder(settings.archive, state)
    file = catalog_file(settings.catalog, folder)
    if file is not None and not file.is_file():
        raise catalog_missing(str(file), files) if (files := files_entered(folder)) else archive_missing(folder)
    patience = replace(settings.catalog, timeout_s=min(settings.catalog.timeout_s, _PATIENCE_S))
    # Nothing is asked of the store: its address is that of the copies.
    store = open_store(settings.archive.store, settings.object_store) if settings.archive.store else None
    with closing(open_catalog(patience, folder)) as catalog:
        yield ArchiveSearch(OpenedArchive(settings=settings, folder=folder, catalog=catalog, store=store))

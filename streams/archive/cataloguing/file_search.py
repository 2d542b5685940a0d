"""Files of the catalog with their copies."""

from collections.abc import Iterator

from connectors.catalog.batches import batches
from connectors.catalog.catalog import Catalog
from models.archive.archived_file import ArchivedFile
from models.archive.file_query import FileQuery
from models.archive.found_file import FoundFile
from streams.archive.cataloguing.known_copies import known_copies
from streams.archive.states.stage_states import is_state_key

# Files whose copies are asked for at once.
_PAGE = 200


def search_files(catalog: Catalog, query: FileQuery, *, states: bool = False) -> Iterator[FoundFile]:
    """The files that are asked for, each with its copies, in the catalog's order; held in memory a page at a time.

    Parameters
    ----------
    states
        Whether archived states and models are wanted, too.
    """
    for page in batches(find_files(catalog, query, states=states), _PAGE):
        copies = known_copies(catalog, [file.id for file in page])
        yield from (FoundFile(file, copies[file.id]) for file in page)


def find_files(catalog: Catalog, query: FileQuery, *, states: bool = False) -> Iterator[ArchivedFile]:
    """The files that are asked for; the archived states and models among them only when they are wanted."""
    return (file for file in catalog.find_files(query) if states or not is_state_key(file.key))

"""Files of the catalog with their copies."""

from collections.abc import Iterator

from connectors.catalog.batches import batches
from connectors.catalog.catalog import Catalog
from models.archive.file_query import FileQuery
from models.archive.found_file import FoundFile
from streams.archive.cataloguing.known_copies import known_copies

# Files whose copies are asked for at once.
_PAGE = 200


def search_files(catalog: Catalog, query: FileQuery) -> Iterator[FoundFile]:
    """The files that are asked for, each with its copies, in the catalog's order; held in memory a page at a time."""
    for page in batches(catalog.find_files(query), _PAGE):
        copies = known_copies(catalog, [file.id for file in page])
        yield from (FoundFile(file, copies[file.id]) for file in page)

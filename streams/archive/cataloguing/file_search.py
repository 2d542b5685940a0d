"""Files of the catalog with their copies."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice

from connectors.catalog.catalog import Catalog
from models.archive.archived_file import ArchivedFile
from models.archive.copies import BundleCopy
from models.archive.file_query import FileQuery
from models.archive.found_file import FoundFile, TapeCopy

# Files whose copies are asked for at once.
_PAGE = 200


def search_files(catalog: Catalog, query: FileQuery) -> Iterator[FoundFile]:
    """The files that are asked for, each with its copies, in the catalog's order; held in memory a page at a time."""
    files = iter(catalog.find_files(query))
    while page := list(islice(files, _PAGE)):
        yield from _with_copies(catalog, page)


def _with_copies(catalog: Catalog, files: list[ArchivedFile]) -> Iterator[FoundFile]:
    ids = [file.id for file in files]
    stored, bundles = catalog.store_copies(ids), catalog.bundles_of(ids)
    volumes = {volume.uuid: volume for volume in catalog.volumes()} if bundles else {}
    on_tape = _by_bundle(catalog.bundle_copies({id_ for held in bundles.values() for id_ in held}) if bundles else ())
    for file in files:
        held = bundles.get(file.id, [])
        copies = [copy for id_ in held for copy in on_tape[id_]]
        yield FoundFile(
            file=file,
            stored=tuple(stored.get(file.id, ())),
            bundles=tuple(held),
            on_tape=tuple(TapeCopy(copy=copy, volume=volumes.get(copy.volume)) for copy in copies),
        )


def _by_bundle(copies: Iterable[BundleCopy]) -> defaultdict[str, list[BundleCopy]]:
    found: defaultdict[str, list[BundleCopy]] = defaultdict(list)
    for copy in copies:
        found[copy.bundle_id].append(copy)
    return found

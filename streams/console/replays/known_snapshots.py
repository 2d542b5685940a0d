"""What can be replayed: the snapshots of a stretch that the watch or the catalog knows."""

from connectors.state.reader import StateReader
from dashboards.console.replay_view import KnownSnapshot
from models.archive.file_query import FileQuery
from models.errors import FatalError, PetawatchError
from streams.archive.cataloguing.file_search import find_files
from streams.archive.cataloguing.judged_files import opened_search
from streams.console.parts import ConsoleParts
from streams.console.problems import sentence_of

# None of them says that something is broken: there is just no archive.
_NO_ARCHIVE = frozenset({"archive_missing", "catalog_missing"})


def known_snapshots(console: ConsoleParts, from_ns: int, to_ns: int) -> tuple[list[KnownSnapshot], list[str]]:
    """The files with records in a stretch, each once, and what could not be asked, in sentences."""
    found: dict[str, KnownSnapshot] = {}
    troubles: list[str] = []
    try:
        with StateReader.open(console.state) as reader:
            for record in reader.files_between(from_ns, to_ns):
                if record.first_ns is not None:
                    found[record.path] = KnownSnapshot(
                        path=record.path, first_ns=record.first_ns, size_bytes=record.size_bytes, archived=False
                    )
    except PetawatchError as error:
        troubles.append(sentence_of(error))
    try:
        with opened_search(console.state, console.settings) as search:
            query = FileQuery(from_ns=from_ns, to_ns=to_ns, latest_only=True)
            for file in find_files(search.archive.catalog, query):
                if file.first_ns is not None:
                    found[file.path] = KnownSnapshot(
                        path=file.path, first_ns=file.first_ns, size_bytes=file.size_bytes, archived=True
                    )
    except PetawatchError as error:
        if not (isinstance(error, FatalError) and error.reason in _NO_ARCHIVE):
            troubles.append(sentence_of(error))
    return list(found.values()), troubles

"""Snapshots that a facility has read and nobody can have any more: its states don't wait for them."""

from collections.abc import Iterable, Sequence

from connectors.catalog.batches import batches
from connectors.catalog.catalog import Catalog
from connectors.state.file_changes import ChangedVersion
from connectors.state.reader import StateReader
from models.archive.archived_file import file_id
from models.archive.file_query import FileQuery
from models.archive.keys import archive_key
from models.event_time import DAY_NS
from streams.archive.cataloguing.known_copies import known_copies
from streams.archive.states.stage_states import is_state_key

# An archive that is so far ahead of a snapshot, by event time, does not bring it any more.
_PATIENCE_NS = 7 * DAY_NS
_PAGE = 500


def lost_snapshots(
    versions: Iterable[ChangedVersion], recorder: StateReader, catalog: Catalog, now_ns: int
) -> list[ChangedVersion]:
    """Those of some versions that the archive does not have, and has gone past.

    It has no whole copy in a store and no bundle of them, but what has replaced them, or snapshots that begin a week
    later. Until then they may just not be archived yet.

    Parameters
    ----------
    versions
        They don't lie on this computer.
    now_ns
        Snapshots that begin later, by their recorder's clock, say nothing about the archive.

    Raises
    ------
    FatalError, RetryableError
        The recorder's directory or the catalog can't be read now.
    """
    return [
        each
        for each in versions
        if not _is_archived(catalog, [_id(each)]) and _is_past(each, recorder, catalog, now_ns)
    ]


def _is_past(version: ChangedVersion, recorder: StateReader, catalog: Catalog, now_ns: int) -> bool:
    counted = recorder.counted_file(version.path)
    if (
        counted is not None
        and counted.sha256 != version.sha256
        and _is_archived(catalog, [file_id(archive_key(version.path), counted.sha256)])
    ):
        return True
    from_ns = (version.mtime_ns if version.last_ns is None else version.last_ns) + _PATIENCE_NS
    later = catalog.find_files(FileQuery(from_ns=from_ns, to_ns=now_ns)) if from_ns < now_ns else iter(())
    ids = (
        file.id
        for file in later
        if not is_state_key(file.key) and file.first_ns is not None and file.first_ns >= from_ns
    )
    return any(_is_archived(catalog, page) for page in batches(ids, _PAGE))


def _is_archived(catalog: Catalog, ids: Sequence[str]) -> bool:
    """Whether one of them has a whole copy; one on tape is wanted, whatever is known of it."""
    return any(
        known.bundles or any(not copy.damaged for copy in known.store_copies)
        for known in known_copies(catalog, ids).values()
    )


def _id(version: ChangedVersion) -> str:
    return file_id(archive_key(version.path), version.sha256)

"""Brings a file into the store and reads it back, past damaged versions that the store may not remove yet."""

from collections.abc import Iterable
from pathlib import Path

from connectors.archive.store import ArchiveStore, StoredVersion
from models.archive.archived_file import ArchivedFile
from models.errors import RecordError
from streams.archive.stored_contents import damage_in


def put_whole(
    store: ArchiveStore, file: ArchivedFile, source: Path, damaged: Iterable[str] = ()
) -> StoredVersion | None:
    """Put a file as ``ArchiveStore.put`` does, and read it back; None when what the store has then is not the file.

    A damaged version is removed; one under object lock stays and counts for nothing, and a whole one is written.

    Parameters
    ----------
    damaged
        Versions of which that is known already.
    """
    besides = set(damaged)
    for version in besides:
        _is_removed(store, file.key, version)
    there = _versions(store, file.key) if besides else set()
    while True:
        put = store.put(file.key, source, file.sha256, file.size_bytes, metadata_of(file), besides)
        if damage_in(store, file.key, put.version, file.sha256) is None:
            return put
        is_removed = _is_removed(store, file.key, put.version)
        if not there and not is_removed:
            there = _versions(store, file.key)
        if put.version not in there or put.version in besides:
            return None
        besides.add(put.version)


def metadata_of(file: ArchivedFile) -> dict[str, str]:
    """What is noted with each version."""
    return {"sha256": file.sha256, "mtime-ns": str(file.mtime_ns), "path": file.path}


def _versions(store: ArchiveStore, key: str) -> set[str]:
    return {version.version for version in store.versions(key)}


def _is_removed(store: ArchiveStore, key: str, version: str) -> bool:
    try:
        store.remove(key, version)
    except RecordError:  # the store keeps it for some time yet
        return False
    return True

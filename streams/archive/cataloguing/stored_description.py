"""What the catalog says of a file that lies only in the store: read from there, once."""

import shutil
from contextlib import suppress
from dataclasses import replace
from datetime import tzinfo
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from connectors.archive.archive_keys import need_key
from connectors.archive.store import ArchiveStore, StoredVersion
from connectors.disk_failures import disk_failures
from connectors.snapshots.limits import ReadLimits
from models.archive.archived_file import ArchivedFile
from models.archive.copies import StoreCopy
from models.archive.keys import archive_key
from models.errors import RecordError
from streams.archive.cataloguing.file_description import describe_file
from streams.archive.states.stage_states import archived_state_file, is_state_key
from streams.archive.stored_contents import damage_in


class StoredDescriptions:
    """Describes versions of a store as if they were the recorders' files; for several threads.

    Parameters
    ----------
    folder
        Contents are brought there for a moment; this object's alone: what an earlier process left in it is removed.
    limits, zone
        How snapshots are read.
    """

    def __init__(self, store: ArchiveStore, folder: Path, *, limits: ReadLimits, zone: tzinfo) -> None:
        self._store = store
        self._folder = folder
        self._limits = limits
        self._zone = zone
        shutil.rmtree(folder, ignore_errors=True)

    def describe(self, stored: StoredVersion) -> ArchivedFile | None:
        """The file of a version, of no watched folder; None when the store does not give its content.

        Where no time of change is noted with it, that is 0: it is taken for the oldest of its key.

        Raises
        ------
        RecordError
            ``archive_key``, or the content can't be described.
        RetryableError
            ``disk_full``, ``disk_failed``; the store is away.
        FatalError
            What the store raises.
        """
        with disk_failures(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(dir=self._folder) as name:
                root = Path(name)
                path = root / _relative_path(stored)
                path.parent.mkdir(parents=True)
                with path.open("wb") as stream:
                    if damage_in(self._store, stored.key, stored.version, stored.sha256, stream):
                        return None
                file = self._described(path, root)
        mtime_ns = 0
        with suppress(ValueError):
            mtime_ns = int(stored.metadata.get("mtime-ns", ""))
        return replace(file, root="", mtime_ns=mtime_ns)

    def _described(self, path: Path, root: Path) -> ArchivedFile:
        if is_state_key(path.name):
            return archived_state_file(path, root)
        return describe_file(path, root=root, limits=self._limits, zone=self._zone)


def copy_of(file: str, store: ArchiveStore, version: StoredVersion, now_ns: int, *, read: bool) -> StoreCopy:
    """What the catalog says of a file's version in a store, which has compared it, or of which all was just read."""
    return StoreCopy(
        file_id=file,
        store=store.address,
        version=version.version,
        checked_ns=now_ns if version.checked else None,
        read_back_ns=now_ns if read else None,
    )


def _relative_path(stored: StoredVersion) -> str:
    """Where the file lay below its watched folder, as it was noted; else a path that has the version's key."""
    key, noted = stored.key, stored.metadata.get("path", "")
    need_key(key)
    if is_state_key(key):
        return key
    with suppress(RecordError):
        if noted and archive_key(noted) == key:
            return noted
    pure = PurePosixPath(key)
    path = (pure.parent.parent / pure.name).as_posix()
    if archive_key(path) != key:
        raise RecordError(f"{key} is no key of a snapshot: another program has put it there", reason="archive_key")
    return path

"""One version of a file into the store: described, copied, compared, and for a share read back."""

from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path

from connectors.archive.store import ArchiveStore, StoredVersion
from connectors.clock import Clock
from connectors.snapshots.limits import ReadLimits
from models.archive.archived_file import ArchivedFile
from models.archive.copies import StoreCopy
from models.archive.sampling import is_in_share
from models.errors import RecordError, RetryableError
from streams.archive.cataloguing.file_description import describe_file
from streams.archive.cataloguing.stored_description import StoredDescriptions, copy_of
from streams.archive.own_files import local_file
from streams.archive.states.stage_states import archived_state_file, is_state_key
from streams.archive.uploading.waiting_file import WaitingFile, as_known
from streams.archive.whole_copies import metadata_of, put_whole

# How the reader of snapshots says that a file is not what it was, and how the archive does.
_REASONS = {
    "vanished": "file_gone",
    "is_directory": "file_gone",
    "not_a_file": "file_gone",
    "symlink": "file_gone",
    "changed_while_read": "file_changed",
    "permission": "file_unreadable",
}


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A file that the store has."""

    file: ArchivedFile
    copy: StoreCopy


class Uploader:
    """Puts files into a store; for several threads.

    Parameters
    ----------
    read_back_share
        Of the copies this part is read back, chosen by the SHA-256: the same ones wherever that is decided.
    limits, zone
        How snapshots are read to describe them.
    folder
        For what is read from the store; nobody else's.
    """

    def __init__(
        self,
        store: ArchiveStore,
        clock: Clock,
        *,
        read_back_share: float,
        limits: ReadLimits,
        zone: tzinfo,
        folder: Path,
    ) -> None:
        self._store = store
        self._clock = clock
        self._read_back_share = read_back_share
        self._limits = limits
        self._zone = zone
        self._stored = StoredDescriptions(store, folder, limits=limits, zone=zone)

    def upload(self, waiting: WaitingFile) -> Uploaded:
        """Bring a version into the store, if it is not there yet; one that was there is read back.

        Raises
        ------
        RecordError
            ``file_gone``, ``file_changed``: there is nothing left of this version; ``file_unreadable``;
            ``archive_key``.
        RetryableError
            ``folder_away``, ``storage``; ``archive_copy_differs`` when the store gave back something else than it was
            given, and what the store raises.
        FatalError
            What the store raises.
        """
        path = local_file(waiting.root, waiting.path)
        file = self._described(path, waiting)
        version: StoredVersion | None = None
        read_back = is_in_share(f"read back {file.sha256}", self._read_back_share)
        if not read_back:
            version = self._store.put(file.key, path, file.sha256, file.size_bytes, metadata_of(file))
            # It may have turned out damaged long ago, and whoever knew that is lost.
            read_back = version.found
        if read_back:
            version = put_whole(self._store, file, path)
        if version is None or (version.sha256, version.size_bytes) != (file.sha256, file.size_bytes):
            raise self._differs(file)
        return Uploaded(file, copy_of(file.id, self._store, version, self._clock.now_ns(), read=read_back))

    def find(self, waiting: WaitingFile) -> Uploaded | None:
        """A version that is gone from the recorders' disks, as the store has it; None when it does not.

        All of it is read, to describe it.

        Raises
        ------
        RecordError
            ``archive_key``.
        RetryableError
            ``disk_full``, ``disk_failed``, and what the store raises.
        FatalError
            What the store raises.
        """
        for version in self._store.versions(waiting.key):
            if _is_of(version, waiting) and (file := self._stored.describe(version)) is not None:
                copy = copy_of(file.id, self._store, version, self._clock.now_ns(), read=True)
                return Uploaded(as_known(file, waiting), copy)
        return None

    def _described(self, path: Path, waiting: WaitingFile) -> ArchivedFile:
        """The file as it lies there, if it is still the version that waits."""
        root = Path(waiting.root)
        try:
            if is_state_key(waiting.path):
                file = archived_state_file(path, root)
            else:
                file = describe_file(path, root=root, limits=self._limits, zone=self._zone)
        except OSError as error:
            raise RetryableError(f"{path} can't be read now ({error.strerror or error})", reason="storage") from error
        except RecordError as error:
            raise RecordError(str(error), reason=_REASONS.get(error.reason, "file_changed")) from error
        untouched = (file.size_bytes, file.mtime_ns) == (waiting.size_bytes, waiting.mtime_ns)
        if file.sha256 == waiting.sha256 or (untouched and not waiting.sha256):
            return as_known(file, waiting)
        if untouched:
            raise RetryableError(
                f"{path} has another content than when it was first read, and nobody wrote to it; look at the disk",
                reason="file_damaged",
            )
        raise RecordError(
            f"{path} has another content than the version that was to be archived; the watch reads the new one",
            reason="file_changed",
        )

    def _differs(self, file: ArchivedFile) -> RetryableError:
        return RetryableError(
            f"what {self._store.address} keeps as {file.key} is not what it was given; it is sent again, look at the "
            "store's disks",
            reason="archive_copy_differs",
        )


def _is_of(version: StoredVersion, waiting: WaitingFile) -> bool:
    """Whether it is what waits; of what was never hashed size and time say so."""
    if waiting.sha256:
        return (version.sha256, version.size_bytes) == (waiting.sha256, waiting.size_bytes)
    noted = version.metadata.get("mtime-ns", "")
    return (version.size_bytes, noted) == (waiting.size_bytes, str(waiting.archived_mtime_ns))

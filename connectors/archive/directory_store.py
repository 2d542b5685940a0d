"""A folder as a store: the layout of a bucket, with every version of each file."""

import fcntl
import os
import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from connectors.archive.archive_keys import VERSIONS, need_key
from connectors.archive.contents import PIECE_BYTES, copy_pieces, file_changed, file_pieces
from connectors.archive.folder_failures import no_store, one_sentence
from connectors.archive.key_folder import KeyFolder
from connectors.archive.store import StoredVersion
from connectors.durable_files import file_aside, sync_folder
from connectors.file_hash import file_sha256
from models.errors import RecordError, RetryableError

_LOCKS = 16


class DirectoryStore:
    """Keeps the latest version of a file under its key, and the earlier ones below ``.versions``.

    A version is named by its SHA-256. Safe for several threads and processes, also on NFS: who writes a key holds one
    of a few locks meanwhile.

    Parameters
    ----------
    folder
        On a local disk or a mounted one; see ``prepare``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._versions = self._folder / VERSIONS  # where it is missing nothing is written

    @property
    def address(self) -> str:
        """``file:///FOLDER``."""
        return self._folder.as_uri()

    def is_there(self) -> bool:
        """Whether the folder is there, whatever it holds."""
        with one_sentence(self._folder):
            return self._folder.is_dir()

    def prepare(self) -> None:
        """Make the folder and what belongs into it, and check it."""
        with one_sentence(self._folder):
            self._versions.mkdir(parents=True, exist_ok=True)
            for number in range(_LOCKS):
                self._lock_file(number).touch()
            sync_folder(self._versions)
            sync_folder(self._folder)
        self.check()

    def check(self) -> None:
        """Whether it is there and can be written to."""
        if not self._lock_file(_LOCKS - 1).exists():
            raise no_store(self._folder, at_start=True)
        trial = self._versions / f"trial-{os.getpid()}"
        with one_sentence(self._folder):
            try:
                trial.write_bytes(b"written and removed")
            finally:
                trial.unlink(missing_ok=True)

    def put(
        self,
        key: str,
        source: Path,
        sha256: str,
        size_bytes: int,
        metadata: Mapping[str, str],
        besides: Collection[str] = (),
    ) -> StoredVersion:
        """Copy a file into the store; it counts after it was read back from the disk and compared."""
        with self._key(key, fcntl.LOCK_EX) as place:
            known = place.content_of(sha256)
            if known is None or sha256 in besides or not _holds(known, sha256):
                place.make(self._folder)
                self._write(place.fresh, source, (sha256, size_bytes), metadata)
                if known is None:
                    place.add(sha256, metadata)
                else:
                    place.mend(sha256)
            return next(version for version in place.versions() if version.version == sha256)

    def versions(self, key: str) -> list[StoredVersion]:
        """All versions of a key, the latest first."""
        with self._key(key, fcntl.LOCK_SH) as place:
            return place.versions()

    def read(self, key: str, version: str, into: BinaryIO) -> str:
        """Copy a version to the end of a stream; the SHA-256 (hex) of what came."""
        with self._key(key, fcntl.LOCK_SH) as place:
            file = place.content_of(version)
            try:
                # Opened, it stays what it is, whatever moves it afterwards.
                stream = None if file is None else file.open("rb", buffering=0)
            except FileNotFoundError:
                stream = None
        if stream is None:
            raise RecordError(
                f"{self._folder}/{key} has no version {version[:12]}; restore it from another copy",
                reason="copy_missing",
            )
        with stream:
            return copy_pieces(self._stored_pieces(stream, key), into)[0]

    def remove(self, key: str, version: str) -> None:
        """Remove one version for good."""
        with self._key(key, fcntl.LOCK_EX) as place:
            place.remove(version)

    def keys(self, prefix: str = "") -> Iterator[str]:
        """The keys that begin with a prefix, in their order."""
        self._need_store()
        with one_sentence(self._folder):
            yield from self._keys_below("", prefix)

    def _keys_below(self, parent: str, prefix: str) -> Iterator[str]:
        below = []
        for name in os.listdir(self._versions / parent):  # noqa: PTH208 - only names that fit are looked at
            key = f"{parent}{name}"
            if (key.startswith(prefix) or prefix.startswith(f"{key}/")) and (self._versions / key).is_dir():
                # What lies deeper is ordered as the whole keys are: by what follows with its slash.
                below.append(key if self._is_key(key) else f"{key}/")
        for key in sorted(below):
            if key.endswith("/"):
                yield from self._keys_below(key, prefix)
            elif key.startswith(prefix):
                yield key

    def _is_key(self, key: str) -> bool:
        with os.scandir(self._versions / key) as entries:
            return any(entry.name.endswith(".json") and entry.is_file() for entry in entries)

    def _write(self, fresh: Path, source: Path, content: tuple[str, int], metadata: Mapping[str, str]) -> None:
        with file_aside(fresh) as stream:
            if copy_pieces(file_pieces(source), stream) != content:
                raise file_changed(source)
        if mtime_ns := int(metadata.get("mtime-ns", 0)):
            os.utime(fresh, ns=(mtime_ns, mtime_ns))
        if file_sha256(fresh, from_disk=True) != content[0]:
            fresh.unlink()
            raise RetryableError(
                f"what was written into {self._folder} is not what is read from it; look at its disk and the memory of "
                "this computer",
                reason="archive_store_garbled",
            )

    def _stored_pieces(self, stream: FileIO, key: str) -> Iterator[memoryview]:
        buffer = memoryview(bytearray(PIECE_BYTES))
        while True:
            try:
                size = stream.readinto(buffer)
            except OSError as error:
                raise RecordError(
                    f"{self._folder}/{key} can't be read ({error.strerror or error}); restore it from another copy",
                    reason="copy_damaged",
                ) from error
            if not size:
                return
            yield buffer[:size]

    @contextmanager
    def _key(self, key: str, operation: int) -> Iterator[KeyFolder]:
        need_key(key)
        self._need_store()
        with one_sentence(self._folder, key):
            writing = operation == fcntl.LOCK_EX
            lock = self._lock_file(zlib.crc32(key.encode()) % _LOCKS).open("r+b" if writing else "rb")
            with lock:
                fcntl.flock(lock, operation)
                yield KeyFolder(key, self._folder / key, self._versions / key)

    def _need_store(self) -> None:
        if not self._versions.is_dir():
            raise no_store(self._folder, at_start=False)

    def _lock_file(self, number: int) -> Path:
        return self._versions / f"lock-{number:02d}"


def _holds(file: Path, sha256: str) -> bool:
    try:
        return file_sha256(file, from_disk=True) == sha256
    except FileNotFoundError:
        return False

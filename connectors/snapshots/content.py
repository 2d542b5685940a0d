"""The bytes of a snapshot: opened without following links, read once, hashed, and checked for changes meanwhile."""

import errno
import hashlib
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from connectors.snapshots.limits import MEBIBYTE, ReadLimits
from models.errors import RecordError, RetryableError

SIGNATURE = b"\x89HDF\r\n\x1a\n"
_FIRST_USER_BLOCK = 512
_PIECE = MEBIBYTE
_REASONS = {
    errno.ENOENT: ("vanished", "is not there any more"),
    errno.ENOTDIR: ("vanished", "is not there any more"),
    errno.EACCES: ("permission", "may not be read; give the user of petawatch the right to read it"),
    errno.EPERM: ("permission", "may not be read; give the user of petawatch the right to read it"),
    errno.ELOOP: ("symlink", "is a symbolic link, which is never followed"),
    errno.ENAMETOOLONG: ("vanished", "has too long a name"),
}


@dataclass(slots=True, kw_only=True)
class SnapshotContent:
    """An opened file.

    Attributes
    ----------
    data
        All bytes, uint8, read-only, shape (size,); None for a file that is too large to be held.
    base
        Where HDF5's part begins, behind a user block: its addresses count from here.
    """

    path: Path
    descriptor: int
    before: os.stat_result
    data: NDArray[np.uint8] | None
    sha256: str
    base: int

    @property
    def size(self) -> int:
        """Size in bytes."""
        return self.before.st_size

    def piece(self, offset: int, length: int) -> bytes:
        """Some bytes; fewer where the file ends."""
        if self.data is not None:
            return self.data[offset : offset + length].tobytes()
        return os.pread(self.descriptor, length, offset)

    def check_unchanged(self, descriptor: int | None = None) -> None:
        """Make sure that what is read from the disk, also through another descriptor, is what was hashed.

        Raises
        ------
        RecordError
            ``changed_while_read``.
        """
        now = os.fstat(self.descriptor if descriptor is None else descriptor)
        if _identity(now) != _identity(self.before):
            raise RecordError(
                f"{self.path} changed while it was read; it will be read again when it is complete",
                reason="changed_while_read",
            )


@contextmanager
def open_content(path: Path, limits: ReadLimits) -> Iterator[SnapshotContent]:
    """Open, read and hash a file.

    Raises
    ------
    RecordError
        ``vanished``, ``permission``, ``symlink``, ``is_directory``, ``not_a_file``, ``empty``, ``too_large``,
        ``not_hdf5``, ``truncated`` (shorter than HDF5's signature) or ``changed_while_read``.
    RetryableError
        ``storage`` when the disk or the network file system fails.
    """
    with _opened(path) as descriptor:
        before = os.fstat(descriptor)
        _check_kind(path, before)
        _check_size(path, before, limits)
        try:
            base = _find_signature(path, descriptor, before.st_size)
            hold = before.st_size <= limits.max_buffered_mib * MEBIBYTE
            data, sha256 = _hold(descriptor, before.st_size) if hold else (None, _hash(descriptor, before.st_size))
        except OSError as error:
            raise _translated(path, error) from error
        content = SnapshotContent(path=path, descriptor=descriptor, before=before, data=data, sha256=sha256, base=base)
        content.check_unchanged()
        if data is not None and len(data) != before.st_size:
            raise RecordError(f"{path} became shorter while it was read", reason="changed_while_read")
        yield content


def hash_content(path: Path) -> tuple[str, os.stat_result]:
    """The SHA-256 (hex) of a file of any content and size, also of none, and its status.

    Raises
    ------
    RecordError
        ``vanished``, ``permission``, ``symlink``, ``is_directory``, ``not_a_file`` or ``changed_while_read``.
    RetryableError
        ``storage``.
    """
    with _opened(path) as descriptor:
        before = os.fstat(descriptor)
        _check_kind(path, before)
        try:
            sha256 = _hash(descriptor, before.st_size)
        except OSError as error:
            raise _translated(path, error) from error
        content = SnapshotContent(path=path, descriptor=descriptor, before=before, data=None, sha256=sha256, base=0)
        content.check_unchanged()
        return sha256, before


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    try:
        # Non-blocking, so that a pipe with nobody at its other end does not stop the watch.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _translated(path, error) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def _check_kind(path: Path, status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise RecordError(f"{path} is a directory named like a snapshot", reason="is_directory")
    if not stat.S_ISREG(status.st_mode):
        raise RecordError(f"{path} is no regular file", reason="not_a_file")


def _check_size(path: Path, status: os.stat_result, limits: ReadLimits) -> None:
    if status.st_size == 0:
        raise RecordError(f"{path} has 0 bytes; transfer it again", reason="empty")
    if status.st_size > limits.max_file_mib * MEBIBYTE:
        raise RecordError(f"{path} is larger than max_file_mib = {limits.max_file_mib}", reason="too_large")


def _find_signature(path: Path, descriptor: int, size: int) -> int:
    """Where HDF5's signature stands: at the beginning, or behind a user block of 512, 1024, ... bytes."""
    offset = 0
    while offset < size:
        found = os.pread(descriptor, len(SIGNATURE), offset)
        if found == SIGNATURE:
            return offset
        if offset == 0 and size < len(SIGNATURE) and SIGNATURE.startswith(found):
            raise RecordError(f"{path} has only {size} bytes; transfer it again", reason="truncated")
        offset = max(_FIRST_USER_BLOCK, 2 * offset)
    raise RecordError(f"{path} is no HDF5 file", reason="not_hdf5")


def _hold(descriptor: int, size: int) -> tuple[NDArray[np.uint8], str]:
    """Read the whole file; reading and hashing leave the GIL to others."""
    data = np.empty(size, dtype=np.uint8)
    view = data.data
    filled = 0
    with io.FileIO(descriptor, closefd=False) as file:
        while filled < size and (count := file.readinto(view[filled:])):
            filled += count
    data = data[:filled]
    data.setflags(write=False)
    return data, hashlib.sha256(data.data).hexdigest()


def _hash(descriptor: int, size: int) -> str:
    digest, offset = hashlib.sha256(), 0
    while piece := os.pread(descriptor, min(_PIECE, size - offset), offset):
        digest.update(piece)
        offset += len(piece)
    return digest.hexdigest()


def _translated(path: Path, error: OSError) -> RecordError | RetryableError:
    if error.errno in _REASONS:
        reason, what = _REASONS[error.errno]
        return RecordError(f"{path} {what}", reason=reason)
    return RetryableError(f"{path} can't be read now: {error.strerror}", reason="storage")

"""One connector per watched folder, whichever journal it keeps."""

import errno
import fcntl
import os
from pathlib import Path
from typing import Self

from models.errors import FatalError

# What file systems say that can't lock a folder; there the second connector goes unseen.
_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS, errno.EBADF})


class FolderLock:
    """An exclusive lock of a folder itself, which the system lets go when the process ends, however it ends.

    It writes nothing, so it works on read-only folders. It is a lock of this computer's kernel: on a folder of another
    computer (NFS, SMB) it keeps out a second connector on this computer, not one elsewhere.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    @classmethod
    def take(cls, path: Path) -> Self:
        """Lock a folder.

        Raises
        ------
        FatalError
            ``folder_in_use`` when another process has it.
        OSError
            The folder is not there, or can't be opened.
        """
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise FatalError(
                f"another connector on this computer sends the snapshots of {path}; stop it, or give another folder",
                reason="folder_in_use",
            ) from error
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                os.close(descriptor)
                raise
        return cls(path, descriptor)

    @property
    def path(self) -> Path:
        """The folder."""
        return self._path

    def release(self) -> None:
        """Let the folder go; a second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class FolderLocks:
    """The locks of all watched folders; one that is missing is locked when it is there."""

    def __init__(self, paths: list[Path]) -> None:
        self._missing = {path.resolve(): None for path in paths}
        self._locks: list[FolderLock] = []

    def take(self) -> None:
        """Lock the folders that are there and not locked yet.

        Raises
        ------
        FatalError
            ``folder_in_use``.
        """
        for path in list(self._missing):
            try:
                lock = FolderLock.take(path)
            except OSError:
                continue  # not there, or not readable: the spool tells of it, and it is tried again
            self._locks.append(lock)
            del self._missing[path]

    def release(self) -> None:
        """Let all folders go."""
        while self._locks:
            self._locks.pop().release()

    def __enter__(self) -> Self:
        try:
            self.take()
        except BaseException:
            self.release()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

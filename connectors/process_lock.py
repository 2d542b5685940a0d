"""A lock between processes, which the system lets go when its holder ends, however it ends."""

import errno
import fcntl
import os
import socket
import time
from pathlib import Path
from typing import Self

# What file systems say that can't lock a folder; there a second process goes unseen.
_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS, errno.EBADF})
# Who only looks has a shared lock for a moment: that is waited out, not taken for a holder.
_LOOKS, _LOOK_S = 100, 0.02


class LockHeldError(Exception):
    """Another process has the lock.

    Attributes
    ----------
    holder
        Which one, for a sentence; ``an unknown process`` where the lock does not tell.
    """

    def __init__(self, holder: str) -> None:
        super().__init__(holder)
        self.holder = holder or "an unknown process"


class ProcessLock:
    """An exclusive lock of a file or folder, by this computer's kernel.

    On a folder of another computer (NFS, SMB) it keeps out a second process on this computer, not one elsewhere.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def of_file(cls, path: Path, *, wait: bool = False) -> Self:
        """Lock a file, which is made if need be, and names its holder from then on.

        Parameters
        ----------
        wait
            Until nobody has it: for what is held for a moment only.

        Raises
        ------
        LockHeldError
            Another process has it.
        OSError
            It can't be written, or not be locked.
        """
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        _lock(descriptor, holder=True, wait=wait)
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
        except OSError:
            os.close(descriptor)
            raise
        return cls(descriptor)

    @classmethod
    def of_folder(cls, path: Path) -> Self:
        """Lock a folder itself: nothing is written, so it may be read-only. Where folders can't be locked, none is.

        Raises
        ------
        LockHeldError
            Another process has it.
        OSError
            The folder is not there, or can't be opened.
        """
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        _lock(descriptor, holder=False)
        return cls(descriptor)

    @staticmethod
    def holder_of(path: Path) -> str:
        """Who has the lock of a file now, for a sentence; empty when nobody has, or there is no such file.

        Raises
        ------
        OSError
            It can't be read.
        """
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return ""
        try:
            # Shared, for this moment: who looks at the same time is not taken for a holder.
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return LockHeldError(os.read(descriptor, 200).decode(errors="replace").strip()).holder
        finally:
            os.close(descriptor)
        return ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Let it go; a second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _lock(descriptor: int, *, holder: bool, wait: bool = False) -> None:
    """Lock an open file that names its holder, or a folder, which can't; it is closed when that fails."""
    try:
        looks = 0
        while not _try_lock(descriptor, wait=wait, last=looks == _LOOKS):
            time.sleep(_LOOK_S)
            looks += 1
    except BlockingIOError as error:
        name = os.read(descriptor, 200).decode(errors="replace").strip() if holder else ""
        os.close(descriptor)
        raise LockHeldError(name) from error
    except OSError as error:
        if holder or error.errno not in _NO_LOCKS:
            os.close(descriptor)
            raise


def _try_lock(descriptor: int, *, wait: bool, last: bool) -> bool:
    """Whether it is locked now; False when nobody has it but who only looks. Another holder raises, or the last try."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        if last:
            raise
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)  # not beside a holder
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        return False
    return True

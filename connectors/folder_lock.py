"""One connector per watched folder, whichever journal it keeps."""

from pathlib import Path
from typing import Self

from connectors.process_lock import LockHeldError, ProcessLock
from models.errors import FatalError


def lock_folder(path: Path) -> ProcessLock:
    """Lock a watched folder (``ProcessLock.of_folder``).

    Raises
    ------
    FatalError
        ``folder_in_use`` when another process has it.
    OSError
        The folder is not there, or can't be opened.
    """
    try:
        return ProcessLock.of_folder(path)
    except LockHeldError as error:
        raise FatalError(
            f"another connector on this computer sends the snapshots of {path}; stop it, or give another folder",
            reason="folder_in_use",
        ) from error


class FolderLocks:
    """The locks of all watched folders; one that is missing is locked when it is there."""

    def __init__(self, paths: list[Path]) -> None:
        self._missing = {path.resolve(): None for path in paths}
        self._locks: list[ProcessLock] = []

    def take(self) -> None:
        """Lock the folders that are there and not locked yet.

        Raises
        ------
        FatalError
            ``folder_in_use``.
        """
        for path in list(self._missing):
            try:
                lock = lock_folder(path)
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

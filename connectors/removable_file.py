"""A file below a folder that may be removed: reached without following any link, and removed only as it was read."""

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath

from models.errors import RecordError

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A pipe of this name must not keep anyone waiting.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class RemovableFile:
    """An open file, and the open folder that holds its name.

    Attributes
    ----------
    size_bytes, mtime_ns
        As of the opening.
    """

    def __init__(self, folder: int, name: str, descriptor: int, where: Path) -> None:
        self._folder = folder
        self._name = name
        self._descriptor = descriptor
        self._where = where
        self._opened = os.fstat(descriptor)
        self.size_bytes = self._opened.st_size
        self.mtime_ns = self._opened.st_mtime_ns

    def sha256(self) -> str:
        """Of all that is in it, hex; read from the disk."""
        with os.fdopen(os.dup(self._descriptor), "rb", buffering=0) as stream:
            stream.seek(0)
            return hashlib.file_digest(stream, "sha256").hexdigest()

    def remove(self) -> None:
        """Remove it, if it is still what was opened: the same file, not written to since.

        Raises
        ------
        RecordError
            ``changed``.
        """
        now = os.stat(self._name, dir_fd=self._folder, follow_symlinks=False)
        if _identity(now) != _identity(self._opened):
            raise RecordError(f"{self._where} changed while it was looked at", reason="changed")
        os.unlink(self._name, dir_fd=self._folder)


@contextmanager
def removable_file(root: Path, relative: str) -> Iterator[RemovableFile]:
    """Open a regular file below a folder.

    Raises
    ------
    RecordError
        ``not_ours``: a part of the way is a symbolic link, it leads out of the folder, or to no regular file.
    FileNotFoundError
        It is not there.
    OSError
        It can't be read.
    """
    where, parts = root / relative, PurePosixPath(relative).parts
    if not parts or any(part in {"/", "..", "."} for part in parts):
        raise RecordError(f"{where} leads out of {root}", reason="not_ours")
    with ExitStack() as stack:
        folder = _opened(stack, os.fspath(root), _FOLDER, None, where)
        for part in parts[:-1]:
            folder = _opened(stack, part, _FOLDER, folder, where)
        descriptor = _opened(stack, parts[-1], _FILE, folder, where)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise RecordError(f"{where} is no regular file", reason="not_ours")
        yield RemovableFile(folder, parts[-1], descriptor, where)


def _opened(stack: ExitStack, name: str, flags: int, folder: int | None, where: Path) -> int:
    try:
        descriptor = os.open(name, flags, dir_fd=folder)
    except OSError as error:
        status = _status(name, folder)
        if status is not None and not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
            raise RecordError(f"{where} is reached by a link, which is not followed", reason="not_ours") from error
        raise
    stack.callback(os.close, descriptor)
    return descriptor


def _status(name: str, folder: int | None) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError:
        return None


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns

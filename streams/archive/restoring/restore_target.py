"""Puts restored files into a folder: each is there whole and compared, or not at all."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path
from typing import BinaryIO

from connectors.archive.archive_keys import need_key
from connectors.archive.contents import sha256_of_file
from connectors.disk_failures import disk_failures
from connectors.durable_files import file_aside, put_in_place
from models.archive.archived_file import ArchivedFile
from models.errors import RecordError

#: Writes a content to the end of a stream; its SHA-256 (hex).
Fill = Callable[[BinaryIO], str]
_UNFIT = frozenset({errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL, errno.ENOTDIR, errno.EEXIST, errno.ELOOP})
_DIGITS = 16


class Found(Enum):
    """What lies where a file is to be put."""

    NOTHING = "nothing"
    CONTENT = "content"
    ANOTHER = "another"


class RestoreTarget:
    """A folder that gets files under their keys, as the recorders' folder has them.

    Every method raises ``RetryableError`` (``disk_full``, ``disk_failed``), and ``RecordError`` (``archive_key``,
    ``name_unfit``) for a name that the folder's file system can't hold.

    Parameters
    ----------
    into
        Made if need be.
    """

    def __init__(self, into: Path) -> None:
        self._into = into
        with disk_failures(into):
            into.mkdir(parents=True, exist_ok=True)

    def place(self, file: ArchivedFile) -> Path:
        """Where a file is put."""
        need_key(file.key)
        return self._into / file.key

    def look(self, file: ArchivedFile, *, compare: bool = True) -> Found:
        """What is there already.

        Parameters
        ----------
        compare
            Read and compare what has the right size, rather than believe its time.
        """
        place = self.place(file)
        with self._failures(file):
            try:
                status = place.lstat()
            except (FileNotFoundError, NotADirectoryError):
                return Found.NOTHING
        if not place.is_file() or place.is_symlink() or status.st_size != file.size_bytes:
            return Found.ANOTHER
        same = sha256_of_file(place) == file.sha256 if compare else status.st_mtime_ns == file.mtime_ns
        return Found.CONTENT if same else Found.ANOTHER

    def put(self, file: ArchivedFile, fill: Fill, *, replace: bool) -> bool:
        """Write a file; whether what came was its content. Otherwise there is what was there before.

        Raises
        ------
        RecordError
            ``file_exists``: something else lies there, and it is not to be replaced.
        """
        place = self.place(file)
        # Watches leave hidden files alone, and see a renamed one as a whole.
        hidden = place.with_name(f".restored-{file.sha256[:_DIGITS]}")
        try:
            with self._failures(file):
                place.parent.mkdir(parents=True, exist_ok=True)
                with file_aside(hidden) as stream:
                    same = fill(stream) == file.sha256
                if same:
                    os.utime(hidden, ns=(file.mtime_ns, file.mtime_ns))
                    if place.is_dir() or (not replace and os.path.lexists(place)):
                        raise self.exists(file)
                    put_in_place(hidden, place)
        finally:
            with suppress(OSError):
                hidden.unlink(missing_ok=True)
        return same

    def exists(self, file: ArchivedFile) -> RecordError:
        """That something else lies where a file is to be put."""
        return RecordError(
            f"{self.place(file)} is there with another content and stays; move it away, or give --replace",
            reason="file_exists",
        )

    @contextmanager
    def _failures(self, file: ArchivedFile) -> Iterator[None]:
        with disk_failures(self._into):
            try:
                yield
            except OSError as error:
                if error.errno not in _UNFIT:
                    raise
                raise RecordError(
                    f"{self.place(file)} can't be made ({error.strerror}); restore it into a folder of another file "
                    "system",
                    reason="name_unfit",
                ) from error

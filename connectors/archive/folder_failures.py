"""What goes wrong with a folder that keeps the archive, as one sentence each."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connectors.disk_failures import DISK_FULL
from models.errors import FatalError, PetawatchError, RecordError, RetryableError

_AWAY = frozenset(
    {errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.ENODEV, errno.ENXIO, errno.EBUSY}
)
_RIGHTS = frozenset({errno.EACCES, errno.EPERM})
_KEY = frozenset({errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL, errno.ENOTDIR, errno.EISDIR, errno.EEXIST})


@contextmanager
def one_sentence(folder: Path, key: str = "") -> Iterator[None]:
    """Turn what the system raises for something below a folder into a failure of ours.

    Raises
    ------
    RetryableError
        ``archive_store_full``, ``archive_store_away``.
    FatalError
        ``archive_store_refused``.
    RecordError
        ``archive_key``: the file system can't hold a file of this name.
    """
    try:
        yield
    except OSError as error:
        raise _failure(folder, key, error) from error


def no_store(folder: Path, *, at_start: bool) -> PetawatchError:
    """A folder without what makes it a store: an empty mount point would take files onto another disk in silence."""
    if at_start:
        return FatalError(
            f"{folder} holds no archive; mount its file system, or, if what was in it is lost, make an empty folder of "
            "another name and give that as archive.store: `petawatch archive run` begins a new archive there",
            reason="archive_store_missing",
        )
    return RetryableError(
        f"{folder} holds no archive any more; look whether its file system is mounted", reason="archive_store_away"
    )


def _failure(folder: Path, key: str, error: OSError) -> PetawatchError:
    words, place = error.strerror or str(error), f"{folder}/{key}".rstrip("/")
    if error.errno in DISK_FULL:
        return RetryableError(
            f"the archive in {folder} is full ({words}); make room, or free files that are safe on tape",
            reason="archive_store_full",
        )
    if error.errno in _AWAY:
        return RetryableError(
            f"{place} can't be reached ({words}); look at the disk of {folder} and whether it is mounted",
            reason="archive_store_away",
        )
    if error.errno in _KEY and key:
        return RecordError(
            f"{place} is a name that the archive can't hold ({words}); give the snapshot another name",
            reason="archive_key",
        )
    if error.errno == errno.EROFS:
        what = "its file system is mounted for reading only, as many are after an error; look at it, and mount it again"
    elif error.errno in _RIGHTS:
        what = f"this user may not ({words}); give it the right to write below {folder}"
    else:
        what = f"{words}; look at {folder}"
    return FatalError(f"{place} can't be kept: {what}", reason="archive_store_refused")

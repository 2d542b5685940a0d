"""What goes wrong with the outbox of the archive, as one clear sentence each."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connectors.disk_failures import DISK_FULL
from connectors.sqlite_file import SqliteTrouble, trouble_of
from models.errors import FatalError, PetawatchError, RetryableError

_REFUSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG})


@contextmanager
def clear_failures(folder: Path) -> Iterator[None]:
    """Turn failures of SQLite and of the file system into failures of ours.

    Raises
    ------
    RetryableError
        ``disk_full``, ``outbox_busy`` or ``disk_error``: nothing was changed, the same call may be repeated.
    FatalError
        ``outbox_damaged`` or ``outbox_unusable``.
    """
    try:
        yield
    except sqlite3.Error as error:
        failure = _of_sqlite(error, folder)
        if failure is None:
            raise
        raise failure from error
    except OSError as error:
        raise _of_system(error, folder) from error


def too_new(folder: Path) -> FatalError:
    """A later program has made it."""
    return FatalError(
        f"the outbox of the archive in {folder} was written by a newer Petawatch; use that version",
        reason="outbox_too_new",
    )


def _of_sqlite(error: sqlite3.Error, folder: Path) -> PetawatchError | None:
    match trouble_of(error):
        case SqliteTrouble.FULL:
            return _full(folder)
        case SqliteTrouble.BUSY:
            return RetryableError(f"another program holds the outbox of the archive in {folder}", reason="outbox_busy")
        case SqliteTrouble.DISK:
            return RetryableError(f"the disk under {folder} fails ({error})", reason="disk_error")
        case SqliteTrouble.DAMAGED:
            return FatalError(
                f"the outbox of the archive in {folder} is damaged ({error}); remove its files outbox.sqlite*: it is "
                "made anew from the state directory",
                reason="outbox_damaged",
            )
        case SqliteTrouble.UNUSABLE:
            return _unusable(folder, str(error))
    return None


def _of_system(error: OSError, folder: Path) -> PetawatchError:
    if error.errno in DISK_FULL:
        return _full(folder)
    if error.errno in _REFUSED:
        return _unusable(folder, error.strerror or str(error))
    return RetryableError(f"the disk under {folder} fails ({error})", reason="disk_error")


def _full(folder: Path) -> RetryableError:
    return RetryableError(f"the disk under {folder} is full; make room, the work goes on by itself", reason="disk_full")


def _unusable(folder: Path, what: str) -> FatalError:
    return FatalError(
        f"the archive's folder {folder} can't be used ({what}); give archive.folder, or the rights to write there",
        reason="outbox_unusable",
    )

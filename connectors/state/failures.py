"""What goes wrong with a state directory, as one clear sentence each."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connectors.disk_failures import DISK_FULL
from connectors.sqlite_file import SqliteTrouble, trouble_of
from models.errors import FatalError, PetawatchError, RetryableError


class PartGoneError(Exception):
    """A listed part of the results is not there: another one took its place since it was listed, or it was removed."""


_REFUSED = frozenset(
    {
        *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.EISDIR),
        *(errno.ENAMETOOLONG, errno.ELOOP),
    }
)


@contextmanager
def clear_failures(directory: Path) -> Iterator[None]:
    """Turn failures of SQLite and of the file system into the three kinds of failure.

    Raises
    ------
    RetryableError
        ``disk_full``, ``state_busy`` or ``disk_error``: nothing was changed, the same call may be repeated.
    FatalError
        ``state_damaged`` or ``state_unusable``.
    """
    try:
        yield
    except PartGoneError as error:
        raise damaged(directory, f"its listed part {error} is missing") from error
    except sqlite3.Error as error:
        failure = _of_sqlite(error, directory)
        if failure is None:
            raise
        raise failure from error
    except OSError as error:
        raise _of_system(error, directory) from error


def damaged(directory: Path, what: str) -> FatalError:
    """The state directory holds something that can't be read."""
    return FatalError(
        f"the state directory {directory} is damaged ({what}); restore it from a copy, or start with a new one",
        reason="state_damaged",
    )


def _disk_full(directory: Path) -> RetryableError:
    return RetryableError(
        f"the disk under {directory} is full; make room, the work goes on by itself", reason="disk_full"
    )


def _unusable(directory: Path, what: str) -> FatalError:
    return FatalError(
        f"the state directory {directory} can't be used ({what}); give one that this user may write to",
        reason="state_unusable",
    )


def _of_sqlite(error: sqlite3.Error, directory: Path) -> PetawatchError | None:
    failure: PetawatchError | None = None
    match trouble_of(error):
        case SqliteTrouble.FULL:
            failure = _disk_full(directory)
        case SqliteTrouble.BUSY:
            failure = RetryableError(f"another program holds the state directory {directory}", reason="state_busy")
        case SqliteTrouble.DISK:
            failure = RetryableError(f"the disk under {directory} fails ({error})", reason="disk_error")
        case SqliteTrouble.DAMAGED:
            failure = damaged(directory, str(error))
        case SqliteTrouble.UNUSABLE:
            failure = _unusable(directory, str(error))
    return failure


def _of_system(error: OSError, directory: Path) -> PetawatchError:
    if error.errno in DISK_FULL:
        return _disk_full(directory)
    if error.errno in _REFUSED:
        return _unusable(directory, error.strerror or str(error))
    if error.errno == errno.ENOENT:
        return damaged(directory, f"{error.filename or 'a file'} is missing")
    # Also what network file systems say when they are away, and what a crowded computer lacks for a while.
    return RetryableError(f"the disk under {directory} fails ({error})", reason="disk_error")

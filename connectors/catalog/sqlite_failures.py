"""What goes wrong with a catalog in a SQLite file, as one sentence each."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connectors.disk_failures import DISK_FULL
from connectors.sqlite_file import SqliteTrouble, trouble_of
from models.errors import FatalError, PetawatchError, RetryableError


@contextmanager
def one_sentence(file: Path) -> Iterator[None]:
    """Turn what SQLite and the file system raise into a failure of ours.

    Raises
    ------
    RetryableError
        ``catalog_busy``, ``catalog_away`` (the disk fails), ``disk_full``.
    FatalError
        ``catalog_damaged``, ``catalog_refused``.
    """
    try:
        yield
    except sqlite3.Error as error:
        failure = _of_sqlite(error, file)
        if failure is None:
            raise
        raise failure from error
    except OSError as error:
        raise _disk_full(file) if error.errno in DISK_FULL else _unusable(file, error) from error
    except (OverflowError, UnicodeEncodeError) as error:
        raise FatalError(
            f"the catalog {file} can't hold a value ({error}); look at what is archived", reason="catalog_refused"
        ) from error


def damaged(file: Path, what: object) -> FatalError:
    """The file holds something that can't be read."""
    return FatalError(
        f"the catalog {file} is damaged ({what}); restore it from a copy, or move it away and make it anew from the "
        "cartridges",
        reason="catalog_damaged",
    )


def _disk_full(file: Path) -> RetryableError:
    return RetryableError(
        f"the disk of the catalog {file} is full; make room, the work goes on by itself", reason="disk_full"
    )


def _unusable(file: Path, what: object) -> FatalError:
    return FatalError(
        f"the catalog {file} can't be used ({what}); name a file that this user may write to as catalog.address",
        reason="catalog_refused",
    )


def _of_sqlite(error: sqlite3.Error, file: Path) -> PetawatchError | None:
    failure: PetawatchError | None = None
    match trouble_of(error):
        case SqliteTrouble.FULL:
            failure = _disk_full(file)
        case SqliteTrouble.BUSY:
            failure = RetryableError(
                f"another program holds the catalog {file}; the work goes on when it lets go", reason="catalog_busy"
            )
        case SqliteTrouble.DISK:
            failure = RetryableError(
                f"the disk of the catalog {file} fails ({error}); look at the disk", reason="catalog_away"
            )
        case SqliteTrouble.DAMAGED:
            failure = damaged(file, error)
        case SqliteTrouble.UNUSABLE:
            failure = _unusable(file, error)
    return failure

"""What goes wrong with a SQLite file, in five kinds; whoever owns the file has a sentence for each."""

import errno
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from pathlib import Path

from connectors.disk_failures import DISK_FULL
from connectors.failure_sentence import FailureSentence


class SqliteTrouble(Enum):
    """What an operator has to look at."""

    FULL = "full"
    BUSY = "busy"
    DISK = "disk"
    DAMAGED = "damaged"
    UNUSABLE = "unusable"


_BY_CODE = {
    sqlite3.SQLITE_FULL: SqliteTrouble.FULL,
    sqlite3.SQLITE_BUSY: SqliteTrouble.BUSY,
    sqlite3.SQLITE_LOCKED: SqliteTrouble.BUSY,
    sqlite3.SQLITE_IOERR: SqliteTrouble.DISK,
    sqlite3.SQLITE_CORRUPT: SqliteTrouble.DAMAGED,
    sqlite3.SQLITE_NOTADB: SqliteTrouble.DAMAGED,
    sqlite3.SQLITE_READONLY: SqliteTrouble.UNUSABLE,
    sqlite3.SQLITE_CANTOPEN: SqliteTrouble.UNUSABLE,
    sqlite3.SQLITE_PERM: SqliteTrouble.UNUSABLE,
}
# All others are of the disk: also what network file systems say when they are away, and what a crowded computer lacks
# for a while.
_BY_ERRNO = {
    **dict.fromkeys(DISK_FULL, SqliteTrouble.FULL),
    **dict.fromkeys(
        (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.EISDIR), SqliteTrouble.UNUSABLE
    ),
    **dict.fromkeys((errno.ENAMETOOLONG, errno.ELOOP), SqliteTrouble.UNUSABLE),
}


def trouble_of(error: sqlite3.Error | OSError) -> SqliteTrouble | None:
    """The kind of trouble with the file, or with the folder that it is to lie in; None for a mistake of the program."""
    if isinstance(error, OSError):
        return _BY_ERRNO.get(error.errno or 0, SqliteTrouble.DISK)
    return _BY_CODE.get(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF)


@contextmanager
def sentences_for(sentences: Mapping[SqliteTrouble, FailureSentence], place: Path) -> Iterator[None]:
    """Turn failures of SQLite and of the file system into an owner's.

    Parameters
    ----------
    sentences
        Of ``{place}``, ``{error}``, and ``{words}``: the error without number and path.
    """
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        trouble = trouble_of(error)
        if trouble is None:
            raise
        words = getattr(error, "strerror", None) or error
        raise sentences[trouble].of(place=place, error=error, words=words) from error

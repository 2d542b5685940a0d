"""A SQLite file: how it is opened, whole transactions, and its log of writes."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_BUSY_TIMEOUT_S = 20.0
_PAUSE_S = 0.05
# As long as SQLite itself waits for others.
_ATTEMPTS = round(_BUSY_TIMEOUT_S / _PAUSE_S)


def connect(file: Path, options: str) -> sqlite3.Connection:
    """Open a file for several threads, without transactions of the module's own.

    Parameters
    ----------
    options
        Of SQLite's URI: ``mode=rwc``, ``mode=ro``, ``mode=ro&immutable=1``.
    """
    uri = f"{file.absolute().as_uri()}?{options}"
    return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=_BUSY_TIMEOUT_S, check_same_thread=False)


@contextmanager
def transaction(connection: sqlite3.Connection, *, durable: bool = False) -> Iterator[None]:
    """Everything inside, or nothing; ``durable`` survives a power failure too."""
    if durable:
        connection.execute("PRAGMA synchronous=FULL")
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    finally:
        if durable:
            connection.execute("PRAGMA synchronous=NORMAL")


def write_ahead(connection: sqlite3.Connection) -> None:
    """Switch to a log of writes. SQLite does not wait for others who just do the same: it is asked again.

    Raises
    ------
    sqlite3.OperationalError
        Others held the file all the time.
    """
    for attempt in range(_ATTEMPTS):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or attempt == _ATTEMPTS - 1:
                raise
            time.sleep(_PAUSE_S)
        else:
            return

"""The log of writes of a SQLite file that several threads or processes may make at once."""

import sqlite3
import time

_ATTEMPTS, _PAUSE_S = 20, 0.05


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

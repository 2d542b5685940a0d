"""The database of those who may use the console: ``access.sqlite`` in the state directory, readable by its owner alone.

The console and the commands use it at once; every call opens it anew.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from connectors.sqlite_file import connect, transaction
from connectors.state.failures import clear_failures, damaged
from models.errors import FatalError

DATABASE_NAME = "access.sqlite"
_VERSION = 1
_APPLICATION_ID = 0x50574143  # "PWAC"
_TABLES = """
CREATE TABLE users (
    name TEXT PRIMARY KEY, role TEXT NOT NULL, password TEXT NOT NULL, changed_ns INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE tokens (
    id TEXT PRIMARY KEY, secret BLOB NOT NULL, user TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    role TEXT NOT NULL, purpose TEXT NOT NULL, made_ns INTEGER NOT NULL, ends_ns INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE sessions (
    secret BLOB PRIMARY KEY, user TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    begun_ns INTEGER NOT NULL, active_ns INTEGER NOT NULL) WITHOUT ROWID
"""


class AccessDatabase:
    """Reads and durable transactions.

    Raises
    ------
    FatalError
        By every method: ``state_damaged``, ``state_unusable`` or ``state_too_new``.
    RetryableError
        By every method: ``disk_full``, ``disk_error`` or ``state_busy``.
    """

    def __init__(self, state: Path) -> None:
        self._state = state
        self._path = state / DATABASE_NAME

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One durable transaction, in which nobody else writes; the database is made when there is none."""
        with clear_failures(self._state):
            self._state.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
            with closing(connect(self._path, "mode=rw")) as connection:
                connection.execute("PRAGMA foreign_keys=ON")
                connection.execute("PRAGMA synchronous=FULL")
                with transaction(connection):
                    if not self._is_made(connection):
                        for statement in _TABLES.split(";\n"):
                            connection.execute(statement)
                        connection.execute(f"PRAGMA application_id={_APPLICATION_ID}")
                        connection.execute(f"PRAGMA user_version={_VERSION}")
                    yield connection

    def rows(self, query: str, *values: str | int | bytes) -> list[tuple[Any, ...]]:
        """What a query gives; nothing when there is no database yet."""
        if not self._path.exists():
            return []
        # Not mode=ro: what a writer left behind when it was killed has to be rolled back.
        with clear_failures(self._state), closing(connect(self._path, "mode=rw")) as connection:
            connection.execute("BEGIN")
            return connection.execute(query, values).fetchall() if self._is_made(connection) else []

    def _is_made(self, connection: sqlite3.Connection) -> bool:
        [(application,)] = connection.execute("PRAGMA application_id")
        [(version,)] = connection.execute("PRAGMA user_version")
        [(tables,)] = connection.execute("SELECT count(*) FROM sqlite_master")
        if tables and application != _APPLICATION_ID:
            raise damaged(self._state, f"{DATABASE_NAME} belongs to another program")
        if version > _VERSION:
            raise FatalError(f"{self._path} was written by a newer Petawatch; use that version", reason="state_too_new")
        return bool(tables)

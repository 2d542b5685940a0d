"""decisions.sqlite: opened, brought to the present format, and written one whole step at a time.

Several processes write it (a watch, the console, commands); each step is one ``BEGIN IMMEDIATE`` transaction that is on
the disk when it returns, so that two who do the same at once come one after the other.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Self

from connectors.control_room.failures import clear_failures, damaged
from connectors.control_room.schema import MIGRATIONS, SCHEMA_VERSION
from connectors.sqlite_file import transaction, write_ahead
from models.errors import FatalError

DECISIONS_NAME = "decisions.sqlite"

_APPLICATION_ID = 0x50574454  # "PWDT"
_BUSY_TIMEOUT_S = 20.0
_NEXT_CHANGE = "INSERT INTO meta (name, value) VALUES ('changes', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1"


class ControlRoomDatabase:
    """The file, open for writing; for several threads, whose steps come one after the other.

    Raises
    ------
    RetryableError
        By every method: ``disk_full``, ``disk_error`` or ``state_busy``; nothing has changed, call it again.
    FatalError
        By every method: ``state_damaged`` or ``state_unusable``.
    """

    def __init__(self, state: Path, connection: sqlite3.Connection) -> None:
        self.state = state
        self._connection = connection
        self._lock = threading.RLock()

    @classmethod
    def open(cls, state: Path, *, wait_s: float = _BUSY_TIMEOUT_S) -> Self:
        """Open or make the file of a state directory, which is there.

        Parameters
        ----------
        wait_s
            How long a step waits for those of others.

        Raises
        ------
        FatalError
            ``state_too_new``.
        """
        with clear_failures(state / DECISIONS_NAME):
            connection = _connect(state / DECISIONS_NAME, "rwc", wait_s)
            try:
                _format(connection, state)
                write_ahead(connection)
                # Nobody makes decisions of people again after a power failure.
                connection.execute("PRAGMA synchronous=FULL")
                _migrate(connection, state)
            except BaseException:
                connection.close()
                raise
        return cls(state, connection)

    @contextmanager
    def step(self) -> Iterator[sqlite3.Connection]:
        """Everything inside is durable when it ends, or nothing; nobody else writes meanwhile.

        Raises
        ------
        FatalError
            ``state_too_new``: a newer program has changed the tables since this one opened them, and relies on more
            being written than this one knows of.
        """
        with self._lock, clear_failures(self.state / DECISIONS_NAME), transaction(self._connection):
            _format(self._connection, self.state)
            yield self._connection
            self._connection.execute(_NEXT_CHANGE)

    @contextmanager
    def look(self) -> Iterator[sqlite3.Connection]:
        """Read, one moment each query; nothing is written."""
        with self._lock, clear_failures(self.state / DECISIONS_NAME):
            yield self._connection

    def wait_at_most(self, seconds: float) -> None:
        """From now on a step waits for those of others for so long, then it raises ``state_busy``."""
        with self.look() as connection:
            connection.execute(f"PRAGMA busy_timeout={round(1000 * seconds)}")

    def data_version(self) -> int:
        """Another number when another connection has written since the last call."""
        with self.look() as connection:
            return int(connection.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        """Let the file go."""
        with self._lock:
            self._connection.close()


@contextmanager
def reading(state: Path, *, wait_s: float = _BUSY_TIMEOUT_S) -> Iterator[sqlite3.Connection]:
    """The file for reading, as it was at one moment; without a file, or in one of an earlier program, tables are empty.

    Raises
    ------
    RetryableError
        ``disk_full``, ``disk_error`` or ``state_busy``.
    FatalError
        ``state_damaged``, ``state_unusable``, ``state_too_new``.
    """
    with clear_failures(state / DECISIONS_NAME), closing(_open_for_reading(state, wait_s)) as connection:
        yield connection


def _open_for_reading(state: Path, wait_s: float) -> sqlite3.Connection:
    path = state / DECISIONS_NAME
    if not path.exists():
        return _empty()
    # Not mode=ro: what a writer left behind when it was killed has to be rolled back.
    connection = _connect(path, "rw", wait_s)
    try:
        connection.execute("BEGIN")
        version = _format(connection, state)
    except sqlite3.OperationalError:
        connection.close()
        if path.with_name(f"{DECISIONS_NAME}-wal").exists():
            raise
        # Nobody writes, and this user can't make the files that readers of a log share: the file stands still.
        connection = _connect(path, "ro&immutable=1", wait_s)
        connection.execute("BEGIN")
        version = _format(connection, state)
    _make_missing(connection, version)
    return connection


def _empty() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    _make_missing(connection, 0)
    return connection


def _make_missing(connection: sqlite3.Connection, version: int) -> None:
    """Lay the tables that a file of an earlier program does not have beside it, empty, for this reader alone."""
    if version == SCHEMA_VERSION:
        return
    there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    for earlier in range(version, SCHEMA_VERSION):
        for statement in MIGRATIONS[earlier]:
            words = statement.replace("IF NOT EXISTS ", "").split()
            if words[:2] == ["CREATE", "TABLE"] and words[2] not in there:
                connection.execute(statement.replace("CREATE TABLE", "CREATE TEMP TABLE", 1))


def _connect(path: Path, mode: str, wait_s: float) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=wait_s, check_same_thread=False)
    connection.execute("PRAGMA temp_store=MEMORY")
    return connection


def _format(connection: sqlite3.Connection, state: Path) -> int:
    """The version of the file's format; 0 also of one that is just being made.

    Raises
    ------
    FatalError
        ``state_too_new`` or ``state_damaged``.
    """
    # In this order: another process may be making the file, tables and name in one transaction.
    [(tables,)] = connection.execute("SELECT count(*) FROM sqlite_master")
    [(application,)] = connection.execute("PRAGMA application_id")
    if tables and application != _APPLICATION_ID:
        raise damaged(state / DECISIONS_NAME, "it belongs to another program")
    [(version,)] = connection.execute("PRAGMA user_version")
    if version > SCHEMA_VERSION:
        raise FatalError(
            f"{DECISIONS_NAME} in {state} is of a newer Petawatch (format {version}, this one knows {SCHEMA_VERSION}); "
            "use that one",
            reason="state_too_new",
        )
    return int(version)


def _migrate(connection: sqlite3.Connection, state: Path) -> None:
    """Bring a file of an earlier format to the present one, wholly or not at all."""
    if _format(connection, state) == SCHEMA_VERSION:
        return
    with transaction(connection):
        for version in range(_format(connection, state), SCHEMA_VERSION):  # others may have done it meanwhile
            for statement in MIGRATIONS[version]:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id={_APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")

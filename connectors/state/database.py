"""The SQLite file of a state directory: its tables, and how it is opened."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connectors.sqlite_file import connect, transaction
from connectors.state.failures import damaged
from models.errors import FatalError
from models.results import Outcome

DATABASE_NAME = "petawatch.sqlite"
#: Counts up with every change of the tables; a directory of a newer one is refused.
SCHEMA_VERSION = 6

_APPLICATION_ID = 0x50574154  # "PWAT"
# States are a few hundred kB each: large pages halve the time to write them.
_PAGE_BYTES = 16_384
# States are written again and again: a long log writes each of them into the database once per this many bytes.
_LOG_BYTES = 64 << 20

_OUTCOME_COLUMNS = ", ".join(f"{outcome.value} INTEGER NOT NULL DEFAULT 0" for outcome in Outcome)

_FILE_CHANGES = """CREATE TABLE file_changes (
    number INTEGER PRIMARY KEY AUTOINCREMENT, version INTEGER NOT NULL UNIQUE)"""
# Whoever follows the changes learns from it that they are numbered anew.
_CHANGES_IDENTITY = "INSERT INTO meta (name, value) VALUES ('changes', lower(hex(randomblob(16))))"

_LOST_RECORDS = """CREATE {kind} lost_records (
    path TEXT NOT NULL, sha256 TEXT NOT NULL, place TEXT NOT NULL, reason TEXT NOT NULL, records INTEGER NOT NULL,
    PRIMARY KEY (path, sha256, place)) WITHOUT ROWID"""

# What the keeper of alarms has yet to take, and when stages fired.
_ALARM_FEED = """CREATE {kind} alarm_feed (
    number INTEGER PRIMARY KEY AUTOINCREMENT, alert_id TEXT NOT NULL, alert TEXT NOT NULL,
    committed_ns INTEGER NOT NULL, closed_ns INTEGER)"""
_STAGE_ACTIVITY = """CREATE {kind} stage_activity (
    stage TEXT PRIMARY KEY, fired_ns INTEGER NOT NULL, idle_ns INTEGER) WITHOUT ROWID"""

_TABLES = f"""
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE states (key TEXT PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE file_versions (
    id INTEGER PRIMARY KEY, path TEXT NOT NULL, sha256 TEXT NOT NULL, root TEXT NOT NULL, size_bytes INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL, status TEXT NOT NULL, reason TEXT NOT NULL, series TEXT NOT NULL,
    first_ns INTEGER, last_ns INTEGER, records_read INTEGER NOT NULL, dead_lettered INTEGER NOT NULL,
    dead_letters TEXT NOT NULL, replaced_sha256 TEXT, latest INTEGER NOT NULL, void INTEGER NOT NULL DEFAULT 0,
    decided_first_ns INTEGER, decided_last_ns INTEGER,
    {_OUTCOME_COLUMNS}, thinned INTEGER NOT NULL DEFAULT 0, UNIQUE (path, sha256));
CREATE TABLE file_counts (name TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE file_voids (
    path TEXT NOT NULL, sha256 TEXT NOT NULL, sequence INTEGER NOT NULL,
    first_ns INTEGER NOT NULL, last_ns INTEGER NOT NULL);
CREATE TABLE row_voids (what TEXT NOT NULL, subject TEXT NOT NULL, sequence INTEGER NOT NULL, times BLOB NOT NULL);
CREATE TABLE row_buffer (
    id INTEGER PRIMARY KEY, what TEXT NOT NULL, sequence INTEGER NOT NULL, rows INTEGER NOT NULL,
    first_ns INTEGER NOT NULL, last_ns INTEGER NOT NULL, data BLOB NOT NULL);
CREATE TABLE parts (
    id TEXT PRIMARY KEY, what TEXT NOT NULL, date TEXT NOT NULL, hour TEXT NOT NULL, sequence INTEGER NOT NULL,
    rows INTEGER NOT NULL, first_ns INTEGER NOT NULL, last_ns INTEGER NOT NULL);
CREATE INDEX parts_by_time ON parts (what, first_ns);
CREATE TABLE triplet_minutes (
    front_end TEXT NOT NULL, amp TEXT NOT NULL, arm TEXT NOT NULL, minute_ns INTEGER NOT NULL,
    complete INTEGER NOT NULL, incomplete INTEGER NOT NULL, idle INTEGER NOT NULL, anomalous INTEGER NOT NULL,
    PRIMARY KEY (front_end, amp, arm, minute_ns)) WITHOUT ROWID;
CREATE TABLE alerts (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, severity TEXT NOT NULL, status TEXT NOT NULL, front_end TEXT NOT NULL,
    amp TEXT NOT NULL, arm TEXT NOT NULL, device TEXT NOT NULL, first_shot_ns INTEGER NOT NULL,
    last_shot_ns INTEGER NOT NULL, shots INTEGER NOT NULL, score REAL, reasons TEXT NOT NULL,
    model TEXT NOT NULL, source_file TEXT NOT NULL, source_sha256 TEXT NOT NULL, source_path TEXT NOT NULL,
    explanation TEXT NOT NULL DEFAULT '', cause TEXT NOT NULL DEFAULT '', cause_probability REAL NOT NULL DEFAULT 0,
    opened_ns INTEGER NOT NULL DEFAULT 0);
CREATE INDEX alerts_by_time ON alerts (first_shot_ns, id);
CREATE TABLE evidence (
    alert_id TEXT NOT NULL, role TEXT NOT NULL, event_time_ns INTEGER NOT NULL, png TEXT NOT NULL, npz TEXT NOT NULL,
    PRIMARY KEY (alert_id, role)) WITHOUT ROWID;
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT, url TEXT NOT NULL, alert_id TEXT NOT NULL, event_id TEXT NOT NULL,
    body BLOB NOT NULL, created_ns INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt_ns INTEGER NOT NULL DEFAULT 0, error TEXT NOT NULL DEFAULT '');
CREATE INDEX outbox_lines ON outbox (url, alert_id, id);
{_LOST_RECORDS.format(kind="TABLE")};
{_FILE_CHANGES};
{_CHANGES_IDENTITY};
{_ALARM_FEED.format(kind="TABLE")};
{_STAGE_ACTIVITY.format(kind="TABLE")};
"""

#: What makes a database of each earlier format one of the next.
_MIGRATIONS = {
    1: (
        "ALTER TABLE file_versions ADD COLUMN thinned INTEGER NOT NULL DEFAULT 0",
        _LOST_RECORDS.format(kind="TABLE"),
    ),
    2: (
        "ALTER TABLE alerts ADD COLUMN explanation TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE alerts ADD COLUMN cause TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE alerts ADD COLUMN cause_probability REAL NOT NULL DEFAULT 0",
    ),
    3: ("ALTER TABLE alerts ADD COLUMN opened_ns INTEGER NOT NULL DEFAULT 0",),
    4: (
        _FILE_CHANGES,
        "INSERT INTO file_changes (number, version) SELECT id, id FROM file_versions",
        _CHANGES_IDENTITY,
    ),
    5: (_ALARM_FEED.format(kind="TABLE"), _STAGE_ACTIVITY.format(kind="TABLE")),
}
#: What lets this program read a database of an earlier format that it may not change.
_AS_IF_MIGRATED = {
    1: (
        "CREATE TEMP VIEW file_versions AS SELECT *, 0 AS thinned FROM main.file_versions",
        _LOST_RECORDS.format(kind="TEMP TABLE"),
    ),
    2: (
        """CREATE TEMP VIEW alerts AS SELECT *, '' AS explanation, '' AS cause, 0 AS cause_probability,
        0 AS opened_ns FROM main.alerts""",
    ),
    3: ("CREATE TEMP VIEW IF NOT EXISTS alerts AS SELECT *, 0 AS opened_ns FROM main.alerts",),  # 2 made it
    4: ("CREATE TEMP VIEW file_changes AS SELECT id AS number, id AS version FROM main.file_versions",),
    5: (_ALARM_FEED.format(kind="TEMP TABLE"), _STAGE_ACTIVITY.format(kind="TEMP TABLE")),
}


def open_for_writing(directory: Path) -> sqlite3.Connection:
    """The directory's database, made when there is none, in WAL mode with ``synchronous=NORMAL``.

    One of an earlier format is brought to this one.

    NORMAL writes the log to the disk at checkpoints only. A crash of the program loses nothing; a power failure may
    lose the last commits as a whole, which equals an earlier crash: the work is done again from the source files,
    which are still on disk, with the same results and the same ids. The database itself stays consistent. What
    removes files that an earlier state needs is committed with ``durable``.

    Raises
    ------
    FatalError
        ``state_too_new`` or ``state_damaged``.
    """
    connection = connect(directory / DATABASE_NAME, "mode=rwc")
    if not _version(connection, directory):
        connection.execute(f"PRAGMA page_size={_PAGE_BYTES}")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute(f"PRAGMA wal_autocheckpoint={_LOG_BYTES // _PAGE_BYTES}")
    connection.execute(f"PRAGMA journal_size_limit={_LOG_BYTES}")
    if not _version(connection, directory):
        with transaction(connection):
            for statement in _TABLES.split(";\n"):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id={_APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
    _migrate(connection, directory)
    return connection


def open_for_reading(directory: Path) -> sqlite3.Connection:
    """The directory's database, read-only, also while a watch writes to it.

    Raises
    ------
    FatalError
        ``state_missing`` when there is none, ``state_too_new`` or ``state_damaged``.
    """
    if not (directory / DATABASE_NAME).is_file():
        raise _missing(directory)
    connection = connect(directory / DATABASE_NAME, "mode=ro")
    try:
        version = _version(connection, directory)
    except sqlite3.OperationalError:
        connection.close()
        if (directory / f"{DATABASE_NAME}-wal").exists():
            raise
        # Nobody writes, and this user can't make the files that readers of a log share: the database stands still.
        connection = connect(directory / DATABASE_NAME, "mode=ro&immutable=1")
        version = _version(connection, directory)
    if not version:
        raise _missing(directory)
    _read_as_migrated(connection, version)
    return connection


def missing_state(directory: Path) -> FatalError | None:
    """Why nothing is known of a directory: no watch has written there yet; None when one has, or who can tell."""
    try:
        (directory / DATABASE_NAME).stat()
    except (FileNotFoundError, NotADirectoryError):
        return _missing(directory)
    except OSError:  # whoever reads it says what is wrong
        return None
    return None


@contextmanager
def one_moment(connection: sqlite3.Connection) -> Iterator[None]:
    """All reads inside see the database as it was at one moment."""
    if connection.in_transaction:
        yield
        return
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("COMMIT")


def _migrate(connection: sqlite3.Connection, directory: Path) -> None:
    """Bring a database of an earlier format to the present one, wholly or not at all."""
    if _version(connection, directory) == SCHEMA_VERSION:
        return
    with transaction(connection, durable=True):
        for version in range(_version(connection, directory), SCHEMA_VERSION):
            for statement in _MIGRATIONS[version]:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")


def _read_as_migrated(connection: sqlite3.Connection, version: int) -> None:
    connection.execute("PRAGMA temp_store=MEMORY")
    for earlier in range(version, SCHEMA_VERSION):
        for statement in _AS_IF_MIGRATED[earlier]:
            connection.execute(statement)


def _version(connection: sqlite3.Connection, directory: Path) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    application = int(connection.execute("PRAGMA application_id").fetchone()[0])
    if version > SCHEMA_VERSION:
        raise FatalError(
            f"the state directory {directory} was written by a newer Petawatch (format {version}, this one knows "
            f"{SCHEMA_VERSION}); use that version, or another --state",
            reason="state_too_new",
        )
    if (version or application) and application != _APPLICATION_ID:
        raise damaged(directory, f"{DATABASE_NAME} belongs to another program")
    return version


def _missing(directory: Path) -> FatalError:
    return FatalError(
        f"there is no state of a watch in {directory}; give the --state of a `petawatch watch`", reason="state_missing"
    )

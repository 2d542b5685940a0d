"""The tables of a catalog in a SQLite file, and how it is opened."""

import sqlite3
from pathlib import Path

from connectors.catalog.sqlite_failures import one_sentence
from connectors.durable_files import sync_folder
from connectors.sqlite_file import connect, transaction, write_ahead
from models.errors import FatalError

#: Counts up with every change of the tables; a file of a newer one is refused.
SCHEMA_VERSION = 2
_LEASES = "CREATE TABLE leases (name TEXT PRIMARY KEY, holder TEXT NOT NULL, until_ns INTEGER NOT NULL) WITHOUT ROWID"
_BY_KEY = "CREATE INDEX files_by_key ON files (key, mtime_ns)"
#: What makes a file of each earlier format one of the next.
MIGRATIONS: dict[int, tuple[str, ...]] = {1: (_LEASES, "DROP INDEX files_by_key", _BY_KEY)}

_APPLICATION_ID = 0x50574354  # "PWCT"

# Most files of a recorder hold the same devices, stages and states: they are written once, in ``contents``. The ids of
# an ``n`` count up and are never used again: the order in which files became known.
_TABLES = """
CREATE TABLE contents (
    n INTEGER PRIMARY KEY, devices TEXT NOT NULL, stages TEXT NOT NULL, states TEXT NOT NULL,
    UNIQUE (devices, stages, states));
CREATE TABLE files (
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, key TEXT NOT NULL, path TEXT NOT NULL,
    root TEXT NOT NULL, sha256 TEXT NOT NULL, size_bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    interval TEXT NOT NULL, date TEXT NOT NULL, front_end TEXT NOT NULL, recorder TEXT NOT NULL,
    first_ns INTEGER, last_ns INTEGER, content INTEGER NOT NULL REFERENCES contents, records INTEGER NOT NULL,
    refused TEXT NOT NULL, time_ns INTEGER NOT NULL, end_ns INTEGER NOT NULL, bundled INTEGER NOT NULL);
CREATE INDEX files_by_time ON files (time_ns, id, end_ns, content, refused);
CREATE INDEX files_by_span ON files (end_ns - time_ns);
CREATE INDEX files_for_tape ON files (date, recorder, time_ns, id) WHERE bundled = 0;
CREATE TABLE store_copies (
    file_id TEXT NOT NULL, store TEXT NOT NULL, version TEXT NOT NULL, checked_ns INTEGER, read_back_ns INTEGER,
    damaged TEXT NOT NULL, PRIMARY KEY (file_id, store)) WITHOUT ROWID;
CREATE TABLE bundles (
    id TEXT PRIMARY KEY, sha256 TEXT NOT NULL, size_bytes INTEGER NOT NULL, members INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE bundle_members (
    bundle_id TEXT NOT NULL, position INTEGER NOT NULL, file_id TEXT NOT NULL, name TEXT NOT NULL,
    sha256 TEXT NOT NULL, size_bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, offset INTEGER NOT NULL,
    PRIMARY KEY (bundle_id, position)) WITHOUT ROWID;
CREATE INDEX bundle_members_by_file ON bundle_members (file_id, bundle_id);
CREATE TABLE bundle_copies (
    volume TEXT NOT NULL, bundle_id TEXT NOT NULL, path TEXT NOT NULL, state TEXT NOT NULL, mount_id TEXT NOT NULL,
    written_ns INTEGER NOT NULL, read_back_ns INTEGER, partition TEXT NOT NULL, start_block INTEGER NOT NULL,
    damaged TEXT NOT NULL, PRIMARY KEY (volume, bundle_id)) WITHOUT ROWID;
CREATE INDEX bundle_copies_by_place ON bundle_copies (volume, partition, start_block, bundle_id);
CREATE INDEX bundle_copies_by_bundle ON bundle_copies (bundle_id);
CREATE TABLE volumes (
    uuid TEXT PRIMARY KEY, barcode TEXT NOT NULL, label TEXT NOT NULL, installation TEXT NOT NULL, state TEXT NOT NULL,
    capacity_bytes INTEGER NOT NULL, used_bytes INTEGER NOT NULL, errors INTEGER NOT NULL, last_verified_ns INTEGER,
    last_mounted_ns INTEGER) WITHOUT ROWID;
CREATE INDEX volumes_by_barcode ON volumes (barcode, uuid);
CREATE TABLE triplet_buckets (
    stage TEXT NOT NULL, minute_ns INTEGER NOT NULL, complete INTEGER NOT NULL, incomplete INTEGER NOT NULL,
    idle INTEGER NOT NULL, anomalous INTEGER NOT NULL, PRIMARY KEY (stage, minute_ns)) WITHOUT ROWID;
CREATE TABLE episodes (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, severity TEXT NOT NULL, status TEXT NOT NULL, stage TEXT NOT NULL,
    device TEXT NOT NULL, first_ns INTEGER NOT NULL, last_ns INTEGER NOT NULL, file_id TEXT NOT NULL,
    document TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX episodes_by_time ON episodes (first_ns, id, last_ns, stage, device, file_id);
CREATE INDEX episodes_by_span ON episodes (last_ns - first_ns);
CREATE TABLE verdicts (
    id TEXT PRIMARY KEY, alert_id TEXT NOT NULL, verdict TEXT NOT NULL, "by" TEXT NOT NULL, at_ns INTEGER NOT NULL,
    note TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX verdicts_by_time ON verdicts (at_ns, id);
CREATE INDEX verdicts_by_alert ON verdicts (alert_id, at_ns, id);
"""


def open_database(file: Path) -> sqlite3.Connection:
    """The file's database, made when there is none; one of an earlier format is brought to this one.

    What is committed survives a power failure (``synchronous=FULL``): nothing else remembers what was removed from a
    recorder's disk because the catalog said that it is safe.

    Raises
    ------
    FatalError
        ``catalog_too_new``, ``catalog_damaged``, ``catalog_refused``.
    RetryableError
        ``catalog_busy``, ``catalog_away``, ``disk_full``.
    """
    with one_sentence(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        connection = connect(file, "mode=rwc")
        try:
            _make_ready(connection, file)
        except BaseException:
            connection.close()
            raise
    connection.row_factory = sqlite3.Row
    return connection


def _make_ready(connection: sqlite3.Connection, file: Path) -> None:
    version = _version(connection, file)
    write_ahead(connection)
    connection.execute("PRAGMA synchronous=FULL")
    if version == SCHEMA_VERSION:
        return
    with transaction(connection):
        version = _version(connection, file)  # another process may have done it meanwhile
        statements = [text for earlier in range(version, SCHEMA_VERSION) for text in MIGRATIONS.get(earlier, ())]
        if not version:
            statements = [*_TABLES.split(";\n"), _BY_KEY, _LEASES, f"PRAGMA application_id={_APPLICATION_ID}"]
        for statement in statements:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
    if not version:
        sync_folder(file.parent)


def _version(connection: sqlite3.Connection, file: Path) -> int:
    version, application, tables = connection.execute(
        """SELECT user_version, application_id, (SELECT count(*) FROM sqlite_master)
        FROM pragma_user_version, pragma_application_id"""
    ).fetchone()
    if (version or application or tables) and application != _APPLICATION_ID:
        raise FatalError(
            f"{file} belongs to another program; name another file as catalog.address", reason="catalog_refused"
        )
    if version > SCHEMA_VERSION:
        raise FatalError(
            f"the catalog {file} was written by a newer Petawatch (format {version}, this one knows {SCHEMA_VERSION}); "
            "use that version, or another catalog",
            reason="catalog_too_new",
        )
    return int(version)

"""Which versions of files are new or known better since one looked last: for whoever follows a state directory.

A change of a version gets the next number, and its earlier number is gone: there are never more than versions.
"""

import os
import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from connectors.state.commit import FileStatus
from connectors.state.database import DATABASE_NAME, one_moment
from connectors.state.failures import clear_failures
from connectors.state.reader import StateReader
from models.records import SourceReference


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedVersion:
    """A version of a file, as it stands.

    Attributes
    ----------
    number
        Of its latest change; all changes are numbered in their order.
    version
        Of the version itself: a greater one was seen later for the first time.
    sha256
        Empty when the content was not hashed.
    first_ns, last_ns
        Event times of its records; None without any.
    replaced_mtime_ns
        The latest time of change of the file's other contents, if this is what lies there now; None if it is not, or is
        the only one.
    """

    number: int
    version: int
    path: str
    root: str
    sha256: str
    size_bytes: int
    mtime_ns: int
    status: FileStatus
    reason: str
    first_ns: int | None
    last_ns: int | None
    records: int
    replaced_mtime_ns: int | None = None

    @property
    def content(self) -> str:
        """As ``ChangedFiles.content_of`` says it."""
        return f"{self.path}@{self.sha256}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangesEnd:
    """How far the changes go.

    Attributes
    ----------
    identity
        Of the numbering: with another one numbers from before mean nothing.
    number
        Of the latest change; 0 before the first.
    """

    identity: str
    number: int


_COLUMNS = (
    "number, version, path, root, sha256, size_bytes, mtime_ns, status, reason, first_ns, last_ns,"
    " records_read - dead_lettered"
)
_NAMES = (*_COLUMNS.split(", ")[:-1], "records", "replaced_mtime_ns")
_REPLACED = (
    "CASE WHEN latest THEN (SELECT max(mtime_ns) FROM file_versions AS other"
    " WHERE other.path = file_versions.path AND other.id <> file_versions.id AND other.sha256 <> '') END"
)


class ChangedFiles(StateReader):
    """Reads the changes, also while a watch goes on writing."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        super().__init__(path, connection)
        self._inode = self._inode_there()

    def changes_end(self) -> ChangesEnd:
        """How far the changes go."""
        with clear_failures(self.path), one_moment(self._connection):
            identity = self._connection.execute("SELECT value FROM meta WHERE name = 'changes'").fetchone()
            number = self._connection.execute("SELECT max(number) FROM file_changes").fetchone()
        return ChangesEnd(identity=str(identity[0]) if identity else "", number=int(number[0] or 0))

    def file_versions_after(self, number: int, limit: int) -> list[ChangedVersion]:
        """The versions that have changed after this number, in the order of their changes; at most ``limit``."""
        with clear_failures(self.path):
            rows = self._connection.execute(
                f"SELECT {_COLUMNS}, {_REPLACED} FROM file_changes JOIN file_versions ON file_versions.id = version"  # noqa: S608
                " WHERE number > ? ORDER BY number LIMIT ?",
                (number, limit),
            ).fetchall()
        return [_version(dict(zip(_NAMES, row, strict=True))) for row in rows]

    def content_of(self, version: int) -> str:
        """What a version is, by path and SHA-256; empty when there is none."""
        with clear_failures(self.path):
            row = self._connection.execute(
                "SELECT path || '@' || sha256 FROM file_versions WHERE id = ?", (version,)
            ).fetchone()
        return str(row[0]) if row else ""

    def is_replaced(self) -> bool:
        """Whether another database lies there than the one that is being read, or none."""
        return self._inode_there() != self._inode

    def make_durable(self) -> None:
        """Bring what was read so far to the disk: after a power failure nothing of it is undone.

        A watch leaves its log to the system to write (``open_for_writing``). Whoever remembers how far he has read must
        not remember numbers that another file may get after that.
        """
        with clear_failures(self.path), suppress(FileNotFoundError):  # no log: all of it is in the database, synced
            handle = os.open(self.path / f"{DATABASE_NAME}-wal", os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)

    def _inode_there(self) -> int:
        with clear_failures(self.path), suppress(FileNotFoundError):
            return (self.path / DATABASE_NAME).stat().st_ino
        return 0


def note_change(connection: sqlite3.Connection, source: SourceReference) -> None:
    """A version was recorded, for the first time or anew; inside a commit."""
    connection.execute(
        "INSERT OR REPLACE INTO file_changes (version) SELECT id FROM file_versions WHERE path = ? AND sha256 = ?",
        (source.file, source.sha256),
    )


def _version(values: dict[str, object]) -> ChangedVersion:
    return ChangedVersion(**{**values, "status": FileStatus(str(values["status"]))})  # type: ignore[arg-type]

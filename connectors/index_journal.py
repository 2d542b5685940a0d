"""Which files of an archive were indexed as they lie there: spares reading them again, and decides nothing else."""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from connectors.failure_sentence import FailureSentence
from connectors.sqlite_file import connect, transaction, write_ahead
from connectors.sqlite_troubles import SqliteTrouble, sentences_for
from models.errors import FatalError, RetryableError

_APPLICATION_ID = 0x50574958  # "PWIX"
_TABLE = """
CREATE TABLE IF NOT EXISTS indexed (
    path TEXT PRIMARY KEY, root TEXT NOT NULL, size_bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    file_id TEXT NOT NULL) WITHOUT ROWID"""
_SENTENCES = {
    SqliteTrouble.FULL: FailureSentence(RetryableError, "disk_full", "the disk under {place} is full; make room"),
    SqliteTrouble.BUSY: FailureSentence(RetryableError, "index_busy", "another program holds {place}; try again later"),
    SqliteTrouble.DISK: FailureSentence(RetryableError, "disk_error", "the disk under {place} fails ({error})"),
    SqliteTrouble.DAMAGED: FailureSentence(
        FatalError, "index_unusable", "{place} can't be used ({error}); delete it: all files are read again then"
    ),
    SqliteTrouble.UNUSABLE: FailureSentence(
        FatalError, "index_unusable", "{place} can't be used ({words}); look at its rights and those of its folder"
    ),
}
# Bound variables of one statement; SQLite takes 999 at least.
_ASKED_AT_ONCE = 500


class FileStamp(NamedTuple):
    """A file as its status shows it: the same path, root, size and time of change are taken for the same content.

    ``path`` and ``root`` are absolute and printable.
    """

    path: str
    root: str
    size_bytes: int
    mtime_ns: int


class IndexJournal:
    """The journal in an archive's folder; it may be deleted at any time, then all files are read again.

    A line is written after the catalog has the file. After a power failure the latest lines may be missing, none is
    wrong. Not for several threads.

    Raises
    ------
    RetryableError
        By every method: ``disk_full``, ``disk_error``, ``index_busy``.
    FatalError
        By every method: ``index_unusable``.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._clear_failures():
            self._connection = self._begin()

    def ids_of(self, stamps: Sequence[FileStamp]) -> dict[FileStamp, str]:
        """The ids of the contents that were found in these files; files that have changed or are new are left out."""
        found: dict[FileStamp, str] = {}
        with self._clear_failures():
            for first in range(0, len(stamps), _ASKED_AT_ONCE):
                asked = {stamp.path: stamp for stamp in stamps[first : first + _ASKED_AT_ONCE]}
                rows = self._connection.execute(
                    "SELECT path, root, size_bytes, mtime_ns, file_id FROM indexed"  # noqa: S608
                    f" WHERE path IN ({', '.join('?' * len(asked))})",
                    list(asked),
                )
                for *stamp, file_id in rows:
                    if asked[stamp[0]] == FileStamp(*stamp):
                        found[asked[stamp[0]]] = file_id
        return found

    def add(self, lines: Iterable[tuple[FileStamp, str]]) -> None:
        """Note files with the ids of their contents, which the catalog has."""
        with self._clear_failures(), transaction(self._connection):
            self._connection.executemany(
                "INSERT OR REPLACE INTO indexed (path, root, size_bytes, mtime_ns, file_id) VALUES (?, ?, ?, ?, ?)",
                [(*stamp, file_id) for stamp, file_id in lines],
            )

    def close(self) -> None:
        """Let it go."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _clear_failures(self) -> AbstractContextManager[None]:
        return sentences_for(_SENTENCES, self._path)

    def _begin(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = connect(self._path, "mode=rwc")
        try:
            [(application,)] = connection.execute("PRAGMA application_id")
            [(tables,)] = connection.execute("SELECT count(*) FROM sqlite_master")
            if tables and application != _APPLICATION_ID:
                raise FatalError(f"{self._path} belongs to another program; move it away", reason="index_unusable")
            write_ahead(connection)
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute(f"PRAGMA application_id={_APPLICATION_ID}")
            connection.execute(_TABLE)
        except BaseException:
            connection.close()
            raise
        return connection

"""Reading and writing a catalog's SQLite file: whole transactions, batches of bounded size, clear failures."""

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from connectors.catalog.batches import batches
from connectors.catalog.documents import names_of, record_of, values_of
from connectors.catalog.sqlite_failures import damaged, one_sentence
from connectors.catalog.sqlite_schema import open_database
from connectors.sqlite_file import transaction
from models.errors import FatalError

Record = TypeVar("Record")
#: Records that are written in one transaction.
BATCH = 1000


class SqliteDatabase:
    """The file behind the parts of a catalog: always the one that lies there now.

    One that was removed, or made anew by another program since, is let go: what is written into it nobody would find
    again.

    Parameters
    ----------
    file
        Made when there is none.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._open()

    @property
    def address(self) -> str:
        """The file."""
        return str(self._file)

    def close(self) -> None:
        """Let the file go."""
        with one_sentence(self._file):
            self._connection.close()

    def _rows(self, statement: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        with one_sentence(self._file):
            return self._current().execute(statement, values).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Everything inside, durable, or nothing."""
        with one_sentence(self._file), transaction(self._current()):
            yield self._connection

    def _current(self) -> sqlite3.Connection:
        if self._connection.in_transaction or _inode(self._file) == self._inodes[0]:
            return self._connection
        if self._inodes[1] and _inode(_log(self._file)) == self._inodes[1] and _inode(self._file):
            raise FatalError(
                f"the catalog {self._file} was replaced while programs use it, and its log {_log(self._file).name} is "
                f"still that of the one before; stop them all, remove {self._file}-wal and {self._file}-shm, and put "
                "the file there once more",
                reason="catalog_refused",
            )
        self._connection.close()
        self._open()
        return self._connection

    def _open(self) -> None:
        self._connection = open_database(self._file)
        self._inodes = _inode(self._file), _inode(_log(self._file))

    def _records(self, kind: type[Record], rows: Iterable[sqlite3.Row]) -> list[Record]:
        return [self._record(kind, dict(row)) for row in rows]

    def _record(self, kind: type[Record], values: dict[str, Any]) -> Record:
        try:
            return record_of(kind, values)
        except (KeyError, ValueError, TypeError) as error:
            raise damaged(self._file, error) from error

    def _put(self, table: str, records: Iterable[Any]) -> None:
        """Add or update records whose fields are the table's columns."""
        for batch in batches(records, BATCH):
            with self._writing() as connection:
                put_rows(connection, table, names_of(type(batch[0])), (tuple(values_of(r).values()) for r in batch))


def _log(file: Path) -> Path:
    return file.with_name(f"{file.name}-wal")


def _inode(file: Path) -> int:
    with suppress(FileNotFoundError):
        return file.stat().st_ino
    return 0


def put_rows(connection: sqlite3.Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Add rows; those whose key is there already take their place."""
    names = ", ".join(f'"{column}"' for column in columns)
    marks = ", ".join("?" * len(columns))
    connection.executemany(f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({marks})", rows)  # noqa: S608 - our own names


def listed(values: Collection[object]) -> str:
    """For ``IN (SELECT value FROM json_each(?))``: any number of values as one parameter."""
    return json.dumps(list(values), ensure_ascii=False)

"""What waits for the archive: one line per version of a file and sink, durable, in a database of its own.

It can be made anew at any time from the state directory that it follows: what is archived already is found so.
"""

import json
import sqlite3
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from connectors.archive.outbox_failures import clear_failures, too_new
from connectors.archive.outbox_lines import LeftOut, Line, NewLine, Position, Sink, SinkLag, Step
from connectors.sqlite_file import connect, transaction, write_ahead
from models.event_time import SECOND_NS

OUTBOX_NAME = "outbox.sqlite"
#: The longest pause before a line is tried again; one that is further ahead is from before the clock was set back.
MAX_PAUSE_S = 600.0

_VERSION = 1
#: Versions that were given up and are remembered.
MOST_LEFT_OUT = 1_000
_MAX_PAUSE_NS = round(MAX_PAUSE_S * SECOND_NS)

_TABLES = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE lines (
        id INTEGER PRIMARY KEY AUTOINCREMENT, sink TEXT NOT NULL, name TEXT NOT NULL, document TEXT NOT NULL,
        size_bytes INTEGER NOT NULL, since_ns INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
        next_attempt_ns INTEGER NOT NULL DEFAULT 0, reason TEXT NOT NULL DEFAULT '', error TEXT NOT NULL DEFAULT '',
        UNIQUE (sink, name))""",
    "CREATE INDEX lines_by_turn ON lines (sink, next_attempt_ns, id)",
    "CREATE INDEX lines_by_age ON lines (sink, since_ns, size_bytes)",
    "CREATE TABLE counts (name TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID",
    """CREATE TABLE left_out (
        id INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT NOT NULL, reason TEXT NOT NULL, sentence TEXT NOT NULL,
        at_ns INTEGER NOT NULL, name TEXT NOT NULL, document TEXT NOT NULL, size_bytes INTEGER NOT NULL)""",
)


class ArchiveOutbox:
    """The database; safe for several threads, and for others that only read.

    Raises
    ------
    RetryableError
        By every method: ``disk_full``, ``disk_error`` or ``outbox_busy``; nothing has changed.
    FatalError
        By every method: ``outbox_damaged`` or ``outbox_unusable``.
    """

    def __init__(self, folder: Path, connection: sqlite3.Connection) -> None:
        self.folder = folder
        self._connection = connection
        self._lock = threading.Lock()

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open or make the outbox in the archive's folder, which is made, too.

        Raises
        ------
        FatalError
            ``outbox_too_new``.
        """
        with clear_failures(folder):
            folder.mkdir(parents=True, exist_ok=True)
            connection = connect(folder / OUTBOX_NAME, "mode=rwc")
            try:
                write_ahead(connection)
                # What was taken over from the state directory is not asked for again: not after a power failure either.
                connection.execute("PRAGMA synchronous=FULL")
                _make_tables(connection, folder)
            except BaseException:
                connection.close()
                raise
            return cls(folder, connection)

    @classmethod
    def open_for_notes(cls, folder: Path) -> Self | None:
        """The outbox beside whoever archives, to look at it and to remember things; None when there is none yet."""
        return cls.open(folder) if (folder / OUTBOX_NAME).is_file() else None

    @classmethod
    def open_for_reading(cls, folder: Path) -> Self | None:
        """The outbox as it stands, to be looked at; None when there is none yet."""
        if not (folder / OUTBOX_NAME).is_file():
            return None
        with clear_failures(folder):
            connection = connect(folder / OUTBOX_NAME, "mode=ro")
            if not _version(connection, folder):
                connection.close()
                return None
            return cls(folder, connection)

    def close(self) -> None:
        """Let the database go."""
        with self._lock:
            self._connection.close()

    def position(self, source: str) -> Position:
        """How far a source was followed."""
        found = self.note(f"position {source}")
        return Position(**json.loads(found)) if found else Position()

    def follow(
        self, source: str, position: Position, lines: Sequence[NewLine], updates: Sequence[NewLine], now_ns: int
    ) -> None:
        """Take over what a source has told, together with how far it was followed.

        Parameters
        ----------
        lines
            Versions that are new: they wait for the store.
        updates
            Versions that came before: one that still waits for the store does it with what is known now; of another one
            the catalog is told.
        """
        with self._writing() as connection:
            for line in lines:
                _add(connection, Sink.STORE, line, now_ns)
            for line in updates:
                waiting = connection.execute(
                    "SELECT 1 FROM lines WHERE sink = ? AND name = ?", (Sink.STORE, line.name)
                ).fetchone()
                _add(connection, Sink.STORE if waiting else Sink.CATALOG, line, now_ns)
            _set_note(connection, f"position {source}", json.dumps(asdict(position)))

    def due(self, sink: Sink, now_ns: int, limit: int, without: Collection[int] = ()) -> list[Line]:
        """The lines to try now: those that never failed first, then by their turn."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT id, sink, name, document, size_bytes, since_ns, attempts FROM lines WHERE sink = ?1"
                " AND (next_attempt_ns <= ?2 OR next_attempt_ns > ?3) ORDER BY next_attempt_ns, id LIMIT ?4",
                (sink, now_ns, now_ns + _MAX_PAUSE_NS, limit + len(without)),
            ).fetchall()
        return [_line(row) for row in rows if row[0] not in without][:limit]

    def line(self, line_id: int) -> Line | None:
        """A line as it stands; None when it does not wait any more."""
        with self._reading() as connection:
            row = connection.execute(
                "SELECT id, sink, name, document, size_bytes, since_ns, attempts FROM lines WHERE id = ?", (line_id,)
            ).fetchone()
        return None if row is None else _line(row)

    def failed(self, line_ids: Collection[int], reason: str, error: str, next_attempt_ns: int) -> None:
        """These could not be done; they are tried again then."""
        with self._writing() as connection:
            connection.executemany(
                "UPDATE lines SET attempts = attempts + 1, reason = ?, error = ?, next_attempt_ns = ? WHERE id = ?",
                [(reason, error, next_attempt_ns, line_id) for line_id in line_ids],
            )

    def take(self, step: Step) -> None:
        """Make a step durable, wholly or not at all."""
        with self._writing() as connection:
            connection.executemany("DELETE FROM lines WHERE id = ?", [(line_id,) for line_id in step.done])
            for name, value in step.notes.items():
                _set_note(connection, name, value)
            for sink, line, since_ns in step.added:
                _add(connection, sink, line, since_ns)
            connection.executemany("DELETE FROM left_out WHERE name = ?", [(name,) for name in step.found])
            connection.executemany(
                "INSERT INTO left_out (path, reason, sentence, at_ns, name, document, size_bytes)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                [_left_out_row(each) for each in step.left_out],
            )
            connection.execute("DELETE FROM left_out WHERE id <= (SELECT max(id) FROM left_out) - ?", (MOST_LEFT_OUT,))
            connection.executemany(
                "INSERT INTO counts (name, n) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET n = n + excluded.n",
                list(step.counts.items()),
            )

    def lags(self) -> dict[Sink, SinkLag]:
        """What waits, by sink."""
        with self._reading() as connection:
            return {sink: _lag(connection, sink) for sink in Sink}

    def counts(self) -> dict[str, int]:
        """All that was counted since the outbox was made."""
        with self._reading() as connection:
            return dict(connection.execute("SELECT name, n FROM counts ORDER BY name"))

    def left_out(self, limit: int) -> list[LeftOut]:
        """The latest versions that were given up, the latest first."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT path, reason, sentence, at_ns, name, document, size_bytes FROM left_out"
                " ORDER BY id DESC LIMIT ?",
                (limit,),
            ).fetchall()
        return [
            LeftOut(
                path=path,
                reason=reason,
                sentence=sentence,
                at_ns=at_ns,
                line=NewLine(name=name, document=json.loads(document), size_bytes=size_bytes),
            )
            for path, reason, sentence, at_ns, name, document, size_bytes in rows
        ]

    def note(self, name: str) -> str:
        """Something small that is remembered; empty when it is not."""
        with self._reading() as connection:
            row = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else ""

    def set_note(self, name: str, value: str) -> None:
        """Remember something small."""
        with self._writing() as connection:
            _set_note(connection, name, value)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock, clear_failures(self.folder):
            yield self._connection

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, clear_failures(self.folder), transaction(self._connection):
            yield self._connection


def _add(connection: sqlite3.Connection, sink: Sink, line: NewLine, since_ns: int) -> None:
    """Add a line; one that waits already goes on waiting, and what the new one says takes the place of what it said."""
    row = connection.execute(
        "SELECT document, since_ns FROM lines WHERE sink = ? AND name = ?", (sink, line.name)
    ).fetchone()
    known, known_ns = (json.loads(row[0]), row[1]) if row else ({}, since_ns)
    connection.execute(
        "INSERT INTO lines (sink, name, document, size_bytes, since_ns) VALUES (?, ?, ?, ?, ?) ON CONFLICT (sink, name)"
        " DO UPDATE SET document = excluded.document, since_ns = excluded.since_ns",
        (sink, line.name, json.dumps({**known, **line.document}), line.size_bytes, min(since_ns, known_ns)),
    )


def _left_out_row(each: LeftOut) -> tuple[str | int, ...]:
    line = each.line
    document = json.dumps(line.document)
    return (each.path, each.reason, each.sentence, each.at_ns, line.name, document, line.size_bytes)


def _set_note(connection: sqlite3.Connection, name: str, value: str) -> None:
    connection.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (name, value))


def _lag(connection: sqlite3.Connection, sink: Sink) -> SinkLag:
    files, size_bytes, oldest_ns = connection.execute(
        "SELECT count(*), coalesce(sum(size_bytes), 0), min(since_ns) FROM lines WHERE sink = ?", (sink,)
    ).fetchone()
    failed = connection.execute(
        "SELECT reason, error FROM lines WHERE sink = ? AND next_attempt_ns > 0 ORDER BY next_attempt_ns DESC LIMIT 1",
        (sink,),
    ).fetchone()
    reason, error = failed or ("", "")
    return SinkLag(files=files, size_bytes=size_bytes, oldest_ns=oldest_ns, reason=reason, error=error)


def _line(row: tuple[Any, ...]) -> Line:
    id_, sink, name, document, size_bytes, since_ns, attempts = row
    return Line(
        id=id_,
        sink=Sink(sink),
        name=name,
        document=json.loads(document),
        size_bytes=size_bytes,
        since_ns=since_ns,
        attempts=attempts,
    )


def _make_tables(connection: sqlite3.Connection, folder: Path) -> None:
    if _version(connection, folder):
        return
    with transaction(connection):
        if not _version(connection, folder):  # another process may have made them meanwhile
            for statement in _TABLES:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version={_VERSION}")


def _version(connection: sqlite3.Connection, folder: Path) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > _VERSION:
        raise too_new(folder)
    return version

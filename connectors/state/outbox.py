"""Messages that wait for their receivers: written by commits, delivered by another thread, never lost."""

import sqlite3
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from connectors.sqlite_file import transaction
from connectors.state.commit import OutboxMessage
from connectors.state.failures import clear_failures

# The earliest waiting message of each receiver and alert: later ones wait behind it, so that they arrive in order.
_HEADS = "SELECT min(id) FROM outbox GROUP BY url, alert_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingMessage:
    """A message as ``connectors.webhooks.Delivery`` wants it: ``attempts`` were made so far, ``id`` is its place."""

    id: int
    url: str
    alert_id: str
    event_id: str
    body: bytes
    attempts: int


def store_messages(connection: sqlite3.Connection, messages: Iterable[OutboxMessage]) -> None:
    """Put messages at the ends of their lines, inside a commit."""
    connection.executemany(
        "INSERT INTO outbox (url, alert_id, event_id, body, created_ns) VALUES (?, ?, ?, ?, ?)",
        [(each.url, each.alert_id, each.event_id, each.body, each.created_ns) for each in messages],
    )


class SqliteOutbox:
    """The outbox of a state directory (``connectors.webhooks.Outbox``), for several threads.

    A message that was delivered right before a power failure may be given out once more.

    Raises
    ------
    RetryableError
        By every method: ``disk_full``, ``disk_error`` or ``state_busy``.
    FatalError
        By every method: ``state_damaged`` or ``state_unusable``.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection
        self._lock = threading.Lock()

    def due(self, now_ns: int, limit: int) -> list[WaitingMessage]:
        """The messages to try now, oldest first: of each receiver and alert only the first that waits."""
        with self._lock, clear_failures(self._path):
            rows = self._connection.execute(
                f"SELECT id, url, alert_id, event_id, body, attempts FROM outbox WHERE id IN ({_HEADS})"  # noqa: S608
                " AND next_attempt_ns <= ? ORDER BY id LIMIT ?",
                (now_ns, limit),
            ).fetchall()
        names = ("id", "url", "alert_id", "event_id", "body", "attempts")
        return [WaitingMessage(**dict(zip(names, row, strict=True))) for row in rows]

    def delivered(self, delivery_id: int) -> None:
        """The receiver has it."""
        self._write("DELETE FROM outbox WHERE id = ?", (delivery_id,))

    def failed(self, delivery_id: int, error: str, next_attempt_ns: int) -> None:
        """The receiver did not take it; try again then."""
        self._write(
            "UPDATE outbox SET attempts = attempts + 1, error = ?, next_attempt_ns = ? WHERE id = ?",
            (error, next_attempt_ns, delivery_id),
        )

    def next_due_ns(self) -> int | None:
        """When the next message is to be tried (0: at once); None when none waits."""
        with self._lock, clear_failures(self._path):
            row = self._connection.execute(
                f"SELECT min(next_attempt_ns) FROM outbox WHERE id IN ({_HEADS})"  # noqa: S608
            ).fetchone()
        return None if row[0] is None else int(row[0])

    def waiting(self) -> int:
        """How many messages wait."""
        with self._lock, clear_failures(self._path):
            return int(self._connection.execute("SELECT count(*) FROM outbox").fetchone()[0])

    def oldest_ns(self) -> int | None:
        """When the oldest waiting message was written, ns since 1970; None when none waits."""
        with self._lock, clear_failures(self._path):
            row = self._connection.execute("SELECT min(created_ns) FROM outbox").fetchone()
        return None if row[0] is None else int(row[0])

    def close(self) -> None:
        """Let the database go."""
        with self._lock:
            self._connection.close()

    def _write(self, statement: str, values: tuple[int | str, ...]) -> None:
        with self._lock, clear_failures(self._path), transaction(self._connection):
            self._connection.execute(statement, values)

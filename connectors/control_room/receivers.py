"""Which receivers fail, since when, and which are suspended: of those that take messages nothing is noted."""

import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspension:
    """A receiver that is asked now and then only.

    Attributes
    ----------
    gone
        It said that it wants no messages any more: it is not asked at all.
    """

    since_ns: int
    gone: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FailingReceiver:
    """A receiver that takes no messages; times in ns since 1970."""

    name: str
    failing_since_ns: int
    suspension: Suspension | None
    last_error: str


def note_failure(connection: sqlite3.Connection, name: str, error: str, now_ns: int) -> int:
    """A receiver took nothing, inside a step; since when it has been failing, ns since 1970."""
    [(since_ns,)] = connection.execute(
        "INSERT INTO receivers (name, failing_since_ns, last_error) VALUES (?, ?, ?)"
        " ON CONFLICT (name) DO UPDATE SET last_error = excluded.last_error RETURNING failing_since_ns",
        (name, now_ns, error),
    ).fetchall()
    return int(since_ns)


def note_suspension(connection: sqlite3.Connection, name: str, now_ns: int, *, gone: bool) -> None:
    """A failing receiver is suspended, inside a step; one that is already stays so from then on."""
    connection.execute(
        "UPDATE receivers SET suspended_since_ns = coalesce(suspended_since_ns, ?), gone = ? WHERE name = ?",
        (now_ns, gone, name),
    )


def forget_failures(connection: sqlite3.Connection, name: str) -> None:
    """A receiver takes messages, inside a step."""
    connection.execute("DELETE FROM receivers WHERE name = ?", (name,))


def resume(connection: sqlite3.Connection, name: str) -> bool:
    """Let all that waits for a receiver be tried at once, inside a step; whether it was suspended."""
    [(suspended,)] = connection.execute(
        "SELECT count(*) FROM receivers WHERE name = ? AND suspended_since_ns IS NOT NULL", (name,)
    )
    forget_failures(connection, name)
    connection.execute("UPDATE outbox SET next_attempt_ns = 0 WHERE receiver = ?", (name,))
    return bool(suspended)


def failing_receivers(connection: sqlite3.Connection) -> dict[str, FailingReceiver]:
    """Those that take nothing, by name."""
    rows = connection.execute("SELECT name, failing_since_ns, suspended_since_ns, gone, last_error FROM receivers")
    return {
        name: FailingReceiver(
            name=name,
            failing_since_ns=failing_ns,
            suspension=None if suspended_ns is None else Suspension(since_ns=suspended_ns, gone=bool(gone)),
            last_error=error,
        )
        for name, failing_ns, suspended_ns, gone, error in rows
    }

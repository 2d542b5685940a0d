"""What the program remembers of itself from one run to the next: texts by their names."""

import sqlite3

_GENERATION = "generation"


def generation_of(connection: sqlite3.Connection) -> str:
    """What tells this file from one that was lost: 8 characters, drawn when it was made."""
    return read_note(connection, _GENERATION) or ""


def read_note(connection: sqlite3.Connection, name: str) -> str | None:
    """What was written last under a name; None when nothing was."""
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def write_note(connection: sqlite3.Connection, name: str, text: str) -> None:
    """Remember a text in place of the one before."""
    connection.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (name, text))


def take_note(connection: sqlite3.Connection, name: str) -> bool:
    """Forget what was written under a name; whether anything was."""
    return connection.execute("DELETE FROM meta WHERE name = ?", (name,)).rowcount > 0

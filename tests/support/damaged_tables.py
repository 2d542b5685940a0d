"""Tables of a control room that can't be read, beside others that can."""

import sqlite3
from contextlib import closing
from pathlib import Path

from connectors.control_room.database import DECISIONS_NAME


def damage(state: Path, *tables: str) -> None:
    """Overwrite the first page of each; nobody may have the file open."""
    path = state / DECISIONS_NAME
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size = connection.execute("PRAGMA page_size").fetchone()[0]
        asked = "SELECT rootpage FROM sqlite_master WHERE name = ?"
        pages = [connection.execute(asked, (table,)).fetchone()[0] for table in tables]
    with path.open("r+b") as file:
        for page in pages:
            file.seek((page - 1) * size)
            file.write(b"\xff" * size)

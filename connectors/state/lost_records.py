"""Records that ended as dead letters on their way: told by messages, kept apart from those that the reader found."""

import sqlite3
from collections.abc import Iterable, Mapping

from connectors.state.commit import LostRecords
from models.records import SourceReference


def store_lost(
    connection: sqlite3.Connection, lost: Iterable[LostRecords], retried: Mapping[SourceReference, int]
) -> None:
    """Note records that ended as dead letters, and those that are none any more; also of files that nobody knows yet.

    What is told twice counts once: a message is known by its place. Not more is taken back than was lost.
    """
    sources = set(retried)
    for each in lost:
        sources.add(each.source)
        connection.execute(
            "INSERT OR IGNORE INTO lost_records (path, sha256, place, reason, records) VALUES (?, ?, ?, ?, ?)",
            (each.source.file, each.source.sha256, each.place, each.reason, each.records),
        )
    for source, number in retried.items():
        _take_back(connection, source, number)
    for source in sources:
        count_lost(connection, source)


def count_lost(connection: sqlite3.Connection, source: SourceReference) -> None:
    """Bring the account of a version of a file to what is noted of it."""
    connection.execute(
        "UPDATE file_versions SET dead_letter ="
        " (SELECT coalesce(sum(records), 0) FROM lost_records WHERE path = ?1 AND sha256 = ?2)"
        " WHERE path = ?1 AND sha256 = ?2",
        (source.file, source.sha256),
    )


def forget_lost(connection: sqlite3.Connection, source: SourceReference) -> None:
    """A version of a file is void: so are its lost records."""
    connection.execute("DELETE FROM lost_records WHERE path = ? AND sha256 = ?", (source.file, source.sha256))


def find_lost(connection: sqlite3.Connection, source: SourceReference) -> int:
    """How many records of a version of a file ended as dead letters on their way."""
    row = connection.execute(
        "SELECT coalesce(sum(records), 0) FROM lost_records WHERE path = ? AND sha256 = ?", (source.file, source.sha256)
    ).fetchone()
    return int(row[0])


def lost_by_reason(connection: sqlite3.Connection) -> dict[str, int]:
    """How many records of the files that count ended as dead letters on their way, by reason."""
    rows = connection.execute(
        "SELECT l.reason, sum(l.records) FROM lost_records l JOIN file_versions v USING (path, sha256)"
        " WHERE NOT v.void GROUP BY l.reason ORDER BY l.reason"
    )
    return {reason: number for reason, number in rows if number}


def _take_back(connection: sqlite3.Connection, source: SourceReference, number: int) -> None:
    key = (source.file, source.sha256)
    for place, records in connection.execute(
        "SELECT place, records FROM lost_records WHERE path = ? AND sha256 = ? AND records > 0 ORDER BY place", key
    ).fetchall():
        taken = min(records, number)
        number -= taken
        # The row stays: the same message told of again is still known.
        connection.execute(
            "UPDATE lost_records SET records = records - ? WHERE path = ? AND sha256 = ? AND place = ?",
            (taken, *key, place),
        )

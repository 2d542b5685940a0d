"""The account of every record: what the readers counted against where the records ended."""

import json
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from connectors.state.commit import FileRecord, FileStatus
from connectors.state.lost_records import count_lost, forget_lost, lost_by_reason
from connectors.state.row_columns import codes_of
from connectors.state.voids import FileVoid
from models.records import SourceReference
from models.results import Outcome, Scoring
from models.triplets.decided import OUTCOMES, DecidedBlock

#: The words of the ledger's ``files``.
FILE_WORDS = ("accepted", "rejected", "replaced", "skipped", "ignored")

_MOST_NAMED = 20
_OUTCOME_SUMS = ", ".join(f"coalesce(sum({outcome.value}), 0)" for outcome in OUTCOMES)
_ADD_OUTCOMES = ", ".join(f"{outcome.value} = {outcome.value} + ?" for outcome in OUTCOMES)
_NO_OUTCOMES = ", ".join(f"{outcome.value} = 0" for outcome in OUTCOMES)
_ALL_OUTCOMES = " + ".join(outcome.value for outcome in OUTCOMES)
_FILE_COLUMNS = (
    "path, root, sha256, size_bytes, mtime_ns, status, reason, series, first_ns, last_ns, records_read, dead_letters,"
    " replaced_sha256"
)


@dataclass(slots=True)
class SourceCounts:
    """The records of one version of a file that a commit decided: outcomes, and the times they reach over."""

    outcomes: NDArray[np.int64]
    thinned: int
    first_ns: int
    last_ns: int


@dataclass(frozen=True, slots=True)
class SourceAccount:
    """How one version of a file stands.

    Attributes
    ----------
    read
        The records that it holds.
    ended
        Those of them that have an outcome, dead letters included.
    void
        Another version took its place.
    """

    read: int
    ended: int
    void: bool


def record_file(connection: sqlite3.Connection, record: FileRecord) -> None:
    """Note a version of a file; one that was void before starts anew."""
    connection.execute("UPDATE file_versions SET latest = 0 WHERE path = ? AND latest", (record.path,))
    connection.execute(
        "UPDATE file_versions SET void = 0, decided_first_ns = NULL, decided_last_ns = NULL, thinned = 0,"  # noqa: S608
        f" {_NO_OUTCOMES} WHERE path = ? AND sha256 = ? AND void",
        (record.path, record.sha256),
    )
    connection.execute(
        f"INSERT INTO file_versions ({_FILE_COLUMNS}, dead_lettered, latest)"  # noqa: S608
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1) ON CONFLICT (path, sha256) DO UPDATE SET"
        " root = excluded.root, size_bytes = excluded.size_bytes, mtime_ns = excluded.mtime_ns,"
        " status = excluded.status, reason = excluded.reason, series = excluded.series, first_ns = excluded.first_ns,"
        " last_ns = excluded.last_ns, records_read = excluded.records_read, dead_letters = excluded.dead_letters,"
        " dead_lettered = excluded.dead_lettered, replaced_sha256 = excluded.replaced_sha256, latest = 1",
        (
            record.path,
            record.root,
            record.sha256,
            record.size_bytes,
            record.mtime_ns,
            record.status,
            record.reason,
            record.series,
            record.first_ns,
            record.last_ns,
            record.records_read,
            json.dumps(dict(record.dead_letters), sort_keys=True),
            record.replaced_sha256,
            sum(record.dead_letters.values()),
        ),
    )
    count_lost(connection, SourceReference(file=record.path, sha256=record.sha256))


def supersede_others(
    connection: sqlite3.Connection, current: SourceReference, sequence: int
) -> tuple[int, list[FileVoid]]:
    """Make all other versions of a file void; how many there were, and the voids of those that had rows."""
    rows = connection.execute(
        "UPDATE file_versions SET void = 1 WHERE path = ? AND sha256 <> ? AND NOT void"
        " RETURNING sha256, decided_first_ns, decided_last_ns",
        (current.file, current.sha256),
    ).fetchall()
    for sha256, _, _ in rows:
        forget_lost(connection, SourceReference(file=current.file, sha256=sha256))
    voids = [
        FileVoid(SourceReference(file=current.file, sha256=sha256), sequence, first_ns, last_ns)
        for sha256, first_ns, last_ns in rows
        if first_ns is not None
    ]
    return len(rows), voids


def is_void(connection: sqlite3.Connection, source: SourceReference) -> bool:
    """Whether this version of the file was superseded."""
    row = connection.execute(
        "SELECT void FROM file_versions WHERE path = ? AND sha256 = ?", (source.file, source.sha256)
    ).fetchone()
    return bool(row and row[0])


def count_outcomes(blocks: Sequence[DecidedBlock]) -> dict[SourceReference, SourceCounts]:
    """The outcomes of some rows per version of a file; int64, shape (len(OUTCOMES),)."""
    counts: dict[SourceReference, SourceCounts] = {}
    for block in blocks:
        if not len(block):
            continue
        times = block.scored.event_time_ns
        outcomes = np.bincount(block.outcome, minlength=len(OUTCOMES)).astype(np.int64)
        thinned = int(np.count_nonzero(block.scored.scoring == Scoring.THINNED))
        first_ns, last_ns = int(times.min()), int(times.max())
        known = counts.get(block.scored.source)
        if known is None:
            counts[block.scored.source] = SourceCounts(outcomes, thinned, first_ns, last_ns)
        else:
            known.outcomes += outcomes
            known.thinned += thinned
            known.first_ns, known.last_ns = min(known.first_ns, first_ns), max(known.last_ns, last_ns)
    return counts


def add_outcomes(connection: sqlite3.Connection, counts: Mapping[SourceReference, SourceCounts]) -> None:
    """Count decided rows; a file that nobody recorded yet gets a version of its own, which does not balance."""
    for source, found in counts.items():
        values = (*found.outcomes.tolist(), found.first_ns, found.last_ns, source.file, source.sha256, found.thinned)
        statement = (
            f"UPDATE file_versions SET {_ADD_OUTCOMES}, decided_first_ns = min(coalesce(decided_first_ns, ?10), ?10),"  # noqa: S608
            " decided_last_ns = max(coalesce(decided_last_ns, ?11), ?11), thinned = thinned + ?14"
            " WHERE path = ?12 AND sha256 = ?13"
        )
        if not connection.execute(statement, values).rowcount:
            record_file(
                connection,
                FileRecord(
                    path=source.file,
                    root="",
                    sha256=source.sha256,
                    size_bytes=0,
                    mtime_ns=0,
                    status=FileStatus.ACCEPTED,
                ),
            )
            connection.execute(statement, values)


def remove_outcomes(connection: sqlite3.Connection, table: pa.Table) -> None:
    """Take back the counts of rows that are void now."""
    names = ("file", "sha256", "outcome", "scoring")
    columns = [codes_of(table, name) for name in names]
    codes, numbers = np.unique(np.stack([codes for codes, _ in columns], axis=1), axis=0, return_counts=True)
    for row, number in zip(codes.tolist(), numbers.tolist(), strict=True):
        file, sha256, outcome, scoring = (words[code] for code, (_, words) in zip(row, columns, strict=True))
        column = Outcome(outcome).value
        thinned = number if scoring == Scoring.THINNED.label else 0
        connection.execute(
            f"UPDATE file_versions SET {column} = {column} - ?, thinned = thinned - ?"  # noqa: S608
            " WHERE path = ? AND sha256 = ?",
            (number, thinned, file, sha256),
        )


def count_files(connection: sqlite3.Connection, counts: Mapping[str, int]) -> None:
    """Count events of files."""
    unknown = set(counts) - set(FILE_WORDS)
    if unknown:
        raise ValueError(f"file_counts knows {', '.join(FILE_WORDS)}, not {', '.join(sorted(unknown))}")
    connection.executemany(
        "INSERT INTO file_counts (name, n) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET n = n + excluded.n",
        list(counts.items()),
    )


def store_pending(connection: sqlite3.Connection, pending: Mapping[SourceReference, int]) -> None:
    """What the join holds at the moment of the commit."""
    rows = sorted((source.file, source.sha256, number) for source, number in pending.items() if number)
    connection.execute("INSERT OR REPLACE INTO meta (name, value) VALUES ('pending', ?)", (json.dumps(rows),))


def find_account(connection: sqlite3.Connection, source: SourceReference) -> SourceAccount | None:
    """How a version of a file stands; None when nothing is known of it."""
    row = connection.execute(
        f"SELECT records_read, dead_lettered + {_ALL_OUTCOMES}, void FROM file_versions"  # noqa: S608
        " WHERE path = ? AND sha256 = ?",
        (source.file, source.sha256),
    ).fetchone()
    return None if row is None else SourceAccount(int(row[0]), int(row[1]), bool(row[2]))


def pending_of_files_under_way(
    connection: sqlite3.Connection, under_way: Mapping[SourceReference, bool], pending: Mapping[SourceReference, int]
) -> dict[SourceReference, int]:
    """What is pending of every file, of which more is to come, or not.

    A file of which it is not known how many records it holds has as many as were heard of.

    Parameters
    ----------
    under_way
        Whether it is known how many records they hold.
    pending
        What the join holds.
    """
    result = dict(pending)
    for source, announced in under_way.items():
        account = find_account(connection, source)
        if account is None or account.void:
            result.pop(source, None)
        elif announced:
            # More outcomes than records would be an error that must show.
            result[source] = max(0, account.read - account.ended)
        else:
            connection.execute(
                "UPDATE file_versions SET records_read = ? WHERE path = ? AND sha256 = ?",
                (account.ended + pending.get(source, 0), source.file, source.sha256),
            )
    return result


def find_file(connection: sqlite3.Connection, path: str, *, counted: bool = False) -> FileRecord | None:
    """The latest version of a file, or the one whose records count: an earlier one when the latest was refused."""
    wanted = "NOT void AND (status = 'accepted' OR records_read > 0) ORDER BY latest DESC" if counted else "latest"
    row = connection.execute(
        f"SELECT {_FILE_COLUMNS} FROM file_versions WHERE path = ? AND {wanted}",  # noqa: S608
        (path,),
    ).fetchone()
    return None if row is None else _file_record(row)


def file_records(connection: sqlite3.Connection, from_ns: int, to_ns: int | None) -> list[FileRecord]:
    """The versions that are not void with records in a stretch of time, in the order in which they were first read.

    With no end it goes on to the latest one.
    """
    rows = connection.execute(
        f"SELECT {_FILE_COLUMNS} FROM file_versions WHERE NOT void AND last_ns >= ? AND first_ns < ? ORDER BY id",  # noqa: S608
        (from_ns, 2**63 - 1 if to_ns is None else to_ns),
    )
    return [_file_record(row) for row in rows]


def unreadable_files(connection: sqlite3.Connection) -> list[FileRecord]:
    """The versions without any record that could be read, in the order in which they first came."""
    rows = connection.execute(
        f"SELECT {_FILE_COLUMNS} FROM file_versions WHERE NOT void AND status = 'rejected' AND last_ns IS NULL"  # noqa: S608
        " AND sha256 <> '' ORDER BY id"
    )
    return [_file_record(row) for row in rows]


def _file_record(row: Sequence[Any]) -> FileRecord:
    values = dict(zip(_FILE_COLUMNS.replace(",", "").split(), row, strict=True))
    values["status"] = FileStatus(values["status"])
    values["dead_letters"] = json.loads(values["dead_letters"])
    return FileRecord(**values)


def read_ledger(connection: sqlite3.Connection) -> dict[str, Any]:
    """The ledger as ``petawatch ledger --json`` shows it; superseded versions of files are not in it.

    ``read`` is what the readers counted in the files. The outcomes were counted from the decided rows (and the
    readers' dead letters), ``pending`` by the join: ``balanced`` says that per file and in total the first equals the
    sum of the others. ``unbalanced_files`` (at most 20) names those for which it does not. ``thinned`` are records that
    no network looked at (they have their outcomes all the same); ``dead_letters`` are those of the outcome, by reason:
    parts of files, and records whose message was refused on its way.
    """
    files = dict.fromkeys(FILE_WORDS, 0)
    for status, number in connection.execute("SELECT status, count(*) FROM file_versions WHERE latest GROUP BY status"):
        files[status] += number
    for name, number in connection.execute("SELECT name, n FROM file_counts"):
        files[name] += number
    read, dead_lettered, thinned, *outcomes = connection.execute(
        "SELECT coalesce(sum(records_read), 0), coalesce(sum(dead_lettered), 0), coalesce(sum(thinned), 0),"  # noqa: S608
        f" {_OUTCOME_SUMS} FROM file_versions WHERE NOT void"
    ).fetchone()
    pending = pending_records(connection)
    records = {"read": read, **dict(zip((outcome.value for outcome in OUTCOMES), outcomes, strict=True))}
    records[Outcome.DEAD_LETTER.value] += dead_lettered
    records["pending"] = sum(pending.values())
    unbalanced = _unbalanced(connection, pending)
    balanced = records["read"] == sum(number for name, number in records.items() if name != "read") and not unbalanced
    ledger: dict[str, Any] = {
        "files": files,
        "records": records,
        "thinned": thinned,
        "dead_letters": {"in_files": _found_by_readers(connection), "on_the_way": lost_by_reason(connection)},
        "balanced": balanced,
    }
    if unbalanced:
        ledger["unbalanced_files"] = unbalanced[:_MOST_NAMED]
    return ledger


def _found_by_readers(connection: sqlite3.Connection) -> dict[str, int]:
    found: Counter[str] = Counter()
    for (reasons,) in connection.execute("SELECT dead_letters FROM file_versions WHERE NOT void AND dead_lettered > 0"):
        found.update(json.loads(reasons))
    return dict(sorted(found.items()))


def pending_records(connection: sqlite3.Connection) -> dict[tuple[str, str], int]:
    """What the join holds of each version of a file (path, sha256) that counts."""
    row = connection.execute("SELECT value FROM meta WHERE name = 'pending'").fetchone()
    pending = {(file, sha256): number for file, sha256, number in json.loads(row[0])} if row else {}
    return {
        (file, sha256): number
        for (file, sha256), number in pending.items()
        if not is_void(connection, SourceReference(file=file, sha256=sha256))
    }


def _unbalanced(connection: sqlite3.Connection, pending: Mapping[tuple[str, str], int]) -> list[dict[str, Any]]:
    """The files whose records are not all accounted for, or more than once."""
    left = dict(pending)
    found = []
    for path, sha256, read, accounted in connection.execute(
        f"SELECT path, sha256, records_read, dead_lettered + {_ALL_OUTCOMES} FROM file_versions"  # noqa: S608
        f" WHERE NOT void AND records_read <> dead_lettered + {_ALL_OUTCOMES} ORDER BY path, sha256"
    ):
        waiting = left.pop((path, sha256), 0)
        if read != accounted + waiting:
            found.append({"file": path, "sha256": sha256, "read": read, "decided": accounted, "pending": waiting})
    # What is left waits although its file is decided already, or was never recorded.
    found += [
        {"file": path, "sha256": sha256, "read": None, "decided": None, "pending": number}
        for (path, sha256), number in left.items()
    ]
    return found

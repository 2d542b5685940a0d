"""The audit log: who did what, when and why; only ever added to."""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from models.alarms.audit_chain import AuditEntry, breaks, next_entry

_COLUMNS = "number, at_ns, who, action, subject, why, details, previous, hash"
# By way of an alarm or an alert of an incident, which have an index; what somebody wrote into the table may be no JSON.
_TOUCHED = """action = 'acknowledge' AND subject IN (
        SELECT alarm_id FROM activations WHERE incident_id IN meant
        UNION ALL SELECT alert_id FROM activations WHERE incident_id IN meant)
    AND json_valid(details)
    AND EXISTS (SELECT 1 FROM json_each(details, '$.incidents') AS touched WHERE touched.value IN meant)"""
_ABOUT = f"""WITH meant AS (SELECT value FROM json_each(?)) SELECT {_COLUMNS} FROM audit WHERE number IN (
        SELECT number FROM audit WHERE subject IN meant UNION ALL SELECT number FROM audit WHERE {_TOUCHED})
    ORDER BY number DESC LIMIT ?"""  # noqa: S608


def add_entry(
    connection: sqlite3.Connection,
    *,
    at_ns: int,
    who: str,
    action: str,
    subject: str,
    why: str = "",
    details: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """Write down one thing that somebody did, inside the step in which it is done."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM audit ORDER BY number DESC LIMIT 1").fetchone()  # noqa: S608
    before = None if row is None else _entry(row)
    entry = next_entry(
        before,
        _last_number(connection),
        at_ns=at_ns,
        who=who,
        action=action,
        subject=subject,
        why=why,
        details=details or {},
    )
    connection.execute(
        f"INSERT INTO audit ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        (
            *(entry.number, entry.at_ns, entry.who, entry.action, entry.subject, entry.why),
            *(json.dumps(entry.details, sort_keys=True), entry.previous, entry.hash),
        ),
    )
    return entry


def read_entries(connection: sqlite3.Connection, *, after: int = 0, limit: int | None = None) -> list[AuditEntry]:
    """Entries with larger numbers, in their order."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM audit WHERE number > ? ORDER BY number LIMIT ?",  # noqa: S608
        (after, -1 if limit is None else limit),
    )
    return [_entry(row) for row in rows]


def entries_about(connection: sqlite3.Connection, subjects: Iterable[str], *, limit: int) -> list[AuditEntry]:
    """The latest entries about any of these subjects, or that touched an incident of them, in their order."""
    rows = connection.execute(_ABOUT, (json.dumps(sorted(subjects)), limit))
    return [_entry(row) for row in rows][::-1]


def find_breaks(connection: sqlite3.Connection, *, latest: int | None = None) -> list[str]:
    """Where the log is not as it was written, one sentence each; of its latest so many entries, or of all."""
    last = _last_number(connection)
    after = 0 if latest is None else max(last - latest, 0)
    return breaks(read_entries(connection, after=after), last, after=after)


def _last_number(connection: sqlite3.Connection) -> int:
    """The largest number that was ever given, also when its entry is gone: what was cut off leaves a gap."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'audit'").fetchone()
    return 0 if row is None else int(row[0])


def _entry(row: tuple[Any, ...]) -> AuditEntry:
    values = dict(zip(_COLUMNS.split(", "), row, strict=True))
    try:
        values["details"] = json.loads(values["details"])
    except ValueError:  # somebody wrote into it: it is no entry of ours, and its hash shows it
        values["details"] = {"unreadable": str(values["details"])}
    return AuditEntry(**values)

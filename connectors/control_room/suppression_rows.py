"""What covers the alarms of a stage, as rows."""

import sqlite3
from typing import Any

from models.alarms.suppression import Cause, Suppression

_COLUMNS = "number, stage, cause, from_ns, until_ns, who, why, ended_ns, ended_by"


def add_suppression(
    connection: sqlite3.Connection,
    stage: str,
    cause: Cause,
    *,
    from_ns: int,
    until_ns: int | None = None,
    by: str = "",
    why: str = "",
) -> Suppression:
    """A stage is suppressed from now on."""
    cursor = connection.execute(
        "INSERT INTO suppressions (stage, cause, from_ns, until_ns, who, why) VALUES (?, ?, ?, ?, ?, ?)",
        (stage, cause, from_ns, until_ns, by, why),
    )
    number = int(cursor.lastrowid or 0)
    return Suppression(number=number, stage=stage, cause=cause, from_ns=from_ns, until_ns=until_ns, by=by, why=why)


def end_suppression(connection: sqlite3.Connection, number: int, *, at_ns: int, by: str = "") -> None:
    """It does not hold any more."""
    connection.execute("UPDATE suppressions SET ended_ns = ?, ended_by = ? WHERE number = ?", (at_ns, by, number))


def find_suppressions(
    connection: sqlite3.Connection,
    *,
    cause: Cause | None = None,
    stage: str | None = None,
    over_ns: int | None = None,
    past: bool = False,
    limit: int = -1,
) -> list[Suppression]:
    """Those in force, the latest first.

    Parameters
    ----------
    cause, stage
        Of this cause, of this stage; None: of all.
    over_ns
        Those that are to end by this time, ns since 1970.
    past
        Those that were in force, too.
    """
    asked = {"cause = ?": cause, "stage = ?": stage, "until_ns <= ?": over_ns}
    wanted = {text: value for text, value in asked.items() if value is not None}
    where = " AND ".join([*wanted, "TRUE" if past else "ended_ns IS NULL"])
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM suppressions WHERE {where} ORDER BY number DESC LIMIT ?",  # noqa: S608
        (*wanted.values(), limit),
    )
    return [_suppression(row) for row in rows]


def _suppression(row: tuple[Any, ...]) -> Suppression:
    number, stage, cause, from_ns, until_ns, who, why, ended_ns, ended_by = row
    return Suppression(
        number=number,
        stage=stage,
        cause=Cause(cause),
        from_ns=from_ns,
        until_ns=until_ns,
        by=who,
        why=why,
        ended_ns=ended_ns,
        ended_by=ended_by,
    )

"""When something happens by itself: delays of alarms, the ends of shelving, of maintenance and of incidents."""

import sqlite3

_NEXT = """SELECT min(at_ns) FROM (SELECT min(due_ns) AS at_ns FROM alarms WHERE due_ns IS NOT NULL
    UNION ALL SELECT min(closes_ns) FROM incidents WHERE closes_ns IS NOT NULL
    UNION ALL SELECT min(until_ns) FROM suppressions WHERE ended_ns IS NULL)"""
# Written while the clock was ahead: they last as long as they were to last then.
_SUPPRESSIONS_AHEAD = """UPDATE suppressions SET until_ns = until_ns - (from_ns - :now_ns), from_ns = :now_ns
    WHERE ended_ns IS NULL AND from_ns > :now_ns + :step_ns"""
_INCIDENTS_AHEAD = """UPDATE incidents SET closes_ns = :now_ns + :quiet_ns
    WHERE closes_ns > :now_ns + :quiet_ns + :step_ns"""


def next_due_ns(connection: sqlite3.Connection) -> int | None:
    """When the next of it happens, ns since 1970; None: never."""
    [(at_ns,)] = connection.execute(_NEXT)
    return None if at_ns is None else int(at_ns)


def set_back(connection: sqlite3.Connection, now_ns: int, *, quiet_ns: int, step_ns: int) -> None:
    """Set back the ends of maintenance and of incidents that were written while the clock was ahead.

    Parameters
    ----------
    quiet_ns
        Within so long an incident without an open episode closes.
    step_ns
        By more the clock has to have been ahead.
    """
    times = {"now_ns": now_ns, "quiet_ns": quiet_ns, "step_ns": step_ns}
    for statement in (_SUPPRESSIONS_AHEAD, _INCIDENTS_AHEAD):
        connection.execute(statement, times)

"""What commits say to the keeper of alarms: the alerts of each step, and when each stage fired last."""

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from connectors.sqlite_file import transaction
from connectors.state.alert_rows import find_alerts
from connectors.state.database import one_moment, open_for_reading, open_for_writing
from connectors.state.failures import clear_failures
from connectors.wire.alerts import alert_values, read_alert
from connectors.wire.document import Document
from models.alerts.alert import Alert
from models.devices import Stage
from models.triplets.decided import TripletTable

_OPEN = "status = 'open' AND id NOT IN (SELECT alert_id FROM alarm_feed)"
_ENDED = """status = 'closed' AND id NOT IN (SELECT alert_id FROM alarm_feed)
    AND id IN (SELECT value FROM json_each(?))"""
# Before a stage has fired, what was heard of it first stands for that: a row that only was idle moves nothing. A table
# with shots that fired begins anew, and the newest table is believed: one row from a day ahead must not make a stage
# idle that fires.
_ACTIVITY = """INSERT INTO stage_activity (stage, fired_ns, idle_ns)
    VALUES (:stage, coalesce(:fired_ns, :first_ns), :idle_ns) ON CONFLICT (stage) DO UPDATE SET
        fired_ns = max(fired_ns, coalesce(:fired_ns, fired_ns)),
        idle_ns = CASE WHEN :fired_ns IS NULL THEN :idle_ns END"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedEntry:
    """One step in an alert's life.

    Attributes
    ----------
    number
        Its place in the feed; later ones are larger.
    alert
        As it was after this step.
    committed_ns
        When it became durable, ns since 1970, by the clock.
    closed_ns
        When the file behind it was closed; None when that is not known.
    """

    number: int = 0
    alert: Alert
    committed_ns: int
    closed_ns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageActivity:
    """When a stage fired last, and when it recorded without firing last: event times, ns since 1970.

    Before a stage has fired at all, the first thing that was heard of it stands for the last firing. ``idle_ns`` is
    None until a table comes in which it never fired.
    """

    stage: Stage
    fired_ns: int
    idle_ns: int | None


def store_feed(connection: sqlite3.Connection, entries: Iterable[FeedEntry]) -> None:
    """Put entries at the end of the feed, inside a commit; their numbers are given here."""
    connection.executemany(
        "INSERT INTO alarm_feed (alert_id, alert, committed_ns, closed_ns) VALUES (?, ?, ?, ?)",
        [
            (entry.alert.id, json.dumps(alert_values(entry.alert)), entry.committed_ns, entry.closed_ns)
            for entry in entries
        ],
    )


def store_activity(connection: sqlite3.Connection, triplets: Iterable[TripletTable]) -> None:
    """Note when stages fired and recorded without firing, inside a commit."""
    connection.executemany(_ACTIVITY, [_activity(table) for table in triplets if len(table)])


class AlarmFeed:
    """The feed of a state directory, for the keeper's thread: it has a connection of its own.

    Raises
    ------
    RetryableError
        By every method: ``disk_full``, ``disk_error`` or ``state_busy``.
    FatalError
        By every method: ``state_damaged`` or ``state_unusable``.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with clear_failures(path):
            self._connection = open_for_writing(path)

    def next(self, limit: int) -> list[FeedEntry]:
        """The oldest entries, in their order."""
        with clear_failures(self._path):
            rows = self._connection.execute(
                "SELECT number, alert, committed_ns, closed_ns FROM alarm_feed ORDER BY number LIMIT ?", (limit,)
            ).fetchall()
        return [
            FeedEntry(
                number=number,
                alert=read_alert(Document(json.loads(alert))),
                committed_ns=committed_ns,
                closed_ns=closed_ns,
            )
            for number, alert, committed_ns, closed_ns in rows
        ]

    def moment(self, limit: int) -> tuple[list[FeedEntry], list[StageActivity]]:
        """The oldest entries, in their order, and what all stages did, as of one moment."""
        with clear_failures(self._path), one_moment(self._connection):
            return self.next(limit), self.activities()

    def taken(self, number: int) -> None:
        """All up to this one are durable elsewhere."""
        with clear_failures(self._path), transaction(self._connection):
            self._connection.execute("DELETE FROM alarm_feed WHERE number <= ?", (number,))

    def not_in_feed(self, believed_open: Iterable[str]) -> tuple[list[Alert], list[Alert]]:
        """The alerts of which the feed says nothing and that are open, and those that are believed to be and are not.

        Both are as of one moment, by first shot.
        """
        with clear_failures(self._path), one_moment(self._connection):
            is_open = find_alerts(self._connection, _OPEN)
            return is_open, find_alerts(self._connection, _ENDED, (json.dumps(sorted(believed_open)),))

    def activities(self) -> list[StageActivity]:
        """Those of all stages."""
        with clear_failures(self._path):
            rows = self._connection.execute("SELECT stage, fired_ns, idle_ns FROM stage_activity").fetchall()
        return [StageActivity(stage=Stage.parse(stage), fired_ns=f, idle_ns=i) for stage, f, i in rows]

    def close(self) -> None:
        """Let the database go."""
        self._connection.close()


def waiting_in_feed(path: Path) -> tuple[int, int | None]:
    """How many entries wait, and since when (ns since 1970) the oldest does; for any thread, beside the keeper's.

    Raises
    ------
    RetryableError, FatalError
        As ``AlarmFeed``.
    """
    with clear_failures(path), closing(open_for_reading(path)) as connection:
        entries, oldest_ns = connection.execute("SELECT count(*), min(committed_ns) FROM alarm_feed").fetchone()
    return int(entries), oldest_ns


def _activity(table: TripletTable) -> dict[str, str | int | None]:
    times, idle = table.event_time_ns, table.idle
    return {
        "stage": str(table.stage),
        "first_ns": int(times.min()),
        "fired_ns": None if idle.all() else int(times[~idle].max()),
        "idle_ns": int(times[idle].max()) if idle.any() else None,
    }

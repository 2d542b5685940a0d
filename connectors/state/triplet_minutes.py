"""How many triplets of each stage and minute were complete, incomplete, idle, anomalous."""

import sqlite3
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from connectors.state.row_columns import Rows, subject_codes, times_ns, unified
from models.devices import Stage
from models.event_time import MINUTE_NS

# What SQLite's integers hold; a minute never reaches them.
_EARLIEST_NS, _LATEST_NS = -(2**63), 2**63 - 1
_COUNTS = ("complete", "incomplete", "idle", "anomalous")
_ADD = ", ".join(f"{name} = {name} + excluded.{name}" for name in _COUNTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class TripletMinute:
    """The triplets of one stage whose event times lie in the minute that begins at ``minute_ns``.

    Each is complete, incomplete or idle; ``anomalous`` ones are among them.
    """

    stage: Stage
    minute_ns: int
    complete: int
    incomplete: int
    idle: int
    anomalous: int


def add_triplets(connection: sqlite3.Connection, table: pa.Table, sign: int = 1) -> None:
    """Count triplets, or take them back with ``sign`` -1."""
    if not len(table):
        return
    table = unified(table)
    subjects, texts = subject_codes(table, Rows.TRIPLETS)
    keys = np.stack([subjects, times_ns(table) // MINUTE_NS], axis=1)
    distinct, group = np.unique(keys, axis=0, return_inverse=True)
    complete, idle, anomalous = (table[name].to_numpy() for name in ("complete", "idle", "anomalous"))
    counts = [
        np.bincount(group.ravel()[rows], minlength=len(distinct)) * sign
        for rows in (complete & ~idle, ~complete & ~idle, idle, anomalous)
    ]
    connection.executemany(
        "INSERT INTO triplet_minutes (front_end, amp, arm, minute_ns, complete, incomplete, idle, anomalous)"  # noqa: S608
        f" VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET {_ADD}",
        [
            (*texts[subject].split("-"), int(minute) * MINUTE_NS, *(int(count[number]) for count in counts))
            for number, (subject, minute) in enumerate(distinct.tolist())
        ],
    )


def read_triplet_minutes(
    connection: sqlite3.Connection, from_ns: int | None = None, to_ns: int | None = None
) -> list[TripletMinute]:
    """The minutes that begin from ``from_ns`` on and before ``to_ns``, by minute and stage."""
    found = [
        TripletMinute(stage=stage, minute_ns=minute_ns, **dict(zip(_COUNTS, counts, strict=True)))
        for stage in _stages(connection)
        for minute_ns, *counts in connection.execute(
            "SELECT minute_ns, complete, incomplete, idle, anomalous FROM triplet_minutes"
            " WHERE front_end = ? AND amp = ? AND arm = ? AND minute_ns >= ? AND minute_ns < ?",
            (*_key(stage), _EARLIEST_NS if from_ns is None else from_ns, _LATEST_NS if to_ns is None else to_ns),
        )
    ]
    return sorted(found, key=lambda minute: (minute.minute_ns, minute.stage))


def read_triplet_span(connection: sqlite3.Connection) -> tuple[int, int] | None:
    """The first and the last minute; None when there is none."""
    ends = [
        connection.execute(
            "SELECT min(minute_ns), max(minute_ns) FROM ("
            "SELECT * FROM (SELECT minute_ns FROM triplet_minutes WHERE front_end = ?1 AND amp = ?2 AND arm = ?3"
            " ORDER BY minute_ns LIMIT 1) UNION ALL "
            "SELECT * FROM (SELECT minute_ns FROM triplet_minutes WHERE front_end = ?1 AND amp = ?2 AND arm = ?3"
            " ORDER BY minute_ns DESC LIMIT 1))",
            _key(stage),
        ).fetchone()
        for stage in _stages(connection)
    ]
    return (min(first_ns for first_ns, _ in ends), max(last_ns for _, last_ns in ends)) if ends else None


def _stages(connection: sqlite3.Connection) -> list[Stage]:
    """The stages that have triplets, each found by one look-up: minutes are the end of the key, and there are many."""
    found: list[Stage] = []
    after = ("", "", "")
    while row := connection.execute(
        "SELECT front_end, amp, arm FROM triplet_minutes WHERE (front_end, amp, arm, minute_ns) > (?, ?, ?, ?)"
        " ORDER BY front_end, amp, arm, minute_ns LIMIT 1",
        (*after, _LATEST_NS),
    ).fetchone():
        after = row
        found.append(Stage(*row))
    return found


def _key(stage: Stage) -> tuple[str, str, str]:
    return (stage.front_end, stage.amp, stage.arm)

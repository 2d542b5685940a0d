"""How many triplets of each stage and minute were complete, incomplete, idle, anomalous."""

import sqlite3
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from connectors.state.row_columns import Rows, subject_codes, times_ns, unified
from models.devices import Stage
from models.event_time import MINUTE_NS

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
    rows = connection.execute(
        "SELECT front_end, amp, arm, minute_ns, complete, incomplete, idle, anomalous FROM triplet_minutes"
        " WHERE (?1 IS NULL OR minute_ns >= ?1) AND (?2 IS NULL OR minute_ns < ?2)"
        " ORDER BY minute_ns, front_end, amp, arm",
        (from_ns, to_ns),
    )
    return [
        TripletMinute(stage=Stage(front_end, amp, arm), minute_ns=minute_ns, **dict(zip(_COUNTS, counts, strict=True)))
        for front_end, amp, arm, minute_ns, *counts in rows
    ]

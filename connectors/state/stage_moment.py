"""The states of all stages at one moment, with what is known of the files behind them."""

import json
import sqlite3
from dataclasses import dataclass

from connectors.state.commit import FileRecord
from connectors.state.database import one_moment
from connectors.state.ledger import file_records
from models.event_time import HOUR_NS

#: The key under which a one-process watch keeps its own state beside those of its stages.
RUNNER_KEY = "runner"
#: So far back files are remembered: whatever comes of them again later is known.
REMEMBERED_NS = HOUR_NS
# The position is looked for in so many of the files that came last.
_LATEST_FILES = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class StageMoment:
    """What a watch needs to go on from a commit.

    Attributes
    ----------
    sequence
        The number of the commit.
    position_ns
        The latest event time of all records so far.
    states
        Encoded, by their keys.
    files
        The versions that were read last, over an hour of event time, in the order in which they were first read.
    pending
        Path, SHA-256, and how many records of them wait in joins.
    """

    sequence: int
    position_ns: int
    states: dict[str, bytes]
    files: list[FileRecord]
    pending: list[tuple[str, str, int]]


def read_stage_moment(connection: sqlite3.Connection) -> StageMoment | None:
    """Read it, all of one commit; None as long as there are no records."""
    with one_moment(connection):
        position_ns = connection.execute(
            "SELECT max(last_ns) FROM file_versions WHERE id > (SELECT max(id) FROM file_versions) - ?",
            (_LATEST_FILES,),
        ).fetchone()[0]
        if position_ns is None:
            return None
        meta = dict(connection.execute("SELECT name, value FROM meta WHERE name IN ('sequence', 'pending')"))
        states = dict(connection.execute("SELECT key, value FROM states ORDER BY key"))
        files = file_records(connection, position_ns - REMEMBERED_NS, None)
    pending = [(str(file), str(sha256), int(number)) for file, sha256, number in json.loads(meta.get("pending", "[]"))]
    return StageMoment(
        sequence=int(meta["sequence"]), position_ns=position_ns, states=states, files=files, pending=pending
    )

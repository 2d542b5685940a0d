"""How each version of a file stands, page by page, the latest first."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.state.commit import FileStatus
from connectors.state.ledger import pending_records
from models.results import Outcome
from models.triplets.decided import OUTCOMES

_OUTCOMES = ", ".join(outcome.value for outcome in OUTCOMES)
_ENDED = " + ".join(outcome.value for outcome in OUTCOMES)
_COLUMNS = (
    "id, path, root, sha256, size_bytes, status, reason, first_ns, last_ns, records_read, dead_letters, dead_lettered,"
    f" latest, void, thinned, {_OUTCOMES}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileAccount:
    """One version of a file, and where its records ended.

    Attributes
    ----------
    id
        Counts up with each version that comes.
    first_ns, last_ns
        Event times; None without records.
    read
        Records that the reader counted.
    outcomes
        How many ended how, by the ledger's words; zeros are left out. Dead letters are among them.
    dead_letters
        Those found by the reader, by reason.
    pending
        Records that wait in the join.
    latest
        Whether it is the path's latest version.
    void
        Another version took its place: its records do not count.
    """

    id: int
    path: str
    root: str
    sha256: str
    size_bytes: int
    status: FileStatus
    reason: str
    first_ns: int | None
    last_ns: int | None
    read: int
    outcomes: Mapping[str, int]
    dead_letters: Mapping[str, int]
    pending: int
    thinned: int
    latest: bool
    void: bool

    @property
    def balanced(self) -> bool:
        """Whether each record has one outcome or is pending; what is void need not be."""
        return self.void or self.read == sum(self.outcomes.values()) + self.pending


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFilter:
    """Which files are wanted.

    Attributes
    ----------
    contains
        A part of the path; empty: any.
    status
        None: any.
    only_dead_letters
        Whether only files with dead letters are.
    only_unbalanced
        Whether only those are whose read records have not all ended; some of them may be pending.
    """

    contains: str = ""
    status: FileStatus | None = None
    only_dead_letters: bool = False
    only_unbalanced: bool = False


def read_file_accounts(
    connection: sqlite3.Connection, wanted: FileFilter, *, before_id: int | None = None, limit: int = 100
) -> list[FileAccount]:
    """The versions that came last, before that of an id."""
    conditions = ["(?1 IS NULL OR id < ?1)", "(?2 = '' OR instr(path, ?2) > 0)", "(?3 = '' OR status = ?3)"]
    if wanted.only_dead_letters:
        conditions.append("dead_lettered + dead_letter > 0")
    if wanted.only_unbalanced:
        conditions.append(f"NOT void AND records_read <> dead_lettered + {_ENDED}")
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM file_versions WHERE {' AND '.join(conditions)} ORDER BY id DESC LIMIT ?4",  # noqa: S608
        (before_id, wanted.contains, wanted.status or "", limit),
    ).fetchall()
    pending = pending_records(connection) if rows else {}
    return [_account(row, pending) for row in rows]


def _account(row: Sequence[Any], pending: Mapping[tuple[str, str], int]) -> FileAccount:
    values: dict[str, Any] = dict(zip(_COLUMNS.replace(",", "").split(), row, strict=True))
    outcomes = {outcome.value: values.pop(outcome.value) for outcome in OUTCOMES}
    outcomes[Outcome.DEAD_LETTER.value] += values.pop("dead_lettered")
    return FileAccount(
        status=FileStatus(values.pop("status")),
        read=values.pop("records_read"),
        outcomes={name: number for name, number in outcomes.items() if number},
        dead_letters=json.loads(values.pop("dead_letters")),
        pending=pending.get((values["path"], values["sha256"]), 0),
        latest=bool(values.pop("latest")),
        void=bool(values.pop("void")),
        **values,
    )

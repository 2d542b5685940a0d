"""What one transaction makes durable: everything in it, or nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from connectors.evidence_store import EvidenceLink
from connectors.state.alarm_feed import FeedEntry
from models.alerts.alert import AlertEvent
from models.devices import Device, Stage
from models.records import SourceReference
from models.triplets.decided import DecidedBlock, TripletTable


class FileStatus(StrEnum):
    """What became of a file; the names are the ledger's. What is left of a damaged file is counted all the same."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord:
    """One version of a file; writing the same (``path``, ``sha256``) again replaces what was known about it.

    Attributes
    ----------
    path
        Below the watched root, as in ``SourceReference.file``.
    root
        The watched root.
    sha256
        Of the content; empty when it could not be read.
    reason
        Bounded reason of a refusal, or of a file that was read in part; empty otherwise.
    series
        Which recorder's sequence of snapshots it belongs to; empty when unknown.
    first_ns, last_ns
        Event times of its earliest and its latest record; None without records.
    records_read
        All records that the reader counted in the file so far, those it dead-lettered included.
    dead_letters
        How many of them were dead-lettered, by reason.
    replaced_sha256
        The version that this one supersedes, None when it supersedes none. With one, all other versions of the path
        are void: their rows do not count any more, nor do their records.
    """

    path: str
    root: str
    sha256: str
    size_bytes: int
    mtime_ns: int
    status: FileStatus
    reason: str = ""
    series: str = ""
    first_ns: int | None = None
    last_ns: int | None = None
    records_read: int = 0
    dead_letters: Mapping[str, int] = field(default_factory=dict)
    replaced_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class SupersededRows:
    """Rows of earlier commits that are void, because they were decided again or are no longer true.

    Attributes
    ----------
    subject
        A device: its rows of the results at these times, except duplicates and late ones (which keep their outcome).
        A stage: its triplets.
    event_time_ns
        int64, shape (n,), any order.
    """

    subject: Device | Stage
    event_time_ns: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class LostRecords:
    """Records of a file that ended as a dead letter on their way, since their message was refused.

    Attributes
    ----------
    place
        Where the refused message stood (``topic/partition/offset``): told twice, it counts once.
    reason
        Bounded reason of the refusal.
    """

    source: SourceReference
    place: str
    reason: str
    records: int


@dataclass(slots=True, kw_only=True)
class Commit:
    """One step of the watch. A commit that failed changed nothing and may be given again as it is.

    Attributes
    ----------
    stage_states
        Encoded states of those stages that changed; an empty value removes the key.
    files
        Versions of files that are new or known better.
    file_counts
        Events that have no ``FileRecord``, by the ledger's names (``skipped``); replacements are counted from
        ``FileRecord.replaced_sha256``.
    alerts, evidence
        In the order in which they happened; evidence is written before the commit that links it.
    feed
        What the keeper of alarms is told, in the same order.
    decided, triplets
        The new rows. Those of a version of a file that is void are dropped: they are superseded already.
    superseded
        Applied to the rows of earlier commits, never to this commit's.
    pending
        How many records of each file the join (and whatever else waits) holds at this moment: all of them, not the
        change. The ledger compares it with what it counted itself.
    lost_records
        Records that ended as dead letters on their way; their files need not be known yet.
    retried_records
        How many of them, by file, are none any more: their message was sent again and taken.
    under_way
        Files of which more is to come, and whether it is known how many records they hold. Then all of these that have
        no outcome yet are pending, whatever ``pending`` says; else the file counts as far as it has come.
    """

    stage_states: dict[str, bytes] = field(default_factory=dict)
    files: list[FileRecord] = field(default_factory=list)
    file_counts: dict[str, int] = field(default_factory=dict)
    alerts: list[AlertEvent] = field(default_factory=list)
    evidence: list[EvidenceLink] = field(default_factory=list)
    feed: list[FeedEntry] = field(default_factory=list)
    decided: list[DecidedBlock] = field(default_factory=list)
    triplets: list[TripletTable] = field(default_factory=list)
    superseded: list[SupersededRows] = field(default_factory=list)
    pending: dict[SourceReference, int] = field(default_factory=dict)
    lost_records: list[LostRecords] = field(default_factory=list)
    retried_records: dict[SourceReference, int] = field(default_factory=dict)
    under_way: dict[SourceReference, bool] = field(default_factory=dict)

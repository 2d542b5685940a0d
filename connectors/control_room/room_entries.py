"""Entries of the audit logs of several control rooms beside each other; each log stays a chain of its own."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import merge

from models.alarms.audit_chain import AuditEntry

#: What the room of the state directory that is asked is called.
OWN_ROOM = "own"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomEntry:
    """An entry, and the name of the room whose log it stands in: numbers and hashes are of that log."""

    room: str
    entry: AuditEntry


def in_order(logs: Iterable[tuple[str, Sequence[AuditEntry]]]) -> list[RoomEntry]:
    """The entries of all logs by their times; those of one log stay in its order, also where a clock was set back.

    Parameters
    ----------
    logs
        The name of each room, and entries of its log as they follow each other.
    """
    named = [[RoomEntry(room=room, entry=entry) for entry in entries] for room, entries in logs]
    return list(merge(*named, key=lambda each: each.entry.at_ns))

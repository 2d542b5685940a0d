"""The audit log as a chain: each entry's hash covers the one before, so that none can be changed or removed unseen."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

#: What stands before the first entry.
NOTHING_BEFORE = "0" * 64


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """Who did what, when, and why.

    Attributes
    ----------
    number
        1, 2, 3, ...
    action
        A bounded word: ``acknowledge``, ``shelve``, ``verdict`` ...
    subject
        What it was done to: an alarm's, incident's or alert's id, a stage, a device, a model's version.
    details
        JSON values that say what it was exactly.
    previous, hash
        SHA-256 of the entry before and of this one, 64 hexadecimal digits.
    """

    number: int
    at_ns: int
    who: str
    action: str
    subject: str
    why: str
    details: Mapping[str, Any]
    previous: str
    hash: str


def next_entry(
    before: AuditEntry | None,
    last_number: int,
    *,
    at_ns: int,
    who: str,
    action: str,
    subject: str,
    why: str,
    details: Mapping[str, Any],
) -> AuditEntry:
    """The entry that follows another; None: none is there.

    Parameters
    ----------
    last_number
        The largest number that was ever given, 0 before the first. It is not that of the entry before when somebody
        has cut off the end: then the gap stays for ever.
    """
    number, previous = (last_number if before is None else max(last_number, before.number)) + 1, NOTHING_BEFORE
    if before is not None:
        previous = before.hash
    values = {
        "number": number,
        "at_ns": at_ns,
        "who": who,
        "action": action,
        "subject": subject,
        "why": why,
        "details": details,
    }
    return AuditEntry(**values, previous=previous, hash=_hash(values, previous))  # type: ignore[arg-type]


def breaks(entries: Iterable[AuditEntry], last_number: int, *, after: int = 0) -> list[str]:
    """Where the chain is broken, one sentence each; none when every entry is as it was written.

    Parameters
    ----------
    entries
        All that there are with larger numbers than ``after``, in their order.
    last_number
        The largest number that was ever given, as the database counts by itself: what is missing at the end shows.
    """
    found = list(entries)
    sentences: list[str] = []
    if found and found[0].number == 1 and found[0].previous != NOTHING_BEFORE:
        sentences.append("entry 1 does not begin the log")
    sentences += _gap(after, found[0].number) if found else []
    for entry in found:
        if _hash(_values(entry), entry.previous) != entry.hash:
            sentences.append(f"entry {entry.number} is not as it was written")
    for before, entry in pairwise(found):
        sentences += _gap(before.number, entry.number)
        if entry.number == before.number + 1 and entry.previous != before.hash:
            sentences.append(f"entry {entry.number} does not follow entry {before.number}: one of them was exchanged")
    return sentences + _gap(found[-1].number if found else after, last_number + 1)


def _gap(before: int, after: int) -> list[str]:
    if after <= before + 1:
        return []
    missing = f"entry {before + 1}" if after == before + 2 else f"entries {before + 1} to {after - 1}"
    return [f"{missing} {'is' if after == before + 2 else 'are'} missing"]


def _values(entry: AuditEntry) -> dict[str, Any]:
    return {
        "number": entry.number,
        "at_ns": entry.at_ns,
        "who": entry.who,
        "action": entry.action,
        "subject": entry.subject,
        "why": entry.why,
        "details": entry.details,
    }


def _hash(values: Mapping[str, Any], previous: str) -> str:
    text = json.dumps([previous, values], sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()

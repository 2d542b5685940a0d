"""What the page of the pipeline shows: the ledger, each file's account, and why records were refused."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.state.commit import FileStatus
from connectors.state.file_accounts import FileAccount
from dashboards.words import count_words, plain_words, size_words, time_words

_FILE_MEANINGS = {
    "accepted": "whole, and read",
    "rejected": "cut off, damaged or unreadable; what could be read of them counts",
    "replaced": "came again with other content",
    "skipped": "came again with the same content",
    "ignored": "no snapshots, as their names or kinds say",
}
_RECORD_MEANINGS = {
    "read": "counted by the readers",
    "triplet": "in a complete shot",
    "incomplete": "in a shot that lacks something",
    "idle": "while the stage did not fire",
    "unjoined": "of a device that belongs into no triplet",
    "duplicate": "came twice",
    "late": "came too late to be joined",
    "invalid": "their content breaks a rule",
    "unexpected": "nobody waits for them at that time",
    "dead_letter": "refused, with a reason",
    "pending": "wait in the join",
    "thinned": "no network looked at them, since work was left behind",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CountRow:
    """A count with what it means."""

    name: str
    count: str
    meaning: str
    part: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRow:
    """A file's account in words."""

    path: str
    sha256: str
    first: str
    size: str
    status: str
    note: str
    read: str
    outcomes: str
    dead_letters: str
    pending: str
    verdict: str
    fine: bool


def record_rows(ledger: Mapping[str, Any]) -> list[CountRow]:
    """Where the records ended; ``ledger`` as ``StateReader.ledger`` gives it."""
    records = {**ledger["records"], "thinned": ledger["thinned"]}
    read = records["read"]
    return [
        CountRow(
            name=plain_words(name),
            count=count_words(number),
            meaning=_RECORD_MEANINGS[name],
            part=f"{100 * number / read:.2f} %" if read and name != "read" else "",
        )
        for name, number in records.items()
    ]


def file_count_rows(ledger: Mapping[str, Any]) -> list[CountRow]:
    """What became of the files."""
    return [
        CountRow(name=name, count=count_words(number), meaning=_FILE_MEANINGS[name])
        for name, number in ledger["files"].items()
    ]


def dead_letter_rows(ledger: Mapping[str, Any]) -> list[CountRow]:
    """Why records were refused, the most frequent reason first."""
    found = [
        (number, plain_words(reason), "in the file" if where == "in_files" else "on the way")
        for where, reasons in ledger["dead_letters"].items()
        for reason, number in reasons.items()
    ]
    return [
        CountRow(name=reason, count=count_words(number), meaning=where)
        for number, reason, where in sorted(found, key=lambda row: (-row[0], row[1]))
    ]


def balance_sentence(ledger: Mapping[str, Any]) -> str:
    """Whether every record is accounted for."""
    if ledger["balanced"]:
        return "Balanced: every record that was read has one outcome or is pending."
    return "NOT BALANCED: some records have no outcome, or several."


def file_rows(accounts: Sequence[FileAccount]) -> list[FileRow]:
    """Each file's account, as they come."""
    return [_file_row(account) for account in accounts]


def _file_row(account: FileAccount) -> FileRow:
    outcomes = {name: number for name, number in account.outcomes.items() if name != "dead_letter"}
    dead = account.outcomes.get("dead_letter", 0)
    reasons = ", ".join(
        f"{plain_words(reason)} {count_words(number)}" for reason, number in account.dead_letters.items()
    )
    note = plain_words(account.reason)
    if account.void:
        note = f"{note}; replaced by another version".removeprefix("; ")
    elif not account.latest:
        note = f"{note}; its latest version was refused".removeprefix("; ")
    elif account.status is FileStatus.REJECTED:
        left = "what could be read of it counts" if account.read else "nothing in it could be read"
        note = f"{note}; {left}"
    return FileRow(
        path=account.path,
        sha256=account.sha256,
        first=time_words(account.first_ns, seconds=True),
        size=size_words(account.size_bytes),
        status=account.status.value,
        note=note,
        read=count_words(account.read),
        outcomes=", ".join(f"{plain_words(name)} {count_words(number)}" for name, number in outcomes.items()) or "-",
        dead_letters=f"{count_words(dead)} ({reasons})" if reasons else count_words(dead) if dead else "-",
        pending=count_words(account.pending) if account.pending else "-",
        verdict="void" if account.void else "balanced" if account.balanced else "not balanced",
        fine=account.balanced,
    )

"""A chain of entries tells what was done to it."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from models.alarms.audit_chain import AuditEntry, breaks, next_entry


def chain(length: int = 5, why: str = "dust") -> list[AuditEntry]:
    entries: list[AuditEntry] = []
    for number in range(length):
        before = entries[-1] if entries else None
        entries.append(
            next_entry(
                before,
                number,
                at_ns=number,
                who="ana",
                action="shelve",
                subject="ab",
                why=why,
                details={"until": number},
            )
        )
    return entries


def rewritten(entries: list[AuditEntry], index: int) -> list[AuditEntry]:
    """Somebody who knows how hashes are made changes an entry, and its own hash."""
    before = entries[index - 1] if index else None
    forged = next_entry(before, index, at_ns=1, who="eve", action="shelve", subject="ab", why="", details={})
    return [*entries[:index], forged, *entries[index + 1 :]]


def test_what_was_left_alone_is_whole() -> None:
    assert breaks(chain(), 5) == []
    assert breaks([], 0) == []


@pytest.mark.parametrize(
    ("tamper", "words"),
    [
        (lambda entries: [*entries[:1], replace(entries[1], why="none"), *entries[2:]], "entry 2 is not as it was"),
        (lambda entries: [*entries[:1], replace(entries[1], details={}), *entries[2:]], "entry 2 is not as it was"),
        (lambda entries: [*entries[:1], replace(entries[1], at_ns=7), *entries[2:]], "entry 2 is not as it was"),
        (lambda entries: rewritten(entries, 2), "entry 4 does not follow entry 3"),
        (lambda entries: [*entries[:2], *entries[3:]], "entry 3 is missing"),
        (lambda entries: entries[2:], "entries 1 to 2 are missing"),
        (lambda entries: entries[:-1], "entry 5 is missing"),
        (lambda _: [], "entries 1 to 5 are missing"),
        (lambda entries: [*entries[:2], *chain(3, "none")[2:], *entries[3:]], "entry 3 does not follow entry 2"),
        (lambda entries: [replace(entries[0], previous="1" * 64), *entries[1:]], "entry 1 does not begin the log"),
    ],
)
def test_what_was_done_to_it_shows(tamper: Callable[[list[AuditEntry]], list[AuditEntry]], words: str) -> None:
    assert any(words in sentence for sentence in breaks(tamper(chain()), 5))

"""What the process of a replay wrote: its words, and its results on the last line."""

import json
from pathlib import Path


def _lines(log: Path) -> list[str]:
    try:
        return [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    except OSError:
        return []


def last_line(log: Path) -> str:
    """What a process said last, its results apart."""
    said = [line for line in _lines(log) if not line.startswith("{")]
    return said[-1].removeprefix("petawatch: ").removeprefix("Error: ").strip() if said else ""


def document_of(log: Path) -> bytes | None:
    """The results, which a process writes last."""
    lines = _lines(log)
    if not lines or not lines[-1].startswith("{"):
        return None
    try:
        json.loads(lines[-1])
    except ValueError:
        return None
    return lines[-1].encode()


def caveat_of(document: bytes) -> str:
    """Why the results need not be what the watch gave, as they say themselves; empty where they are to be the same."""
    caveat: str = json.loads(document).get("caveat", "")
    return caveat

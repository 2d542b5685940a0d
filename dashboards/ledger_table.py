"""The ledger for eyes: how many files and records came, and where each ended."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from dashboards.printable import printable
from dashboards.words import plain_words


def print_ledger(ledger: Mapping[str, Any], console: Console) -> None:
    """A table on a terminal, one line per count elsewhere; ``ledger`` as ``StateReader.ledger`` gives it."""
    lines = [(part, name, number) for part in ("files", "records") for name, number in ledger[part].items()]
    # Beside the outcomes, not among them: a thinned record has its outcome, too, and a dead letter is counted above.
    lines += [("records", "thinned", ledger["thinned"])] if "thinned" in ledger else []
    lines += [
        (f"dead letters {plain_words(where)}", reason, number)
        for where, reasons in ledger.get("dead_letters", {}).items()
        for reason, number in reasons.items()
    ]
    if console.is_terminal:
        table = Table("", "", "count", title="Ledger")
        table.columns[2].justify = "right"
        for position, (part, name, number) in enumerate(lines):
            first = position == 0 or lines[position - 1][0] != part
            last = position + 1 == len(lines) or lines[position + 1][0] != part
            table.add_row(part if first else "", name, f"{number:,}", end_section=last)
        console.print(table)
    else:
        for part, name, number in lines:
            _print_line(console, f"{part} {name} {number}")
    for line in _verdict(ledger):
        _print_line(console, line)


def _verdict(ledger: Mapping[str, Any]) -> list[str]:
    if ledger["balanced"]:
        return ["balanced: every record that was read has one outcome or is pending"]
    lines = ["NOT BALANCED: some records have no outcome, or several"]
    for file in ledger.get("unbalanced_files", []):
        name = f"{file['file']} (sha256 {file['sha256'][:16]})"
        lines.append(f"  {name}: {file['read']} read, {file['decided']} decided, {file['pending']} pending")
    return lines


def _print_line(console: Console, line: str) -> None:
    console.print(printable(line), markup=False, highlight=False, soft_wrap=True)

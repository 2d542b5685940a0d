"""Dead letters for eyes: one row or line each, oldest first; and one of them in full."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from rich.console import Console
from rich.table import Table

from dashboards.printable import printable
from models.event_time import format_iso

_COLUMNS = ("id", "refused at", "reason", "agent", "records", "retried", "device", "file", "bytes", "error")


class ShownLetter(Protocol):
    """What is shown of a dead letter."""

    @property
    def id(self) -> str:
        """``topic/partition/offset`` of the original."""
        ...

    @property
    def at_ns(self) -> int:
        """When it was refused, ns since 1970."""
        ...

    @property
    def reason(self) -> str:
        """Bounded."""
        ...

    @property
    def agent(self) -> str:
        """Who refused it."""
        ...

    @property
    def error(self) -> str:
        """One sentence."""
        ...

    @property
    def records(self) -> int | None:
        """How many it holds; None when it does not say."""
        ...

    @property
    def attempts(self) -> int:
        """How often it was given to its agent again before."""
        ...

    @property
    def device(self) -> str:
        """Of its records."""
        ...

    @property
    def file(self) -> str:
        """Of its records."""
        ...

    @property
    def size_bytes(self) -> int:
        """Of the original value."""
        ...


def print_letters(letters: Sequence[ShownLetter], console: Console) -> None:
    """A table on a terminal, one line per dead letter (fields separated by tabs) elsewhere."""
    if not letters:
        console.print("no dead letters", highlight=False)
    elif console.is_terminal:
        table = Table(*_COLUMNS[:-1], title="Dead letters", caption="why: petawatch dead-letters show ID")
        for letter in letters:
            table.add_row(*_cells(letter)[:-1])
        console.print(table, markup=False)
    else:
        for letter in letters:
            console.file.write("\t".join(_cells(letter)) + "\n")  # the console itself would turn tabs into blanks


def print_letter(letter: ShownLetter, headers: Iterable[tuple[str, bytes]], console: Console) -> None:
    """One dead letter in full, but for its value."""
    for name, cell in zip(_COLUMNS, _cells(letter), strict=True):
        _print_line(console, f"{name}: {cell}")
    for name, value in headers:
        _print_line(console, f"header {name}: {value.decode(errors='replace')}")


def _cells(letter: ShownLetter) -> list[str]:
    cells = [
        letter.id,
        format_iso(letter.at_ns),
        letter.reason,
        letter.agent,
        "-" if letter.records is None else str(letter.records),
        str(letter.attempts),
        letter.device or "-",
        letter.file or "-",
        str(letter.size_bytes),
        letter.error,
    ]
    return [printable(cell) for cell in cells]


def _print_line(console: Console, line: str) -> None:
    console.print(printable(line), markup=False, highlight=False, soft_wrap=True)

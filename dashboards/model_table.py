"""Versions of the model for eyes: all of them, or two side by side."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from dashboards.printable import printable
from dashboards.printed_rows import print_blocks, print_table, table_fits
from models.event_time import format_iso

_VERSION_COLUMNS = ("version", "model", "use", "aliases", "registered", "metrics")
_MOST_METRICS = 4
_MOST_LETTERS = 80


class ShownVersion(Protocol):
    """What is shown of a version."""

    @property
    def version(self) -> int:
        """Its number."""
        ...

    @property
    def model(self) -> str:
        """The model's id."""
        ...

    @property
    def aliases(self) -> tuple[str, ...]:
        """What it is."""
        ...

    @property
    def created_ns(self) -> int:
        """When it was registered, ns since 1970."""
        ...

    @property
    def metrics(self) -> Mapping[str, float]:
        """What its training reached."""
        ...


def print_versions(versions: Sequence[tuple[ShownVersion, str]], console: Console) -> None:
    """A row per version, and what it is used for; of its metrics the first ones by name.

    On a narrow terminal a block per version.
    """
    if not versions:
        _print(console, "the registry has no versions yet; petawatch train makes one")
        return
    rows = [
        (
            str(version.version),
            printable(version.model),
            use,
            _short(" ".join(version.aliases)),
            format_iso(version.created_ns)[:19],
            printable(" ".join(f"{name}={version.metrics[name]:.4g}" for name in _metrics(version))),
        )
        for version, use in versions
    ]
    if not console.is_terminal:
        _print_lines(rows, console)
    elif table_fits(_VERSION_COLUMNS, rows, console):
        print_table("Versions", _VERSION_COLUMNS, rows, console, right=("version",))
    else:
        blocks = [
            (f"version {number}  {model}", list(zip(_VERSION_COLUMNS[2:], values, strict=True)))
            for number, model, *values in rows
        ]
        print_blocks(blocks, console)


def print_comparison(
    values: Sequence[tuple[str, str | None, str | None]], versions: tuple[str, str], console: Console
) -> None:
    """A row per metric or parameter: its name, and its value in both versions."""
    rows = [[_short("-" if cell is None else cell) for cell in row] for row in values]
    if not console.is_terminal:
        _print_lines(rows, console)
        return
    table = Table()
    table.add_column("", no_wrap=True)
    for version in versions:
        table.add_column(escape(f"version {version}"), overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)


def _metrics(version: ShownVersion) -> list[str]:
    return sorted(version.metrics)[:_MOST_METRICS]


def _print_lines(rows: Sequence[Sequence[str]], console: Console) -> None:
    for row in rows:
        _print(console, "  ".join(cell for cell in row if cell))


def _short(text: str) -> str:
    """A hash must not push the rest aside."""
    return printable(text)[:_MOST_LETTERS]


def _print(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)

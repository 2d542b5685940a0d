"""Versions of the model for eyes: all of them, or two side by side."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dashboards.printable import printable
from models.event_time import format_iso

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
    """A row per version, and what it is used for; of its metrics the first ones by name."""
    if not versions:
        _print(console, "the registry has no versions yet; petawatch train makes one")
        return
    rows = [
        (
            str(version.version),
            version.model,
            use,
            " ".join(version.aliases),
            format_iso(version.created_ns)[:19],
            " ".join(f"{name}={version.metrics[name]:.4g}" for name in sorted(version.metrics)[:_MOST_METRICS]),
        )
        for version, use in versions
    ]
    _print_rows(("version", "model", "", "aliases", "registered", "metrics"), rows, console)


def print_comparison(
    values: Sequence[tuple[str, str | None, str | None]], versions: tuple[str, str], console: Console
) -> None:
    """A row per metric or parameter: its name, and its value in both versions."""
    rows = [
        (name, "-" if first is None else first, "-" if second is None else second) for name, first, second in values
    ]
    _print_rows(("", *(f"version {version}" for version in versions)), rows, console)


def _print_rows(header: tuple[str, ...], rows: Sequence[tuple[str, ...]], console: Console) -> None:
    if console.is_terminal:
        table = Table(*header)
        for row in rows:
            table.add_row(*(escape(_short(cell)) for cell in row))
        console.print(table)
        return
    for row in rows:
        _print(console, "  ".join(_short(cell) for cell in row if cell))


def _short(text: str) -> str:
    """A hash must not push the rest aside."""
    return printable(text)[:_MOST_LETTERS]


def _print(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)

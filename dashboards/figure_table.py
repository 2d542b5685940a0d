"""Measured figures for eyes, with the machine that they were taken on."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from rich.console import Console
from rich.table import Table


class ShownFigure(Protocol):
    """What is shown of a figure."""

    @property
    def name(self) -> str:
        """What was measured."""
        ...

    @property
    def value(self) -> float:
        """The median, where there were repeats."""
        ...

    @property
    def unit(self) -> str:
        """Of value and spread."""
        ...

    @property
    def wanted(self) -> str:
        """What the specification asks for; empty when nothing."""
        ...

    @property
    def spread(self) -> tuple[float, float] | None:
        """Smallest and largest of the repeats."""
        ...

    @property
    def load(self) -> float:
        """The machine's load average meanwhile."""
        ...


def print_figures(machine: Mapping[str, Any], figures: Sequence[ShownFigure], console: Console) -> None:
    """A table on a terminal, plain lines elsewhere."""
    description = ", ".join(f"{name} {value}" for name, value in machine.items())
    if not console.is_terminal:
        for figure in figures:
            console.out(
                f"{figure.name}: {_number(figure)} {figure.unit}{_spread(figure)} "
                f"(wanted: {figure.wanted or '-'}; load {figure.load:.1f})"
            )
        console.out(f"machine: {description}")
        return
    table = Table(title="Figures", caption=description)
    for column in ("figure", "median", "unit", "from .. to", "wanted", "load"):
        table.add_column(column, justify="right" if column in {"median", "load"} else "left")
    for figure in figures:
        load = f"{figure.load:.1f}"
        table.add_row(figure.name, _number(figure), figure.unit, _spread(figure), figure.wanted, load)
    console.print(table)


def _number(figure: ShownFigure) -> str:
    return f"{figure.value:,.3g}" if abs(figure.value) < 1000 else f"{figure.value:,.0f}"


def _spread(figure: ShownFigure) -> str:
    return f" {figure.spread[0]:.3g} .. {figure.spread[1]:.3g}" if figure.spread else ""

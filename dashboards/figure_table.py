"""Measured figures for eyes, with the machine that they were taken on."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from rich.console import Console
from rich.table import Table


class ShownFigure(Protocol):
    """What is shown of a figure."""

    name: str
    value: float
    unit: str
    wanted: str
    spread: tuple[float, float] | None


def print_figures(machine: Mapping[str, Any], figures: Sequence[ShownFigure], console: Console) -> None:
    """A table on a terminal, plain lines elsewhere."""
    description = ", ".join(f"{name} {value}" for name, value in machine.items())
    if not console.is_terminal:
        for figure in figures:
            console.out(
                f"{figure.name}: {_number(figure)} {figure.unit}{_spread(figure)} (wanted: {figure.wanted or '-'})"
            )
        console.out(f"machine: {description}")
        return
    table = Table(title="Figures", caption=description)
    for column in ("figure", "median", "unit", "from .. to", "wanted"):
        table.add_column(column, justify="right" if column == "median" else "left")
    for figure in figures:
        table.add_row(figure.name, _number(figure), figure.unit, _spread(figure), figure.wanted)
    console.print(table)


def _number(figure: ShownFigure) -> str:
    return f"{figure.value:,.3g}" if abs(figure.value) < 1000 else f"{figure.value:,.0f}"


def _spread(figure: ShownFigure) -> str:
    return f" {figure.spread[0]:.3g} .. {figure.spread[1]:.3g}" if figure.spread else ""

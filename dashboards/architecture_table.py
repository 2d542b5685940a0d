"""Architectures side by side for eyes: a row per measure, a column per architecture."""

import math
from collections.abc import Sequence
from typing import Protocol

from rich.console import Console

from models.evaluation import Rate
from models.training.architecture_comparison import ArchitectureFigures

_MEASURE_LETTERS = 35
_GAP = 2


class ShownArchitecture(Protocol):
    """What is shown of an architecture."""

    @property
    def name(self) -> str:
        """The column's head."""
        ...

    @property
    def description(self) -> str:
        """What it is, in one line."""
        ...

    @property
    def figures(self) -> ArchitectureFigures:
        """The column."""
        ...


def print_architectures(architectures: Sequence[ShownArchitecture], console: Console) -> None:
    """The table, what its columns are, and how to read it; at most 120 columns wide with eight architectures."""
    rows = [_rows(architecture.figures) for architecture in architectures]
    names = [architecture.name for architecture in architectures]
    if not rows:
        return
    widths = [
        max(len(name), *(len(cell) for cell in column.values())) for name, column in zip(names, rows, strict=True)
    ]
    _print(console, _line("", names, widths))
    for measure in rows[0]:
        _print(console, _line(measure, [column[measure] for column in rows], widths))
    _print(console, "")
    for architecture in architectures:
        _print(console, f"{architecture.name}: {architecture.description}")
    frames = sum(rate.total for rate in architectures[0].figures.found.values())
    normal = architectures[0].figures.beyond_fixed.total
    _print(
        console,
        f"Found: of {frames} frames with faults, those above the score that 1e-3 of the same stretch's {normal} normal "
        "frames pass. Cold: scored by what had never seen these cameras.",
    )


def _rows(shown: ArchitectureFigures) -> dict[str, str]:
    rows = {f"found, {severity}": _share(rate) for severity, rate in shown.found.items()}
    rows["normal above 3 (promises 1e-3)"] = _rate(shown.beyond_fixed)
    rows[f"false episodes in {shown.false_episodes.hours:.1f} camera-hours"] = str(shown.false_episodes.count)
    rows["medium, >= 3 shots: open at third"] = _share(shown.in_third_shot)
    rows |= {f"cold start, found, {severity}": _share(rate) for severity, rate in shown.cold_found.items()}
    rows["cold start, normal frames above 3"] = _rate(shown.cold_beyond_fixed)
    rows["slow drift: frames above 3"] = _rate(shown.drift_beyond_fixed)
    rows["slow drift: false episodes"] = str(shown.drift_episodes.count) if shown.drift_beyond_fixed.total else "-"
    rows["fault that stays: odd at its end"] = _share(shown.staying_odd)
    rows["us of processor time per image"] = "-" if math.isnan(shown.image_us) else f"{shown.image_us:.0f}"
    return rows


def _share(rate: Rate) -> str:
    return f"{rate.value:.3f}" if rate.total else "-"


def _rate(rate: Rate) -> str:
    return f"{rate.value:.1e}" if rate.total else "-"


def _line(measure: str, cells: Sequence[str], widths: Sequence[int]) -> str:
    shown = "".join(f"{cell:>{width + _GAP}}" for cell, width in zip(cells, widths, strict=True))
    return f"{measure:<{_MEASURE_LETTERS}}{shown}".rstrip()


def _print(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)

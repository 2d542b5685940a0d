"""Thresholds for eyes: one row or line per device, and what all of them promise."""

import math
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dashboards.printable import printable
from models.event_time import format_iso
from models.scoring.threshold_budget import Thresholds

_COLUMNS = ("device", "one shot", "several", "version", "since", "shots seen", "extrapolated", "per shift at most")


def print_thresholds(devices: Mapping[str, Thresholds], promise: str, console: Console) -> None:
    """A table on a terminal, one line per device elsewhere, and the promise below.

    Parameters
    ----------
    devices
        The thresholds in force by device.
    promise
        What they promise together, in words.
    """
    rows = [(printable(name), *_cells(thresholds)) for name, thresholds in devices.items()]
    if console.is_terminal:
        table = Table(title="Thresholds of episodes")
        for column in _COLUMNS:
            table.add_column(column, justify="left" if column in {"device", "since"} else "right", overflow="fold")
        for row in rows:
            table.add_row(*map(Text, row))
        console.print(table)
    else:
        for row in rows:
            words = " ".join(f"{column.replace(' ', '_')}={cell}" for column, cell in zip(_COLUMNS, row, strict=True))
            console.out(words, highlight=False)
    console.out(promise, highlight=False)


def _cells(thresholds: Thresholds) -> tuple[str, ...]:
    estimated = thresholds.version > 0
    return (
        f"{thresholds.strong_score:.2f}",
        f"{thresholds.weak_score:.2f}",
        str(thresholds.version),
        format_iso(thresholds.since_ns) if estimated else "-",
        f"{thresholds.shots:,}" if estimated else "-",
        f"{thresholds.extrapolation:,.3g}" if math.isfinite(thresholds.extrapolation) else "-",
        f"{thresholds.episodes_per_shift:.3g}" if math.isfinite(thresholds.episodes_per_shift) else "unknown",
    )

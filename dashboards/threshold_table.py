"""Thresholds for eyes: one row or line per device, and what all of them promise."""

import math
from collections.abc import Mapping

from rich.console import Console

from dashboards.printable import printable
from dashboards.printed_rows import print_blocks, print_table, table_fits
from models.event_time import format_iso
from models.scoring.threshold_budget import Thresholds

_COLUMNS = ("device", "one shot", "several", "version", "since", "shots seen", "extrapolated", "per shift at most")

_EXPLAINED = (
    "A single shot with the first score opens an episode, and so do several with the second: weak_shots of the last "
    "weak_window_shots, as the settings of episodes say."
)


def print_thresholds(devices: Mapping[str, Thresholds], promise: str, console: Console) -> None:
    """A table on a terminal, a block per device where that is narrow, one line per device elsewhere; then the promise.

    Parameters
    ----------
    devices
        The thresholds in force by device.
    promise
        What they promise together, in words.
    """
    rows = [(printable(name), *_cells(thresholds)) for name, thresholds in devices.items()]
    if console.is_terminal and table_fits(_COLUMNS, rows, console):
        numbers = set(_COLUMNS) - {"device", "since"}
        print_table("Thresholds of episodes", _COLUMNS, rows, console, right=numbers)
    elif console.is_terminal:
        blocks = zip((printable(name) for name in devices), map(_block, devices.values()), strict=True)
        print_blocks(blocks, console)
    else:
        for row in rows:
            words = " ".join(f"{column.replace(' ', '_')}={cell}" for column, cell in zip(_COLUMNS, row, strict=True))
            console.out(words, highlight=False)
    if console.is_terminal and rows:
        console.print(_EXPLAINED, markup=False, highlight=False)
    console.out(promise, highlight=False)


def _block(thresholds: Thresholds) -> list[tuple[str, str]]:
    one_shot, several, version, since, shots, extrapolated, per_shift = _cells(thresholds)
    if not thresholds.version:
        return [
            ("opens at", f"{one_shot} in one shot, {several} in several"),
            ("version", f"{version}, of the settings: nothing is estimated yet"),
            ("false per shift", "unknown"),
        ]
    return [
        ("opens at", f"{one_shot} in one shot, {several} in several"),
        ("version", f"{version}, since {since}"),
        ("shots seen", f"{shots}, extrapolated {extrapolated} times"),
        ("false per shift", f"{per_shift} at most" if math.isfinite(thresholds.episodes_per_shift) else per_shift),
    ]


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

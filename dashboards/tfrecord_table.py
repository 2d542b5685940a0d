"""What shards of triplets hold, for eyes."""

from rich.console import Console
from rich.table import Table

from connectors.tfrecord.inspection import Inspection
from dashboards.printable import printable
from models.event_time import format_iso


def print_inspection(found: Inspection, console: Console) -> None:
    """A table on a terminal, one line per count elsewhere."""
    counts = found.counts
    lines = [("records", "triplets", counts.triplets), ("records", "without beam", counts.idle)]
    for what, of in (("stage", counts.stages), ("camera", counts.cameras), ("date", counts.dates)):
        lines += [(what, name, of[name]) for name in sorted(of)]
    lines.append(("shards", "whole", found.whole_shards))
    lines.append(("shards", "not whole or unknown", len(found.problems)))
    if console.is_terminal:
        table = Table("", "", "count", title="Triplets")
        table.columns[2].justify = "right"
        for what, name, number in lines:
            table.add_row(what, printable(name), f"{number:,}")
        console.print(table)
    else:
        for what, name, number in lines:
            _print_line(console, f"{what} {name} {number}")
    if counts.first_ns is not None and counts.last_ns is not None:
        _print_line(console, f"first image {format_iso(counts.first_ns)}, last image {format_iso(counts.last_ns)}")
    if not found.problems:
        _print_line(console, "whole: every record fits its checksum, every shard its sha256")


def _print_line(console: Console, line: str) -> None:
    console.print(printable(line), markup=False, highlight=False, soft_wrap=True)

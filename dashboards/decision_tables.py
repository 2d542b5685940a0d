"""What operators decided, for eyes: verdicts with the precision that follows, and accepted baselines."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from connectors.operator_decisions import RecordedBaseline
from dashboards.printable import printable
from models.alerts.verdict_counts import VerdictCount
from models.evaluation import Rate
from models.event_time import format_iso


def print_verdict_counts(counts: Sequence[VerdictCount], console: Console) -> None:
    """Episodes by kind and place, and all of a kind together; plain lines without a terminal."""
    rows = [
        [
            count.kind.value,
            count.place,
            *(str(number) for number in (count.true, count.false, count.unclear, count.unjudged)),
            _percent(count.precision),
        ]
        for count in counts
    ]
    for kind in dict.fromkeys(count.kind for count in counts):
        of_kind = [count for count in counts if count.kind is kind]
        total = sum((count.precision for count in of_kind), Rate(count=0, total=0))
        unclear, unjudged = sum(count.unclear for count in of_kind), sum(count.unjudged for count in of_kind)
        numbers = (total.count, total.total - total.count, unclear, unjudged)
        rows.append([kind.value, "all", *map(str, numbers), _percent(total)])
    if console.is_terminal and rows:
        console.print(_verdict_table(rows))
    else:
        _print("Verdicts", (), rows, console, empty="no alerts")


def print_baselines(baselines: Sequence[RecordedBaseline], console: Console) -> None:
    """Accepted baselines, oldest first; plain lines without a terminal."""
    rows = [
        [
            format_iso(recorded.baseline.id),
            recorded.baseline.device.name,
            format_iso(recorded.baseline.from_ns),
            recorded.by,
            recorded.reason,
        ]
        for recorded in baselines
    ]
    columns = ("accepted", "device", "from", "by", "reason")
    _print("Accepted baselines", columns, rows, console, empty="no accepted baselines")


def _verdict_table(rows: Sequence[Sequence[str]]) -> Table:
    """Narrow enough for a usual terminal: what and where share a column, and so do a rate and its bounds."""
    table = Table(title="Verdicts", show_lines=True)
    table.add_column("where, kind", overflow="fold")
    for column in ("true", "false", "unclear", "not\njudged", "precision\n(95 %)"):
        table.add_column(column, justify="right", no_wrap=True)
    for kind, where, *numbers, precision in ([printable(cell) for cell in row] for row in rows):
        cells = [f"{where}\n{kind}", *numbers, precision.replace(" (", "\n(")]
        table.add_row(*map(Text, cells))
    return table


def _print(title: str, columns: Sequence[str], rows: list[list[str]], console: Console, *, empty: str) -> None:
    rows = [[printable(cell) for cell in row] for row in rows]
    if not rows:
        console.print(empty, highlight=False)
    elif console.is_terminal:
        table = Table(title=title)
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*map(Text, row))
        console.print(table)
    else:
        for row in rows:
            console.file.write("\t".join(row) + "\n")  # the console itself would turn tabs into blanks


def _percent(rate: Rate) -> str:
    if not rate.total:
        return "-"
    low, high = rate.interval
    return f"{100 * rate.value:.0f} % ({100 * low:.0f} to {100 * high:.0f})"

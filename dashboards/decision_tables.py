"""What operators decided, for eyes: verdicts with the precision that follows, and accepted baselines."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from connectors.control_room.decisions import RecordedBaseline
from dashboards.printable import printable
from dashboards.printed_rows import print_lines, print_rows
from dashboards.words import counted
from models.alerts.verdict_counts import VerdictCount
from models.evaluation import Rate
from models.event_time import format_iso

_VERDICT_COLUMNS = ("kind", "where", "true", "false", "unclear", "not judged", "precision (95 %)")
_BASELINE_COLUMNS = ("device", "accepted", "from", "by", "reason")


def print_verdict_counts(counts: Sequence[VerdictCount], console: Console) -> None:
    """Episodes by kind and place, and all of a kind together; lines with heads without a terminal.

    A terminal shows where something is judged, and says how many alerts there are beside that.
    """
    if not counts:
        console.print("no alerts", highlight=False)
    elif not console.is_terminal:
        print_lines(_VERDICT_COLUMNS, _verdict_rows(counts, counts), console)
    else:
        judged = [count for count in counts if _is_judged(count)]
        if judged:
            console.print(_verdict_table(_verdict_rows(judged, counts)))
        else:
            console.print("no alert has a verdict yet", highlight=False)
        if others := [count for count in counts if not _is_judged(count)]:
            alerts = counted(sum(count.unjudged for count in others), "alert")
            rows = f"{counted(len(others), 'row')} without a verdict"
            console.print(f"left out: {rows}, with {alerts}; petawatch verdict --summary --json", highlight=False)


def _is_judged(count: VerdictCount) -> bool:
    return bool(count.true or count.false or count.unclear)


def _verdict_rows(shown: Sequence[VerdictCount], counts: Sequence[VerdictCount]) -> list[list[str]]:
    """The shown rows, then for each of their kinds all places together, shown or not."""
    rows = [
        [
            count.kind.value,
            count.place,
            *(str(number) for number in (count.true, count.false, count.unclear, count.unjudged)),
            _percent(count.precision),
        ]
        for count in shown
    ]
    for kind in dict.fromkeys(count.kind for count in shown):
        of_kind = [count for count in counts if count.kind is kind]
        total = sum((count.precision for count in of_kind), Rate(count=0, total=0))
        unclear, unjudged = sum(count.unclear for count in of_kind), sum(count.unjudged for count in of_kind)
        numbers = (total.count, total.total - total.count, unclear, unjudged)
        rows.append([kind.value, "all", *map(str, numbers), _percent(total)])
    return rows


def print_baselines(baselines: Sequence[RecordedBaseline], console: Console) -> None:
    """Accepted baselines, oldest first; a block for each on a narrow terminal, lines with heads without one."""
    rows = map(_cells, baselines)
    print_rows("Accepted baselines", _BASELINE_COLUMNS, rows, console, none="no accepted baselines")


def _cells(recorded: RecordedBaseline) -> tuple[str, ...]:
    baseline = recorded.baseline
    return (
        baseline.device.name,
        format_iso(baseline.id),
        format_iso(baseline.from_ns),
        recorded.by,
        recorded.reason if recorded.told else f"{recorded.reason} (the agents do not know it yet)",
    )


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


def _percent(rate: Rate) -> str:
    if not rate.total:
        return "-"
    low, high = rate.interval
    return f"{100 * rate.value:.0f} % ({100 * low:.0f} to {100 * high:.0f})"

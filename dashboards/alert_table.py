"""Alerts for eyes: one row or line per alert, oldest first."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from connectors.evidence_store import EvidenceLink
from models.alerts.alert import Alert, AlertStatus, Severity
from models.event_time import SECOND_NS, format_iso

SEVERITY_STYLES = {Severity.LOW: "cyan", Severity.MEDIUM: "yellow", Severity.HIGH: "bold red"}
_COLUMNS = ("first shot", "lasted", "kind", "severity", "status", "where", "shots", "score", "reasons", "evidence")
# From so many letters on a terminal has room for paths.
_WIDE = 180


def print_alerts(alerts: Iterable[tuple[Alert, Sequence[EvidenceLink]]], console: Console) -> None:
    """A table on a terminal, one line per alert (fields separated by tabs) elsewhere.

    Parameters
    ----------
    alerts
        Each with its evidence, as ``StateReader.alerts`` gives them.
    """
    rows = [(alert, _cells(alert, evidence)) for alert, evidence in alerts]
    if not rows:
        console.print("no alerts", highlight=False)
    elif console.is_terminal:
        console.print(_table(rows, wide=console.width >= _WIDE))
    else:
        for _, cells in rows:
            console.file.write("\t".join(cells) + "\n")  # the console itself would turn tabs into blanks


def _table(rows: list[tuple[Alert, list[str]]], *, wide: bool) -> Table:
    table = Table(title="Alerts", caption=None if wide else "the paths of the evidence: petawatch alerts --json")
    for column in _COLUMNS[: None if wide else -1]:
        right = column in {"lasted", "shots", "score"}
        whole = column in {"first shot", "kind", "severity", "status"}
        table.add_column(column, justify="right" if right else "left", overflow="fold", no_wrap=whole)
    for alert, cells in rows:
        styled = [Text(cell) for cell in cells]
        styled[3].stylize(SEVERITY_STYLES[alert.severity])
        if alert.status is AlertStatus.OPEN:
            styled[4].stylize("bold")
        table.add_row(*styled[: len(table.columns)])
    return table


def _cells(alert: Alert, evidence: Sequence[EvidenceLink]) -> list[str]:
    cells = [
        format_iso(alert.first_shot_ns),
        f"{(alert.last_shot_ns - alert.first_shot_ns) / SECOND_NS:.1f} s",
        alert.kind.value,
        alert.severity.value,
        alert.status.value,
        place_of(alert),
        str(alert.shots),
        f"{alert.score:.1f}" if alert.score else "-",
        ", ".join(alert.reasons),
        " ".join(f"{link.role}: {link.png}" for link in evidence),
    ]
    # Names come from files: nothing in them steers a terminal.
    return ["".join(letter if letter.isprintable() else "?" for letter in cell) for cell in cells]


def place_of(alert: Alert) -> str:
    """The device, else the stage, else the file or the series of files."""
    if alert.device:
        return alert.device
    return str(alert.stage) if alert.stage.amp else alert.source.file

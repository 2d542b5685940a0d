"""Alerts for eyes: what is odd, then where, since when and how bad; oldest first."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from connectors.evidence_store import EvidenceLink
from dashboards.printable import printable
from dashboards.reason_words import why
from models.alerts.alert import Alert, AlertStatus, Severity
from models.alerts.explanation import UNKNOWN_CAUSE, Explanation
from models.event_time import SECOND_NS, format_iso

SEVERITY_STYLES = {Severity.LOW: "cyan", Severity.MEDIUM: "yellow", Severity.HIGH: "bold red"}
# From so many letters on a terminal has room for paths.
_WIDE = 180


def print_alerts(alerts: Iterable[tuple[Alert, Sequence[EvidenceLink]]], console: Console) -> None:
    """A table on a terminal, one line per alert (fields separated by tabs) elsewhere.

    The fields of a line: first shot, lasted, kind, severity, status, where, shots, score, reasons, evidence, id, cause,
    explanation. The table begins with the explanation.

    Parameters
    ----------
    alerts
        Each with its evidence, as ``StateReader.alerts`` gives them.
    """
    rows = list(alerts)
    if not rows:
        console.print("no alerts", highlight=False)
    elif console.is_terminal:
        console.print(_table(rows, wide=console.width >= _WIDE))
    else:
        for alert, evidence in rows:
            line = "\t".join(printable(cell) for cell in _cells(alert, evidence))
            console.file.write(line + "\n")  # the console itself would turn tabs into blanks


def _table(rows: Sequence[tuple[Alert, Sequence[EvidenceLink]]], *, wide: bool) -> Table:
    caption = None if wide else "the paths of the evidence: petawatch alerts --json"
    table = Table(title="Alerts", caption=caption, show_lines=True)
    table.add_column("what is odd", overflow="fold")
    table.add_column("severity", no_wrap=True)
    table.add_column("first shot", no_wrap=True)
    table.add_column("shots", justify="right")
    table.add_column("score", justify="right")
    if wide:
        table.add_column("evidence", overflow="fold")
    for alert, evidence in rows:
        severity = Text(alert.severity.value, SEVERITY_STYLES[alert.severity])
        severity.append(f"\n{alert.status.value}", "not bold default" if alert.status is AlertStatus.CLOSED else "bold")
        when = format_iso(alert.first_shot_ns).replace("T", "\n") + f"\nfor {lasted(alert)}"
        cells = [_what(alert), severity, Text(when), Text(str(alert.shots)), Text(score_of(alert))]
        table.add_row(*cells, *([Text("\n".join(_paths(evidence)))] if wide else []))
    return table


def _what(alert: Alert) -> Text:
    """Why it was raised in words; then where and which, how it was found, the likely cause."""
    explanation = alert.explanation
    lines = [why(alert), f"{place_of(alert)} [{alert.id}]", found_of(alert)]
    if explanation.cause:
        lines.append(f"cause: {cause_of(explanation)}")
    first, *others = (printable(line) for line in lines)
    return Text(first, "bold").append("\n" + "\n".join(others), "not bold dim")


def _cells(alert: Alert, evidence: Sequence[EvidenceLink]) -> list[str]:
    return [
        format_iso(alert.first_shot_ns),
        lasted(alert),
        alert.kind.value,
        alert.severity.value,
        alert.status.value,
        place_of(alert),
        str(alert.shots),
        score_of(alert),
        ", ".join(alert.reasons),
        " ".join(_paths(evidence)),
        alert.id,
        cause_of(alert.explanation),
        alert.explanation.text,
    ]


def _paths(evidence: Sequence[EvidenceLink]) -> list[str]:
    return [printable(f"{link.role}: {link.png}") for link in evidence]


def lasted(alert: Alert) -> str:
    """From the first shot to the last one."""
    return f"{(alert.last_shot_ns - alert.first_shot_ns) / SECOND_NS:.1f} s"


def score_of(alert: Alert) -> str:
    """The score; ``-`` for what has none, as a missing image."""
    return f"{alert.score:.1f}" if alert.score else "-"


def found_of(alert: Alert) -> str:
    """Its kind, and its reasons where they say more."""
    kind, reasons = alert.kind.value, ", ".join(alert.reasons)
    return kind if reasons in {"", kind} else f"{kind}: {reasons}"


def cause_of(explanation: Explanation) -> str:
    """For example ``hot_spot 93 %``; without a number where the classifier is not sure enough."""
    if explanation.cause in {"", UNKNOWN_CAUSE}:
        return explanation.cause
    percent = int(100 * explanation.cause_probability + 1e-6)  # rounded down: 100 % is certainty
    return f"{explanation.cause} {percent} %"


def place_of(alert: Alert) -> str:
    """The device, else the stage, else the file or the series of files."""
    if alert.device:
        return alert.device
    return alert.stage.name or alert.source.file

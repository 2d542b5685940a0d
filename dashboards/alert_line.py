"""An alert as it happens: one line."""

from rich.console import Console
from rich.text import Text

from dashboards.alert_table import SEVERITY_STYLES, place_of
from dashboards.printable import printable
from dashboards.reason_words import why
from models.alerts.alert import AlertChange, AlertEvent
from models.event_time import SECOND_NS, format_iso


def print_alert_event(event: AlertEvent, console: Console, *, now_ns: int) -> None:
    """Print an opening with the age of its first shot, or a closing with the last one; updates are not printed."""
    alert = event.alert
    if event.change is AlertChange.UPDATED:
        return
    if event.change is AlertChange.CLOSED:
        shot_ns, words = alert.last_shot_ns, f"after {alert.shots} {'shot' if alert.shots == 1 else 'shots'}"
    else:
        shot_ns = alert.first_shot_ns
        words = f"{duration((now_ns - shot_ns) / SECOND_NS)} ago"
    line = Text(f"{format_iso(shot_ns)} ({words}) {event.change.value} ")
    line.append(f"{alert.severity.value} {alert.kind.value}", SEVERITY_STYLES[alert.severity])
    reasons = ", ".join(alert.reasons)
    line.append(printable(f" {place_of(alert)}: {why(alert)} ({reasons}) [{alert.id}]"))
    console.print(line, soft_wrap=True, highlight=False)


def duration(seconds: float) -> str:
    """A length of time in its natural unit, for example ``42 s`` or ``3 d``."""
    for unit, unit_s in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * unit_s:
            return f"{seconds / unit_s:.0f} {unit}"
    return f"{seconds:.0f} s"

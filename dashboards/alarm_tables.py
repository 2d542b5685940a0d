"""Alarms, maintenance and the audit log, for eyes: a table where it fits, else a block each, or plain lines."""

import json
from collections.abc import Sequence

from rich.console import Console

from dashboards.blocks import print_blocks, print_table, table_fits
from dashboards.printable import printable
from models.alarms.alarm import Alarm
from models.alarms.audit_chain import AuditEntry
from models.alarms.life_cycle import words_of
from models.alarms.suppression import Suppression
from models.event_time import format_iso

_ALARM_COLUMNS = ("state", "priority", "what", "where", "id", "since", "by", "why")
_MAINTENANCE_COLUMNS = ("stage", "from", "until", "by", "why", "ended", "ended by")
_AUDIT_COLUMNS = ("number", "when", "who", "what", "subject", "details", "why")


def print_alarms(alarms: Sequence[Alarm], console: Console) -> None:
    """Alarms, the most urgent first."""
    ordered = sorted(alarms, key=lambda alarm: (-alarm.priority.rank, alarm.state, alarm.subject, alarm.kind))
    _print("Alarms", _ALARM_COLUMNS, [_alarm_cells(alarm) for alarm in ordered], console, none="no alarms")


def print_maintenance(found: Sequence[Suppression], console: Console) -> None:
    """Stages under maintenance, the latest first."""
    rows = [
        (
            each.stage,
            format_iso(each.from_ns),
            "ended by hand" if each.until_ns is None else format_iso(each.until_ns),
            each.by,
            each.why,
            "" if each.ended_ns is None else format_iso(each.ended_ns),
            each.ended_by,
        )
        for each in found
    ]
    _print("Maintenance", _MAINTENANCE_COLUMNS, rows, console, none="no stage is under maintenance")


def print_audit(entries: Sequence[AuditEntry], console: Console) -> None:
    """The audit log, oldest first."""
    rows = [
        (
            str(entry.number),
            format_iso(entry.at_ns),
            entry.who,
            entry.action,
            entry.subject,
            json.dumps(entry.details) if entry.details else "",
            entry.why,
        )
        for entry in entries
    ]
    _print("Audit log", _AUDIT_COLUMNS, rows, console, none="nothing was decided yet")


def _alarm_cells(alarm: Alarm) -> tuple[str, ...]:
    state = words_of(alarm.state)
    if alarm.life.suppressed_by:
        state = f"{state} ({', '.join(alarm.life.suppressed_by)})"
    elif alarm.life.shelved_until_ns is not None:
        state = f"{state} until {format_iso(alarm.life.shelved_until_ns)}"
    since_ns = alarm.life.active_since_ns
    return (
        state,
        alarm.priority.value,
        alarm.kind.value,
        alarm.subject,
        alarm.id,
        "" if since_ns is None else format_iso(since_ns),
        alarm.covered_by or (alarm.acknowledged_by if alarm.life.seen and alarm.life.is_active else ""),
        alarm.covered_why,
    )


def _print(title: str, columns: Sequence[str], found: Sequence[Sequence[str]], console: Console, *, none: str) -> None:
    rows = [[printable(cell) for cell in row] for row in found]
    if not rows:
        console.print(none, highlight=False)
    elif not console.is_terminal:
        for row in rows:
            console.file.write("\t".join(row) + "\n")  # the console itself would turn tabs into blanks
    elif table_fits(columns, rows, console):
        print_table(title, columns, rows, console)
    else:
        print_blocks(
            [(" ".join(row[:2]), list(zip(columns[2:], row[2:], strict=True))) for row in rows],
            console,
        )

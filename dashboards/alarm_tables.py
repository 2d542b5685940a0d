"""Alarms, maintenance and the audit log, for eyes."""

from collections.abc import Mapping, Sequence

from rich.console import Console

from connectors.control_room.room_entries import OWN_ROOM, RoomEntry
from dashboards.incident_words import action_words
from dashboards.printed_rows import print_rows
from models.alarms.alarm import Alarm
from models.alarms.audit_chain import AuditEntry
from models.alarms.life_cycle import words_of
from models.alarms.suppression import Suppression
from models.event_time import format_iso

_ALARM_COLUMNS = ("state", "priority", "what", "where", "id", "since", "by", "why")
_MAINTENANCE_COLUMNS = ("stage", "since", "until", "by", "why", "ended", "ended by")
_AUDIT_COLUMNS: tuple[str, ...] = ("number", "when", "who", "what", "subject", "why")
# Digits of an id that tell it from others.
_SHORT_ID = 8


def print_alarms(alarms: Sequence[Alarm], console: Console) -> None:
    """Alarms, the most urgent first."""
    ordered = sorted(alarms, key=lambda alarm: (-alarm.priority.rank, alarm.state, alarm.subject, alarm.kind))
    rows = [_alarm_cells(alarm) for alarm in ordered]
    print_rows("Alarms", _ALARM_COLUMNS, rows, console, none="no alarms", headed_by=2)


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
    print_rows("Maintenance", _MAINTENANCE_COLUMNS, rows, console, none="no stage is under maintenance")


def print_audit(entries: Sequence[RoomEntry], names: Mapping[str, str], console: Console) -> None:
    """The audit log, oldest first; with the rooms where there are entries of another one, which has its own numbers.

    Parameters
    ----------
    names
        What ids mean to people.
    """
    columns, rows = _AUDIT_COLUMNS, [_audit_cells(each.entry, names) for each in entries]
    if any(each.room != OWN_ROOM for each in entries):
        columns, rows = (*columns, "room"), [(*row, each.room) for row, each in zip(rows, entries, strict=True)]
    print_rows("Audit log", columns, rows, console, none="nothing was decided yet", headed_by=2)


def _audit_cells(entry: AuditEntry, names: Mapping[str, str]) -> tuple[str, ...]:
    return (
        str(entry.number),
        format_iso(entry.at_ns),
        entry.who,
        action_words(entry, names),
        _subject(entry.subject, names),
        entry.why,
    )


def _subject(subject: str, names: Mapping[str, str]) -> str:
    """What somebody knows it by, and as much of its id as commands need."""
    return f"{names[subject]} ({subject[:_SHORT_ID]})" if subject in names else subject


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

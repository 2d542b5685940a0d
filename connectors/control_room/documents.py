"""Alarms, maintenance and audit entries as JSON documents: what the API answers, and commands print with ``--json``."""

from typing import Any

from connectors.control_room.room_entries import RoomEntry
from models.alarms.alarm import Alarm
from models.alarms.suppression import Suppression
from models.event_time import format_iso, iso_or_none


def alarm_document(alarm: Alarm) -> dict[str, Any]:
    """An alarm; times are ISO 8601 in UTC, null where there is none."""
    life = alarm.life
    return {
        "id": alarm.id,
        "kind": alarm.kind.value,
        "subject": alarm.subject,
        "stage": alarm.stage.name or None,
        "device": alarm.device,
        "priority": alarm.priority.value,
        "state": alarm.state.value,
        "active": life.is_active,
        "active_since": iso_or_none(life.active_since_ns),
        "announcements": life.announcements,
        "latest_alert": alarm.latest_alert_id,
        "acknowledged": iso_or_none(alarm.acknowledged_ns),
        "acknowledged_by": alarm.acknowledged_by,
        "shelved_until": iso_or_none(life.shelved_until_ns),
        "suppressed_by": list(life.suppressed_by),
        "out_of_service": life.out_of_service,
        "covered_by": alarm.covered_by,
        "covered_why": alarm.covered_why,
    }


def maintenance_document(suppression: Suppression) -> dict[str, Any]:
    """A stage that is, or was, under maintenance."""
    return {
        "stage": suppression.stage,
        "since": format_iso(suppression.from_ns),
        "until": iso_or_none(suppression.until_ns),
        "by": suppression.by,
        "why": suppression.why,
        "ended": iso_or_none(suppression.ended_ns),
        "ended_by": suppression.ended_by,
    }


def audit_document(found: RoomEntry) -> dict[str, Any]:
    """An entry of an audit log, with all that its hash covers, and whose log it is."""
    entry = found.entry
    return {
        "room": found.room,
        "number": entry.number,
        "at": format_iso(entry.at_ns),
        "at_ns": entry.at_ns,
        "who": entry.who,
        "action": entry.action,
        "subject": entry.subject,
        "why": entry.why,
        "details": dict(entry.details),
        "previous": entry.previous,
        "hash": entry.hash,
    }

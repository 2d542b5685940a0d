"""Alarms, maintenance and audit entries as JSON documents: what commands print with ``--json``."""

from typing import Any

from models.alarms.alarm import Alarm
from models.alarms.audit_chain import AuditEntry
from models.alarms.suppression import Suppression
from models.event_time import format_iso, iso_or_none


def alarm_document(alarm: Alarm) -> dict[str, Any]:
    """An alarm; times are ISO 8601 in UTC, null where there is none."""
    stage, life = alarm.stage, alarm.life
    return {
        "id": alarm.id,
        "state": alarm.state.value,
        "priority": alarm.priority.value,
        "kind": alarm.kind.value,
        "subject": alarm.subject,
        "stage": {"front_end": stage.front_end, "amp": stage.amp, "arm": stage.arm},
        "device": alarm.device,
        "active_since": iso_or_none(life.active_since_ns),
        "shelved_until": iso_or_none(life.shelved_until_ns),
        "suppressed_by": list(life.suppressed_by),
        "out_of_service": life.out_of_service,
        "acknowledged": iso_or_none(alarm.acknowledged_ns),
        "acknowledged_by": alarm.acknowledged_by,
        "covered_by": alarm.covered_by,
        "covered_why": alarm.covered_why,
        "latest_alert": alarm.latest_alert_id,
    }


def suppression_document(suppression: Suppression) -> dict[str, Any]:
    """A stage that is, or was, suppressed by design."""
    return {
        "stage": suppression.stage,
        "cause": suppression.cause.value,
        "from": format_iso(suppression.from_ns),
        "until": iso_or_none(suppression.until_ns),
        "by": suppression.by,
        "why": suppression.why,
        "ended": iso_or_none(suppression.ended_ns),
        "ended_by": suppression.ended_by,
    }


def audit_document(entry: AuditEntry) -> dict[str, Any]:
    """An entry of the audit log, with all that its hash covers."""
    return {
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

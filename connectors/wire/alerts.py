"""Alerts on their way to the recorder: JSON."""

from typing import Any

from connectors.wire.document import Document, read_document, write_document
from connectors.wire.header_fields import HeaderFields, write_headers
from connectors.wire.message import Headers, Incoming
from connectors.wire.rows import moment_values, stage_values
from connectors.wire.schema import Format, Schema
from models.alerts.alert import Alert, AlertChange, AlertEvent, AlertKind, AlertSource, AlertStatus, Severity
from models.alerts.explanation import NO_EXPLANATION, Explanation
from models.messages import AlertMessage


def _write(message: AlertMessage) -> tuple[bytes, Headers]:
    document = {
        "change": str(message.event.change),
        "alert": alert_values(message.event.alert),
        "moment": None if message.moment is None else moment_values(message.moment),
    }
    return write_document(document), write_headers({"alert": message.event.alert.id})


def _read(incoming: Incoming, _: HeaderFields) -> AlertMessage:
    document = read_document(incoming.value or b"")
    change, alert = document.choice("change", AlertChange), read_alert(document.inner("alert"))
    event = AlertEvent(change=change, alert=alert)
    return AlertMessage(event=event, moment=None if document.is_null("moment") else document.moment())


def read_alert_source(document: Document) -> AlertSource:
    """What ``AlertSource.to_json`` wrote under ``source``."""
    if len(texts := document.texts("source")) != 3:
        raise ValueError("the source of an alert has not three parts")
    return AlertSource.from_json(texts)


def alert_values(alert: Alert) -> dict[str, Any]:
    """An alert as JSON values."""
    values = {
        "id": alert.id,
        "kind": str(alert.kind),
        "severity": str(alert.severity),
        "status": str(alert.status),
        "stage": stage_values(alert.stage),
        "device": alert.device,
        "first_shot_ns": int(alert.first_shot_ns),
        "last_shot_ns": int(alert.last_shot_ns),
        "shots": int(alert.shots),
        "score": float(alert.score),
        "reasons": list(alert.reasons),
        "model": alert.model,
        "source": alert.source.to_json(),
    }
    if alert.explanation != NO_EXPLANATION:  # an entry that came later: who does not know it passes it over
        values["explanation"] = _explanation_values(alert.explanation)
    if alert.opened_ns:
        values["opened_ns"] = int(alert.opened_ns)
    return values


def _explanation_values(explanation: Explanation) -> dict[str, Any]:
    return {
        "text": explanation.text,
        "cause": explanation.cause,
        "cause_probability": float(explanation.cause_probability),
    }


def read_alert(document: Document) -> Alert:
    """What ``alert_values`` gave."""
    return Alert(
        id=document.text("id"),
        kind=document.choice("kind", AlertKind),
        severity=document.choice("severity", Severity),
        status=document.choice("status", AlertStatus),
        stage=document.stage(),
        device=document.text("device"),
        first_shot_ns=document.time_ns("first_shot_ns"),
        last_shot_ns=document.time_ns("last_shot_ns"),
        shots=document.integer("shots", minimum=0),
        score=document.number("score"),
        reasons=document.texts("reasons"),
        model=document.text("model"),
        source=read_alert_source(document),
        explanation=_read_explanation(document.inner("explanation")) if "explanation" in document else NO_EXPLANATION,
        opened_ns=document.time_ns("opened_ns") if "opened_ns" in document else 0,
    )


def _read_explanation(document: Document) -> Explanation:
    probability = document.number("cause_probability")
    if not 0 <= probability <= 1:
        raise ValueError(f"the probability of a cause is {probability}")
    return Explanation(text=document.text("text"), cause=document.text("cause"), cause_probability=probability)


#: Version 1 of alerts; those of earlier programs explain nothing and do not say when they opened.
ALERTS: Format[AlertMessage] = Format(Schema("alert", 1), _write, _read)

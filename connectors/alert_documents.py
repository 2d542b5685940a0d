"""Alerts as JSON: the row of ``petawatch alerts``, and the message that receivers get."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from connectors.evidence_store import EvidenceLink
from connectors.webhook_post import split_address
from models.alerts.alert import Alert, AlertChange, AlertEvent
from models.event_time import MILLISECOND_NS, format_iso

#: Below the public address, before an alert's id: its page.
ALERT_PATH = "/alerts/"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSettings:
    """Links to what Petawatch shows by HTTP.

    Attributes
    ----------
    address
        Where others reach what ``--http`` serves, for example ``http://control-room:9464``; empty: alerts have no link.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    address: str = ""

    def __post_init__(self) -> None:
        if not self.address:
            return
        parts = split_address(self.address)
        if parts.query or parts.fragment or "@" in parts.netloc or self.address.endswith("/"):
            raise ValueError(
                "address must be http://HOST:PORT, perhaps with a path, and no slash, login or query at its end"
            )


def alert_document(alert: Alert, evidence: Sequence[EvidenceLink] = (), *, links: str = "") -> dict[str, Any]:
    """The fields of an alert as JSON values.

    Times are ISO 8601 in UTC with milliseconds; ``score`` is null when it is no finite number, ``cause_probability``
    when there is no ``cause``, ``opened_shot`` where it is not known; the files of ``evidence`` lie below the state
    directory.

    Parameters
    ----------
    links
        ``links.address``; empty: the document has no ``link``.
    """
    explanation = alert.explanation
    document = {
        "id": alert.id,
        "kind": alert.kind.value,
        "severity": alert.severity.value,
        "status": alert.status.value,
        "stage": {"front_end": alert.stage.front_end, "amp": alert.stage.amp, "arm": alert.stage.arm},
        "device": alert.device,
        "first_shot": format_iso(alert.first_shot_ns),
        "last_shot": format_iso(alert.last_shot_ns),
        "opened_shot": format_iso(alert.opened_ns) if alert.opened_ns else None,
        "shots": alert.shots,
        "score": float(alert.score) if math.isfinite(alert.score) else None,
        "reasons": list(alert.reasons),
        "explanation": explanation.text,
        "cause": explanation.cause,
        "cause_probability": float(explanation.cause_probability) if explanation.cause else None,
        "model": alert.model,
        "source": {"file": alert.source.file, "sha256": alert.source.sha256, "path": alert.source.path},
        "evidence": [
            {"role": link.role, "shot": format_iso(link.event_time_ns), "png": link.png, "npz": link.npz}
            for link in evidence
        ],
    }
    return document | {"link": f"{links}{ALERT_PATH}{alert.id}"} if links else document


def alert_event_id(event: AlertEvent) -> str:
    """The id of one step in an alert's life, the same wherever computed: receivers drop what they have seen."""
    return f"{event.alert.id}-{event.change.value}"


def alert_body(event: AlertEvent, *, now_ns: int, evidence: Sequence[EvidenceLink] = (), links: str = "") -> bytes:
    """What a receiver is sent, as UTF-8 JSON.

    Besides the alert's fields: ``event`` (opened or closed), ``event_id``, ``sent_at`` (when the message was written)
    and ``age_ms``, by how much the first odd shot (of a closing: the last) is older than that.
    """
    alert = event.alert
    shot_ns = alert.last_shot_ns if event.change is AlertChange.CLOSED else alert.first_shot_ns
    document = alert_document(alert, evidence, links=links) | {
        "event": event.change.value,
        "event_id": alert_event_id(event),
        "sent_at": format_iso(now_ns),
        "age_ms": (now_ns - shot_ns) // MILLISECOND_NS,
    }
    return json.dumps(document, allow_nan=False).encode()

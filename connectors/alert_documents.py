"""Alerts as JSON: the row of ``petawatch alerts``, and the data of what receivers get."""

import math
from collections.abc import Sequence
from typing import Any

from connectors.evidence_store import EvidenceLink
from connectors.links import alert_link
from models.alerts.alert import Alert
from models.event_time import format_iso


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
    return document | {"link": alert_link(links, alert.id)} if links else document

"""Alerts as JSON."""

import json
from dataclasses import replace

from connectors.alert_documents import alert_document
from connectors.evidence_store import EvidenceLink
from models.alerts.alert import Alert, AlertKind, AlertSource, AlertStatus, Severity
from models.alerts.explanation import NO_EXPLANATION, Explanation
from models.devices import Stage
from models.event_time import parse_iso

ALERT = Alert(
    id="0123456789abcdef",
    kind=AlertKind.IMAGE_ANOMALY,
    severity=Severity.HIGH,
    status=AlertStatus.OPEN,
    stage=Stage("LA", "A3", "31"),
    device="LA_A3_31-Camera_1-Camera-1",
    first_shot_ns=parse_iso("2022-07-01T09:34:00.100Z"),
    last_shot_ns=parse_iso("2022-07-01T09:34:07.200Z"),
    opened_ns=parse_iso("2022-07-01T09:34:00.300Z"),
    shots=12,
    score=8.25,
    reasons=("residual", "latent"),
    model="base-1",
    source=AlertSource(file="10Hz/a.h5", sha256="ab" * 32, path="09-34-00-100/LA_A3_31-Camera_1-Camera-1"),
    explanation=Explanation(
        text="hot spot at (61, 40) px, 34 % above its surroundings", cause="hot_spot", cause_probability=0.93
    ),
)


def test_the_document_has_the_fields_of_the_alerts_command() -> None:
    link = EvidenceLink(
        alert_id=ALERT.id, role="worst", event_time_ns=ALERT.first_shot_ns, png="evidence/w.png", npz="evidence/w.npz"
    )
    document = alert_document(ALERT, [link])
    assert json.loads(json.dumps(document)) == {
        "id": "0123456789abcdef",
        "kind": "image_anomaly",
        "severity": "high",
        "status": "open",
        "stage": {"front_end": "LA", "amp": "A3", "arm": "31"},
        "device": "LA_A3_31-Camera_1-Camera-1",
        "first_shot": "2022-07-01T09:34:00.100Z",
        "last_shot": "2022-07-01T09:34:07.200Z",
        "opened_shot": "2022-07-01T09:34:00.300Z",
        "shots": 12,
        "score": 8.25,
        "reasons": ["residual", "latent"],
        "explanation": "hot spot at (61, 40) px, 34 % above its surroundings",
        "cause": "hot_spot",
        "cause_probability": 0.93,
        "model": "base-1",
        "source": {
            "file": "10Hz/a.h5",
            "sha256": "ab" * 32,
            "path": "09-34-00-100/LA_A3_31-Camera_1-Camera-1",
        },
        "evidence": [
            {"role": "worst", "shot": "2022-07-01T09:34:00.100Z", "png": "evidence/w.png", "npz": "evidence/w.npz"}
        ],
    }
    assert alert_document(replace(ALERT, score=float("inf")))["score"] is None
    unexplained = alert_document(replace(ALERT, explanation=NO_EXPLANATION))
    assert [unexplained[name] for name in ("explanation", "cause", "cause_probability")] == ["", "", None]


def test_a_link_only_where_somebody_can_follow_it() -> None:
    assert "link" not in alert_document(ALERT)
    linked = alert_document(ALERT, links="http://control-room:9464")
    assert linked == alert_document(ALERT) | {"link": "http://control-room:9464/alerts/0123456789abcdef"}

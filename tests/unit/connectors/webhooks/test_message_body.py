"""What receivers are sent."""

import json

import pytest

from connectors.alert_documents import alert_document
from connectors.evidence_store import EvidenceLink
from connectors.webhooks.message_body import event_id_of, type_of, webhook_body
from models.alarms.announcement import AnnouncedChange
from models.alarms.incident import IncidentState
from models.alarms.priority import Priority
from tests.support.announcements import ALERT, INCIDENT, NOW_NS, about_alert, about_incident

NOW = "2022-07-01T09:35:00.000Z"


@pytest.mark.parametrize(
    ("change", "event", "event_id", "age_ms"),
    [
        (AnnouncedChange.ALERT_OPENED, "opened", "0123456789abcdef-opened-5eed", 59_900),
        (AnnouncedChange.ALERT_CLOSED, "closed", "0123456789abcdef-closed-5eed", 52_800),
        (AnnouncedChange.ALERT_ANNOUNCED_AGAIN, "announced_again", "0123456789abcdef-announced_again-2-5eed", 59_900),
    ],
)
def test_the_data_of_an_alert_is_what_receivers_had_before(
    change: AnnouncedChange, event: str, event_id: str, age_ms: int
) -> None:
    link = EvidenceLink(alert_id=ALERT.id, role="worst", event_time_ns=7, png="e/w.png", npz="e/w.npz")
    announcement = about_alert(change, number=2)
    body = json.loads(
        webhook_body(
            announcement,
            Priority.MEDIUM,
            generation="5eed",
            now_ns=NOW_NS,
            evidence=[link],
            links="http://control-room:9464",
        )
    )
    assert (body["type"], body["timestamp"]) == (f"alert.{event}", NOW)
    assert body["data"] == alert_document(ALERT, [link], links="http://control-room:9464") | {
        "event": event,
        "event_id": event_id,
        "sent_at": NOW,
        "priority": "medium",
        "age_ms": age_ms,
        "incident": INCIDENT.id,
    }


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (AnnouncedChange.INCIDENT_OPENED, "opened"),
        (AnnouncedChange.INCIDENT_UPDATED, "updated"),
        (AnnouncedChange.INCIDENT_CLOSED, "closed"),
        (AnnouncedChange.ACKNOWLEDGED, "acknowledged"),
    ],
)
def test_the_data_of_an_incident(change: AnnouncedChange, word: str) -> None:
    announcement = about_incident(
        change, number=4, by="anna", why="known", state=IncidentState.CLOSED, closed_ns=NOW_NS, revision=4
    )
    body = json.loads(
        webhook_body(announcement, Priority.MEDIUM, generation="5eed", now_ns=NOW_NS, links="http://control-room:9464")
    )
    assert (body["type"], body["timestamp"]) == (f"incident.{word}", NOW)
    assert body["data"] == {
        "id": INCIDENT.id,
        "priority": "high",
        "state": "closed",
        "first_shot": "2022-07-01T09:34:00.100Z",
        "last_shot": "2022-07-01T09:34:07.200Z",
        "opened": NOW,
        "closed": NOW,
        "origin": "LA-A2-21",
        "stages": [{"front_end": "LA", "amp": "A2", "arm": "21"}, {"front_end": "LA", "amp": "A3", "arm": "31"}],
        "kinds": ["image_anomaly", "no_beam"],
        "subjects": list(INCIDENT.subjects),
        "episodes": 3,
        "open_episodes": 2,
        "acknowledged": None,
        "acknowledged_by": "",
        "first_alert": ALERT.id,
        "revision": 4,
        "link": f"http://control-room:9464/incidents/{INCIDENT.id}",
        "by": "anna",
        "why": "known",
        "event": word,
        "event_id": f"{INCIDENT.id}-{word}-4-5eed",
        "sent_at": NOW,
    }


@pytest.mark.parametrize("change", list(AnnouncedChange))
def test_ids_and_types_are_of_letters_that_the_specification_wants(change: AnnouncedChange) -> None:
    announcement = about_incident(change) if "alert" not in change else about_alert(change)
    assert "." not in event_id_of(announcement, "5eed")
    assert type_of(announcement).count(".") == 1


def test_a_file_of_an_earlier_program_goes_on_with_its_ids() -> None:
    assert event_id_of(about_alert(AnnouncedChange.ALERT_OPENED), "") == f"{ALERT.id}-opened"


def test_bodies_are_small() -> None:
    announcement = about_incident(AnnouncedChange.INCIDENT_UPDATED, subjects=tuple(f"{n:060d}" for n in range(20)))
    assert len(webhook_body(announcement, Priority.MEDIUM, generation="5eed", now_ns=NOW_NS)) < 20_000

"""Who gets which messages."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from connectors.control_room.database import DECISIONS_NAME, reading
from connectors.evidence_store import EvidenceLink
from connectors.webhooks.settings import MessengerSettings, ReceiverSettings, Wanted
from models.alarms.announcement import AnnouncedChange, Announcement
from models.alarms.priority import Priority
from models.alerts.alert import Severity
from streams.telling.announcing import Announcer
from streams.telling.listeners import listeners
from tests.support.alarms import alert, control_room
from tests.support.announcements import ALERT, INCIDENT, NOW_NS, about_alert, about_incident

OPENED = about_alert(AnnouncedChange.ALERT_OPENED)
INCIDENT_OPENED = about_incident(AnnouncedChange.INCIDENT_OPENED)
LOW = about_alert(AnnouncedChange.ALERT_OPENED, severity=Severity.LOW)


def receiver(name: str, events: Wanted, priority: Priority = Priority.LOW) -> ReceiverSettings:
    return ReceiverSettings(name=name, url=SecretStr("http://a/"), events=events, minimum_priority=priority)


def nobody(_: str) -> dict[str, bool]:
    return {}


TOLD = listeners(
    [
        receiver("alerts", Wanted.ALERT),
        receiver("urgent", Wanted.ALERT, Priority.MEDIUM),
        receiver("incidents", Wanted.INCIDENT, Priority.HIGH),
        receiver("all", Wanted.ALL),
        MessengerSettings(name="chat", url=SecretStr("json://a")),
    ]
)


def test_each_gets_what_it_wants_in_the_order_in_which_it_happened() -> None:
    other = replace(LOW, alert=replace(ALERT, id="fedc", severity=Severity.LOW))
    messages = Announcer(TOLD).messages([OPENED, INCIDENT_OPENED, other], NOW_NS, generation="5eed", who_knows=nobody)
    assert [(message.receiver, message.type, message.subject_id) for message in messages] == [
        *((name, "alert.opened", ALERT.id) for name in ("alerts", "urgent", "all")),
        *((name, "incident.opened", INCIDENT.id) for name in ("incidents", "all", "chat")),
        *((name, "alert.opened", "fedc") for name in ("alerts", "all")),
    ]
    assert len({message.event_id for message in messages}) == 3
    assert all(message.created_ns == NOW_NS for message in messages)


def test_the_same_step_makes_the_same_messages() -> None:
    first, second = (
        Announcer(TOLD).messages([OPENED, INCIDENT_OPENED], NOW_NS, generation="5eed", who_knows=nobody)
        for _ in range(2)
    )
    assert first == second


def test_pictures_are_named_and_looked_up_once() -> None:
    asked: list[str] = []

    def evidence(alert_id: str) -> list[EvidenceLink]:
        asked.append(alert_id)
        return [EvidenceLink(alert_id=alert_id, role="worst", event_time_ns=7, png="e/w.png", npz="e/w.npz")]

    messages = Announcer(TOLD, evidence=evidence).messages([OPENED], NOW_NS, generation="5eed", who_knows=nobody)
    assert [json.loads(message.body)["data"]["evidence"][0]["png"] for message in messages] == ["e/w.png"] * 3
    assert asked == [ALERT.id]


@pytest.mark.parametrize("links", ["", "http://control-room:9464"])
def test_people_are_told_what_to_do(links: str) -> None:
    announcer = Announcer(TOLD[4:], links=links, guidance=lambda kind: f"Look at the {kind.value}.")
    [message] = announcer.messages([INCIDENT_OPENED], NOW_NS, generation="5eed", who_knows=nobody)
    text = json.loads(message.body)
    assert text["title"] == "[high] image anomaly, no beam, LA-A2-21, LA-A3-31"
    assert text["level"] == "high"
    lines = text["text"].splitlines()
    assert lines == [
        "since 2022-07-01T09:34:00.100Z, 3 alerts, 2 open",
        "likely origin: LA-A2-21",
        "LA_A2_21-Camera_1-Camera-1, LA_A3_31-Camera_1-Camera-1",
        "Look at the image_anomaly.",
        *([f"{links}/incidents/{INCIDENT.id}"] if links else []),
    ]


def test_what_is_over_needs_no_guidance() -> None:
    announcer = Announcer(
        listeners([MessengerSettings(name="chat", url=SecretStr("json://a"), events=Wanted.ALERT)]),
        guidance=lambda _: "Look.",
        links="http://a",
    )
    closed = about_alert(AnnouncedChange.ALERT_CLOSED)
    [message] = announcer.messages([closed], NOW_NS, generation="5eed", who_knows=lambda _: {"chat": True})
    assert json.loads(message.body) == {
        "title": "[high] over: image anomaly, LA_A3_31-Camera_1-Camera-1",
        "text": f"hot spot at (61, 40) px\nsince 2022-07-01T09:34:00.100Z, 12 shots so far\nhttp://a/alerts/{ALERT.id}",
        "level": "over",
    }


def test_who_has_seen_it_is_named_and_nothing_steers_a_terminal() -> None:
    [message] = Announcer(TOLD[4:]).messages(
        [about_incident(AnnouncedChange.ACKNOWLEDGED, by="anna", why="a test\x1b[2J")],
        NOW_NS,
        generation="5eed",
        who_knows=lambda _: {"chat": True},
    )
    text = json.loads(message.body)
    assert text["title"].startswith("[high] seen: ")
    assert text["text"].splitlines()[-1] == "by anna: a test?[2J"


def test_the_configured_priority_counts_and_is_told() -> None:
    announcer = Announcer(TOLD[:2], priority=lambda _: Priority.LOW)
    [message] = announcer.messages([OPENED], NOW_NS, generation="5eed", who_knows=nobody)
    assert message.receiver == "alerts"
    data = json.loads(message.body)["data"]
    assert (data["priority"], data["severity"]) == ("low", "high")


def test_what_is_told_after_the_decisions_were_lost_has_ids_that_nobody_has_seen(tmp_path: Path) -> None:
    ids: list[set[str]] = []
    for _ in range(2):
        with control_room(tmp_path) as room:
            room.take(alert())
            with reading(tmp_path) as connection:
                ids.append({row[0] for row in connection.execute("SELECT event_id FROM outbox")})
        for file in tmp_path.glob(f"{DECISIONS_NAME}*"):
            file.unlink()
    first, second = ids
    assert len(first) == len(second) == 2
    assert not first & second


CLOSED, LOW_CLOSED = (
    about_alert(AnnouncedChange.ALERT_CLOSED, severity=severity) for severity in (Severity.HIGH, Severity.LOW)
)
AGAIN = about_alert(AnnouncedChange.ALERT_ANNOUNCED_AGAIN)
SEEN = about_incident(AnnouncedChange.ACKNOWLEDGED, by="anna")


@pytest.mark.parametrize(
    ("announcements", "known", "told"),
    [
        ([CLOSED], None, []),  # it became urgent under a cover, and was over there
        ([LOW, CLOSED], None, []),
        ([OPENED, LOW_CLOSED], None, ["opened", "closed"]),  # less urgent than it was
        ([LOW_CLOSED], True, ["closed"]),  # also when it was told by another process
        ([CLOSED], False, []),
        ([LOW, AGAIN, LOW_CLOSED], None, ["opened", "closed"]),  # the first word is an opening
        ([OPENED, AGAIN], None, ["opened", "announced_again"]),
        ([SEEN], None, []),
        ([SEEN], False, ["acknowledged"]),
        ([INCIDENT_OPENED, SEEN], None, ["opened", "acknowledged"]),
    ],
)
def test_who_was_told_of_something_hears_its_end_and_nobody_else(
    announcements: list[Announcement], known: bool | None, told: list[str]
) -> None:
    announcer = Announcer(listeners([receiver("pager", Wanted.ALL, Priority.HIGH)]))
    knows = {} if known is None else {"pager": known}
    messages = announcer.messages(announcements, NOW_NS, generation="5eed", who_knows=lambda _: knows)
    assert [message.type.partition(".")[2] for message in messages] == told
    assert [json.loads(message.body)["data"]["event"] for message in messages] == told
    assert len({message.event_id for message in messages}) == len(messages)


def test_who_does_not_want_to_hear_of_alerts_any_more_hears_the_ends_of_those_it_was_told_of() -> None:
    announcer = Announcer(listeners([receiver("pager", Wanted.INCIDENT)]))
    messages = announcer.messages([AGAIN, CLOSED], NOW_NS, generation="5eed", who_knows=lambda _: {"pager": True})
    assert [message.type for message in messages] == ["alert.closed"]

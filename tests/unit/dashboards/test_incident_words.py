"""Rows of incidents in words."""

from dataclasses import replace
from typing import Any

import pytest

from dashboards.console.incident_view import incident_facts
from dashboards.incident_words import action_words, incident_rows
from models.alarms.audit_chain import AuditEntry
from models.alarms.incident import IncidentState
from tests.support.announcements import INCIDENT

OVER = "over; closes at 1970-01-01 00:00:00 UTC if it does not come back"


def test_what_goes_on_without_shots_does_not_say_that_it_is_over_after_its_first_minute() -> None:
    receiver = replace(INCIDENT, stages=(), subjects=("receiver/shift",))
    ended = replace(receiver, state=IncidentState.CLOSED)
    assert [row.lasted for row in incident_rows([INCIDENT, receiver, ended], {})] == ["7.1 s", "", "7.1 s"]


def test_one_shot_is_no_stretch_of_no_seconds() -> None:
    one = replace(INCIDENT, last_shot_ns=INCIDENT.first_shot_ns)
    receiver = replace(one, stages=(), subjects=("receiver/shift",), state=IncidentState.CLOSED)
    assert [row.lasted for row in incident_rows([one, receiver], {})] == ["1 shot", "0.0 s"]


@pytest.mark.parametrize(
    ("change", "standing", "state"),
    [
        ({}, "open", "open"),
        ({"open_episodes": 0}, "open", "open"),
        ({"open_episodes": 0, "closes_ns": 0}, OVER, OVER),
        ({"open_episodes": 1, "closes_ns": 0}, "open", "open"),
        ({"state": IncidentState.CLOSED, "closed_ns": 0}, "closed", "closed at 1970-01-01 00:00:00 UTC"),
    ],
)
def test_an_incident_that_is_over_says_when_it_closes(change: dict[str, Any], standing: str, state: str) -> None:
    incident = replace(INCIDENT, **change)
    assert [row.standing for row in incident_rows([incident], {})] == [standing]
    assert dict(incident_facts(incident))["state"] == state


ALARM = "3f9a07c1d2e4b586"


def entry(action: str, subject: str, **details: Any) -> AuditEntry:
    return AuditEntry(
        number=1, at_ns=0, who="ada", action=action, subject=subject, why="", details=details, previous="", hash=""
    )


SHELVED = entry("shelve", ALARM, kind="image_anomaly", about="LA_A3_32-Camera_1-Camera-1", until="2022-07-01T18:00Z")


@pytest.mark.parametrize(
    ("done", "words"),
    [
        (SHELVED, "shelve (kind image_anomaly, about LA_A3_32-Camera_1-Camera-1, until 2022-07-01T18:00Z)"),
        (entry("move_messages", "a", messages=3, to="shift_log"), "move messages (messages 3, to shift_log)"),
        (entry("acknowledge", "a", seen_until_ns=0), "acknowledge (seen until 1970-01-01 00:00:00.000 UTC)"),
        (entry("start_maintenance", "LA-A3-31", until=None), "start maintenance"),
        (entry("start_replay", "a", model="", fresh=True), "start replay (fresh yes)"),
        (
            entry(
                "change_settings", "settings", **{"alarms.kinds.no_beam.call": {"from": None, "to": "group_a, 4711"}}
            ),
            "change settings (alarms.kinds.no_beam.call from nothing to 'group_a, 4711')",
        ),
        (
            entry("change_settings", "settings", idle_after_s={"from": 600.0, "to": True}),
            "change settings (idle_after_s from 600.0 to true)",
        ),
        (entry("change_settings", "settings", x={"from": ["a_b"]}), 'change settings (x from ["a_b"] to nothing)'),
    ],
)
def test_names_and_values_in_the_audit_log_can_be_copied_from_it(done: AuditEntry, words: str) -> None:
    assert action_words(done, {}) == words


def test_what_an_alarms_name_says_is_not_said_twice() -> None:
    names = {ALARM: "image anomaly of LA_A3_32-Camera_1-Camera-1"}
    assert action_words(SHELVED, names) == "shelve (until 2022-07-01T18:00Z)"

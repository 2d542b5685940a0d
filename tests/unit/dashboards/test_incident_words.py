"""Rows of incidents in words."""

from dataclasses import replace

from dashboards.incident_words import incident_rows
from models.alarms.incident import IncidentState
from tests.support.announcements import INCIDENT


def test_what_goes_on_without_shots_does_not_say_that_it_is_over_after_its_first_minute() -> None:
    receiver = replace(INCIDENT, stages=(), subjects=("receiver/shift",))
    ended = replace(receiver, state=IncidentState.CLOSED)
    assert [row.lasted for row in incident_rows([INCIDENT, receiver, ended], {})] == ["7.1 s", "", "7.1 s"]

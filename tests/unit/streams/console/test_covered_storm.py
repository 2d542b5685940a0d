"""A storm of incidents that nobody is told of hides none of those that people were told of."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from connectors.control_room.database import ControlRoomDatabase
from connectors.control_room.incident_rows import store_incident
from connectors.state.directory import StateDirectory
from models.alarms.incident import IncidentState
from models.alarms.priority import Priority
from streams.alarms.incident_figures import IncidentFigures
from streams.alarms.incident_metrics import IncidentMetrics
from tests.support.consoles import HTML, console_client
from tests.support.manual_clock import ManualClock
from tests.unit.streams.alarms.test_incident_metrics import an_incident
from tests.unit.streams.test_measurement_metrics import read

TOLD = an_incident(1)
#: Later ones, more than the wall, a page of the list and the figures count.
COVERED = [an_incident(number, announced=False) for number in range(2, 1_200)]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    StateDirectory.open(tmp_path).close()
    with closing(ControlRoomDatabase.open(tmp_path)) as database, database.step() as connection:
        for incident in (TOLD, *COVERED):
            store_incident(connection, incident)
    return tmp_path


def test_the_wall_and_the_list_show_what_people_were_told_of(state: Path) -> None:
    client = console_client(state)
    assert [each["id"] for each in client.get("/live/incidents").json()["incidents"]] == [TOLD.id]
    page = client.get("/incidents", headers=HTML).text
    assert (page.count(" data-row>"), f'href="/incidents/{TOLD.id}"' in page) == (1, True)
    assert client.get("/incidents?show=all", headers=HTML).text.count(" data-row>") == 100  # there they are found


def test_the_figures_count_what_people_were_told_of(state: Path) -> None:
    registry = CollectorRegistry()
    with StateDirectory.open(state) as directory:
        IncidentFigures(directory, IncidentMetrics(registry, ManualClock())).look()
    counted = {name: value for name, value in read(registry).items() if value}
    assert counted == {
        "petawatch_active_incidents{priority=high,standing=unacknowledged}": 1,
        "petawatch_stage_incidents{priority=high,stage=LA-A3-31}": 1,
    }


def test_of_more_incidents_than_the_wall_shows_the_most_urgent_are_there(tmp_path: Path) -> None:
    StateDirectory.open(tmp_path).close()
    low, over = Priority.LOW, IncidentState.CLOSED
    storm = [replace(an_incident(number), priority=low, state=over) for number in range(10, 400)]
    old = replace(an_incident(2), priority=Priority.HIGH)
    older = replace(an_incident(1), priority=Priority.MEDIUM)
    high_but_over = replace(an_incident(3), priority=Priority.HIGH, state=over)
    seen = replace(an_incident(401), priority=Priority.HIGH, acknowledged_ns=1, acknowledged_by="anna")
    with closing(ControlRoomDatabase.open(tmp_path)) as database, database.step() as connection:
        for incident in (old, older, high_but_over, seen, *storm):
            store_incident(connection, incident)
    shown = console_client(tmp_path).get("/live/incidents").json()
    assert [each["id"] for each in shown["incidents"][:4]] == [old.id, older.id, high_but_over.id, storm[-1].id]
    assert (len(shown["incidents"]), shown["more"]) == (200, 194)

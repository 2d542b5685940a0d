"""An incident is headed by its worst episode, wherever it is named: a hot spot does not hide behind a missing image."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from connectors.control_room.database import reading
from connectors.control_room.routed_incidents import routed_incidents
from connectors.state.commit import Commit
from connectors.state.directory import StateDirectory
from connectors.state.reader import StateReader
from connectors.webhooks.settings import MessengerSettings, Wanted
from models.alarms.priority import Priority
from models.alerts.alert import Alert, AlertChange, AlertEvent, AlertKind, Severity
from models.alerts.explanation import Explanation
from models.event_time import HOUR_NS
from streams.alarms.settings import AlarmSettings, KindSettings
from streams.report.found_incidents import PicturesLeft, find_incidents
from streams.report.reported_stretch import ReportedStretch
from streams.telling.alertmanager_alerts import IncidentAlerts
from tests.support.alarms import START_NS, ControlRoom, alert, control_room
from tests.support.consoles import HTML, console_client

_CHAT = MessengerSettings(name="chat", url=SecretStr("json://a"), events=Wanted.INCIDENT)
_OTHER = "LA_A3_31-Camera_2-Camera-1"


def scored(score: float, *, at_s: float = 0.0, device: str = _OTHER, severity: Severity = Severity.HIGH) -> Alert:
    return replace(alert(device, at_s=at_s, severity=severity), score=score)


MISSING = replace(
    alert(kind=AlertKind.INCOMPLETE_TRIPLET, severity=Severity.MEDIUM),
    score=50.0,
    explanation=Explanation(text="no image of Camera_1"),
)
HOT_SPOT = replace(scored(12.0, at_s=3), explanation=Explanation(text="hot spot at (61, 40) px"))


def headline(room: ControlRoom) -> str:
    incidents = room.reader.incidents()
    assert len(incidents) == 1
    return room.reader.worst_alerts(incidents)[incidents[0].id].id


@pytest.mark.parametrize(
    ("alerts", "worst"),
    [
        pytest.param([MISSING, HOT_SPOT], HOT_SPOT, id="priority before score and time"),
        pytest.param([HOT_SPOT, MISSING], HOT_SPOT, id="whatever was known first"),
        pytest.param([scored(8.0), scored(9.0, at_s=5)], scored(9.0, at_s=5), id="score before time"),
        pytest.param([scored(8.0, at_s=5), scored(8.0)], scored(8.0), id="the first of equals"),
        pytest.param([scored(float("nan")), scored(0.1, at_s=5)], scored(0.1, at_s=5), id="a known score first"),
    ],
)
def test_the_worst_episode_heads_an_incident(tmp_path: Path, alerts: list[Alert], worst: Alert) -> None:
    with control_room(tmp_path) as room:
        for each in alerts:
            room.take(each)
        assert headline(room) == worst.id


def test_an_episode_that_gets_worse_takes_the_head(tmp_path: Path) -> None:
    with control_room(tmp_path) as room:
        first, second = scored(8.0), scored(7.0, at_s=1, device="LA_A3_31-Camera_3-Camera-1")
        room.take(first, second)
        assert headline(room) == first.id
        room.take(replace(second, score=9.0))
        assert headline(room) == second.id


def test_what_nobody_was_told_of_heads_only_where_nothing_was_told(tmp_path: Path) -> None:
    settings = AlarmSettings(kinds={AlertKind.IMAGE_ANOMALY: KindSettings(on_delay_s=60)})
    with control_room(tmp_path, settings) as room:
        room.take(HOT_SPOT)
        assert headline(room) == HOT_SPOT.id
        room.take(MISSING)
        assert headline(room) == MISSING.id
        room.pass_s(60)
        assert headline(room) == HOT_SPOT.id


def test_the_configured_priority_of_a_kind_counts(tmp_path: Path) -> None:
    settings = AlarmSettings(kinds={AlertKind.IMAGE_ANOMALY: KindSettings(priority=Priority.LOW)})
    with control_room(tmp_path, settings) as room:
        room.take(MISSING, HOT_SPOT)
        assert headline(room) == MISSING.id


def test_it_is_the_same_wherever_an_incident_is_named(tmp_path: Path) -> None:
    events = [AlertEvent(change=AlertChange.OPENED, alert=each) for each in (MISSING, HOT_SPOT)]
    with control_room(tmp_path, messengers=(_CHAT,)) as room:
        with StateDirectory.open(tmp_path) as directory:
            directory.commit(Commit(alerts=events))
        room.take(MISSING)
        room.take(HOT_SPOT)
        [incident] = room.reader.incidents()
        with reading(tmp_path) as connection:
            [*_, (message,)] = connection.execute("SELECT body FROM outbox WHERE receiver = 'chat' ORDER BY id")
        [routed] = routed_incidents(tmp_path, ended_after_ns=0, most=10)
    told = IncidentAlerts(AlarmSettings(), installation="hpls", links="").alert(routed, START_NS)
    client = console_client(tmp_path)
    with StateReader.open(tmp_path) as reader:
        stretch = ReportedStretch(from_ns=START_NS, to_ns=START_NS + HOUR_NS)
        [reported] = find_incidents(room.reader, reader, stretch, PicturesLeft()).incidents
    page = client.get(f"/incidents/{incident.id}", headers=HTML).text
    listed = client.get("/incidents", headers=HTML).text
    assert json.loads(message)["title"] == "[high] more: hot spot at (61, 40) px, LA-A3-31"
    assert told.annotations["summary"] == "[high] hot spot at (61, 40) px, LA-A3-31"
    assert (told.labels["kind"], incident.first_alert_id) == ("incomplete_triplet", MISSING.id)
    assert [each["what"] for each in client.get("/live/incidents").json()["incidents"]] == ["hot spot at (61, 40) px"]
    assert re.findall(r"<h1>(.*?)</h1>", page) == ["hot spot at (61, 40) px"]
    assert "hot spot at (61, 40) px" in listed
    assert "no image of" not in listed
    assert reported.worst is not None
    assert reported.worst.id == HOT_SPOT.id

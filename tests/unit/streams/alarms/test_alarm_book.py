"""Alerts become alarms and incidents, and what is to be told of them."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.control_room.database import DECISIONS_NAME
from connectors.control_room.incident_search import IncidentQuestion
from models.alarms.incident import IncidentState
from models.alarms.life_cycle import AlarmState
from models.alarms.priority import Priority
from models.alerts.alert import Alert, AlertKind, Severity
from models.devices import Stage, parse_device
from models.event_time import SECOND_NS
from streams.alarms.settings import AlarmSettings, KindSettings
from tests.support.alarms import CAMERA, ControlRoom, alert, control_room, installation_alert, over

A3 = Stage("LA", "A3", "31")


def state_of(room: ControlRoom) -> AlarmState:
    [alarm] = room.reader.alarms()
    return alarm.state


def test_an_alert_is_told_with_its_incident_and_once(tmp_path: Path) -> None:
    with control_room(tmp_path) as room:
        one = alert()
        room.take(one)
        assert room.told() == ["alert.opened", "incident.opened"]
        room.take(one)  # the keeper was killed before it removed this from the feed
        room.take(over(one, after_s=3))
        room.take(one, over(one, after_s=3))
        assert room.told() == ["alert.opened", "incident.opened", "alert.closed"]
        [incident] = room.reader.incidents()
        assert (incident.state, incident.episodes, incident.open_episodes) == (IncidentState.OPEN, 1, 0)
        room.pass_s(119)
        assert room.told()[3:] == []
        room.pass_s(1)
        assert room.told()[3:] == ["incident.closed"]
        room.pass_s(1000)
        assert room.told()[4:] == []
        assert state_of(room) is AlarmState.RETURNED
        assert room.reader.members(incident.id) == [one.id]


def test_a_later_alert_of_an_acknowledged_alarm_is_told(tmp_path: Path) -> None:
    with control_room(tmp_path) as room:
        first, second = alert(), alert(at_s=10)
        room.take(first)
        [incident] = room.reader.incidents()
        room.desk.acknowledge(incident.id, by="ana")
        assert state_of(room) is AlarmState.ACKNOWLEDGED
        room.take(over(first), second)
        assert state_of(room) is AlarmState.UNACKNOWLEDGED
        assert room.told_of(second.id) == ["alert.opened"]
        assert room.told_of(incident.id) == ["incident.opened", "incident.acknowledged", "incident.updated"]
        assert not room.reader.incidents()[0].is_acknowledged


def test_chatter_is_told_once(tmp_path: Path) -> None:
    settings = AlarmSettings(kinds={AlertKind.IMAGE_ANOMALY: KindSettings(off_delay_s=30)})
    with control_room(tmp_path, settings) as room:
        for number in range(50):
            one = alert(at_s=number)
            room.take(one)
            room.clock.advance(1)
            room.take(over(one))
        assert room.told() == ["alert.opened", "incident.opened", "alert.closed"]
        [incident] = room.reader.incidents()
        assert incident.episodes == 50
        room.desk.acknowledge(incident.id, by="ana")
        room.pass_s(31)
        assert state_of(room) is AlarmState.NORMAL


def test_one_that_gets_worse_is_told_again_also_when_it_was_acknowledged(tmp_path: Path) -> None:
    with control_room(tmp_path) as room:
        mild = alert(severity=Severity.LOW)
        worse = replace(mild, severity=Severity.HIGH, score=99.0)
        room.take(mild)
        room.desk.acknowledge(mild.id, by="ana")
        room.take(replace(mild, shots=2))
        assert state_of(room) is AlarmState.ACKNOWLEDGED
        room.take(worse)
        assert state_of(room) is AlarmState.UNACKNOWLEDGED
        assert room.reader.incidents()[0].is_unseen
        room.take(worse)
        room.take(over(worse))
        assert room.told_of(mild.id) == ["alert.opened", "alert.announced_again", "alert.closed"]


def test_one_that_is_worse_when_it_ends_is_told_again_before(tmp_path: Path) -> None:
    with control_room(tmp_path) as room:
        mild = alert(severity=Severity.LOW)
        room.take(mild)
        room.take(over(replace(mild, severity=Severity.HIGH)))
        assert room.told_of(mild.id) == ["alert.opened", "alert.announced_again", "alert.closed"]
        assert state_of(room) is AlarmState.RETURNED


def test_one_that_gets_worse_under_a_cover_or_within_its_delay_waits_for_that(tmp_path: Path) -> None:
    settings = AlarmSettings(kinds={AlertKind.IMAGE_ANOMALY: KindSettings(on_delay_s=5)})
    with control_room(tmp_path, settings) as room:
        mild, other = alert(severity=Severity.LOW), alert(at_s=1)
        room.take(other)
        room.pass_s(5)
        room.take(mild)
        room.pass_s(4)
        room.take(replace(mild, severity=Severity.HIGH))
        assert room.told_of(mild.id) == []
        room.pass_s(1)
        assert room.told_of(mild.id) == ["alert.opened"]
        dark = alert(kind=AlertKind.NO_BEAM, severity=Severity.LOW)
        room.desk.start_maintenance(A3, until_ns=None, by="ana", why="new crystal")
        room.take(dark)
        room.take(replace(dark, severity=Severity.HIGH))
        assert room.told_of(dark.id) == []


def test_an_incident_gets_worse_when_people_are_told_and_not_under_a_cover(tmp_path: Path) -> None:
    with control_room(tmp_path) as room:
        one, other = (alert(kind=kind, severity=Severity.LOW) for kind in (AlertKind.IMAGE_ANOMALY, AlertKind.NO_BEAM))
        room.take(one, other)
        incident = room.reader.incidents()[0]
        alarm = next(each for each in room.reader.alarms() if each.kind is AlertKind.NO_BEAM)
        room.desk.shelve(alarm.id, until_ns=room.clock.now_ns() + 60 * 10**9, by="ana", why="spare")
        room.take(replace(other, severity=Severity.HIGH))
        assert room.told_of(incident.id) == ["incident.opened"]
        assert room.reader.incidents()[0].priority is Priority.LOW
        room.pass_s(61)  # it is told now
        assert room.told_of(incident.id) == ["incident.opened", "incident.updated"]
        assert room.reader.incidents()[0].priority is Priority.HIGH
        room.take(over(one, after_s=70), over(other, after_s=70))
        room.pass_s(200)
        assert room.told_of(incident.id) == ["incident.opened", "incident.updated", "incident.closed"]


def test_what_was_worse_and_over_under_a_cover_makes_no_incident_worse(tmp_path: Path) -> None:
    with control_room(tmp_path) as room:
        one = alert(kind=AlertKind.NO_BEAM, severity=Severity.LOW)
        room.take(one)
        incident = room.reader.incidents()[0]
        room.desk.shelve(room.reader.alarms()[0].id, until_ns=room.clock.now_ns() + 60 * 10**9, by="ana", why="spare")
        room.take(replace(one, severity=Severity.HIGH))
        room.take(over(replace(one, severity=Severity.HIGH), after_s=5))
        room.pass_s(600)
        assert room.told_of(incident.id) == ["incident.opened", "incident.closed"]
        assert [each.priority for each in room.reader.incidents()] == [Priority.LOW]


def test_chatter_that_is_worse_or_of_another_incident_is_told(tmp_path: Path) -> None:
    settings = AlarmSettings(kinds={AlertKind.IMAGE_ANOMALY: KindSettings(off_delay_s=90)})
    with control_room(tmp_path, settings) as room:
        mild, worse, mild_again, worse_again = (
            alert(at_s=10 * number, severity=(Severity.LOW, Severity.HIGH)[number % 2]) for number in range(4)
        )
        later = alert(at_s=1500)
        for one in (mild, worse, mild_again, worse_again, later):
            room.take(one)
            room.clock.advance(10)
            room.take(over(one))
        assert room.told_of(worse.id) == ["alert.opened", "alert.closed"]
        assert room.told_of(mild_again.id) == room.told_of(worse_again.id) == []
        assert room.told_of(later.id) == ["alert.opened", "alert.closed"]
        assert [incident.is_unseen for incident in room.reader.incidents()] == [True, True]


def test_chatter_that_gets_worse_is_told(tmp_path: Path) -> None:
    settings = AlarmSettings(kinds={AlertKind.IMAGE_ANOMALY: KindSettings(off_delay_s=90)})
    with control_room(tmp_path, settings) as room:
        mild, chatter = alert(severity=Severity.LOW), alert(at_s=10, severity=Severity.LOW)
        room.take(mild, over(mild), chatter)
        room.desk.acknowledge(mild.id, by="ana")
        room.take(replace(chatter, severity=Severity.HIGH))
        assert room.told_of(chatter.id) == ["alert.opened"]


def test_one_that_was_too_short_leaves_an_acknowledged_alarm_as_it_is(tmp_path: Path) -> None:
    settings = AlarmSettings(kinds={AlertKind.IMAGE_ANOMALY: KindSettings(on_delay_s=60)})
    with control_room(tmp_path, settings) as room:
        long, short = alert(), alert(at_s=61)
        room.take(long)
        room.pass_s(60)
        room.desk.acknowledge(long.id, by="ana")
        room.take(short)
        room.pass_s(10)
        room.take(over(short))
        room.pass_s(600)
        assert state_of(room) is AlarmState.ACKNOWLEDGED
        assert room.told() == ["alert.opened", "incident.opened", "incident.acknowledged"]


def test_a_short_alert_of_a_delayed_kind_is_never_told(tmp_path: Path) -> None:
    settings = AlarmSettings(kinds={AlertKind.IMAGE_ANOMALY: KindSettings(on_delay_s=5)})
    with control_room(tmp_path, settings) as room:
        short, long = alert(), alert(at_s=100)
        room.take(short)
        room.pass_s(4)
        room.take(over(short), long)
        room.pass_s(4.9)
        assert room.told() == []
        room.pass_s(0.1)
        assert room.told() == ["alert.opened", "incident.opened"]
        assert room.told_of(long.id) == ["alert.opened"]


def test_what_is_shelved_is_told_when_that_ends(tmp_path: Path) -> None:
    with control_room(tmp_path) as room:
        first, second = alert(), alert(at_s=10)
        room.take(first, over(first))
        [alarm] = room.reader.alarms()
        until_ns = room.clock.now_ns() + 600 * 10**9
        room.desk.shelve(alarm.id, until_ns=until_ns, by="ana", why="spare on its way")
        room.take(second)
        assert room.told_of(second.id) == []
        assert state_of(room) is AlarmState.SHELVED
        room.pass_s(599)
        assert room.told_of(second.id) == []
        room.pass_s(1)
        assert room.told_of(second.id) == ["alert.opened"]
        [alarm] = room.reader.alarms()
        assert (alarm.state, alarm.covered_by) == (AlarmState.UNACKNOWLEDGED, "")


def test_one_that_was_told_and_stays_is_told_again_after_maintenance(tmp_path: Path) -> None:
    with control_room(tmp_path) as room:
        one, other = alert(), alert("LA_A3_32-Camera_1-Camera-1")
        room.take(one, other)
        room.desk.start_maintenance(A3, until_ns=room.clock.now_ns() + 60 * 10**9, by="ana", why="new crystal")
        while_covered = alert(kind=AlertKind.DEVICE_STATE, at_s=5)
        room.take(while_covered)
        assert room.told_of(while_covered.id) == []
        room.pass_s(60)  # it ends by itself
        assert room.told_of(one.id) == ["alert.opened", "alert.announced_again"]
        assert room.told_of(while_covered.id) == ["alert.opened"]
        assert room.told_of(other.id) == ["alert.opened"]
        assert room.reader.maintenance() == []
        [past] = room.reader.maintenance(past=True)
        assert (past.stage, past.by, past.ended_by) == ("LA-A3-31", "ana", "")


def test_what_latched_under_its_cover_is_told_when_that_ends(tmp_path: Path) -> None:
    settings = AlarmSettings(kinds={AlertKind.IMAGE_ANOMALY: KindSettings(latching=True)})
    with control_room(tmp_path, settings) as room:
        room.desk.start_maintenance(A3, until_ns=None, by="ana", why="new crystal")
        one = alert()
        room.take(one)
        room.take(over(one))
        assert room.told() == []
        room.desk.end_maintenance(A3, by="ana")
        assert room.told_of(one.id) == ["alert.opened", "alert.closed"]
        assert state_of(room) is AlarmState.LATCHED_UNACKNOWLEDGED
        room.desk.start_maintenance(A3, until_ns=None, by="ana", why="new crystal")
        room.desk.acknowledge(one.id, by="ana")
        room.desk.end_maintenance(A3, by="ana")
        assert room.told_of(one.id) == ["alert.opened", "alert.closed"]
        [incident] = room.reader.incidents()
        assert incident.is_unseen


def test_an_idle_stage_keeps_still_about_what_says_nothing_then(tmp_path: Path) -> None:
    with control_room(tmp_path) as room:
        with room.steps.step() as book:
            book.note_idle({A3: True})
        dark, spot = alert(kind=AlertKind.NO_BEAM), alert()
        elsewhere = alert("LA_A3_32-Camera_1-Camera-1", AlertKind.NO_BEAM)
        tape = installation_alert(AlertKind.TAPE_TROUBLE, "tape/PW0001")
        room.take(dark, spot, elsewhere, tape)
        assert room.told_of(dark.id) == []
        assert [room.told_of(each.id) for each in (spot, elsewhere, tape)] == [["alert.opened"]] * 3
        assert [each.stage for each in room.reader.idle_stages()] == ["LA-A3-31"]
        with room.steps.step() as book:
            book.note_idle({A3: False})
        assert room.told_of(dark.id) == ["alert.opened"]
        assert room.reader.idle_stages() == []


def test_an_incident_of_which_nothing_was_told_is_not_told_either(tmp_path: Path) -> None:
    with control_room(tmp_path) as room:
        room.desk.start_maintenance(A3, until_ns=None, by="ana", why="new crystal")
        one = alert()
        room.take(one, over(one))
        room.pass_s(1000)
        assert room.told() == []
        [incident] = room.reader.incidents()
        assert (incident.state, incident.announced_ns) == (IncidentState.CLOSED, None)
        assert room.reader.incidents(IncidentQuestion(unfinished=True)) == []


def test_stages_hit_by_the_same_shots_are_one_incident_with_its_origin(tmp_path: Path) -> None:
    with control_room(tmp_path) as room:
        third, second, first = (
            alert("LA_A3_31-Camera_1-Camera-1"),
            alert("LA_A2-Camera_1-Camera-1", at_s=0.1, severity=Severity.LOW),
            alert("LA_FE-Camera_1-Camera-1", at_s=0.2, severity=Severity.LOW),
        )
        other_arm = alert("LB_A3_31-Camera_1-Camera-1")
        room.take(third)
        room.take(second)
        room.take(first)
        room.take(other_arm)
        incidents = room.reader.incidents()
        assert len(incidents) == 2
        [incident] = [each for each in incidents if each.first_alert_id == third.id]
        assert (incident.origin, incident.priority) == ("LA-FE-00", Priority.HIGH)
        assert [str(stage) for stage in incident.stages] == ["LA-FE-00", "LA-A2-00", "LA-A3-31"]
        assert room.told_of(incident.id) == ["incident.opened", "incident.updated", "incident.updated"]
        assert room.reader.incidents(IncidentQuestion(stage=Stage("LA", "FE", "00"))) == [incident]
        assert room.reader.incidents(IncidentQuestion(kind=AlertKind.DRIFT)) == []


def test_stages_under_maintenance_that_join_an_incident_wake_nobody_until_that_ends(tmp_path: Path) -> None:
    with control_room(tmp_path) as room:
        covered, front = Stage("LA", "A2", "00"), Stage("LA", "FE", "00")
        until_ns = room.clock.now_ns() + 3600 * SECOND_NS
        for stage in (covered, front):
            room.desk.start_maintenance(stage, until_ns=until_ns, by="ana", why="new crystal")
        room.take(alert())
        room.take(alert("LA_A2-Camera_1-Camera-1", at_s=0.1, severity=Severity.LOW))
        [incident] = room.reader.incidents()
        assert incident.origin == str(covered)  # it is shown
        assert room.told() == ["alert.opened", "incident.opened"]
        room.take(alert("LA_FE-Camera_1-Camera-1", at_s=0.1), alert("LA_A3_31-Camera_2-Camera-1", at_s=0.2))
        [incident] = room.reader.incidents()
        assert incident.origin == str(front)
        assert room.told_of(incident.id) == ["incident.opened"], "what was announced is of a stage that people know of"
        room.desk.end_maintenance(covered, by="ana")
        assert room.told_of(incident.id) == ["incident.opened", "incident.updated"]


def _goes_on_under_maintenance(room: ControlRoom) -> Alert:
    """An incident that had ended goes on again by this alert, of a stage where somebody works."""
    known, covered = alert(), alert("LA_A3_31-Camera_2-Camera-1", AlertKind.DRIFT, at_s=10)
    room.take(known, over(known, after_s=5))
    room.pass_s(120)
    until_ns = room.clock.now_ns() + 3600 * SECOND_NS
    room.desk.start_maintenance(A3, until_ns=until_ns, by="ana", why="new crystal")
    room.take(covered)
    return covered


def test_an_incident_that_only_goes_on_again_under_a_cover_is_told_of_when_that_ends(tmp_path: Path) -> None:
    with control_room(tmp_path) as room:
        covered = _goes_on_under_maintenance(room)
        [incident] = room.reader.incidents()
        assert (incident.state, incident.open_episodes) == (IncidentState.OPEN, 1)
        assert room.told_of(incident.id) == ["incident.opened", "incident.closed"]
        room.desk.end_maintenance(A3, by="ana")
        again = ["incident.opened", "incident.closed", "incident.updated"]
        assert room.told_of(incident.id) == again
        other = alert("LA_A3_31-Camera_1-Camera-1", AlertKind.DRIFT, at_s=11)
        room.take(other)
        assert room.told_of(other.id) == ["alert.opened"]
        room.take(over(covered), over(other))
        room.pass_s(120)
        assert room.told_of(incident.id) == [*again, "incident.closed"]


def test_an_incident_that_went_on_again_and_ended_under_a_cover_is_told_of_no_more(tmp_path: Path) -> None:
    with control_room(tmp_path) as room:
        covered = _goes_on_under_maintenance(room)
        room.take(over(covered))
        room.pass_s(200)
        [incident] = room.reader.incidents()
        assert incident.state is IncidentState.CLOSED
        assert room.told_of(incident.id) == ["incident.opened", "incident.closed"]


def test_a_thousand_episodes_are_few_incidents_and_few_words(tmp_path: Path) -> None:
    devices = [f"LA_A3_3{arm}-Camera_{number}-Camera-1" for arm in (1, 2) for number in range(1, 6)]
    with control_room(tmp_path) as room:
        for second in range(50):
            opened = [alert(devices[number % 10], at_s=second + number / 20) for number in range(20)]
            room.take(*opened, *map(over, opened))
        assert len(room.reader.incidents()) == 1
        assert len([word for word in room.told() if word.startswith("incident.")]) <= 2
        assert sum(each.episodes for each in room.reader.incidents()) == 1000


@pytest.mark.parametrize(("severity", "priority"), [(Severity.LOW, Priority.LOW), (Severity.HIGH, Priority.HIGH)])
def test_the_severity_is_the_priority_unless_it_is_set(tmp_path: Path, severity: Severity, priority: Priority) -> None:
    with control_room(tmp_path) as room:
        room.take(alert(severity=severity))
        assert [alarm.priority for alarm in room.reader.alarms()] == [priority]
    settings = AlarmSettings(kinds={AlertKind.IMAGE_ANOMALY: KindSettings(priority=Priority.MEDIUM)})
    with control_room(tmp_path / "set", settings) as room:
        room.take(alert(severity=severity))
        assert [alarm.priority for alarm in room.reader.alarms()] == [Priority.MEDIUM]
        assert [incident.priority for incident in room.reader.incidents()] == [Priority.MEDIUM]


def test_several_missing_snapshots_of_a_recorder_are_one_alarm(tmp_path: Path) -> None:
    with control_room(tmp_path) as room:
        first, second = (installation_alert(AlertKind.SNAPSHOT_MISSING, "10Hz/LA_a", at_s=at_s) for at_s in (0.0, 60.0))
        room.take(first, second)
        [alarm] = room.reader.alarms()
        assert alarm.subject == "10Hz/LA_a"
        room.take(over(first))
        assert state_of(room) is AlarmState.UNACKNOWLEDGED
        room.take(over(second))
        assert state_of(room) is AlarmState.RETURNED


def test_one_that_opened_before_anybody_kept_alarms_is_known_by_its_end(tmp_path: Path) -> None:
    with control_room(tmp_path) as room:
        room.take(over(alert()))
        assert room.told() == []
        assert state_of(room) is AlarmState.NORMAL
        assert len(room.reader.incidents()) == 1


def test_devices_without_a_stage_have_incidents_of_their_own(tmp_path: Path) -> None:
    with control_room(tmp_path) as room:
        assert parse_device("nameless").stage.front_end == ""
        room.take(alert("nameless", AlertKind.DEVICE_STATE), alert(CAMERA))
        assert len(room.reader.incidents()) == 2


def test_a_clock_that_was_a_year_ahead_keeps_nothing_still(tmp_path: Path) -> None:
    settings = AlarmSettings(kinds={AlertKind.DRIFT: KindSettings(on_delay_s=5)})
    with control_room(tmp_path, settings) as room:
        room.clock.set_wall_clock("2023-07-01T10:00:00Z")
        shelved, delayed, ended = alert(), alert(kind=AlertKind.DRIFT), alert("LB_A3_31-Camera_1-Camera-1")
        elsewhere = alert("LA_A3_32-Camera_1-Camera-1")
        room.take(shelved, delayed, ended, over(ended))
        [alarm] = [each for each in room.reader.alarms() if each.latest_alert_id == shelved.id]
        until_ns = room.clock.now_ns() + 3600 * 10**9
        room.desk.shelve(alarm.id, until_ns=until_ns, by="ana", why="spare on its way")
        room.desk.start_maintenance(Stage("LA", "A3", "32"), until_ns=until_ns, by="ana", why="new crystal")
        room.take(elsewhere)
        room.clock.set_wall_clock("2022-07-01T10:00:00Z")
        room.pass_s(0)
        room.pass_s(119)
        assert room.told_of(delayed.id) == ["alert.opened"]
        assert not [incident for incident in room.reader.incidents() if incident.state is IncidentState.CLOSED]
        room.pass_s(1)
        assert [incident.first_alert_id for incident in room.reader.incidents() if not incident.open_episodes] == [
            each.first_alert_id for each in room.reader.incidents() if each.state is IncidentState.CLOSED
        ]
        room.pass_s(3600 - 121)
        assert room.told_of(shelved.id) == ["alert.opened"]
        assert room.told_of(elsewhere.id) == []
        room.pass_s(1)
        assert room.told_of(shelved.id) == ["alert.opened", "alert.announced_again"]
        assert room.told_of(elsewhere.id) == ["alert.opened"]
        assert room.reader.maintenance() == []


def test_an_alert_that_an_earlier_program_knew_under_another_scope_ends(tmp_path: Path) -> None:
    with control_room(tmp_path) as room:
        one = alert()
        room.take(one)
        with closing(sqlite3.connect(tmp_path / DECISIONS_NAME)) as connection, connection:
            connection.execute("UPDATE activations SET scope = 'another'")
        room.take(over(one))
        assert room.told_of(one.id) == ["alert.opened", "alert.closed"]
        room.pass_s(120)
        assert room.reader.incidents()[0].state is IncidentState.CLOSED

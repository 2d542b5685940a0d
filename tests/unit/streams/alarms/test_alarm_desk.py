"""What operators do, what is refused, and what the audit log says of it."""

import math
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import SecretStr

from connectors.control_room.database import DECISIONS_NAME
from connectors.control_room.incident_search import IncidentQuestion
from connectors.control_room.rooms import ControlRooms
from connectors.webhooks.settings import ReceiverSettings
from models.alarms.alarm import Alarm
from models.alarms.life_cycle import AlarmState
from models.alarms.priority import Priority
from models.alerts.alert import AlertKind, Severity
from models.devices import Stage
from models.errors import FatalError, RecordError
from models.event_time import HOUR_NS, SECOND_NS
from streams.alarms.alarm_desk import AlarmDesk, id_beginning_with, open_desk
from streams.alarms.settings import AlarmSettings, KindSettings
from streams.settings import default_settings
from tests.support.alarms import ControlRoom, alert, control_room, over

A3 = Stage("LA", "A3", "31")
CAMERA_B = "LB_A3_31-Camera_1-Camera-1"


def raised(room: ControlRoom) -> Alarm:
    room.take(alert())
    [alarm] = room.reader.alarms()
    return alarm


@pytest.mark.parametrize("subject", ["alert", "alarm", "incident"])
def test_a_second_one_is_told_who_was_first(tmp_path: Path, subject: str) -> None:
    with control_room(tmp_path) as room:
        alarm = raised(room)
        [incident] = room.reader.incidents()
        id_ = {"alert": alarm.latest_alert_id, "alarm": alarm.id, "incident": incident.id}[subject]
        [acknowledged] = room.desk.acknowledge(id_, by="ana", why="seen")
        assert acknowledged.state is AlarmState.ACKNOWLEDGED
        with pytest.raises(RecordError, match=r"ana acknowledged .* at 2022-07-01T10:00:00") as refused:
            room.desk.acknowledge(id_, by="ion")
        assert refused.value.reason == "already_acknowledged"
        [entry] = room.reader.audit()
        assert (entry.who, entry.action, entry.subject, entry.why) == ("ana", "acknowledge", id_, "seen")
        assert room.reader.audit_breaks() == []
        assert room.reader.incidents()[0].acknowledged_by == "ana"


def test_every_step_stands_in_the_audit_log(tmp_path: Path) -> None:
    settings = AlarmSettings(kinds={AlertKind.IMAGE_ANOMALY: KindSettings(latching=True)})
    with control_room(tmp_path, settings) as room:
        alarm, desk = raised(room), room.desk
        until_ns = room.clock.now_ns() + HOUR_NS
        desk.shelve(alarm.id, until_ns=until_ns, by="a", why="w")
        desk.unshelve(alarm.id, by="b")
        desk.take_out(alarm.id, by="c", why="w")
        desk.put_back(alarm.id, by="d")
        desk.start_maintenance(A3, until_ns=None, by="e", why="w")
        desk.start_maintenance(A3, until_ns=until_ns, by="f", why="longer")
        desk.end_maintenance(A3, by="g")
        desk.acknowledge(alarm.id, by="h")
        room.take(over(alert()))
        assert desk.reset(alarm.id, by="i").state is AlarmState.NORMAL
        assert [(entry.who, entry.action) for entry in room.reader.audit()] == [
            *(("a", "shelve"), ("b", "unshelve"), ("c", "take_out"), ("d", "put_back")),
            *(("e", "start_maintenance"), ("f", "start_maintenance"), ("g", "end_maintenance")),
            *(("h", "acknowledge"), ("i", "reset")),
        ]
        first = room.reader.audit()[0]
        assert first.details == {"kind": "image_anomaly", "about": alarm.subject, "until": "2022-07-01T11:00:00.000Z"}
        assert room.reader.maintenance() == []
        assert len(room.reader.maintenance(past=True)) == 2


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (lambda desk, alarm, now: desk.acknowledge("nothing", by="a"), "unknown_subject"),
        (lambda desk, alarm, now: desk.unshelve("nothing", by="a"), "unknown_subject"),
        (lambda desk, alarm, now: desk.unshelve(alarm, by="a"), "refused"),
        (lambda desk, alarm, now: desk.reset(alarm, by="a"), "refused"),
        (lambda desk, alarm, now: desk.put_back(alarm, by="a"), "refused"),
        (lambda desk, alarm, now: desk.shelve(alarm, until_ns=now, by="a", why="w"), "refused"),
        (lambda desk, alarm, now: desk.shelve(alarm, until_ns=now + 25 * HOUR_NS, by="a", why="w"), "shelved_too_long"),
        (lambda desk, alarm, now: desk.shelve(alarm, until_ns=now + HOUR_NS, by="a", why=" "), "reason_missing"),
        (lambda desk, alarm, now: desk.take_out(alarm, by="a", why=""), "reason_missing"),
        (lambda desk, alarm, now: desk.acknowledge(alarm, by="a", why="x" * 1001), "reason_too_long"),
        (lambda desk, alarm, now: desk.start_maintenance(A3, until_ns=now, by="a", why="w"), "maintenance_over"),
        (lambda desk, alarm, now: desk.start_maintenance(A3, until_ns=None, by="a", why=""), "reason_missing"),
        (lambda desk, alarm, now: desk.end_maintenance(A3, by="a"), "no_maintenance"),
    ],
)
def test_what_is_refused_changes_nothing(
    tmp_path: Path, step: Callable[[AlarmDesk, str, int], object], reason: str
) -> None:
    with control_room(tmp_path) as room:
        alarm = raised(room)
        before = room.reader.change_number(), room.told()
        with pytest.raises(RecordError) as refused:
            step(room.desk, alarm.id, room.clock.now_ns())
        assert refused.value.reason == reason
        assert (room.reader.change_number(), room.told(), room.reader.audit()) == (*before, [])
        assert room.reader.alarms() == [alarm]


def test_an_incident_of_which_nothing_was_told_has_nothing_to_acknowledge(tmp_path: Path) -> None:
    with control_room(tmp_path) as room:
        room.desk.start_maintenance(A3, until_ns=None, by="a", why="w")
        raised(room)
        [incident] = room.reader.incidents()
        with pytest.raises(RecordError) as refused:
            room.desk.acknowledge(incident.id, by="a")
        assert refused.value.reason == "nothing_to_acknowledge"


def two_incidents_of_one_alarm(room: ControlRoom) -> tuple[str, str]:
    """An incident that is over, and one that goes on, of one kind and camera."""
    earlier, later = alert(), alert(at_s=7_200)
    room.take(earlier)
    room.take(over(earlier))
    room.pass_s(60)
    room.take(later)
    found = [room.reader.activation(each.id) for each in (earlier, later)]
    first, second = (each.incident_id for each in found if each is not None)
    assert first != second
    return first, second


def test_acknowledging_an_incident_leaves_others_of_the_same_alarm_unseen(tmp_path: Path) -> None:
    with control_room(tmp_path) as room:
        first, second = two_incidents_of_one_alarm(room)
        [alarm] = room.desk.acknowledge(first, by="ana")
        assert alarm.state is AlarmState.UNACKNOWLEDGED
        assert [each.id for each in room.reader.incidents(IncidentQuestion(unacknowledged=True))] == [second]
        assert "incident.acknowledged" not in room.told_of(second)
        assert room.reader.audit_of([second]) == []
        [alarm] = room.desk.acknowledge(second, by="ion")
        assert (alarm.state, alarm.acknowledged_by) == (AlarmState.ACKNOWLEDGED, "ion")
        assert [entry.who for entry in room.reader.audit_of([first])] == ["ana"]


def test_acknowledging_one_alert_leaves_the_others_of_its_alarm_unseen(tmp_path: Path) -> None:
    with control_room(tmp_path) as room:
        one, other = alert(), alert(at_s=30)
        room.take(one, other)
        [alarm] = room.desk.acknowledge(one.id, by="ana")
        assert alarm.state is AlarmState.UNACKNOWLEDGED
        assert not room.reader.incidents()[0].is_acknowledged
        with pytest.raises(RecordError, match=rf"ana acknowledged the alert \({one.id}\) at .* already$"):
            room.desk.acknowledge(one.id, by="ion")
        [alarm] = room.desk.acknowledge(other.id, by="ion")
        assert alarm.state is AlarmState.ACKNOWLEDGED
        assert room.reader.incidents()[0].acknowledged_by == "ion"


def test_acknowledging_the_alarm_is_said_of_every_incident_that_it_touched(tmp_path: Path) -> None:
    with control_room(tmp_path) as room:
        first, second = two_incidents_of_one_alarm(room)
        room.take(over(alert(at_s=7_200)))
        [alarm] = room.reader.alarms()
        room.desk.acknowledge(alarm.id, by="ana")
        assert [each.acknowledged_by for each in room.reader.incidents()] == ["ana", "ana"]
        for incident in (first, second):
            [entry] = room.reader.audit_of([incident])
            assert (entry.subject, entry.details["incidents"]) == (alarm.id, sorted([first, second]))
        room.take(alert(at_s=20_000))
        assert room.reader.audit_of([room.reader.incidents()[0].id]) == []


def test_what_was_announced_after_the_page_was_made_stays_unacknowledged(tmp_path: Path) -> None:
    with control_room(tmp_path) as room:
        room.take(alert())
        [incident] = room.reader.incidents()
        seen_ns = room.reader.latest_announcements([incident.id])[incident.id]
        room.pass_s(5)
        room.take(later := alert(at_s=30))
        [alarm] = room.desk.acknowledge(incident.id, by="ana", seen_ns=seen_ns)
        assert alarm.state is AlarmState.UNACKNOWLEDGED
        assert room.reader.incidents()[0].is_unseen
        found = room.reader.activation(later.id)
        assert found is not None
        assert found.acknowledged_ns is None
        with pytest.raises(RecordError, match=r"ana acknowledged .* already; more was announced since") as refused:
            room.desk.acknowledge(incident.id, by="ion", seen_ns=seen_ns)
        assert refused.value.reason == "already_acknowledged"
        [alarm] = room.desk.acknowledge(incident.id, by="ion")
        assert alarm.state is AlarmState.ACKNOWLEDGED


def test_what_was_announced_anew_since_it_was_looked_at_is_not_acknowledged(tmp_path: Path) -> None:
    with control_room(tmp_path) as room:
        alarm = raised(room)
        [incident] = room.reader.incidents()
        seen_ns = room.reader.latest_announcements([incident.id])[incident.id]
        room.pass_s(5)
        room.desk.start_maintenance(A3, until_ns=None, by="a", why="w")
        room.desk.end_maintenance(A3, by="a")
        with pytest.raises(RecordError, match="nothing to acknowledge yet: more was announced since") as refused:
            room.desk.acknowledge(incident.id, by="ana", seen_ns=seen_ns)
        assert refused.value.reason == "nothing_to_acknowledge"
        found = room.reader.alarm(alarm.id)
        assert found is not None
        assert found.state is AlarmState.UNACKNOWLEDGED


def test_an_entry_that_somebody_wrote_into_the_log_hides_no_other(tmp_path: Path) -> None:
    with control_room(tmp_path) as room:
        alarm = raised(room)
        [incident] = room.reader.incidents()
        room.desk.acknowledge(alarm.id, by="ana")
        with closing(sqlite3.connect(tmp_path / "decisions.sqlite")) as connection, connection:
            connection.execute(
                "INSERT INTO audit (at_ns, who, action, subject, why, details, previous, hash)"
                " VALUES (0, 'eve', 'acknowledge', 'x', '', 'no JSON', '', '')"
            )
        assert [entry.who for entry in room.reader.audit_of([incident.id])] == ["ana"]


def test_an_incident_is_acknowledged_with_all_that_belongs_to_it(tmp_path: Path) -> None:
    with control_room(tmp_path) as room:
        one, other, apart = alert(), alert(kind=AlertKind.NO_BEAM), alert("LB_A3_31-Camera_1-Camera-1")
        room.take(one, other, apart)
        incident = room.reader.activation(one.id)
        assert incident is not None
        room.desk.acknowledge(one.id, by="ana")
        assert not room.reader.incidents(IncidentQuestion(unfinished=True))[0].is_acknowledged
        assert len(room.desk.acknowledge(incident.incident_id, by="ion")) == 1
        found = room.reader.incident(incident.incident_id)
        assert found is not None
        assert (found.acknowledged_by, room.told_of(found.id)[-1]) == ("ion", "incident.acknowledged")
        states = {alarm.subject: alarm.state for alarm in room.reader.alarms()}
        assert states["LB_A3_31-Camera_1-Camera-1"] is AlarmState.UNACKNOWLEDGED


def test_the_shelving_that_is_over_when_somebody_comes_is_over(tmp_path: Path) -> None:
    with control_room(tmp_path) as room:
        alarm = raised(room)
        room.desk.shelve(alarm.id, until_ns=room.clock.now_ns() + 5 * SECOND_NS, by="a", why="w")
        room.clock.advance(10)
        with pytest.raises(RecordError, match="is not shelved"):
            room.desk.unshelve(alarm.id, by="b")
        assert len(room.desk.acknowledge(alarm.id, by="b")) == 1


def test_a_command_without_settings_tells_whom_the_keeper_tells_by_the_rules_that_it_has(tmp_path: Path) -> None:
    rules = {AlertKind.IMAGE_ANOMALY: KindSettings(priority=Priority.HIGH, on_delay_s=20.0)}
    pager = ReceiverSettings(name="pager", url=SecretStr("http://127.0.0.1:9/"), minimum_priority=Priority.HIGH)
    settings = AlarmSettings(kinds=rules, longest_shelving_h=math.inf)
    with control_room(tmp_path, settings, receivers=(pager,)) as room:
        room.steps.begin()
        mild = alert(severity=Severity.LOW)
        with closing(AlarmDesk(tmp_path, default_settings(), room.clock)) as command:
            room.take(mild)
            [alarm] = room.reader.alarms()
            command.shelve(alarm.id, until_ns=room.clock.now_ns() + HOUR_NS, by="ana", why="spare")
            room.clock.advance(600)
            assert command.unshelve(alarm.id, by="ana").state is AlarmState.UNACKNOWLEDGED
            assert sorted(room.told_of(mild.id)) == ["alert.opened", "alert.opened"]
            room.take(over(mild), alert(CAMERA_B, severity=Severity.LOW))
            room.clock.advance(19)
            command.start_maintenance(A3, until_ns=None, by="ana", why="crystal")
            assert room.told_of(alert(CAMERA_B).id) == []  # its delay is not over, by whoever's step
            room.clock.advance(1)
            command.end_maintenance(A3, by="ana")
            assert room.told_of(alert(CAMERA_B).id) == ["alert.opened", "alert.opened"]


def test_rules_that_a_newer_watch_has_noted_are_not_guessed(tmp_path: Path) -> None:
    with control_room(tmp_path) as room:
        alarm = raised(room)
        room.steps.begin()
        with closing(sqlite3.connect(tmp_path / DECISIONS_NAME)) as connection:
            connection.execute("UPDATE meta SET value = json_set(value, '$.alarms.mood', 1) WHERE name = 'step_rules'")
            connection.commit()
        with pytest.raises(FatalError, match="start the watch anew") as refused:
            room.desk.acknowledge(alarm.id, by="ana")
        assert refused.value.reason == "state_too_new"
        assert room.reader.audit() == []


def test_ids_are_found_by_how_they_begin(tmp_path: Path) -> None:
    with control_room(tmp_path) as room:
        alarm, rooms = raised(room), ControlRooms(tmp_path)
        assert id_beginning_with(rooms, alarm.id[:9]) == alarm.id
        assert id_beginning_with(rooms, alarm.id) == alarm.id
        for beginning in ("", "zz"):
            with pytest.raises(RecordError, match="there is no incident, alarm or alert"):
                id_beginning_with(rooms, beginning)


def test_there_is_no_desk_where_there_is_no_state(tmp_path: Path) -> None:
    with control_room(tmp_path / "there") as room:
        with pytest.raises(FatalError) as refused, open_desk(tmp_path / "not", room.settings, room.clock):
            pass
        assert refused.value.reason == "state_missing"
        assert not (tmp_path / "not").exists()

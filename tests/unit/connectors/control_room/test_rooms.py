"""Several control rooms are looked into as one: nothing is lost, nothing comes twice, ids lead to their rooms."""

from pathlib import Path

import pytest

from connectors.control_room.database import DECISIONS_NAME
from connectors.control_room.incident_search import IncidentQuestion
from connectors.control_room.reader import ControlRoomReader
from connectors.control_room.rooms import ControlRooms
from models.alarms.alarm import alarm_id
from models.alarms.life_cycle import AlarmState
from models.alerts.alert import Alert, AlertKind
from models.errors import FatalError, RetryableError
from models.event_time import HOUR_NS
from tests.support.alarms import START_NS, ControlRoom, alert, control_room, installation_alert
from tests.support.damaged_tables import damage
from tests.support.hanging_disk import hanging_disk

TAPE = AlertKind.TAPE_WANTED


def of_tapes(number: int, *, at_s: float) -> Alert:
    return installation_alert(TAPE, f"tape/PW{number:04d}L8/remount", at_s=at_s)


def rooms_of(*rooms: ControlRoom) -> ControlRooms:
    return ControlRooms(rooms[0].state, [room.state for room in rooms[1:]])


def lacking(rooms: ControlRooms) -> list[str]:
    """What an answer with all incidents lacks, one sentence each."""
    asked = rooms.for_one_answer()
    asked.incidents()
    return asked.troubles()


def test_pages_of_all_have_every_incident_once_and_in_order(tmp_path: Path) -> None:
    with control_room(tmp_path / "watch") as watch, control_room(tmp_path / "tape") as tape:
        watch.take(*(alert(at_s=3600.0 * n) for n in range(7)))
        tape.take(*(of_tapes(n, at_s=3600.0 * n) for n in range(7)))
        both = rooms_of(watch, tape)
        seen: list[str] = []
        while page := both.incidents(after=seen[-1] if seen else None, limit=3):
            seen += [incident.id for incident in page]
        expected = [*watch.reader.incidents(), *tape.reader.incidents()]
        assert len(expected) == 14
        assert seen == [each.id for each in sorted(expected, key=lambda i: (i.first_shot_ns, i.id), reverse=True)]
        assert both.incidents(after="0123456789abcdef") == []
        assert set(both.worst_alerts(expected)) == set(both.latest_announcements(seen)) == set(seen)
        assert both.incidents(IncidentQuestion(kind=TAPE)) == tape.reader.incidents()


def test_the_most_urgent_of_all_come_first_and_those_beyond_are_counted(tmp_path: Path) -> None:
    with control_room(tmp_path / "watch") as watch, control_room(tmp_path / "tape") as tape:
        watch.take(*(alert(at_s=3600.0 * n) for n in range(3)))
        tape.take(*(of_tapes(n, at_s=3600.0 * n + 60) for n in range(3)))
        watch.desk.acknowledge(watch.reader.incidents()[0].id, by="anna")
        both = rooms_of(watch, tape)
        found, more = both.most_urgent(4)
        assert more == 2
        unseen = [each for each in watch.reader.incidents() if each.is_unseen]
        assert found == [*unseen, *tape.reader.incidents()[:2]], "high before medium, the latest first"
        everything, none = both.most_urgent(100)
        assert (len(everything), none) == (6, 0)
        assert everything[-1].is_acknowledged


def test_an_id_leads_to_whoever_keeps_it(tmp_path: Path) -> None:
    with control_room(tmp_path / "watch") as watch, control_room(tmp_path / "tape") as tape:
        here, there = alert(), of_tapes(1, at_s=0)
        watch.take(here)
        tape.take(there)
        both = rooms_of(watch, tape)
        for one, room in ((here, watch), (there, tape)):
            [incident] = room.reader.incidents()
            for subject in (one.id, incident.id, alarm_id(one)):
                assert both.places_of(subject) == ([room.state], [])
                assert both.place_of(subject) == room.state
            assert both.incident(incident.id) == incident
            assert both.members(incident.id) == [one.id]
            assert both.activation(one.id) == room.reader.activation(one.id)
            assert both.alarm(alarm_id(one)) == room.reader.alarm(alarm_id(one))
        assert both.places_of("0123456789abcdef") == ([watch.state], [])
        assert both.place_of("0123456789abcdef") == watch.state
        assert both.incident("0123456789abcdef") is None
        assert both.alarm("0123456789abcdef") is None


def test_an_alarm_that_two_keep_comes_once_as_it_most_wants_a_person(tmp_path: Path) -> None:
    with control_room(tmp_path / "watch") as watch, control_room(tmp_path / "tape") as tape:
        for n, room in enumerate((watch, tape)):
            room.take(installation_alert(AlertKind.RECEIVER_FAILING, "receiver/chat", at_s=n))
        [alarm] = watch.reader.alarms()
        watch.desk.shelve(alarm.id, until_ns=START_NS + HOUR_NS, by="anna", why="known")
        both = rooms_of(watch, tape)
        assert both.places_of(alarm.id) == ([watch.state, tape.state], [])
        assert both.place_of(alarm.id) == watch.state
        assert [each.state for each in both.alarms()] == [AlarmState.UNACKNOWLEDGED]
        assert both.alarm(alarm.id) == tape.reader.alarm(alarm.id)
        assert both.alarms(states=[AlarmState.SHELVED]) == watch.reader.alarms()


def test_where_an_alarm_may_be_kept_too_is_told_of_those_that_several_may_keep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with control_room(tmp_path / "watch") as watch, control_room(tmp_path / "tape") as tape:
        watch.take(alert(), installation_alert(AlertKind.RECEIVER_FAILING, "receiver/chat"))
        with hanging_disk(tape.state, monkeypatch):
            both = rooms_of(watch, tape)
            for alarm in watch.reader.alarms():
                places, unread = both.places_of(alarm.id)
                assert places == [watch.state]
                expected = [tape.state] if alarm.kind is AlertKind.RECEIVER_FAILING else []
                assert [place for place, _ in unread] == expected, "what is about a stage is the watch's alone"
            ids = [incident.id for incident in watch.reader.incidents()]
            for subject in (*ids, *(alarm.latest_alert_id for alarm in watch.reader.alarms())):
                assert both.places_of(subject) == ([watch.state], [])


def test_one_that_is_not_there_or_damaged_is_left_out_and_told_of(tmp_path: Path) -> None:
    with control_room(tmp_path / "watch") as watch:
        watch.take(alert())
        both = ControlRooms(watch.state, [tmp_path / "archive/tape"])
        assert len(both.incidents()) == 1
        assert lacking(both) == []
        before = both.change_number()
        (tmp_path / "archive/tape").mkdir(parents=True)
        (tmp_path / "archive/tape" / DECISIONS_NAME).write_bytes(b"no database" * 1000)
        [sentence] = lacking(both)
        assert "archive/tape" in sentence
        assert "damaged" in sentence
        [incident] = both.incidents()
        assert both.incident(incident.id) == incident
        assert both.most_urgent(5) == ([incident], 0)
        for ask in (both.incident, both.places_of, both.activation, both.alarm):
            with pytest.raises(FatalError, match="damaged"):
                ask("0123456789abcdef")
        (tmp_path / "archive/tape" / DECISIONS_NAME).unlink()
        assert both.change_number() == before
        with control_room(tmp_path / "archive/tape") as tape:
            tape.take(of_tapes(1, at_s=0))
            assert len(both.incidents()) == 2
            assert both.change_number() != before


def test_an_answer_tells_what_any_of_its_questions_missed(tmp_path: Path) -> None:
    with control_room(tmp_path / "watch") as watch, control_room(tmp_path / "tape") as tape:
        watch.take(alert())
        tape.take(of_tapes(1, at_s=0))
        both = rooms_of(watch, tape)
    damage(tape.state, "alarms")
    asked = both.for_one_answer()
    assert (len(asked.incidents()), asked.troubles()) == (2, []), "incidents are not damaged"
    assert len(asked.alarms()) == 1
    [sentence] = asked.troubles()
    assert sentence.startswith(f"What {tape.state} keeps is missing here: ")
    asked.incidents()
    asked.alarms()
    assert asked.troubles() == [sentence], "once, however often"
    assert both.for_one_answer().troubles() == []


def test_one_whose_disk_hangs_is_left_out_and_told_of_until_it_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with control_room(tmp_path / "watch") as watch, control_room(tmp_path / "tape") as tape:
        watch.take(alert())
        tape.take(of_tapes(1, at_s=0))
        [here], [there] = watch.reader.incidents(), tape.reader.incidents()
        with hanging_disk(tape.state, monkeypatch) as waiting:
            both = rooms_of(watch, tape)
            assert both.incidents() == [here]
            assert both.most_urgent(5) == ([here], 0)
            assert both.incident(here.id) == here
            [sentence] = lacking(both)
            assert sentence == (
                f"What {tape.state} keeps is missing here: the disk under {tape.state} does not answer; look "
                "after it, or after its mount."
            )
            assert both.hanging() == [tape.state]
            assert both.places_of(here.id) == ([watch.state], [])
            for ask in (both.incident, both.places_of):
                with pytest.raises(RetryableError, match="does not answer"):
                    ask(there.id)
            assert len(waiting) == 1, "one thread waits for the disk, however much is asked"
        waiting[0].join()
        assert set(both.incidents()) == {here, there}
        assert (lacking(both), both.hanging()) == ([], [])


def test_the_watch_s_own_directory_is_not_looked_into_twice(tmp_path: Path) -> None:
    with control_room(tmp_path / "watch") as watch:
        watch.take(alert())
        (tmp_path / "link").symlink_to(watch.state)
        assert ControlRooms(watch.state, [tmp_path / "link"]).incidents() == ControlRoomReader(watch.state).incidents()


def test_ids_are_found_in_all_by_how_they_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with control_room(tmp_path / "watch") as watch, control_room(tmp_path / "tape") as tape:
        for n, room in enumerate((watch, tape)):
            room.take(installation_alert(AlertKind.RECEIVER_FAILING, "receiver/chat", at_s=n))
        both = rooms_of(watch, tape)
        [alarm], [here], [there] = both.alarms(), watch.reader.incidents(), tape.reader.incidents()
        assert both.beginning_with(alarm.id[:12]) == [alarm.id], "once, although both keep it"
        assert both.beginning_with("") == sorted({*watch.reader.beginning_with(""), *tape.reader.beginning_with("")})
        with hanging_disk(tape.state, monkeypatch):
            both = rooms_of(watch, tape)
            assert both.beginning_with(here.id) == [here.id]
            for beginning in (here.id[:2], here.id[:12]):
                with pytest.raises(RetryableError, match=r"does not answer; .*; ids there may begin with") as told:
                    both.beginning_with(beginning)
                assert told.value.reason == "disk_error"
            for beginning in (there.id[:12], there.id):
                with pytest.raises(RetryableError, match=r"or after its mount$"):
                    both.beginning_with(beginning)


def test_each_is_asked_and_who_can_not_answer_is_told_beside_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with control_room(tmp_path / "watch") as watch, control_room(tmp_path / "tape") as tape:
        both = rooms_of(watch, tape)
        assert both.names == ["own", "tape"]
        assert both.look(lambda room: both.name_of(room.state)) == (["own", "tape"], [])
        assert dict(both.each(lambda room: room.alarms())) == {watch.state: [], tape.state: []}
        with hanging_disk(tape.state, monkeypatch):
            both = rooms_of(watch, tape)
            answers, [sentence] = both.look(lambda room: both.name_of(room.state))
            assert (answers, sentence.startswith(f"What {tape.state} keeps is missing here: ")) == (["own"], True)
        (watch.state / DECISIONS_NAME).write_bytes(b"no database" * 1000)
        for name in ("-wal", "-shm"):
            (watch.state / f"{DECISIONS_NAME}{name}").unlink(missing_ok=True)
        both = rooms_of(watch, tape)
        with pytest.raises(FatalError, match="damaged"):
            both.look(lambda room: room.alarms())
        (_, own), (_, theirs) = both.each(lambda room: room.alarms())
        assert (type(own), theirs) == (FatalError, [])

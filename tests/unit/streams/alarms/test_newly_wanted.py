"""Whoever wants to hear of more than before hears at the next start what goes on: once, and of a storm the worst."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from pydantic import SecretStr

from connectors.clock import Clock
from connectors.control_room.database import ControlRoomDatabase, reading
from connectors.control_room.notes import write_note
from connectors.control_room.outbox import Outbox, OutboxMessage, drop_all, hand_over
from connectors.control_room.told_subjects import owed_ends, who_knows
from connectors.state.alarm_feed import FeedEntry
from connectors.state.commit import Commit
from connectors.state.directory import StateDirectory
from connectors.webhooks.settings import MessengerSettings, ReceiverSettings, Wanted
from models.alarms.priority import Priority
from models.alerts.alert import Alert, AlertKind, Severity
from models.devices import Stage
from models.event_time import SECOND_NS
from streams.alarms.alarm_desk import AlarmDesk
from streams.alarms.alarm_keeper import AlarmKeeper
from streams.alarms.alarm_steps import open_steps
from streams.alarms.newly_wanted import MOST_TOLD
from streams.alarms.settings import AlarmSettings, KindSettings
from streams.settings import load_settings
from tests.support.alarms import ControlRoom, alert, control_room, over

A3 = Stage("LA", "A3", "31")
LOW = alert("LA_A3_31-Camera_2-Camera-1", severity=Severity.LOW)
CHAT = MessengerSettings(name="chat", url=SecretStr("json://127.0.0.1:9/"))
Told = ReceiverSettings | MessengerSettings
Begin = Callable[..., ControlRoom]


def receiver(name: str, events: Wanted = Wanted.ALL, minimum: Priority = Priority.LOW) -> ReceiverSettings:
    return ReceiverSettings(name=name, url=SecretStr("http://127.0.0.1:9/"), events=events, minimum_priority=minimum)


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """Lets the keeping of alarms begin anew with these receivers beside ``all``; not ``told``: killed right then."""
    with ExitStack() as stack:
        first = stack.enter_context(control_room(tmp_path))
        first.steps.begin()

        def begin_anew(*others: Told, told: bool = True, alarms: AlarmSettings | None = None) -> ControlRoom:
            chosen = load_settings(
                None,
                alarms=alarms or AlarmSettings(),
                receivers=(receiver("all"), *(one for one in others if isinstance(one, ReceiverSettings))),
                messengers=tuple(one for one in others if isinstance(one, MessengerSettings)),
                links={"address": "http://room:8080"},
            )
            steps = stack.enter_context(closing(open_steps(tmp_path, chosen, first.clock)))
            desk = stack.enter_context(closing(AlarmDesk(tmp_path, chosen, first.clock)))
            steps.begin()
            if told:
                steps.tell_newly_wanted()
            return replace(first, settings=chosen, steps=steps, desk=desk)

        yield begin_anew


def heard(room: ControlRoom, name: str) -> list[OutboxMessage]:
    """All messages for a receiver that wait, in their order."""
    with reading(room.state) as connection:
        rows = connection.execute(
            "SELECT receiver, subject_id, event_id, type, body, created_ns FROM outbox WHERE receiver = ? ORDER BY id",
            (name,),
        ).fetchall()
    names = ("receiver", "subject_id", "event_id", "type", "body", "created_ns")
    return [OutboxMessage(**dict(zip(names, row, strict=True))) for row in rows]


def types(room: ControlRoom, name: str) -> list[str]:
    return [each.type for each in heard(room, name)]


def test_a_new_receiver_hears_what_goes_on_once_and_then_as_all_others(begin: Begin) -> None:
    room = begin()
    ended, one = alert(kind=AlertKind.DRIFT), alert()
    room.take(ended, over(ended), one)
    before = types(room, "all")
    for _ in range(3):
        room = begin(receiver("pager"))
        assert types(room, "pager") == ["incident.opened", "alert.opened"]
    assert types(room, "all") == before
    room.take(over(one))
    room.pass_s(600)
    assert types(room, "pager")[2:] == ["alert.closed", "incident.closed"]


def test_where_nothing_goes_on_a_new_receiver_hears_nothing(begin: Begin) -> None:
    room = begin()
    one = alert()
    room.take(one, over(one))  # its incident is open: more may join it
    room = begin(receiver("pager"))
    room.pass_s(600)
    assert types(room, "pager") == []
    assert types(room, "all")[-1] == "incident.closed"


def test_who_wants_to_hear_of_more_hears_that_and_nothing_again(begin: Begin) -> None:
    room = begin(receiver("log", Wanted.ALERT, Priority.HIGH))
    room.take(alert(), LOW)
    room = begin(receiver("log", Wanted.ALERT, Priority.LOW))
    assert [each.subject_id for each in heard(room, "log")] == [alert().id, LOW.id]
    room = begin(receiver("log", Wanted.ALL, Priority.LOW))
    [*_, incident] = heard(room, "log")
    assert (len(heard(room, "log")), incident.type) == (3, "incident.opened")
    room = begin(receiver("log", Wanted.INCIDENT, Priority.HIGH))  # who wants less hears nothing by that
    assert len(heard(room, "log")) == 3


URGENT = AlarmSettings(kinds={LOW.kind: KindSettings(priority=Priority.HIGH)})


@pytest.mark.parametrize("class_", [Wanted.ALERT, Wanted.INCIDENT])
def test_a_kind_that_is_more_urgent_by_new_settings_is_told_to_those_who_want_such(
    begin: Begin, class_: Wanted
) -> None:
    pager = receiver("pager", class_, Priority.HIGH)
    room = begin(pager)
    room.take(LOW)
    before = types(room, "all")
    assert types(room, "pager") == []
    for _ in range(2):
        room = begin(pager, alarms=URGENT)
        assert types(room, "pager") == [f"{class_}.opened"]
        assert types(room, "all") == before, "who knows of it hears nothing"
    assert json.loads(heard(room, "pager")[0].body)["data"]["priority"] == "high"
    room.take(over(LOW))
    room.pass_s(600)
    assert types(room, "pager") == [f"{class_}.opened", f"{class_}.closed"]


def test_what_goes_on_stays_as_urgent_as_settings_have_made_it(begin: Begin) -> None:
    room = begin()
    room.take(LOW)
    begin(alarms=URGENT)
    room = begin()  # and by these its kind is of low priority again
    room.take(replace(LOW, shots=2, last_shot_ns=LOW.last_shot_ns + SECOND_NS))
    assert [each.priority for each in room.reader.alarms()] == [Priority.HIGH]
    assert [each.priority for each in room.reader.incidents()] == [Priority.HIGH]


def test_what_got_more_urgent_under_a_cover_is_told_when_that_ends(begin: Begin) -> None:
    pager = receiver("pager", Wanted.INCIDENT, Priority.HIGH)
    room = begin(pager)
    room.take(LOW)
    room.desk.start_maintenance(A3, until_ns=room.clock.now_ns() + 3600 * SECOND_NS, by="ana", why="new crystal")
    room = begin(pager, alarms=URGENT)
    assert types(room, "pager") == []
    assert [each.priority for each in room.reader.incidents()] == [Priority.LOW]
    room.desk.end_maintenance(A3, by="ana")
    assert types(room, "pager") == ["incident.opened"]


def test_what_is_covered_is_told_when_its_cover_ends(begin: Begin) -> None:
    room = begin()
    room.take(alert())
    until_ns = room.clock.now_ns() + 3600 * SECOND_NS
    room.desk.start_maintenance(A3, until_ns=until_ns, by="ana", why="new crystal")
    room = begin(receiver("pager"))
    assert types(room, "pager") == []
    room.desk.end_maintenance(A3, by="ana")
    assert types(room, "pager") == ["alert.opened", "incident.opened"]
    assert types(room, "all") == ["alert.opened", "incident.opened", "alert.announced_again"], "which is no news to it"


def test_who_was_killed_before_he_told_it_leaves_it_to_the_next(begin: Begin) -> None:
    room = begin()
    room.take(alert())
    begin(receiver("pager"), told=False)
    begin(receiver("pager"), receiver("log"), told=False)
    room = begin(receiver("pager"), receiver("log"))
    assert types(room, "pager") == types(room, "log") == ["incident.opened", "alert.opened"]


def test_what_began_under_settings_that_were_changed_back_is_told_also_if_nobody_was_told_by_those(
    begin: Begin,
) -> None:
    pager = receiver("pager")
    begin(pager)
    room = begin(told=False)  # a start with another file, which was killed
    room.take(alert())
    room = begin(pager)
    assert types(room, "pager") == ["incident.opened", "alert.opened"]
    room = begin(pager)
    assert len(types(room, "pager")) == 2


def test_of_many_starts_that_were_killed_the_first_are_remembered(begin: Begin) -> None:
    room = begin()
    room.take(alert())
    for number in range(12):
        begin(receiver("pager"), receiver(f"{number}"), told=False)
    room = begin(receiver("pager"))
    assert types(room, "pager") == ["incident.opened", "alert.opened"]


def test_people_read_who_looks_after_what_they_hear_of_late(begin: Begin) -> None:
    room = begin()
    room.take(alert())
    [incident] = room.reader.incidents()
    room.desk.acknowledge(incident.id, by="ana")
    [message] = heard(begin(CHAT), "chat")
    assert (message.type, message.subject_id) == ("incident.opened", incident.id)
    assert "seen by ana" in json.loads(message.body)["text"]


def test_whom_another_hands_over_what_it_knows_hears_none_of_it_again(begin: Begin) -> None:
    room = begin(receiver("old"))
    room.take(alert())
    with closing(ControlRoomDatabase.open(room.state)) as database, database.step() as connection:
        hand_over(connection, "old", "new", room.clock.now_ns())
    room = begin(receiver("new"))
    assert types(room, "new") == ["alert.opened", "incident.opened"]  # which waited for the other one
    room.take(over(alert()))
    assert types(room, "new") == ["alert.opened", "incident.opened", "alert.closed"]


def test_whom_another_hands_over_what_it_has_heard_of_already_hears_none_of_it_again(begin: Begin) -> None:
    room = begin(receiver("old"))
    room.take(alert())
    room = begin(receiver("new"))
    with closing(ControlRoomDatabase.open(room.state)) as database, database.step() as connection:
        assert hand_over(connection, "old", "new", room.clock.now_ns()) == 0
    room.take(over(alert()))
    assert types(room, "new") == ["incident.opened", "alert.opened", "alert.closed"]
    assert types(room, "old") == []


@pytest.mark.parametrize("events", [Wanted.ALERT, Wanted.INCIDENT, Wanted.ALL])
def test_whom_another_hands_over_what_it_has_heard_the_end_of_hears_no_opening_of_that(
    begin: Begin, events: Wanted
) -> None:
    room = begin(receiver("old", events))
    room.take(alert())  # which waits: its telephone is dead
    room = begin(receiver("new", events))
    room.take(over(alert()))
    room.pass_s(600)
    before = types(room, "new")
    with closing(ControlRoomDatabase.open(room.state)) as database, database.step() as connection:
        assert hand_over(connection, "old", "new", room.clock.now_ns()) == 0
    room = begin(receiver("new", events))
    room.steps.settle()
    assert types(room, "new") == before
    assert {each.rpartition(".")[2] for each in before} == {"opened", "closed"}
    assert room.steps.look(owed_ends) == []


def test_who_was_dropped_and_is_named_again_hears_what_goes_on(begin: Begin) -> None:
    room = begin(receiver("pager"))
    room.take(alert())
    room = begin()
    with closing(ControlRoomDatabase.open(room.state)) as database, database.step() as connection:
        drop_all(connection, "pager", room.clock.now_ns())
    room = begin()
    assert types(room, "pager") == []
    room = begin(receiver("pager"))
    assert types(room, "pager") == ["incident.opened", "alert.opened"]


@pytest.mark.parametrize("events", [Wanted.ALERT, Wanted.ALL])
def test_who_was_dropped_and_is_named_again_hears_the_end_of_what_it_had_got(begin: Begin, events: Wanted) -> None:
    """No message comes a second time: the opening of an alert has the same id as the one of before."""
    room = begin(receiver("pager", events))
    room.take(alert())
    with closing(ControlRoomDatabase.open(room.state)) as database:
        outbox = Outbox(database)
        for message in outbox.due("pager", room.clock.now_ns(), 10):
            outbox.delivered(message, "204", room.clock.now_ns())
        with database.step() as connection:
            drop_all(connection, "pager", room.clock.now_ns())
    begin()
    room = begin(receiver("pager", events))
    assert "alert.opened" not in types(room, "pager")
    room.take(over(alert()))
    assert types(room, "pager")[-1] == "alert.closed"
    room.pass_s(600)
    assert room.steps.look(owed_ends) == []
    assert len(set(types(room, "pager"))) == len(types(room, "pager")), "each end once"


def test_of_settings_that_another_program_noted_nobody_can_say_who_is_new(begin: Begin) -> None:
    room = begin()
    room.take(alert())
    with closing(ControlRoomDatabase.open(room.state)) as database, database.step() as connection:
        write_note(connection, "step_rules", '{"alarms": {"of_another_time": 1}, "links": "", "told": []}')
    room = begin(receiver("pager"))
    assert types(room, "pager") == []


def _storm(count: int) -> list[Alert]:
    """Alerts of as many cameras, of which one in ten is of high severity."""
    return [
        alert(
            f"LA_A3_31-Camera_{number}-Camera-1",
            at_s=number / 100,
            severity=Severity.HIGH if number % 10 == 0 else Severity.MEDIUM,
        )
        for number in range(1, count + 1)
    ]


def test_of_a_storm_the_most_urgent_is_told_and_how_much_more_there_is(begin: Begin) -> None:
    room = begin()
    storm = _storm(60)
    room.take(*storm)
    for _ in range(2):
        room = begin(receiver("log", Wanted.ALERT), receiver("pager"), CHAT)
        [*alerts, summary] = heard(room, "log")
        told = {each.subject_id for each in alerts}
        assert len(told) == len(alerts) == MOST_TOLD
        assert {each.id for each in storm if each.severity is Severity.HIGH} < told
        assert summary.type == "webhook.summary"
        data = json.loads(summary.body)["data"]
        assert (data["alerts"], data["incidents"], data["priority"]) == (60 - MOST_TOLD, 0, "medium")
        assert room.steps.look(partial(who_knows, subject_id=summary.subject_id)) == {}, "it has no end"
        assert types(room, "pager")[0] == "incident.opened"  # what holds them together comes before them
        assert types(room, "chat") == ["incident.opened"]
    room.take(*map(over, storm))
    ends = [each.subject_id for each in heard(room, "log")[MOST_TOLD + 1 :]]
    assert sorted(ends) == sorted(told), "nobody hears of the end of what he was not told of"


def test_people_read_how_much_more_there_is(begin: Begin) -> None:
    room = begin()
    room.take(*_storm(MOST_TOLD + 1))
    text = json.loads(heard(begin(replace(CHAT, events=Wanted.ALERT)), "chat")[-1].body)
    assert text["title"] == "[medium] 1 alert more goes on"
    assert text["text"].endswith("http://room:8080")
    assert text["level"] == "medium"


def test_the_keeper_tells_it_when_it_knows_what_is_over_by_now(begin: Begin, tmp_path: Path) -> None:
    room = begin()
    going_on, ended = alert(), alert("LB_A3_31-Camera_1-Camera-1")
    room.take(going_on, ended)
    room = begin(receiver("pager"), told=False)
    keeper = AlarmKeeper(tmp_path, room.settings, room.clock, lambda: None)
    _leave_in_feed(tmp_path, room.clock, over(ended))
    keeper._round()
    assert {each.subject_id for each in heard(room, "pager")} & {going_on.id, ended.id} == {going_on.id}
    before = len(heard(room, "pager"))
    keeper._round()
    assert len(heard(room, "pager")) == before
    keeper.stop()


def _leave_in_feed(state: Path, clock: Clock, *alerts: Alert) -> None:
    """A watch was killed before its keeper took these."""

    with closing(StateDirectory.open(state)) as directory:
        directory.commit(Commit(feed=[FeedEntry(alert=each, committed_ns=clock.now_ns()) for each in alerts]))

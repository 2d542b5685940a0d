"""When it is an alert that snapshots have stopped coming; the limit is 100 s."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.alerts.alert import AlertChange, AlertEvent, AlertKind, AlertStatus, Severity
from models.alerts.data_stop import DataStop
from models.alerts.facility_alerts import StopReason, data_alert
from models.alerts.severity import severity_of
from models.event_time import SECOND_NS

OPENED, CLOSED = AlertChange.OPENED, AlertChange.CLOSED
LIMIT_S = 100.0
NOTHING = StopReason.NOTHING_COMES


def event(first_ns: int, last_ns: int, reason: StopReason, status: AlertStatus) -> AlertEvent:
    return data_alert("recorders", first_ns=first_ns, last_ns=last_ns, reason=reason, status=status)


class Folders:
    """Somebody looks every 5 s; snapshots end at the second at which they come."""

    def __init__(self) -> None:
        self.stop = DataStop(LIMIT_S, event)
        self.now_s = 0
        self.told: list[AlertEvent] = []

    def look(self, came: bool, *, step_s: float = 5.0, until_s: int | None = None) -> list[AlertEvent]:
        self.now_s += round(step_s)
        if came:
            self.stop.came(step_s, (self.now_s if until_s is None else until_s) * SECOND_NS)
        else:
            self.stop.none_came(step_s)
        events = self.stop.events(NOTHING)
        self.stop.told(events)
        self.told += events
        return events

    def come_each(self, every_s: int, times: int) -> None:
        for _ in range(times):
            for _ in range(every_s // 5 - 1):
                self.look(came=False)
            self.look(came=True)

    def wait(self, seconds: int) -> list[AlertChange]:
        """What is told while none comes."""
        return [each.change for _ in range(seconds // 5) for each in self.look(came=False)]

    def wait_while_a_backlog_is_worked_off(self, seconds: int) -> list[AlertEvent]:
        """What is told while nobody can say whether anything comes."""
        self.now_s += seconds
        return [each for _ in range(seconds // 5) for each in self.stop.events(NOTHING)]

    def restart(self) -> None:
        state = self.stop.state()
        self.stop = DataStop(LIMIT_S, event)
        self.stop.restore(state)


@pytest.fixture
def folders() -> Folders:
    return Folders()


def test_one_alert_a_stop_until_snapshots_come_again(folders: Folders) -> None:
    folders.come_each(60, 3)
    assert folders.wait(100) == []
    [opened] = folders.look(came=False)
    assert (opened.change, opened.alert.kind, opened.alert.reasons) == (OPENED, AlertKind.DATA_STOPPED, (NOTHING,))
    assert opened.alert.severity is severity_of(AlertKind.DATA_STOPPED) is Severity.MEDIUM
    assert opened.alert.first_shot_ns == opened.alert.last_shot_ns == 180 * SECOND_NS
    assert folders.wait(36_000) == []
    folders.come_each(60, 2)
    assert folders.told == [opened]
    folders.come_each(60, 1)
    [_, closed] = folders.told
    assert (closed.change, closed.alert.id) == (CLOSED, opened.alert.id)
    assert closed.alert.first_shot_ns == opened.alert.first_shot_ns
    # Another stop begins there at the earliest, so that those that follow each other at once are of one incident.
    assert closed.alert.last_shot_ns == folders.now_s * SECOND_NS
    assert folders.wait(105) == [OPENED]
    assert folders.told[-1].alert.first_shot_ns == closed.alert.last_shot_ns
    assert folders.told[-1].alert.id != opened.alert.id


@pytest.mark.parametrize("every_s", [110, 200, 600, 3_600])
def test_snapshots_that_come_more_seldom_than_before_are_told_once(folders: Folders, every_s: int) -> None:
    folders.come_each(60, 3)
    folders.come_each(every_s, 50)
    assert [each.change for each in folders.told] == [OPENED, CLOSED]


def test_stragglers_neither_end_a_stop_nor_begin_one(folders: Folders) -> None:
    folders.come_each(60, 3)
    assert folders.wait(105) == [OPENED]
    folders.come_each(20, 3)  # a recorder that is started again and dies
    assert folders.wait(36_000) == []


@pytest.mark.parametrize(("every_s", "times"), [(5, 20), (105, 50), (60, 1)])
def test_what_has_not_been_coming_is_not_missed(folders: Folders, every_s: int, times: int) -> None:
    folders.come_each(every_s, times)  # a folder that is copied at once; what comes seldom; a single file
    assert folders.wait(3_600) == []


def test_an_empty_folder_is_not_missed(folders: Folders) -> None:
    assert folders.wait(3_600) == []


def test_time_in_which_nobody_looked_does_not_count(folders: Folders) -> None:
    folders.come_each(60, 3)
    assert folders.look(came=False, step_s=3_600) == []  # so much was to be worked on
    assert folders.wait(85) == []
    assert folders.wait(10) == [OPENED]


def test_a_restart_while_stopped_opens_no_second_one_and_the_return_is_told(folders: Folders) -> None:
    folders.come_each(60, 3)
    assert folders.wait(105) == [OPENED]
    folders.restart()
    assert folders.wait(3_600) == []
    folders.come_each(60, 3)
    [opened, closed] = folders.told
    assert (closed.change, closed.alert.id) == (CLOSED, opened.alert.id)


def test_a_restart_before_the_limit_counts_anew_and_misses_what_came_before(folders: Folders) -> None:
    folders.come_each(60, 3)
    folders.wait(95)
    folders.restart()
    assert folders.wait(100) == []
    assert folders.wait(5) == [OPENED]
    assert folders.told[0].alert.first_shot_ns == 180 * SECOND_NS


def test_what_was_not_told_is_offered_again_also_after_a_restart(folders: Folders) -> None:
    def offered() -> Sequence[AlertEvent]:
        folders.stop.none_came(5.0)
        return folders.stop.events(StopReason.FOLDER_AWAY)

    folders.come_each(60, 3)
    folders.wait(100)
    [opened] = offered()
    folders.restart()
    assert offered() == offered() == [opened]
    for _ in range(21):
        folders.stop.came(5.0, 900 * SECOND_NS)
    assert [each.change for each in folders.stop.events(NOTHING)] == [OPENED, CLOSED]


def test_no_two_stops_have_one_id_though_the_same_snapshot_comes_again(folders: Folders) -> None:
    folders.come_each(60, 3)
    for _ in range(4):
        folders.wait(105)
        for _ in range(21):
            folders.look(came=True, until_s=180)
    opened = [each.alert for each in folders.told if each.change is OPENED]
    assert len({alert.id for alert in opened}) == len(opened) == 4
    assert {alert.first_shot_ns // SECOND_NS for alert in opened} == {180}


def test_the_id_follows_from_where_the_data_end() -> None:
    ids = []
    for late in (0, 1):
        folders = Folders()
        folders.wait(50 * late)
        for second in range(60, 240, 60):
            folders.wait(55 - 5 * late)
            folders.look(came=True, until_s=second)
        folders.wait(105)
        ids += [each.alert.id for each in folders.told]
    assert len(ids) == 2
    assert len(set(ids)) == 1


# Snapshots so far apart and so many; so long without; a start that works on a backlog for so long. Seconds.
CADENCE = st.tuples(st.just("come"), st.sampled_from([5, 20, 60, 100, 105, 300]), st.integers(1, 25))
QUIET = st.tuples(st.just("none"), st.sampled_from([5, 95, 100, 105, 600]), st.just(0))
START = st.tuples(st.just("start"), st.sampled_from([0, 50, 600]), st.just(0))


@given(happens=st.lists(st.one_of(CADENCE, QUIET, START), max_size=12))
def test_one_alert_at_most_for_each_phase_of_data_and_each_ends_once(happens: list[tuple[str, int, int]]) -> None:
    folders = Folders()
    came_s: list[list[int]] = [[]]  # of each start
    for what, seconds, times in happens:
        if what == "start":
            folders.restart()
            came_s.append([])
            assert folders.wait_while_a_backlog_is_worked_off(seconds) == []
        elif what == "none":
            folders.wait(seconds)
        else:
            came_s[-1] += [folders.now_s + seconds * (number + 1) for number in range(times)]
            folders.come_each(seconds, times)
    folders.come_each(60, 4)
    opened = [each.alert.id for each in folders.told if each.change is OPENED]
    assert len(opened) <= phases(came_s)
    assert [(each.change, each.alert.id) for each in folders.told] == [
        (change, one) for one in opened for change in (OPENED, CLOSED)
    ]
    assert len(set(opened)) == len(opened)


def phases(came_s: list[list[int]]) -> int:
    """How often snapshots came for as long as the limit, while one program ran, without a pause longer than it."""
    count = 0
    for starts in came_s:
        begin_s, is_counted = None, False
        for before_s, now_s in pairwise(starts):
            if now_s - before_s > LIMIT_S:
                begin_s, is_counted = None, False
                continue
            begin_s = before_s if begin_s is None else begin_s
            if now_s - begin_s >= LIMIT_S and not is_counted:
                count, is_counted = count + 1, True
    return count

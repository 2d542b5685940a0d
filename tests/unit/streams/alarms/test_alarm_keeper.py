"""The keeper takes the feed of commits, what earlier programs left, idle stages, and steps of others."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from pydantic import SecretStr

from connectors.control_room.database import DECISIONS_NAME, ControlRoomDatabase
from connectors.control_room.reader import ControlRoomReader
from connectors.control_room.told_subjects import forget_told_to
from connectors.state.alarm_feed import AlarmFeed, FeedEntry
from connectors.state.commit import Commit
from connectors.state.directory import StateDirectory
from connectors.webhooks.settings import ReceiverSettings
from models.alarms.incident import IncidentState
from models.alarms.life_cycle import AlarmState
from models.alarms.priority import Priority
from models.alerts.alert import Alert, AlertChange, AlertEvent, AlertKind, Severity
from models.devices import Stage
from models.errors import FatalError, RetryableError
from models.triplets.decided import TripletTable
from streams.alarms.alarm_desk import AlarmDesk
from streams.alarms.alarm_keeper import AlarmKeeper
from streams.alarms.alarm_steps import open_steps
from streams.alarms.settings import AlarmSettings, KindSettings
from streams.settings import default_settings
from tests.support.alarms import START, START_NS, alert, control_room, installation_alert, over
from tests.support.manual_clock import ManualClock
from tests.support.watching import wait_until

A3 = Stage("LA", "A3", "31")
SECOND_NS = 10**9


class Watched:
    """A state directory that a test commits into, with a keeper that works when it is asked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = ManualClock(START)
        self.state = StateDirectory.open(path)
        self.steps = 0
        self.keeper = self.new_keeper()
        self.reader = ControlRoomReader(path)

    def new_keeper(self) -> AlarmKeeper:
        return AlarmKeeper(self.path, default_settings(), self.clock, self._stepped)

    def commit(self, *alerts: Alert, feed: bool = True, triplets: TripletTable | None = None) -> None:
        entries = [FeedEntry(alert=each, committed_ns=self.clock.now_ns()) for each in alerts]
        events = [AlertEvent(change=AlertChange.UPDATED, alert=each) for each in alerts]
        self.state.commit(
            Commit(alerts=events, feed=entries if feed else [], triplets=[] if triplets is None else [triplets])
        )

    def waiting(self) -> int:
        with closing(AlarmFeed(self.path)) as feed:
            return len(feed.next(10_000))

    def states(self) -> dict[str, AlarmState]:
        return {alarm.kind.value: alarm.state for alarm in self.reader.alarms()}

    def _stepped(self) -> None:
        self.steps += 1


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    watched = Watched(tmp_path / "state")
    yield watched
    watched.keeper.stop()
    watched.state.close()


def shots(*, idle_s: list[float], fired_s: list[float]) -> TripletTable:
    """Shots of a stage, so long after ``START``."""
    times = np.array([START_NS + round(at_s * SECOND_NS) for at_s in (*idle_s, *fired_s)], np.int64)
    idle = np.array([True] * len(idle_s) + [False] * len(fired_s))
    zeros = np.zeros(len(times))
    return TripletTable(
        stage=A3,
        event_time_ns=times,
        idle=idle,
        complete=~idle,
        missing_kinds=zeros.astype(np.uint8),
        missing_devices=("",) * len(times),
        devices=zeros.astype(np.uint16),
        score=zeros.astype(np.float32),
        anomalous=np.zeros(len(times), np.bool_),
        reasons=zeros.astype(np.uint32),
        energy_j=zeros,
        interval_hz=zeros,
    )


def test_what_a_commit_says_becomes_an_alarm_and_leaves_the_feed(watched: Watched) -> None:
    watched.keeper.start()
    watched.commit(alert())
    watched.keeper.notify()
    wait_until(lambda: watched.states() == {"image_anomaly": AlarmState.UNACKNOWLEDGED})
    wait_until(lambda: watched.waiting() == 0)
    assert watched.steps > 0


def test_what_is_in_the_feed_at_the_start_is_taken(watched: Watched) -> None:
    watched.commit(*(alert(at_s=number) for number in range(1_500)))  # more than it takes in one step
    watched.keeper.drain()
    assert watched.waiting() == 0
    assert sum(incident.episodes for incident in watched.reader.incidents()) == 1_500


def test_at_the_end_of_the_input_no_alarm_waits_for_its_off_delay(watched: Watched) -> None:
    kinds = (AlertKind.DEVICE_STATE, AlertKind.INCOMPLETE_TRIPLET)
    watched.commit(*(alert(kind=kind) for kind in kinds))
    watched.keeper.drain()
    assert set(watched.states().values()) == {AlarmState.UNACKNOWLEDGED}
    watched.commit(*(over(alert(kind=kind)) for kind in kinds))
    watched.keeper.drain()
    assert watched.states() == dict.fromkeys(kinds, AlarmState.RETURNED)


def test_open_alerts_of_an_earlier_program_become_alarms(watched: Watched) -> None:
    still, ended = alert(), alert(kind=AlertKind.NO_BEAM)
    watched.commit(still, over(ended), feed=False)
    fresh = alert(kind=AlertKind.DRIFT)
    watched.commit(fresh)
    watched.keeper.drain()
    assert watched.states() == {"image_anomaly": AlarmState.UNACKNOWLEDGED, "drift": AlarmState.UNACKNOWLEDGED}


def test_what_an_earlier_program_has_closed_meanwhile_is_over(watched: Watched) -> None:
    watched.commit(alert())
    watched.keeper.drain()
    watched.commit(over(alert()), feed=False)
    watched.keeper.stop()
    watched.keeper = watched.new_keeper()
    watched.keeper.drain()
    assert watched.states() == {"image_anomaly": AlarmState.RETURNED}


def test_lost_decisions_lose_no_open_alert(watched: Watched) -> None:
    watched.commit(alert(), alert(kind=AlertKind.NO_BEAM))
    watched.keeper.drain()
    watched.keeper.stop()
    for path in watched.path.glob(f"{DECISIONS_NAME}*"):
        path.unlink()
    watched.keeper = watched.new_keeper()
    watched.keeper.drain()
    assert set(watched.states().values()) == {AlarmState.UNACKNOWLEDGED}
    assert len(watched.states()) == 2


def test_a_stage_that_does_not_fire_any_more_is_idle(watched: Watched) -> None:
    watched.commit(alert(kind=AlertKind.NO_BEAM), triplets=shots(idle_s=[], fired_s=[0.0]))
    watched.keeper.drain()
    watched.commit(triplets=shots(idle_s=[10.0, 599.9], fired_s=[]))
    watched.keeper.drain()
    assert watched.reader.idle_stages() == []
    watched.commit(triplets=shots(idle_s=[600.0], fired_s=[]))
    watched.keeper.drain()
    assert [each.stage for each in watched.reader.idle_stages()] == ["LA-A3-31"]
    assert watched.states() == {"no_beam": AlarmState.SUPPRESSED}
    watched.keeper.stop()
    watched.keeper = watched.new_keeper()
    watched.commit(triplets=shots(idle_s=[], fired_s=[601.0]))  # while no keeper runs
    watched.keeper.drain()
    assert watched.reader.idle_stages() == []
    assert watched.states() == {"no_beam": AlarmState.UNACKNOWLEDGED}


def test_what_was_odd_in_the_first_snapshot_after_an_idle_time_is_told(watched: Watched) -> None:
    watched.commit(triplets=shots(idle_s=[0.0, 700.0], fired_s=[]))
    watched.keeper.drain()
    while_idle = alert(kind=AlertKind.DEVICE_SILENT, at_s=650)
    watched.commit(while_idle, over(while_idle, after_s=10))
    watched.keeper.drain()
    short = alert(kind=AlertKind.ENERGY_OUTLIER, at_s=760)
    watched.commit(short, over(short, after_s=5), triplets=shots(idle_s=[], fired_s=[750.0, 760.0, 800.0]))
    watched.keeper.drain()
    assert watched.states() == {"energy_outlier": AlarmState.RETURNED, "device_silent": AlarmState.NORMAL}


@pytest.mark.parametrize("restarted", [False, True])
def test_what_was_odd_is_told_when_its_shots_become_known_later(watched: Watched, restarted: bool) -> None:
    """Agents say what is odd before the join has paired the shots."""
    watched.commit(triplets=shots(idle_s=[0.0, 700.0], fired_s=[]))
    watched.keeper.drain()
    short = alert(kind=AlertKind.ENERGY_OUTLIER, at_s=760)
    watched.commit(short, over(short, after_s=5))
    watched.keeper.drain()
    assert watched.states() == {"energy_outlier": AlarmState.SUPPRESSED}
    if restarted:
        watched.keeper.stop()
        watched.keeper = watched.new_keeper()
    watched.commit(triplets=shots(idle_s=[], fired_s=[750.0, 760.0, 800.0]))
    watched.keeper.drain()
    assert watched.states() == {"energy_outlier": AlarmState.RETURNED}
    [incident] = watched.reader.incidents()
    assert incident.is_unseen


@pytest.mark.parametrize("restarted", [False, True])
def test_a_stage_that_fired_while_nobody_looked_and_is_idle_again_has_fired(watched: Watched, restarted: bool) -> None:
    watched.commit(triplets=shots(idle_s=[0.0, 700.0], fired_s=[]))
    watched.keeper.drain()
    if restarted:
        watched.keeper.stop()
        watched.keeper = watched.new_keeper()
    short = alert(kind=AlertKind.ENERGY_OUTLIER, at_s=760)
    watched.commit(short, over(short, after_s=5), triplets=shots(idle_s=[], fired_s=[760.0]))
    watched.commit(triplets=shots(idle_s=[2000.0], fired_s=[]))
    watched.keeper.drain()
    assert [each.stage for each in watched.reader.idle_stages()] == ["LA-A3-31"]
    [incident] = watched.reader.incidents()
    assert incident.is_unseen


def test_a_row_from_the_future_makes_no_stage_idle_that_fires(watched: Watched) -> None:
    watched.commit(triplets=shots(idle_s=[], fired_s=[0.0]))
    watched.commit(triplets=shots(idle_s=[86_400.0], fired_s=[]))
    watched.keeper.drain()
    assert len(watched.reader.idle_stages()) == 1
    short = alert(kind=AlertKind.NO_BEAM, at_s=60)
    watched.commit(short, over(short))
    watched.keeper.drain()
    watched.commit(triplets=shots(idle_s=[], fired_s=[60.0]))
    watched.keeper.drain()
    assert watched.reader.idle_stages() == []
    assert watched.states() == {"no_beam": AlarmState.RETURNED}


def test_a_stage_that_has_never_fired_is_idle_after_a_while(watched: Watched) -> None:
    watched.commit(triplets=shots(idle_s=[0.0, 10.0], fired_s=[]))
    watched.keeper.drain()
    assert watched.reader.idle_stages() == []
    watched.commit(triplets=shots(idle_s=[700.0], fired_s=[]))
    watched.keeper.drain()
    assert len(watched.reader.idle_stages()) == 1


def test_steps_of_others_wake_it(watched: Watched) -> None:
    watched.commit(alert())
    watched.keeper.start()
    watched.keeper.notify()
    wait_until(lambda: watched.states() == {"image_anomaly": AlarmState.UNACKNOWLEDGED})
    wait_until(lambda: watched.waiting() == 0)
    before = watched.steps
    with closing(AlarmDesk(watched.path, default_settings(), watched.clock)) as desk:
        [alarm] = watched.reader.alarms()
        desk.shelve(alarm.id, until_ns=watched.clock.now_ns() + 60 * SECOND_NS, by="ana", why="spare")
        wait_until(lambda: watched.steps > before)
        watched.clock.advance(61)
        wait_until(lambda: watched.states() == {"image_anomaly": AlarmState.UNACKNOWLEDGED})


def test_it_says_that_another_keeps_it_waiting_and_when_it_goes_on(watched: Watched) -> None:
    said: list[str] = []
    keeper = AlarmKeeper(watched.path, default_settings(), watched.clock, lambda: None, tell=said.append)
    keeper._steps._database.wait_at_most(0.0)
    watched.commit(alert())
    with closing(ControlRoomDatabase.open(watched.path)) as other, other.step():
        keeper.start()
        wait_until(lambda: keeper.waits_for == "state_busy")
        assert len(said) == 1
        assert "nobody is told" in said[0]
    wait_until(lambda: keeper.waits_for == "")
    wait_until(lambda: len(said) == 2)
    keeper.stop()
    assert watched.states() == {"image_anomaly": AlarmState.UNACKNOWLEDGED}


@pytest.mark.parametrize("restarted", [False, True])
def test_it_notices_that_the_clock_was_set_right(watched: Watched, restarted: bool) -> None:
    watched.clock.set_wall_clock("2023-07-01T10:00:00Z")
    watched.commit(alert())
    watched.keeper.drain()
    with closing(AlarmDesk(watched.path, default_settings(), watched.clock)) as desk:
        [alarm] = watched.reader.alarms()
        desk.shelve(alarm.id, until_ns=watched.clock.now_ns() + 60 * SECOND_NS, by="ana", why="spare")
    watched.keeper._round()
    watched.clock.set_wall_clock(START)
    if restarted:
        watched.keeper.stop()
        watched.keeper = watched.new_keeper()
    watched.keeper._round()
    watched.clock.advance(61)
    watched.keeper._round()
    assert watched.states() == {"image_anomaly": AlarmState.UNACKNOWLEDGED}


def test_when_the_input_has_ended_incidents_close(watched: Watched) -> None:
    watched.commit(alert())
    watched.commit(over(alert()))
    watched.commit(alert("LB_A3_31-Camera_1-Camera-1"))
    watched.keeper.drain()
    states = {incident.open_episodes: incident.state for incident in watched.reader.incidents()}
    assert states == {0: IncidentState.CLOSED, 1: IncidentState.OPEN}


def test_what_ends_it_is_raised_by_whoever_asks(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(_: ControlRoomDatabase) -> int:
        raise FatalError("it is damaged", reason="state_damaged")

    monkeypatch.setattr(ControlRoomDatabase, "data_version", damaged)
    watched.keeper.start()
    wait_until(lambda: not watched.keeper._thread.is_alive())
    with pytest.raises(FatalError):
        watched.keeper.check()


def test_a_worse_alert_makes_a_more_urgent_alarm(watched: Watched) -> None:
    mild = alert(severity=Severity.LOW)
    watched.commit(mild)
    watched.keeper.drain()
    watched.commit(alert())
    watched.keeper.drain()
    assert [alarm.priority.value for alarm in watched.reader.alarms()] == ["high"]
    assert [incident.priority.value for incident in watched.reader.incidents()] == ["high"]


def test_ends_that_others_left_out_are_told(tmp_path: Path) -> None:
    """The receiver was not named for a time."""
    with control_room(tmp_path) as room:
        one = alert()
        room.take(one)
        incident = room.reader.incidents()[0].id
        keeper = AlarmKeeper(tmp_path, room.settings, room.clock, lambda: None)
        with closing(open_steps(tmp_path, default_settings(), room.clock)) as others:
            with others.step() as book:
                book.take([FeedEntry(alert=over(one), committed_ns=room.clock.now_ns())])
            room.clock.advance(600)
            with others.step():
                pass
        assert room.told() == ["alert.opened", "incident.opened"]
        for _ in range(2):
            keeper._round()
            assert room.told_of(one.id) == ["alert.opened", "alert.closed"]
            assert room.told_of(incident) == ["incident.opened", "incident.closed"]
        keeper.stop()


def test_ends_are_told_of_what_a_program_of_before_has_opened_after_the_file_was_brought_to_this_format(
    tmp_path: Path,
) -> None:
    with control_room(tmp_path) as room:
        one, other = alert(), alert("LB_A3_31-Camera_1-Camera-1")
        room.take(one, other)
        with closing(ControlRoomDatabase.open(tmp_path)) as database, database.step() as connection:
            sent = (
                "INSERT INTO receipts SELECT *, created_ns, '204', 1 FROM (SELECT id, receiver, subject_id, event_id,"
            )
            connection.execute(f"{sent} type, body, created_ns FROM outbox WHERE subject_id = ?)", (one.id,))
            connection.execute("DELETE FROM outbox WHERE subject_id = ?", (one.id,))
            connection.execute("DELETE FROM told")  # such a program knows no such notes
        keeper = AlarmKeeper(tmp_path, room.settings, room.clock, lambda: None)
        keeper._round()
        room.take(over(one), over(other))
        room.pass_s(600)
        assert room.told_of(one.id) == ["alert.closed"]
        assert room.told_of(other.id) == ["alert.opened", "alert.closed"]
        for incident in room.reader.incidents():
            assert room.told_of(incident.id)[-1] == "incident.closed"
        keeper.stop()


def test_who_was_dropped_is_not_told_of_an_end_because_the_watch_starts_again(tmp_path: Path) -> None:
    with control_room(tmp_path) as room:
        room.take(alert())
        room.steps.begin()
        with closing(ControlRoomDatabase.open(tmp_path)) as database, database.step() as connection:
            forget_told_to(connection, "all")
        keeper = AlarmKeeper(tmp_path, room.settings, room.clock, lambda: None)
        keeper._round()
        room.take(over(alert()))
        assert room.told_of(alert().id) == ["alert.opened"]
        keeper.stop()


def test_the_end_of_what_has_gone_on_for_longer_than_receipts_are_kept_is_told_once_after_an_upgrade(
    tmp_path: Path,
) -> None:
    """Of a file of version 1; what was announced since the oldest receipt of all, and has none, nobody was told of."""
    pager = ReceiverSettings(name="pager", url=SecretStr("http://127.0.0.1:9/"), minimum_priority=Priority.HIGH)
    with control_room(tmp_path, receivers=(pager,)) as room:
        old, mild = alert(), alert("LA_A3_32-Camera_1-Camera-1", severity=Severity.LOW)
        room.take(old, mild)
        room.clock.advance(31 * 86_400)
        new = alert("LB_A3_31-Camera_1-Camera-1", at_s=31 * 86_400)
        room.take(new)
        with closing(ControlRoomDatabase.open(tmp_path)) as database, database.step() as connection:
            connection.execute("DELETE FROM told")
            connection.execute("DELETE FROM outbox")
        keeper = AlarmKeeper(tmp_path, room.settings, room.clock, lambda: None)
        keeper._round()
        room.take(over(old), over(mild), over(new))
        assert (room.told_of(old.id), room.told_of(mild.id)) == (["alert.closed"] * 2, ["alert.closed"])
        assert room.told_of(new.id) == []
        keeper.stop()


def test_whom_nobody_told_of_something_he_is_not_told_of_its_end_because_the_watch_starts_again(tmp_path: Path) -> None:
    with control_room(tmp_path) as room:
        room.take(alert())
        room.steps.begin()
        room.clock.advance(31 * 86_400)
        with closing(ControlRoomDatabase.open(tmp_path)) as database, database.step() as connection:
            connection.execute("DELETE FROM told")
            connection.execute("DELETE FROM outbox")
        keeper = AlarmKeeper(tmp_path, room.settings, room.clock, lambda: None)
        keeper._round()
        room.take(over(alert()))
        assert room.told_of(alert().id) == []
        keeper.stop()


STOPPED = AlertKind.DATA_STOPPED.value


def stopped(at_s: float = 900.0) -> Alert:
    return installation_alert(AlertKind.DATA_STOPPED, "recorders", at_s=at_s)


def test_data_that_stop_while_all_stages_are_under_maintenance_are_covered(watched: Watched) -> None:
    others = [Stage("LA", "A1", "11"), Stage("LB", "A2", "21")]
    for stage in (A3, *others):
        watched.commit(triplets=replace(shots(idle_s=[], fired_s=[0.0]), stage=stage))
    with closing(AlarmDesk(watched.path, default_settings(), watched.clock)) as desk:
        for stage in (A3, *others):
            desk.start_maintenance(stage, until_ns=START_NS + 3_600 * SECOND_NS, by="anna", why="night")
    archive = installation_alert(AlertKind.ARCHIVE_LATE, "archive/store", at_s=900)
    watched.commit(stopped(), archive)
    watched.keeper.drain()
    assert watched.states() == {STOPPED: AlarmState.SUPPRESSED, "archive_late": AlarmState.UNACKNOWLEDGED}
    watched.keeper.stop()
    watched.keeper = watched.new_keeper()
    watched.keeper.drain()
    assert watched.states()[STOPPED] is AlarmState.SUPPRESSED
    watched.clock.advance(3_601)  # the morning has come, and the data have not
    watched.keeper.start()
    wait_until(lambda: watched.states()[STOPPED] is not AlarmState.SUPPRESSED)
    assert watched.states()[STOPPED] is AlarmState.UNACKNOWLEDGED


def test_data_that_stop_are_told_as_long_as_one_stage_is_not_under_maintenance(watched: Watched) -> None:
    other = Stage("LA", "A1", "11")
    for stage in (A3, other):
        watched.commit(triplets=replace(shots(idle_s=[], fired_s=[0.0]), stage=stage))
    watched.commit(triplets=replace(shots(idle_s=[700.0], fired_s=[]), stage=other))  # idle: covers nothing of it
    with closing(AlarmDesk(watched.path, default_settings(), watched.clock)) as desk:
        desk.start_maintenance(A3, until_ns=None, by="anna", why="night")
        watched.commit(stopped())
        watched.keeper.drain()
        assert watched.states() == {STOPPED: AlarmState.UNACKNOWLEDGED}
        desk.start_maintenance(other, until_ns=None, by="anna", why="night")
        watched.keeper.drain()
        assert watched.states() == {STOPPED: AlarmState.SUPPRESSED}
        desk.end_maintenance(A3, by="anna")
        watched.keeper.drain()
    assert watched.states() == {STOPPED: AlarmState.UNACKNOWLEDGED}


def test_without_any_stage_nothing_covers_data_that_stop(watched: Watched) -> None:
    watched.commit(stopped())
    watched.keeper.drain()
    assert watched.states() == {STOPPED: AlarmState.UNACKNOWLEDGED}


def fails_once(monkeypatch: pytest.MonkeyPatch, target: object, name: str, at_call: int = 1) -> None:
    """Another program holds the state directory at one call of a method."""
    method, calls = getattr(target, name), count(1)

    def failing(*arguments: object) -> object:
        if next(calls) == at_call:
            raise RetryableError("another program holds it", reason="state_busy")
        return method(*arguments)

    monkeypatch.setattr(target, name, failing)


@pytest.mark.parametrize("where", ["second look at the feed", "ends left out", "when to look next"])
def test_a_failure_that_passes_holds_up_no_delayed_alert(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """The step before it is made: nothing but the keeper knows that something is due by it."""
    delayed = AlarmSettings(kinds={alert().kind: KindSettings(on_delay_s=60)})
    with control_room(tmp_path, delayed) as room:
        steps: list[int] = []
        keeper = AlarmKeeper(tmp_path, room.settings, room.clock, lambda: steps.append(1))
        keeper._round()
        with closing(StateDirectory.open(tmp_path)) as state:
            state.commit(Commit(feed=[FeedEntry(alert=alert(), committed_ns=room.clock.now_ns())]))
        match where:
            case "second look at the feed":
                fails_once(monkeypatch, keeper._feed, "moment", at_call=2)
            case "ends left out":
                fails_once(monkeypatch, keeper._steps, "settle")
            case _:
                fails_once(monkeypatch, keeper._steps, "next_ns")
        before = len(steps)
        with pytest.raises(RetryableError):
            keeper._round()
        keeper._round()
        assert len(steps) == before + 1
        keeper._round()
        assert len(steps) == before + 1, "nothing has happened since"
        room.clock.advance(61)
        keeper._round()
        assert "alert.opened" in room.told()
        keeper.stop()


def test_a_clock_that_was_set_back_is_noticed_also_after_a_failure_that_passes(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.clock.set_wall_clock("2023-07-01T10:00:00Z")
    watched.commit(alert())
    watched.keeper.drain()
    with closing(AlarmDesk(watched.path, default_settings(), watched.clock)) as desk:
        [alarm] = watched.reader.alarms()
        desk.shelve(alarm.id, until_ns=watched.clock.now_ns() + 60 * SECOND_NS, by="ana", why="spare")
    watched.keeper._round()
    watched.clock.set_wall_clock(START)
    fails_once(monkeypatch, watched.keeper._steps, "step")
    with pytest.raises(RetryableError):
        watched.keeper._round()
    watched.keeper._round()
    watched.clock.advance(61)
    watched.keeper._round()
    assert watched.states() == {"image_anomaly": AlarmState.UNACKNOWLEDGED}

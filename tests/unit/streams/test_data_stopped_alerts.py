"""The alert that data have stopped: what it hears, what it remembers, when it is off."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from connectors.folder_probe import FolderAnswer
from connectors.spool_listing import SpoolFile
from models.alerts.alert import AlertChange, AlertEvent
from models.event_time import parse_iso
from streams.data_stopped_alerts import DataStoppedAlerts, open_data_stopped_alerts
from streams.settings import load_settings
from streams.watched_folders import Unknown
from tests.support.manual_clock import ManualClock

OPENED, CLOSED = AlertChange.OPENED, AlertChange.CLOSED
NAME = "10Hz/LA_CameraComputer01-Recorder_60s_snapshot_2022-07-01_09-{:02}-00-000.h5"


class Site:
    """A watch's folders, looked into every 10 s."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.clock = ManualClock()
        self.minute = 0
        self.told: list[AlertEvent] = []
        self.opened: list[DataStoppedAlerts] = []
        self.restart()

    def restart(self, where: str = "recorders") -> None:
        """Without a word to the one before: it was killed."""
        self.alerts = DataStoppedAlerts(
            self.state, load_settings(None, time_zone="Europe/Bucharest"), self.clock, where=where
        )
        self.opened.append(self.alerts)

    def look(self, *names: str, answer: FolderAnswer = FolderAnswer.THERE, tell: bool = True) -> list[AlertEvent]:
        self.clock.advance(10)
        self.alerts.looked([self.file(name) for name in names], answer)
        events = self.alerts.events()
        if tell:
            self.alerts.told(events)
            self.told += events
        return events

    def file(self, name: str) -> SpoolFile:
        now_ns = self.clock.now_ns()
        return SpoolFile(
            root=Path("/data"), path=Path("/data", name), relative=name, size=1, mtime_ns=now_ns, closed_ns=now_ns
        )

    def snapshots(self, count: int) -> None:
        for _ in range(count):
            for _ in range(5):
                self.look()
            self.look(NAME.format(self.minute))
            self.minute += 1

    def wait(self, seconds: int, answer: FolderAnswer = FolderAnswer.THERE) -> list[tuple[AlertChange, str]]:
        return [(e.change, e.alert.reasons[0]) for _ in range(seconds // 10) for e in self.look(answer=answer)]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    for alerts in site.opened:
        alerts.close()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (FolderAnswer.THERE, "nothing_comes"),
        (FolderAnswer.AWAY, "folder_away"),
        (FolderAnswer.HANGS, "folder_hangs"),
    ],
)
def test_it_says_why_and_up_to_when_there_are_data(site: Site, answer: FolderAnswer, reason: str) -> None:
    site.snapshots(5)
    assert site.wait(180, answer) == []
    assert site.wait(10, answer) == [(OPENED, reason)]
    [opened] = site.told
    assert opened.alert.first_shot_ns == opened.alert.last_shot_ns == parse_iso("2022-07-01T09:05:00+03:00")
    assert opened.alert.source.file == "recorders"
    site.snapshots(4)
    assert [(each.change, each.alert.id) for each in site.told] == [
        (OPENED, opened.alert.id),
        (CLOSED, opened.alert.id),
    ]


@pytest.mark.parametrize(
    "name", ["10Hz/anything.h5", "20220701.h5", "10Hz/2022-07-01/anything.h5", "10Hz/Camera_2022-07-01_09-34.h5"]
)
def test_names_that_say_no_end_are_dated_by_the_file(site: Site, name: str) -> None:
    site.snapshots(5)
    came_ns = site.clock.now_ns() + 10_000_000_000
    site.look(name)
    assert site.wait(200) == [(OPENED, "nothing_comes")]
    assert site.told[0].alert.first_shot_ns == came_ns


def test_the_data_of_a_days_file_end_with_its_day(site: Site) -> None:
    site.snapshots(5)
    site.look("10Hz/2022-07-01.h5")
    assert site.wait(200) == [(OPENED, "nothing_comes")]
    assert site.told[0].alert.first_shot_ns == parse_iso("2022-07-02T00:00:00+03:00")


def test_a_kill_while_stopped_tells_no_second_one(site: Site) -> None:
    site.snapshots(5)
    for _ in range(18):
        site.look()
    [offered] = site.look(tell=False)
    site.restart()
    assert site.look() == [offered]
    site.restart()
    assert site.wait(3_600) == []
    site.snapshots(4)
    assert [each.change for each in site.told] == [OPENED, CLOSED]
    site.restart()
    assert site.wait(180) == []
    assert site.wait(10) == [(OPENED, "nothing_comes")]


def test_while_another_process_writes_it_waits_for_nothing_and_tells_all_the_same(site: Site) -> None:
    site.snapshots(5)
    with closing(sqlite3.connect(site.state / "decisions.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        began_s = time.monotonic()
        assert site.wait(190) == [(OPENED, "nothing_comes")]
        assert time.monotonic() - began_s < 3
    site.look()
    site.restart()
    assert site.wait(3_600) == []


def test_a_backlog_is_no_stop_and_what_was_quiet_before_it_is_not_made_longer_by_it(site: Site) -> None:
    site.snapshots(5)
    site.wait(100)
    for _ in range(400):
        site.clock.advance(10)
        site.alerts.looked(Unknown.BACKLOG, FolderAnswer.THERE)
        assert site.alerts.events() == []
    assert site.wait(80) == []
    assert site.wait(10) == [(OPENED, "nothing_comes")]


def test_where_all_folders_are_looked_through_more_seldom_than_the_limit_only_their_end_tells(site: Site) -> None:
    def look_through(*names: str) -> list[AlertEvent]:
        for _ in range(18):
            site.clock.advance(10)
            site.alerts.looked(Unknown.NOT_YET, FolderAnswer.THERE)
            assert site.alerts.events() == []
        return site.look(*names)

    site.snapshots(5)
    for minute in range(5, 50, 3):
        assert look_through(NAME.format(minute)) == []
    [opened] = look_through()
    assert opened.change is OPENED


def test_it_is_written_down_once_a_minute_while_all_is_well(site: Site) -> None:
    site.snapshots(5)
    with closing(sqlite3.connect(site.state / "decisions.sqlite")) as other:
        versions = []
        for number in range(8):
            versions += other.execute("PRAGMA data_version").fetchone()
            site.look(f"10Hz/other{number}.h5")
    assert len(set(versions[:6])) == 1
    assert len(set(versions)) == 2


def test_zero_turns_it_off(tmp_path: Path) -> None:
    with ExitStack() as stack:
        off = load_settings(None, data_stopped_after_s=0.0)
        assert open_data_stopped_alerts(stack, tmp_path, off, ManualClock()) is None
        assert open_data_stopped_alerts(stack, tmp_path, load_settings(None), ManualClock()) is not None


def test_turned_off_while_it_is_open_its_end_is_offered_until_it_is_told(site: Site) -> None:
    site.snapshots(5)
    assert site.wait(190) == [(OPENED, "nothing_comes")]
    off = load_settings(None, data_stopped_after_s=0.0)
    for _ in range(2):
        with ExitStack() as stack:
            alerts = open_data_stopped_alerts(stack, site.state, off, site.clock)
            assert alerts is not None
            site.clock.advance(1000)
            alerts.looked([], FolderAnswer.THERE)
            alerts.looked([site.file(NAME.format(9))], FolderAnswer.THERE)
            [closed] = alerts.events()
            assert (closed.change, closed.alert.id) == (CLOSED, site.told[0].alert.id)
    with ExitStack() as stack:
        alerts = open_data_stopped_alerts(stack, site.state, off, site.clock)
        assert alerts is not None
        alerts.told(alerts.events())
        assert alerts.events() == []
        assert open_data_stopped_alerts(stack, site.state, off, site.clock) is None


def test_a_connector_that_is_renamed_ends_what_it_told_under_its_old_name(site: Site) -> None:
    site.restart("recorders/old")
    site.snapshots(5)
    site.wait(190)
    site.restart("recorders/new")
    site.snapshots(5)
    site.wait(190)
    [opened, closed, another] = [each.alert for each in site.told]
    assert opened.id == closed.id
    assert [each.source.file for each in (opened, closed, another)] == [
        "recorders/old",
        "recorders/old",
        "recorders/new",
    ]

"""A shift report hands over what all control rooms have: the watch's, and that of the keeper of the tapes."""

import html
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from connectors.control_room.database import DECISIONS_NAME
from connectors.control_room.receivers import note_failure, note_suspension
from connectors.state.commit import Commit
from connectors.state.directory import StateDirectory
from dashboards.report_page import report_page
from dashboards.shift_report import ShiftReport
from models.alarms.alarm import alarm_id
from models.alerts.alert import Alert, AlertChange, AlertEvent, AlertKind, Severity
from models.alerts.verdicts import Verdict
from models.event_time import DAY_NS, HOUR_NS
from streams.deciding import give_verdict
from streams.report.gathering import gather_report
from streams.report.reported_stretch import ReportedStretch
from streams.settings import load_settings
from tests.support.alarms import START_NS, ControlRoom, alert, control_room, installation_alert
from tests.support.console_state import write_state
from tests.support.hanging_disk import hanging_disk

SHIFT = ReportedStretch(from_ns=START_NS - HOUR_NS, to_ns=START_NS + 8 * HOUR_NS)


def take(room: ControlRoom, *alerts: Alert) -> None:
    """As whoever works there has committed them, and its control room has taken them."""
    with StateDirectory.open(room.state) as directory:
        directory.commit(Commit(alerts=[AlertEvent(change=AlertChange.OPENED, alert=each) for each in alerts]))
    room.take(*alerts)


@pytest.fixture
def rooms(tmp_path: Path) -> Iterator[tuple[ControlRoom, ControlRoom]]:
    """The watch's, with two cameras, and the keeper's, with two cartridges; times alternate."""
    with control_room(tmp_path / "watch") as watch, control_room(tmp_path / "watch/archive/tape") as tape:
        take(watch, alert(), alert("LB_A3_31-Camera_1-Camera-1", at_s=7_200))
        take(tape, *(wanted(number, at_s=3_600 * (2 * number - 1)) for number in (1, 2)))
        yield watch, tape


def wanted(number: int, *, at_s: float) -> Alert:
    return installation_alert(AlertKind.TAPE_WANTED, f"tape/PW000{number}L8/remount", at_s=at_s)


def reported(watch: ControlRoom, stretch: ReportedStretch = SHIFT) -> ShiftReport:
    return gather_report(watch.state, watch.settings, stretch, START_NS + DAY_NS)


def test_incidents_of_all_stand_in_one_list_by_time(rooms: tuple[ControlRoom, ControlRoom]) -> None:
    watch, tape = rooms
    judged = wanted(1, at_s=3_600)
    give_verdict(tape.state, judged.id, Verdict.TRUE, "it was stuck", tape.clock, by="mara")
    report = reported(watch)
    own, theirs = watch.reader.incidents()[::-1], tape.reader.incidents()[::-1]
    expected = [own[0].id, theirs[0].id, own[1].id, theirs[1].id]
    assert [shown.incident.id for shown in report.incidents] == expected
    assert [incident.id for incident in report.open_points.unacknowledged] == expected
    [episode] = report.incidents[1].episodes
    assert episode.verdict is not None
    assert (episode.alert.id, episode.verdict.reason) == (judged.id, "it was stuck")
    assert (report.ungrouped, report.more_incidents, report.open_points.troubles) == ([], 0, [])
    page = report_page(report)
    assert "it was stuck" in page
    assert page.count("tape/PW0002L8/remount") >= 2, "as an incident, and as one that is open"


def test_what_was_put_aside_and_done_anywhere_is_handed_over(rooms: tuple[ControlRoom, ControlRoom]) -> None:
    watch, tape = rooms
    camera, cartridge = watch.reader.alarms()[0], tape.reader.alarms()[0]
    for room, alarm in ((tape, cartridge), (watch, camera)):
        room.desk.shelve(alarm.id, until_ns=START_NS + 2 * HOUR_NS, by="mara", why="known")
        room.clock.advance(60)
        watch.clock.advance(60)
    tape.desk.take_out(tape.reader.alarms()[1].id, by="mara", why="no drive")
    report = reported(watch)
    assert {alarm.id for alarm in report.open_points.shelved} == {camera.id, cartridge.id}
    assert [alarm.covered_why for alarm in report.open_points.out_of_service] == ["no drive"]
    assert [(entry.action, entry.subject) for entry in report.audit] == [
        ("shelve", cartridge.id),
        ("shelve", camera.id),
        ("take_out", tape.reader.alarms()[1].id),
    ]
    assert {camera.id, cartridge.id} <= set(report.audit_names)


def test_what_there_is_no_room_for_is_counted_over_all(
    rooms: tuple[ControlRoom, ControlRoom], monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, _ = rooms
    monkeypatch.setattr("streams.report.room_shares._MOST_UNACKNOWLEDGED", 3)
    everything = [incident.id for room in rooms for incident in room.reader.incidents()]
    unseen = [incident.id for incident in reported(watch).open_points.unacknowledged]
    assert set(everything) - set(unseen) == {watch.reader.incidents()[-1].id}, "the latest are shown"
    for room in rooms:
        for alarm in room.reader.alarms():
            room.desk.acknowledge(alarm.id, by="mara")
    monkeypatch.setattr("streams.report.found_incidents._MOST_INCIDENTS", 1)
    monkeypatch.setattr("streams.report.room_shares._MOST_AUDIT", 3)
    report = reported(watch)
    assert ([each.incident.id for each in report.incidents], report.more_incidents) == (
        [watch.reader.incidents()[-1].id],
        3,
    )
    assert (len(report.audit), report.more_audit) == (3, 1)


def test_one_receiver_that_takes_nothing_of_both_is_one_row_and_as_bad_as_it_is(
    rooms: tuple[ControlRoom, ControlRoom],
) -> None:
    watch, tape = rooms
    for room, name, at_ns in ((watch, "mail", 1), (watch, "chat", 1), (tape, "chat", 2), (tape, "log", 3)):
        with closing(sqlite3.connect(room.state / DECISIONS_NAME)) as connection, connection:
            note_failure(connection, name, f"away since {at_ns}", at_ns)
            if room is tape and name == "chat":
                note_suspension(connection, name, 4, gone=True)
    found = reported(watch).open_points.receivers
    assert [(each.name, each.last_error, each.suspension is not None) for each in found] == [
        ("chat", "away since 2", True),
        ("log", "away since 3", False),
        ("mail", "away since 1", False),
    ]


def test_each_log_is_checked_and_the_one_that_was_changed_is_named(rooms: tuple[ControlRoom, ControlRoom]) -> None:
    watch, tape = rooms
    for room in rooms:
        room.desk.acknowledge(room.reader.incidents()[0].id, by="mara")
    assert reported(watch).open_points.audit_breaks == []
    for room in rooms:
        with closing(sqlite3.connect(room.state / DECISIONS_NAME)) as connection, connection:
            connection.execute("DROP TRIGGER audit_is_not_changed")
            connection.execute("UPDATE audit SET who = 'nobody'")
    sentence = "entry 1 is not as it was written"
    report = reported(watch)
    assert report.open_points.audit_breaks == [sentence, f"{sentence} (in {tape.state})"]
    assert f"The audit log: {sentence} (in " in report_page(report)


def test_a_disk_of_tapes_that_hangs_is_told_and_the_rest_is_handed_over(
    rooms: tuple[ControlRoom, ControlRoom], monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, tape = rooms
    with hanging_disk(tape.state, monkeypatch):
        report = reported(watch)
    assert len(report.incidents) == len(report.open_points.unacknowledged) == 2
    [sentence] = report.open_points.troubles
    assert sentence == (
        f"What {tape.state} keeps is missing here: the disk under {tape.state} does not answer; look after it, or "
        "after its mount."
    )
    page = html.unescape(report_page(report))
    assert sentence in page
    assert f"<p>How it stands can't be told: the disk under {tape.state} does not answer.</p>" in page
    assert "Nothing is open." not in page


def test_nothing_but_a_room_that_is_missing_is_something_that_is_open(tmp_path: Path) -> None:
    with control_room(tmp_path / "watch") as watch:
        (watch.state / "archive/tape").mkdir(parents=True)
        (watch.state / "archive/tape" / DECISIONS_NAME).write_bytes(b"no database" * 1000)
        page = report_page(reported(watch))
    assert "Nothing is open." not in page
    assert "keeps is missing here" in page


def test_only_the_watch_s_own_stages_are_under_maintenance_and_an_alarm_of_both_comes_once(
    rooms: tuple[ControlRoom, ControlRoom],
) -> None:
    watch, _ = rooms
    for n, room in enumerate(rooms):
        take(room, installation_alert(AlertKind.RECEIVER_FAILING, "receiver/chat", at_s=n))
    both = alarm_id(installation_alert(AlertKind.RECEIVER_FAILING, "receiver/chat"))
    for room in rooms:
        room.desk.shelve(both, until_ns=START_NS + HOUR_NS, by="mara", why="known")
    assert [alarm.id for alarm in reported(watch).open_points.shelved] == [both]
    for room in rooms:
        room.desk.start_maintenance(alert().stage, until_ns=None, by="mara", why="new crystal")
    assert reported(watch).open_points.maintenance == watch.reader.maintenance() != []


def test_the_worst_episodes_of_an_incident_are_shown_and_the_worst_first(tmp_path: Path) -> None:
    mild = [alert(f"LA_A3_31-Camera_{n}-Camera-1", at_s=n, severity=Severity.LOW) for n in range(1, 13)]
    grave = alert("LA_A3_31-Camera_20-Camera-1", at_s=20)
    with control_room(tmp_path / "watch") as watch:
        take(watch, *mild, grave)
        [shown] = reported(watch).incidents
        page = report_page(reported(watch))
    assert (shown.incident.episodes, len(shown.episodes)) == (13, 12)
    assert [episode.alert.severity for episode in shown.episodes] == [Severity.HIGH] + [Severity.LOW] * 11
    assert "1 more episode: look at the console." in page
    assert "<td>high</td>" in page


def test_the_picture_is_of_the_worst_episode_that_has_one(tmp_path: Path) -> None:
    seen, *_ = write_state(tmp_path)
    stretch = ReportedStretch(from_ns=seen.first_shot_ns, to_ns=seen.first_shot_ns + HOUR_NS)
    first, _ = gather_report(tmp_path, load_settings(None), stretch, START_NS).incidents
    assert first.picture is not None
    assert (first.picture.alert.id, first.picture.shot_ns) == (seen.id, seen.first_shot_ns)


def test_pictures_there_is_no_room_for_are_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, *_ = write_state(tmp_path)
    stretch = ReportedStretch(from_ns=first.first_shot_ns, to_ns=first.first_shot_ns + HOUR_NS)
    settings = load_settings(None)

    def shown() -> list[tuple[bool, str]]:
        report = gather_report(tmp_path, settings, stretch, START_NS)
        return [(each.picture is not None, each.note) for each in report.incidents]

    assert shown() == [(True, ""), (False, "")]
    monkeypatch.setattr("streams.report.found_incidents._MOST_PICTURES", 0)
    assert shown() == [(False, "a report has no more pictures; this one's is in the console"), (False, "")]

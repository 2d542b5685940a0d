"""The shift report of a watched day: its figures against DuckDB over the exported rows, and how it looks."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from connectors.clock import SystemClock
from connectors.control_room.reader import ControlRoomReader
from connectors.state.reader import StateReader
from dashboards.report_page import report_page
from dashboards.shift_report import ShiftReport
from models.alerts.alert import Alert
from models.alerts.verdicts import Verdict
from models.event_time import HOUR_NS, MINUTE_NS, format_iso
from servers.browser import browser_program
from streams.alarms.alarm_desk import AlarmDesk
from streams.deciding import give_verdict
from streams.report.gathering import gather_report
from streams.report.reported_stretch import ReportedStretch
from streams.settings import load_settings
from tests.support.commands import Run
from tests.support.watch_results import WatchResults
from tests.unit.dashboards.test_replay_page import elements

SETTINGS = load_settings(None)
MADE_NS = 1_700_000_000_000_000_000


@pytest.fixture(scope="module")
def state(undisturbed: WatchResults, session_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state directory of the day, in which somebody has acknowledged, shelved and judged."""
    copy = tmp_path_factory.mktemp("report") / "state"
    shutil.copytree(session_folder / "undisturbed", copy)
    desk = AlarmDesk(copy, SETTINGS, SystemClock())
    try:
        first = ControlRoomReader(copy).incidents()[-1]
        desk.acknowledge(first.id, by="mara", why="seen")
        alarm = ControlRoomReader(copy).alarms()[0]
        until_ns = SystemClock().now_ns() + HOUR_NS
        desk.shelve(alarm.id, until_ns=until_ns, by="<i>ion</i>", why="camera is replaced")
    finally:
        desk.close()
    give_verdict(copy, _worst_image_alert(copy).id, Verdict.FALSE, "shutter test", SystemClock(), by="mara")
    return copy


@pytest.fixture(scope="module")
def stretch(state: Path) -> ReportedStretch:
    """The whole day."""
    with StateReader.open(state) as reader:
        span = reader.triplet_span()
    assert span is not None
    return ReportedStretch(from_ns=span[0], to_ns=span[1] + MINUTE_NS)


@pytest.fixture(scope="module")
def report(state: Path, stretch: ReportedStretch) -> ShiftReport:
    return gather_report(state, SETTINGS, stretch, MADE_NS)


@pytest.fixture(scope="module")
def exported(state: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The day's rows as users have them: the views ``shots`` and ``triplets``."""
    with StateReader.open(state) as reader, duckdb.connect() as connection:
        for what in ("shots", "triplets"):
            path = state.parent / f"{what}.parquet"
            reader.export(path, what=what)
            connection.read_parquet(str(path)).create_view(what)
        yield connection


def by_name(connection: duckdb.DuckDBPyConnection, query: str) -> dict[str, list[Any]]:
    """The rows of a query by their first column."""
    return {name: values for name, *values in connection.execute(query).fetchall()}


def test_what_came_and_what_was_missed(report: ShiftReport, exported: duckdb.DuckDBPyConnection) -> None:
    expected = by_name(
        exported,
        """
        SELECT s.device, came, came + coalesce(missed, 0) FROM
            (SELECT device, count(*) FILTER (outcome IN ('triplet', 'incomplete')) AS came FROM shots
             GROUP BY device) s
            LEFT JOIN (SELECT device, count(*) AS missed FROM
                (SELECT unnest(missing_devices) AS device FROM triplets WHERE NOT idle) GROUP BY device) m
            ON s.device = m.device""",
    )
    found = {each.device.name: [each.came, each.expected] for each in report.devices}
    assert found == expected
    assert any(came < wanted for came, wanted in found.values())


def test_the_longest_gap_is_the_longest_run_of_missed_shots(
    report: ShiftReport, exported: duckdb.DuckDBPyConnection
) -> None:
    """By the gaps-and-islands of SQL: consecutive shots have a constant difference of their two numbers."""
    for each in report.devices:
        stage = str(each.device.stage)
        query = """
            WITH fired AS (SELECT event_time, list_contains(missing_devices, ?) AS missed,
                row_number() OVER (ORDER BY event_time) AS number FROM triplets
                WHERE NOT idle AND front_end || '-' || amp || '-' || arm = ?),
            gone AS (SELECT *, number - row_number() OVER (ORDER BY number) AS run FROM fired WHERE missed)
            SELECT count(*) AS n, min(epoch_ns(event_time)) AS first_ns, max(epoch_ns(event_time)) FROM gone
            GROUP BY run ORDER BY n DESC, first_ns LIMIT 1"""
        [longest] = exported.execute(query, [each.device.name, stage]).fetchall() or [(0, 0, 0)]
        assert (each.longest_shots, each.longest_from_ns, each.longest_to_ns) == longest, each.device
    assert max(each.longest_shots for each in report.devices) > 3


def test_energies_and_pointing(report: ShiftReport, exported: duckdb.DuckDBPyConnection) -> None:
    exported.execute(
        "CREATE VIEW seen AS SELECT * FROM shots WHERE outcome IN ('triplet', 'incomplete') AND scoring <> 'dark'"
    )
    energies = by_name(
        exported,
        """
        SELECT device, count(energy_j), avg(energy_j), 100 * stddev_samp(energy_j) / avg(energy_j)
        FROM seen WHERE kind = 'energy_meter' GROUP BY device""",
    )
    assert {each.device.name for each in report.energies} == set(energies)
    for meter in report.energies:
        found = meter.stability
        assert [found.shots, found.mean_j, found.rms_percent] == pytest.approx(energies[meter.device.name])
    centroids = by_name(
        exported,
        """
        SELECT device, count(*), avg(centroid_x_px), avg(centroid_y_px), stddev_samp(centroid_x_px),
            stddev_samp(centroid_y_px), avg((d4sigma_major_px + d4sigma_minor_px) / 2)
        FROM seen WHERE kind = 'camera' AND centroid_x_px IS NOT NULL GROUP BY device""",
    )
    assert {each.device.name for each in report.pointing} == set(centroids)
    for camera in report.pointing:
        steady = camera.stability
        found_values = [steady.shots, steady.x_px, steady.y_px, steady.rms_x_px, steady.rms_y_px, camera.diameter_px]
        assert found_values == pytest.approx(centroids[camera.device.name])
    meter = report.energies[0]
    query = """
        SELECT avg(energy_j) FROM seen WHERE device = ? GROUP BY epoch_ns(event_time) // 60000000000
        ORDER BY min(event_time)"""
    minutes = exported.execute(query, [meter.device.name]).fetchall()
    known = np.isfinite(meter.slot_means_j)
    np.testing.assert_allclose(meter.slot_means_j[known], np.ravel(minutes))
    assert known.tolist() == [False, True, True]  # the stage is idle in the first minute


def test_stages_and_outcomes(report: ShiftReport, exported: duckdb.DuckDBPyConnection) -> None:
    expected = by_name(
        exported,
        """
        SELECT front_end || '-' || amp || '-' || arm, count(*) FILTER (complete AND NOT idle),
            count(*) FILTER (NOT complete AND NOT idle), count(*) FILTER (idle) FROM triplets GROUP BY 1""",
    )
    assert {str(each.stage): [each.complete, each.incomplete, each.idle] for each in report.stages} == expected
    outcomes = by_name(exported, "SELECT outcome, count(*) FROM shots GROUP BY outcome")
    assert {outcome: [count] for outcome, count in report.outcomes.items()} == outcomes
    assert report.files == {"accepted": 6}
    assert report.ledger["balanced"]


def test_every_episode_is_told_once(report: ShiftReport, undisturbed: WatchResults) -> None:
    told = [episode.alert.id for shown in report.incidents for episode in shown.episodes]
    told += [episode.alert.id for episode in report.ungrouped]
    more = sum(shown.incident.episodes - len(shown.episodes) for shown in report.incidents)
    assert len(told) == len(set(told)) == len(undisturbed.alerts) - more
    assert any(shown.picture for shown in report.incidents)


def test_who_did_what_is_told_with_names_escaped(report: ShiftReport, state: Path) -> None:
    now_ns = SystemClock().now_ns()
    today = gather_report(state, SETTINGS, ReportedStretch(from_ns=now_ns - HOUR_NS, to_ns=now_ns + HOUR_NS), MADE_NS)
    assert [(entry.who, entry.action) for entry in today.audit] == [
        ("mara", "acknowledge"),
        ("<i>ion</i>", "shelve"),
        ("mara", "verdict"),
    ]
    assert today.incidents == []  # what was decided is named nevertheless
    assert {entry.subject for entry in today.audit} <= set(today.audit_names)
    page = report_page(today)
    assert "&lt;i&gt;ion&lt;/i&gt;" in page
    assert "<i>ion" not in page
    assert report.audit == []
    seen = [episode for shown in report.incidents for episode in shown.episodes if episode.acknowledged_by == "mara"]
    assert seen
    [judged] = [episode for shown in report.incidents for episode in shown.episodes if episode.verdict is not None]
    assert judged.verdict is not None
    assert (judged.verdict.verdict, judged.verdict.reason) == (Verdict.FALSE, "shutter test")
    assert "shutter test" in report_page(report)
    assert [alarm.covered_why for alarm in report.open_points.shelved] == ["camera is replaced"]


def test_the_same_state_gives_the_same_page_and_only_the_time_of_making_changes(
    report: ShiftReport, state: Path, stretch: ReportedStretch
) -> None:
    page = report_page(report)
    assert report_page(gather_report(state, SETTINGS, stretch, MADE_NS)) == page
    later = report_page(gather_report(state, SETTINGS, stretch, MADE_NS + HOUR_NS))
    assert later != page
    made, made_later = (format_iso(at_ns)[:19].replace("T", " ") for at_ns in (MADE_NS, MADE_NS + HOUR_NS))
    assert later.replace(made_later, made) == page


def test_the_page_holds_all_it_needs(report: ShiftReport) -> None:
    page = report_page(report)
    assert not elements(page) & {"script", "link", "iframe", "object", "form"}
    addresses = re.findall(r'(?:src|href|srcset)="([^"]{0,22})', page)
    assert set(addresses) == {"data:image/png;base64,"}
    assert "nan" not in re.sub(r'"data:[^"]*"', "", page).lower().split()


def test_a_stretch_without_anything_is_told_as_such(state: Path) -> None:
    empty = gather_report(state, SETTINGS, ReportedStretch(from_ns=0, to_ns=12 * HOUR_NS), MADE_NS)
    assert (empty.incidents, empty.devices, empty.outcomes, empty.energies, empty.pointing) == ([], [], {}, [], [])
    page = report_page(empty)
    for words in ("No meter has measured energy.", "No camera has seen beam.", "No device has recorded"):
        assert words in page


def test_pictures_that_are_damaged_or_gone_are_told(state: Path, stretch: ReportedStretch, tmp_path: Path) -> None:
    copy = tmp_path / "state"
    shutil.copytree(state, copy)
    for path in sorted((copy / "evidence").rglob("*.png")):
        path.write_bytes(path.read_bytes()[:1000])
    damaged = gather_report(copy, SETTINGS, stretch, MADE_NS)
    assert [shown for shown in damaged.incidents if shown.note == "the picture is damaged, or can't be read"]
    assert not [shown for shown in damaged.incidents if shown.picture is not None]
    shutil.rmtree(copy / "evidence")
    page = report_page(gather_report(copy, SETTINGS, stretch, MADE_NS))
    assert "The evidence is no longer kept ([evidence] keep_days)." in page


def test_the_command_writes_the_page_and_a_pdf_of_it(
    command: Run, state: Path, stretch: ReportedStretch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PETAWATCH_REPORT__CHROMIUM", str(browser_program()))
    html, pdf = tmp_path / "shift.html", tmp_path / "shift.pdf"
    from_, to = format_iso(stretch.from_ns), format_iso(stretch.to_ns)
    code, said, errors = command(
        *("report", "--state", state, "--from", from_, "--to", to, "--out", html, "--out", pdf)
    )
    assert (code, errors) == (0, "")
    assert said == f"wrote {html}\nwrote {pdf}\n"
    assert html.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    data = pdf.read_bytes()
    assert data.startswith(b"%PDF-")
    pages = len(re.findall(rb"/Type\s*/Page\b", data))
    assert 1 < pages < 40
    [box] = set(re.findall(rb"/MediaBox\s*\[([^\]]*)\]", data))
    assert [float(number) for number in box.split()] == pytest.approx([0, 0, 595, 842], abs=1)  # A4 in points
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shift.html", "shift.pdf"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--from", "2022-07-01", "--to", "2022-06-01", "--out", "a.html"), "--from must lie before --to"),
        (("--from", "2022-07-01", "--to", "2022-07-02", "--out", "a.doc"), "--out ends with .html or .pdf"),
        (("--from", "yesterday", "--to", "2022-07-02", "--out", "a.html"), "--from"),
    ],
)
def test_wrong_usage_is_a_sentence(command: Run, state: Path, options: tuple[str, ...], words: str) -> None:
    code, _, errors = command("report", "--state", state, *options)
    assert code == 2
    assert words in errors


def test_a_place_that_can_not_be_written_is_named(command: Run, state: Path, tmp_path: Path) -> None:
    out = tmp_path / "missing" / "shift.html"
    options = ("--from", "2022-07-01", "--to", "2022-07-02", "--out", out)
    code, _, errors = command("report", "--state", state, *options)
    assert (code, errors.count("\n")) == (1, 1)
    assert f"can't write {out}" in errors


def _worst_image_alert(state: Path) -> Alert:
    """Of an incident that a report tells in full."""
    with StateReader.open(state) as reader:
        known = [alert for alert, links in reader.alerts() if links]
    room = ControlRoomReader(state)
    told = {each.alert.id for incident in room.incidents() for each in room.activations(incident.id, limit=5)}
    return max((alert for alert in known if alert.id in told), key=lambda alert: alert.score)

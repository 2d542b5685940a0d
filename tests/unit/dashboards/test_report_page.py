"""The page of a shift report: texts from anywhere, and what there is too much of or nothing."""

import re
from dataclasses import replace

import numpy as np
import pytest

from connectors.control_room.receivers import FailingReceiver, Suspension
from dashboards.curve_drawing import draw_small_curve
from dashboards.html_page import Markup, html_table
from dashboards.report_page import report_page
from dashboards.shift_report import (
    ArchiveStanding,
    CameraPointing,
    DeviceAvailability,
    OpenPoints,
    ReportEpisode,
    ReportIncident,
    ReportPicture,
    ShiftReport,
)
from models.alarms.audit_chain import next_entry
from models.alarms.incident import Incident, IncidentState
from models.alarms.priority import Priority
from models.alarms.suppression import Cause, Suppression
from models.alerts.verdicts import EpisodeVerdict, Verdict
from models.devices import NO_STAGE, Device, RecordKind
from models.event_time import HOUR_NS, MINUTE_NS
from models.stability import SlotSums, pointing_stability
from tests.unit.connectors.state.examples import alert_event
from tests.unit.dashboards.test_replay_page import ALERT, EVIL, PNG, elements

REPORT = ShiftReport(from_ns=0, to_ns=8 * HOUR_NS, made_ns=9 * HOUR_NS, slot_ns=MINUTE_NS)
INCIDENT = Incident(
    id=EVIL,
    first_alert_id=EVIL,
    priority=Priority.HIGH,
    state=IncidentState.OPEN,
    first_shot_ns=1,
    last_shot_ns=2,
    opened_ns=3,
    origin=EVIL,
    subjects=(EVIL,),
    episodes=14,
)
VERDICT = EpisodeVerdict(alert_id=EVIL, verdict=Verdict.FALSE, reason=EVIL, by=EVIL, at_ns=5)
EPISODE = ReportEpisode(alert=ALERT, acknowledged_by=EVIL, acknowledged_ns=4, verdict=VERDICT)
PICTURE = ReportPicture(png=PNG, alert=ALERT, shot_ns=5 * MINUTE_NS)
CAMERA = Device(EVIL, NO_STAGE, RecordKind.CAMERA)


def camera(spread_x: float, spread_y: float) -> CameraPointing:
    sums = SlotSums(2, 2)
    random = np.random.default_rng(1)
    sums.add(np.zeros(4_000, np.intp), random.normal(0, 1, (4_000, 2)) * [spread_x, spread_y] + [64, 51])
    return CameraPointing(
        device=CAMERA, stability=pointing_stability(sums), diameter_px=50.0, slot_means_px=sums.slot_means()
    )


def test_no_text_is_taken_for_html() -> None:
    entry = next_entry(None, 0, at_ns=1, who=EVIL, action=EVIL, subject=EVIL, why=EVIL, details={EVIL: EVIL})
    page = report_page(
        replace(
            REPORT,
            incidents=[ReportIncident(incident=INCIDENT, episodes=[EPISODE], worst=ALERT, picture=PICTURE, note=EVIL)],
            ungrouped=[EPISODE],
            drifts=[EPISODE],
            devices=[DeviceAvailability(device=CAMERA, expected=3, came=2, odd=1)],
            pointing=[camera(0.3, 0.1)],
            files={EVIL: 1},
            outcomes={EVIL: 1},
            ledger={"balanced": False, "unbalanced_files": [{"file": EVIL, "read": 3, "decided": 1, "pending": 1}]},
            archive=ArchiveStanding(sentences=[EVIL]),
            open_points=OpenPoints(
                unacknowledged=[INCIDENT],
                maintenance=[Suppression(number=1, stage=EVIL, cause=Cause.MAINTENANCE, from_ns=1, by=EVIL, why=EVIL)],
                receivers=[
                    FailingReceiver(
                        name=EVIL, failing_since_ns=1, suspension=Suspension(since_ns=2, gone=False), last_error=EVIL
                    )
                ],
                audit_breaks=[EVIL],
            ),
            audit=[entry],
        )
    )
    assert "script" not in elements(page)
    assert page.count("&lt;script&gt;") > 20


def test_nothing_is_told_as_nothing() -> None:
    page = report_page(REPORT)
    elements(page)
    for words in ("Nothing is open.", "None.", "No beam has slowly moved away.", "Nothing is archived from here."):
        assert f">{words}</p>" in page
    assert "Shift report, 1970-01-01 00:00 to 1970-01-01 08:00 UTC" in page
    assert "Computed at 1970-01-01 09:00:00 UTC." in page


@pytest.mark.parametrize(("files", "told"), [(0, ""), (19, "<dt>files that wait for the archive</dt><dd>19</dd>")])
def test_files_that_wait_are_not_forgotten_beside_those_that_are_safe(files: int, told: str) -> None:
    lags = {
        sink: {"files": n, "bytes": n, "oldest_s": n, "error": ""} for sink, n in (("store", files), ("catalog", 0))
    }
    status = {"waiting": lags, "store": "", "counts": {}, "cartridges": {}, "catalog_error": ""}
    page = report_page(replace(REPORT, archive=ArchiveStanding(status=status, files=54, safe=54)))
    assert "<dt>files safe in the archive</dt><dd>54 of 54</dd>" in page
    assert ("files that wait" in page) == bool(told)
    assert told in page


def test_what_a_report_has_no_room_for_is_counted() -> None:
    shown = ReportIncident(incident=INCIDENT, episodes=[EPISODE] * 12)
    page = report_page(
        replace(REPORT, incidents=[shown], more_incidents=7, ungrouped=[EPISODE], more_ungrouped=1, more_audit=0)
    )
    for words in ("Incidents: 8", "7 more incidents: look at the console.", "2 more episodes", "2 episodes of no inc"):
        assert words in page


def test_a_picture_says_what_it_is_of() -> None:
    alert = alert_event().alert
    picture = ReportPicture(png=PNG, alert=alert, shot_ns=alert.first_shot_ns)
    page = report_page(replace(REPORT, incidents=[ReportIncident(incident=INCIDENT, episodes=[], picture=picture)]))
    [caption] = re.findall(r"</?img[^>]*><figcaption>(.*?)</figcaption>", page)
    assert caption.startswith("LA_A3_31-Camera_1-Camera-1, stage LA-A3-31, shot of 2022-07-01 09:34:00")


def test_a_share_is_never_rounded_up_to_all() -> None:
    almost = DeviceAvailability(device=replace(CAMERA, name="a"), expected=100_000, came=99_999, odd=0)
    whole = replace(almost, came=100_000)
    cells = [
        re.findall(r'<td class="number">([^<]*)</td>', report_page(replace(REPORT, devices=[one])))[2]
        for one in (almost, whole)
    ]
    assert cells == ["99.99", "100.00"]


def test_a_round_movement_has_one_figure() -> None:
    assert " round</td>" in report_page(replace(REPORT, pointing=[camera(0.3, 0.3)]))
    wide = report_page(replace(REPORT, pointing=[camera(0.3, 0.1)]))
    assert re.search(r'<td class="number">1\.\d+, 0\.[34]\d+</td><td class="number">-?0°</td>', wide)


@pytest.mark.parametrize(
    ("values", "lines"), [([], 0), ([np.nan] * 3, 0), ([1.0], 1), ([1, 2, np.nan, 4], 2), ([5.0, 5.0], 1)]
)
def test_a_small_curve_is_broken_where_nothing_is_known(values: list[float], lines: int) -> None:
    drawn = draw_small_curve(np.array(values, float), EVIL)
    assert drawn.count("<polyline") == lines
    assert "nan" not in drawn
    assert "<script" not in drawn


def test_a_cell_is_text_unless_it_was_made_here() -> None:
    table = html_table(("a", "b"), [("<b>", Markup("<b>c</b>"))])
    assert "<td>&lt;b&gt;</td><td><b>c</b></td>" in table


def test_the_time_of_an_alert_stands_in_utc() -> None:
    alert = alert_event().alert
    page = report_page(replace(REPORT, drifts=[ReportEpisode(alert=alert)]))
    assert "2022-07-01 09:34:00" in page

"""What leaves out the noise, in a real browser: histories without frames that had no beam, the wall at maintenance."""

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from connectors.clock import SystemClock
from connectors.control_room.reader import ControlRoomReader
from connectors.live_board import BOARD_NAME, LiveBoardWriter
from connectors.state.commit import Commit
from connectors.state.directory import StateDirectory
from models.alerts.alert import AlertStatus
from models.alerts.facility_alerts import StopReason, data_alert
from models.devices import RecordKind
from models.event_time import HOUR_NS, MINUTE_NS, format_iso
from models.live_reading import LiveReading
from models.records import IMAGE_SHAPE, Refusal
from models.results import FEATURE_NAMES, Scoring
from streams.alarms.alarm_desk import AlarmDesk
from streams.settings import load_settings
from tests.support.console_pages import post
from tests.support.console_state import take_alerts, write_state
from tests.support.consoles import console_client
from tests.support.manual_clock import ManualClock
from tests.support.served_console import served_console
from tests.unit.connectors.state.examples import CAMERA, STAGE, START_NS, decided

_PATIENT_MS = 60_000


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(_PATIENT_MS)
    expect.set_options(timeout=_PATIENT_MS)
    page = context.new_page()
    page.on("pageerror", lambda error: pytest.fail(f"the page's script fails: {error}"))
    yield page
    context.close()


def write_frames(state: Path) -> None:
    """600 frames at 10 Hz: the beam near 65 px, one far off; noise without beam in the first 100 frames."""
    rng = np.random.default_rng(3)
    block = decided(CAMERA, 600, start_ns=START_NS)
    features = np.full(block.scored.features.shape, np.nan)
    centroid = 65.0 + rng.uniform(-0.5, 0.5, 600)
    centroid[:100] = rng.uniform(0.0, 127.0, 100)
    centroid[300] = 110.0
    features[:, FEATURE_NAMES[RecordKind.CAMERA].index("centroid_x_px")] = centroid
    fires, none_refused = np.arange(600) >= 100, np.zeros(600, np.uint8)
    scored = replace(block.scored, features=features, fires=fires, refusal=none_refused)
    with StateDirectory.open(state) as directory:
        directory.commit(Commit(decided=[replace(block, scored=scored)]))


def test_a_history_is_of_the_beam_and_says_what_it_leaves_out(tmp_path: Path, page: Page) -> None:
    write_frames(tmp_path)
    stretch = f"from={format_iso(START_NS)}&to={format_iso(START_NS + MINUTE_NS)}"
    with served_console(tmp_path) as console:
        page.goto(f"{console}/cameras/{CAMERA.name}?{stretch}")
        chart = page.get_by_label("Centroid, x", exact=True).locator(".summary")
        expect(chart).to_contain_text("100 of 600 frames without beam; 1 point beyond the axis (triangles)")
        expect(chart).to_contain_text("x: 64.5")  # the least of all; noise would be near 0
        everything = page.get_by_label("Axes reach to all values")
        everything.check()
        expect(chart).not_to_contain_text("beyond the axis")
        expect(chart).to_contain_text("to 110;")
        page.reload()  # it is remembered
        expect(everything).to_be_checked()
        expect(chart).to_contain_text("100 of 600 frames without beam")
        expect(chart).not_to_contain_text("beyond the axis")


def test_what_is_shelved_calls_nobody_from_the_wall_and_is_counted(tmp_path: Path, page: Page) -> None:
    write_state(tmp_path)
    clock = SystemClock()
    with LiveBoardWriter(tmp_path / BOARD_NAME, clock) as board, served_console(tmp_path) as console:
        board.show(_odd_reading())
        page.goto(console)
        card, strip = page.locator(".stage"), page.locator("#live-incidents")
        expect(strip).to_have_text("▲ 2 unacknowledged")
        with closing(AlarmDesk(tmp_path, load_settings(None), clock)) as desk:
            first, second = ControlRoomReader(tmp_path).alarms()
            desk.shelve(first.id, until_ns=clock.now_ns() + HOUR_NS, by="anna", why="spare on its way")
            expect(strip).to_have_text("▲ 1 unacknowledged, 1 shelved")
            expect(page.locator("#wall-summary")).to_have_text("▲ 1 high 1 shelved")
            desk.take_out(second.id, by="ben", why="dismounted")
        expect(strip).to_have_text("✓ none unacknowledged, 1 shelved, 1 out of service")
        expect(page.locator("#wall-summary")).to_have_text("✓ nothing unacknowledged, 1 shelved, 1 out of service")
        expect(card.locator(".wall-incident.aside")).to_have_count(2)
        expect(card).to_contain_text(re.compile(r"shelved until .* UTC, by anna"))
        expect(card).to_contain_text("out of service, by ben")
        expect(card).not_to_contain_class("high")


def test_data_that_come_again_are_said_beside_the_incident_that_they_had_stopped(tmp_path: Path, page: Page) -> None:
    clock = SystemClock()
    ended_ns = clock.now_ns() - MINUTE_NS
    stop = data_alert(
        "recorders", first_ns=ended_ns, last_ns=ended_ns, reason=StopReason.NOTHING_COMES, status=AlertStatus.OPEN
    )
    with StateDirectory.open(tmp_path) as directory:
        directory.commit(Commit(alerts=[stop]))
    take_alerts(tmp_path)
    reading = replace(_odd_reading(), event_time_ns=ended_ns)
    with LiveBoardWriter(tmp_path / BOARD_NAME, clock) as board, served_console(tmp_path) as console:
        board.show(reading)
        page.goto(console)
        incident = page.locator(".installation .wall-incident")
        expect(incident).to_contain_text("no new snapshot lies in the watched folders")
        expect(page.locator(".tile canvas")).to_be_visible()
        expect(incident).not_to_contain_text("data come again")
        board.show(_odd_reading())
        expect(incident).to_contain_text("data come again: it closes once they have come for some minutes")


def test_a_stage_at_which_somebody_works_calls_nobody_from_the_wall(tmp_path: Path, page: Page) -> None:
    write_state(tmp_path)
    with LiveBoardWriter(tmp_path / BOARD_NAME, SystemClock()) as board:
        board.show(_odd_reading())
    with served_console(tmp_path) as console:
        page.goto(console)
        card, summary = page.locator(".stage"), page.locator("#wall-summary")
        expect(card.locator(".wall-incident")).to_have_count(2)
        expect(summary).to_contain_text("2 high")
        expect(card).to_contain_class("high")
        post(
            console_client(tmp_path, clock=ManualClock(SystemClock().now_ns())),
            f"/stages/{STAGE}/maintenance/start",
            length="1h",
            why="new crystal",
        )
        expect(card.locator(".wall-covered")).to_contain_text("maintenance until ")
        expect(card.locator(".wall-covered")).to_contain_text(", by ")
        expect(card).to_contain_class("maintenance")
        expect(card).not_to_contain_class("high")
        expect(card.locator(".wall-incident")).to_have_count(2)
        expect(summary).not_to_contain_text("high")
        expect(page.locator("#live-incidents")).to_contain_text("none unacknowledged outside maintenance")


def _odd_reading() -> LiveReading:
    return LiveReading(
        device=CAMERA,
        event_time_ns=SystemClock().now_ns(),
        scoring=Scoring.SCORED,
        refusal=Refusal.NONE,
        score=12.0,
        anomalous=True,
        values={"centroid_x_px": 64.0, "centroid_y_px": 51.0},
        thumbnail=np.zeros(IMAGE_SHAPE, np.uint8),
    )

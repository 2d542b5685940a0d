"""The shift report in a browser: nothing is cut off on a screen or on A4, and axe finds nothing."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from connectors.evidence_picture import encode_png
from dashboards.report_page import report_page
from dashboards.shift_report import (
    CameraPointing,
    DeviceAvailability,
    MeterEnergy,
    ReportEpisode,
    ReportIncident,
    ReportPicture,
    ShiftReport,
    StageShots,
)
from models.alarms.incident import Incident, IncidentState
from models.alarms.priority import Priority
from models.alerts.verdicts import EpisodeVerdict, Verdict
from models.devices import parse_device
from models.event_time import HOUR_NS, MINUTE_NS
from models.stability import SlotSums, energy_stability, pointing_stability
from tests.unit.connectors.state.examples import CAMERA, METER, START_NS, alert_event

#: Within the margins of A4, in pixels of CSS.
PAPER_PX = 703


def measured(components: int, means: list[float]) -> SlotSums:
    sums, random = SlotSums(480, components), np.random.default_rng(1)
    sums.add(np.repeat(np.arange(480), 20), random.normal(means, 0.4, (9_600, components)))
    return sums


def report() -> ShiftReport:
    """With the longest names that the laser has, and what operators write."""
    alert = alert_event().alert
    camera = parse_device("LB_A3_32-Camera_12-Camera-12")
    verdict = EpisodeVerdict(
        alert_id=alert.id, verdict=Verdict.FALSE, reason="shutter test with the new shutter", by="m.popescu", at_ns=1
    )
    incident = Incident(
        id=alert.id,
        first_alert_id=alert.id,
        priority=Priority.HIGH,
        state=IncidentState.CLOSED,
        first_shot_ns=START_NS,
        last_shot_ns=START_NS + MINUTE_NS,
        opened_ns=START_NS,
        subjects=(CAMERA.name, METER.name, camera.name),
        origin="LA-A1-11",
        episodes=3,
        announced_ns=START_NS,
        acknowledged_ns=START_NS,
        acknowledged_by="m.popescu",
    )
    episode = ReportEpisode(
        alert=replace(alert, device=camera.name), acknowledged_by="m.popescu", acknowledged_ns=1, verdict=verdict
    )
    png = encode_png(np.zeros((400, 1_100), np.uint8), np.array([[20, 30, 90]], np.uint8))
    picture = ReportPicture(png=png, alert=alert, shot_ns=START_NS)
    steady = measured(2, [64.0, 51.0])
    energy = measured(1, [312.0])
    return ShiftReport(
        from_ns=START_NS,
        to_ns=START_NS + 8 * HOUR_NS,
        made_ns=START_NS + 9 * HOUR_NS,
        slot_ns=MINUTE_NS,
        incidents=[ReportIncident(incident=incident, episodes=[episode] * 3, worst=alert, picture=picture)],
        stages=[
            StageShots(
                stage=camera.stage, complete=287_998, incomplete=2, idle=4_000, complete_percent=np.full(480, 99.0)
            )
        ],
        devices=[
            DeviceAvailability(
                device=camera,
                expected=288_000,
                came=287_000,
                odd=1_000,
                longest_shots=1_000,
                longest_from_ns=START_NS,
                longest_to_ns=START_NS + MINUTE_NS,
            )
        ],
        energies=[
            MeterEnergy(device=METER, stability=energy_stability(energy), slot_means_j=energy.slot_means()[:, 0])
        ],
        pointing=[
            CameraPointing(
                device=camera,
                stability=pointing_stability(steady),
                diameter_px=47.0,
                slot_means_px=steady.slot_means(),
            )
        ],
        ledger={"balanced": True},
    )


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "shift.html"
    path.write_text(report_page(report()), encoding="utf-8")
    return path


def opened(browser: Browser, file: Path, width: int) -> Page:
    page = browser.new_page(viewport={"width": width, "height": 1_000})
    page.goto(file.as_uri())
    return page


def widest_px(page: Page) -> int:
    """What the widest part of the page, or of a part that is scrolled, takes."""
    widths: int = page.evaluate("Math.max(...[...document.querySelectorAll('html, .scroll')].map(e => e.scrollWidth))")
    return widths


@pytest.mark.parametrize(("media", "width"), [("screen", 1_280), ("print", PAPER_PX)])
def test_nothing_is_cut_off(browser: Browser, file: Path, media: str, width: int) -> None:
    with opened(browser, file, width) as page:
        page.emulate_media(media=media)  # type: ignore[arg-type]
        assert widest_px(page) <= width


def test_an_incident_goes_on_over_printed_pages(browser: Browser, tmp_path: Path) -> None:
    """One that moves as a whole leaves the rest of the page before it blank."""
    shown = report()
    [incident] = shown.incidents
    long = replace(incident, episodes=list(incident.episodes) * 4)
    file = tmp_path / "shift.html"
    file.write_text(report_page(replace(shown, incidents=[long] * 6)), encoding="utf-8")
    with opened(browser, file, 1_280) as page:
        pages = printed_pages(page)
        page.add_style_tag(content="@media print { article { break-inside: avoid; } }")
        assert pages < printed_pages(page)


def printed_pages(page: Page) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4", prefer_css_page_size=True)))


def test_axe_finds_nothing(browser: Browser, file: Path) -> None:
    with opened(browser, file, 1_280) as page:
        found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]})
        assert found.response["violations"] == []

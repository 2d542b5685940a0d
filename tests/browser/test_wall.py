"""The wall and the sign-in in a real browser, beside a real watch to which real files come."""

import os
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from connectors.access.role import Role
from connectors.clock import SystemClock
from connectors.control_room.reader import ControlRoomReader
from connectors.live_board import BOARD_NAME, LiveBoardReader, LiveBoardWriter
from connectors.state.directory import StateDirectory
from connectors.state.reader import StateReader
from models.devices import Device, parse_device
from models.event_time import parse_iso
from models.live_reading import LiveReading
from models.records import IMAGE_SHAPE, Refusal
from models.results import Scoring
from models.simulation.settings import SIMULATED_STAGES
from streams.benchmarks.facility_load import FACILITY_CAMERAS, FacilityLoad
from tests.support.console_state import write_alerts
from tests.support.live_console import QUICK, FaultyDay, LiveConsole, console_running
from tests.support.served_console import served_console
from tests.support.signing_in import PASSWORD, add_user
from tests.support.watching import wait_until

SMALL, WALL = {"width": 1280, "height": 800}, {"width": 3840, "height": 2160}
_WCAG = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}
# A busy machine: what is waited for comes at once on a quiet one.
_PATIENT_MS = 90_000


# When the first incident is in the page, by the clock of this computer.
_NOTE_FIRST_INCIDENT = """() => {
  const note = () => {
    if (window.firstIncidentMs === undefined && document.querySelector(".wall-incident.high")) {
      window.firstIncidentMs = Date.now();
    }
  };
  new MutationObserver(note).observe(document.getElementById("wall"), { childList: true, subtree: true });
}"""
# Counts how often each picture is drawn, and notes how many requests for frames are under way at most.
_COUNT_DRAWING = """
  window.drawn = {};
  window.mostAsked = 0;
  const put = CanvasRenderingContext2D.prototype.putImageData;
  CanvasRenderingContext2D.prototype.putImageData = function (...what) {
    const name = this.canvas.getAttribute("aria-label");
    window.drawn[name] = (window.drawn[name] || 0) + 1;
    return put.apply(this, what);
  };
  const ask = window.fetch;
  let asked = 0;
  window.fetch = async (place, ...what) => {
    if (!String(place).startsWith("/live/frames")) return ask(place, ...what);
    asked += 1;
    window.mostAsked = Math.max(window.mostAsked, asked);
    try { return await ask(place, ...what); } finally { asked -= 1; }
  };
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("wall")


@pytest.fixture(scope="module")
def day(folder: Path) -> FaultyDay:
    return FaultyDay.simulated(folder / "day")


@pytest.fixture(scope="module")
def watched(folder: Path, day: FaultyDay) -> Iterator[LiveConsole]:
    """A watch with its console that has learned what is normal."""
    data, config = folder / "watched", folder / "petawatch.toml"
    data.mkdir()
    config.write_text(QUICK, encoding="utf-8")
    arguments = ("watch", data, "--state", folder / "state", "--config", config, "--console", "127.0.0.1:0")
    with console_running(*arguments) as live:
        for minute in range(2):
            day.deliver(minute, data)
        wait_until(lambda: _files_read(folder / "state") == 2)
        yield live


def _files_read(state: Path) -> int:
    with LiveBoardReader(state / BOARD_NAME) as board:
        if not board.readings():
            return 0
    with StateReader.open(state) as reader:
        return int(reader.ledger()["files"]["accepted"])


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport=SMALL)  # type: ignore[arg-type]
    context.set_default_timeout(_PATIENT_MS)
    expect.set_options(timeout=_PATIENT_MS)
    yield context
    context.close()


def violations(page: Page) -> list[str]:
    found = Axe().run(page, options=_WCAG).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found]


def test_a_fault_appears_on_the_wall_and_in_the_list(
    watched: LiveConsole, context: BrowserContext, day: FaultyDay, folder: Path
) -> None:
    wall, incidents = context.new_page(), context.new_page()
    wall.goto(watched.url)
    incidents.goto(f"{watched.url}/incidents")
    expect(wall.locator(".wall-normal")).to_have_text("✓ no incident")
    expect(wall.locator("#live-incidents")).to_contain_text("no unacknowledged incident")
    expect(wall.locator(".tile canvas")).to_be_visible()
    before = _pixels(wall)
    wall.evaluate(_NOTE_FIRST_INCIDENT)
    day.deliver(2, folder / "watched")
    expect(wall.locator(".stage.high .wall-incident.high").first).to_be_visible()
    [incident] = ControlRoomReader(folder / "state").incidents()
    assert incident.announced_ns is not None
    # How long the file is worked on depends on the machine; from then on it takes 0.05 s, and nothing waits for long.
    assert 0 <= wall.evaluate("window.firstIncidentMs") - incident.announced_ns / 1e6 + 1 < 5_000
    expect(incidents.locator("tbody tr").first).to_be_visible()
    expect(wall.locator("#live-incidents")).to_contain_text(re.compile(r"[1-9]\d* unacknowledged"))
    wait_until(lambda: _pixels(wall) != before)


def _pixels(page: Page) -> str:
    return str(page.locator(".tile canvas").first.evaluate("canvas => canvas.toDataURL()"))


@pytest.mark.parametrize("size", [SMALL, WALL], ids=["1280", "3840"])
def test_the_wall_is_accessible_and_fits(watched: LiveConsole, context: BrowserContext, size: dict[str, int]) -> None:
    page = context.new_page()
    page.set_viewport_size(size)  # type: ignore[arg-type]
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.on("console", lambda message: failures.append(message.text) if message.type == "error" else None)
    page.goto(watched.url)
    expect(page.locator(".tile canvas").first).to_be_visible()
    expect(page.locator("#live-connection")).to_contain_text("live")
    if size == WALL:  # read from four metres
        page.wait_for_function("document.querySelector('.tile').offsetWidth > 600")
        assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert failures == []


@pytest.mark.parametrize("size", [{"width": 1920, "height": 1080}, WALL], ids=["1920", "3840"])
@pytest.mark.parametrize(("stages", "cameras"), [(1, 1), (6, 2), (12, 8)], ids=["1", "6", "12"])
def test_a_large_wall_is_filled_and_never_scrolls(
    context: BrowserContext, tmp_path: Path, stages: int, cameras: int, size: dict[str, int]
) -> None:
    devices = [
        parse_device(f"{stage.front_end}_{stage.amp}_{stage.arm}-Camera_{number}-Camera-1")
        for stage in SIMULATED_STAGES[:stages]
        for number in range(1, cameras + 1)
    ][:FACILITY_CAMERAS]
    StateDirectory.open(tmp_path).close()
    with LiveBoardWriter(tmp_path / BOARD_NAME, SystemClock()) as board:
        for device in devices:
            _show(board, device, time.time_ns())
        with served_console(tmp_path, console={"stale_after_s": 1e9}) as address:
            page = context.new_page()
            page.set_viewport_size(size)  # type: ignore[arg-type]
            page.goto(address)
            expect(page.locator(".tile")).to_have_count(len(devices))
            wait_until(lambda: page.evaluate("document.body.style.getPropertyValue('--words') !== ''"))
            assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            bottoms, widths = page.evaluate(
                "[...document.querySelectorAll('.tile')].map((it) => it.getBoundingClientRect())"
                ".reduce(([ends, wide], it) => [[...ends, it.bottom], [...wide, it.width]], [[], []])"
            )
            # A banner comes.
            page.evaluate("document.querySelector('.wall-top').style.paddingTop = '8vh'")
            wait_until(lambda: page.evaluate("document.documentElement.scrollHeight <= innerHeight"))
    assert max(bottoms) > 0.9 * size["height"]
    assert max(widths) - min(widths) <= 2


@pytest.mark.parametrize("size", [SMALL, WALL], ids=["1280", "3840"])
def test_with_few_cameras_pictures_take_the_room_and_what_is_odd_is_the_largest_word(
    context: BrowserContext, tmp_path: Path, size: dict[str, int]
) -> None:
    write_alerts(tmp_path, 2, every_s=1)  # of the first stage
    with LiveBoardWriter(tmp_path / BOARD_NAME, SystemClock()) as board:
        for stage in ("LA_A3_31", "LA_A3_32"):
            _show(board, parse_device(f"{stage}-Camera_1-Camera-1"), time.time_ns())
        with served_console(tmp_path, console={"stale_after_s": 1e9}) as address:
            page = context.new_page()
            page.set_viewport_size(size)  # type: ignore[arg-type]
            page.goto(address)
            expect(page.locator(".tile")).to_have_count(2)
            expect(page.locator(".wall-incident.now").first).to_be_visible()
            wait_until(lambda: page.evaluate("document.body.style.getPropertyValue('--words') !== ''"))
            assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
            shares = "[...document.querySelectorAll('.tile')].map((it) => it.offsetWidth / innerWidth)"
            wait_until(lambda: min(page.evaluate(shares)) > 0.33)
            sizes = [
                float(page.locator(name).first.evaluate("it => parseFloat(getComputedStyle(it).fontSize)"))
                for name in (".wall-incident.now", ".stage-name", ".stage-facts", ".tile-note")
            ]
    assert sizes[0] > sizes[1] > sizes[2] >= sizes[3]
    assert sizes[2] > 0.01 * size["width"], "energies can be read from afar"


def test_what_is_old_is_crossed_out_and_94_cameras_are_drawn_twice_a_second_at_most(
    context: BrowserContext, tmp_path: Path
) -> None:
    load = FacilityLoad()
    cameras = [load.devices(recorder)[0] for recorder in range(FACILITY_CAMERAS)]
    over = threading.Event()
    StateDirectory.open(tmp_path).close()
    with (
        LiveBoardWriter(tmp_path / BOARD_NAME, SystemClock()) as board,
        console_running("console", "--state", tmp_path, "--http", "127.0.0.1:0") as usual,
    ):
        page = context.new_page()
        page.add_init_script(_COUNT_DRAWING)
        page.goto(usual.url)
        expect(page.locator("#wall-summary")).to_have_text("– the watch is starting: nothing is watched yet")
        expect(page.locator("#no-data")).to_be_hidden()
        _show(board, cameras[0], parse_iso("2022-07-01T09:34:00Z"))
        expect(page.locator("#no-data")).to_contain_text("No data since 2022-07-01 09:34 UTC")
        expect(page.locator("#wall-summary")).to_have_text("– no current data")
        expect(page.locator(".tile.stale .tile-note").first).to_have_text(re.compile(r"✕ [\d,]+ d old"))
        expect(page.locator(".stage.stale")).to_have_count(1)
        expect(page.locator("#live-data .mark")).to_have_text("✕")
        writer = threading.Thread(target=_show_at_10_hz, args=(board, cameras, over))
        writer.start()
        try:
            expect(page.locator(".tile canvas")).to_have_count(FACILITY_CAMERAS)
            expect(page.locator("#no-data")).to_be_hidden()
            expect(page.locator("#wall-summary")).to_have_text("✓ nothing unacknowledged")
            began_s, before = time.monotonic(), _times_drawn(page)
            assert len(before) == FACILITY_CAMERAS
            wait_until(lambda: min((_times_drawn(page) - before).get(name, 0) for name in before) >= 4)
            times, within_s = _times_drawn(page) - before, time.monotonic() - began_s
            most_asked = page.evaluate("window.mostAsked")
        finally:
            over.set()
            writer.join()
    # What waited at the beginning, and what came right at the end, count as well.
    assert max(times.values()) <= 2 * within_s + 2
    assert most_asked == 1


def _times_drawn(page: Page) -> Counter[str]:
    drawn: dict[str, int] = page.evaluate("window.drawn")
    return Counter({name: times for name, times in drawn.items() if name.startswith("latest picture of ")})


def _show_at_10_hz(board: LiveBoardWriter, cameras: list[Device], over: threading.Event) -> None:
    while not over.wait(0.1):
        for camera in cameras:
            _show(board, camera, time.time_ns())


def _show(board: LiveBoardWriter, camera: Device, event_time_ns: int) -> None:
    board.show(
        LiveReading(
            device=camera,
            event_time_ns=event_time_ns,
            scoring=Scoring.SCORED,
            refusal=Refusal.NONE,
            score=1.0,
            anomalous=False,
            values={"centroid_x_px": 64.0, "centroid_y_px": 51.0},
            thumbnail=np.zeros(IMAGE_SHAPE, np.uint8),
        )
    )


def test_a_console_that_dies_is_unmissable_and_comes_back_by_itself(
    watched: LiveConsole, context: BrowserContext
) -> None:
    page = context.new_page()
    page.goto(watched.url)
    expect(page.locator("#live-connection")).to_contain_text("live")
    expect(page.locator("#connection-lost")).to_be_hidden()
    address = watched.url
    os.kill(_console_of(watched.process.pid), signal.SIGSTOP)
    try:
        expect(page.locator("#connection-lost")).to_contain_text("nothing shown here is live")
        assert page.locator(".picture").first.evaluate("it => getComputedStyle(it, '::after').content") == '""'
    finally:
        os.kill(_console_of(watched.process.pid), signal.SIGCONT)
    expect(page.locator("#connection-lost")).to_be_hidden()
    os.kill(_console_of(watched.process.pid), signal.SIGKILL)
    wait_until(lambda: len(re.findall("listens at", "".join(watched.told))) == 2)
    assert "the console has ended (exit code -9); it is started again in 1 s" in "".join(watched.told)
    assert watched.process.poll() is None
    page.goto(watched.url)
    expect(page.locator(".tile canvas").first).to_be_visible()
    assert watched.url != address


def _console_of(watch: int) -> int:
    children = Path(f"/proc/{watch}/task").glob("*/children")
    [child] = [int(number) for file in children for number in file.read_text().split()]
    return child


def test_signing_in_by_keyboard_and_out(context: BrowserContext, folder: Path) -> None:
    state = folder / "with-users"
    add_user(state, "anna", Role.OPERATOR)
    with console_running("console", "--state", state, "--http", "127.0.0.1:0") as guarded:
        page = context.new_page()
        page.goto(f"{guarded.url}/incidents")
        expect(page).to_have_url(re.compile("/sign-in"))
        for size in (WALL, SMALL):
            page.set_viewport_size(size)  # type: ignore[arg-type]
            assert violations(page) == []
        page.keyboard.type("anna")
        page.keyboard.press("Tab")
        page.keyboard.type("not the password")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_have_text("That is not the name and the password of a user.")
        assert violations(page) == []
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        expect(page).to_have_url(f"{guarded.url}/incidents")
        expect(page.locator(".who")).to_contain_text("anna, operator")
        page.get_by_role("button", name="Sign out").click()
        expect(page).to_have_url(f"{guarded.url}/sign-in")
        page.goto(guarded.url)
        expect(page).to_have_url(re.compile("/sign-in"))

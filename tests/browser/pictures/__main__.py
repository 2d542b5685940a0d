"""``make pictures``: the pictures of docs/images made anew, from a simulated day, by a real browser."""

import sys
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from dashboards.report_page import report_page
from models.event_time import MINUTE_NS, format_iso
from servers.browser import BROWSER_FLAGS, browser_program
from streams.report.gathering import gather_report
from streams.report.reported_stretch import ReportedStretch
from tests.browser.pictures.laser_day import OPERATOR, LaserDay
from tests.browser.pictures.pictures import EVIDENCE, MOST_BYTES, PICTURES, REPORT, SIGN_IN, WIDTH, Picture
from tests.support.served_console import served_console
from tests.support.shifted_clock import ShiftedClock
from tests.support.signing_in import PASSWORD

_IMAGES = Path(__file__).parents[3] / "docs" / "images"
_SIGN_IN_HEIGHT, _REPORT_HEIGHT = 480, 1_300
# A busy machine: what is waited for comes at once on a quiet one.
_PATIENT_MS = 240_000
# Paths would else be those of a folder whose name is chosen by chance.
_FOLDER = Path(tempfile.gettempdir()) / "petawatch"


def main() -> None:
    """Simulate, watch, look at every page, and write the pictures."""
    if _FOLDER.exists():
        sys.exit(f"{_FOLDER} is there already, and is where the day is simulated: remove it")
    with tempfile.TemporaryDirectory() as aside:
        _FOLDER.symlink_to(aside, target_is_directory=True)
        try:
            _make(_FOLDER)
        finally:
            _FOLDER.unlink()


def _make(folder: Path) -> None:
    _say("simulates six stages and watches them; this takes about a minute")
    day = LaserDay.begun(folder)
    day.live_through()
    expect.set_options(timeout=_PATIENT_MS)
    with (
        served_console(day.state, config=day.config, clock=ShiftedClock(day.clock.now_ns())) as address,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=browser_program(), args=list(BROWSER_FLAGS))
        page = browser.new_page(viewport={"width": WIDTH, "height": _SIGN_IN_HEIGHT})
        page.set_default_timeout(_PATIENT_MS)
        page.goto(f"{address}/sign-in")
        _take(page, SIGN_IN)
        _sign_in(page)
        places = {**day.places(), "replay": _begun_replay(page, address, day)}
        for picture in PICTURES:
            _open(page, address, picture, places)
            _take(page, picture.name)
        _take_report(browser, day, folder)
        browser.close()
    _write(EVIDENCE, day.evidence().read_bytes())


def _sign_in(page: Page) -> None:
    page.get_by_label("Name").fill(OPERATOR)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator(".who")).to_contain_text(OPERATOR)


def _begun_replay(page: Page, address: str, day: LaserDay) -> str:
    """The path of a replay that has begun, and gives way to all other work meanwhile."""
    from_ns, to_ns = day.stretch
    page.goto(f"{address}/replay?from={format_iso(from_ns + 5 * MINUTE_NS)}&to={format_iso(to_ns - 5 * MINUTE_NS)}")
    page.get_by_role("button", name="Replay", exact=True).click()
    page.wait_for_url("**/replay/*")
    return page.url.removeprefix(address)


def _open(page: Page, address: str, picture: Picture, places: dict[str, str]) -> None:
    page.set_viewport_size({"width": picture.width, "height": picture.height})
    page.goto(address + picture.path.format(**places))
    expect(page.locator("#live-connection")).to_contain_text("live")
    expect(page.locator("#live-data")).to_contain_text("old")
    picture.ready(page)
    page.mouse.move(0, 0)


def _take_report(browser: Browser, day: LaserDay, folder: Path) -> None:
    from_ns, to_ns = day.stretch
    stretch = ReportedStretch(from_ns=from_ns, to_ns=to_ns)
    file = folder / "shift.html"
    file.write_text(report_page(gather_report(day.state, day.settings, stretch, day.clock.now_ns())), encoding="utf-8")
    page = browser.new_page(viewport={"width": WIDTH, "height": _REPORT_HEIGHT})
    page.goto(file.as_uri())
    _take(page, REPORT)


def _take(page: Page, name: str) -> None:
    _write(name, page.screenshot())


def _write(name: str, png: bytes) -> None:
    """Packed well; with 256 colours where all of them take too many bytes."""
    with Image.open(BytesIO(png)) as image:
        packed = _packed(image.convert("RGB"))
        if len(packed) > MOST_BYTES:
            packed = _packed(image.convert("RGB").quantize(256, dither=Image.Dither.NONE))
    if len(packed) > MOST_BYTES:
        sys.exit(f"{name} takes {len(packed)} bytes, more than {MOST_BYTES}: show less of the page")
    (_IMAGES / name).write_bytes(packed)
    _say(f"{name}: {len(packed)} bytes")


def _packed(image: Image.Image) -> bytes:
    packed = BytesIO()
    image.save(packed, "PNG", optimize=True)
    return packed.getvalue()


def _say(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

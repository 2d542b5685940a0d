"""What operators do in the console's pages, in a real browser: by the keyboard, two at once, in a storm of alerts."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, expect

from connectors.access.role import Role
from connectors.control_room.decisions import OperatorDecisions
from connectors.control_room.reader import ControlRoomReader
from connectors.state.commit import Commit
from connectors.state.directory import StateDirectory
from models.alarms.life_cycle import AlarmState
from models.event_time import MINUTE_NS, format_iso
from models.results import Outcome
from tests.support.console_state import DEVICES, write_alerts, write_state
from tests.support.served_console import served_console
from tests.support.signing_in import PASSWORD, add_user
from tests.unit.connectors.state.examples import CAMERA, STAGE, START_NS, alert_event, decided, source, triplets

SMALL, WALL = {"width": 1280, "height": 800}, {"width": 3840, "height": 2160}
_WCAG = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}
# A busy machine: what is waited for comes at once on a quiet one.
_PATIENT_MS = 60_000
_STRETCH = f"from={format_iso(START_NS)}&to={format_iso(START_NS + 2 * MINUTE_NS)}"
PAGES = [
    "/incidents",
    "/incidents/{incident}",
    "/stages",
    f"/stages/{STAGE}?{_STRETCH}",
    "/cameras",
    f"/cameras/{CAMERA.name}?{_STRETCH}",
    "/replay",
    "/archive",
    "/pipeline",
    "/settings",
]

NewPage = Callable[..., Page]
_HOLD = """() => {
    const ask = window.fetch;
    const held = new Promise((resolve) => { window.release = resolve; });
    window.fetch = async (...asked) => { await held; return ask(...asked); };
}"""


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    state = tmp_path_factory.mktemp("operators")
    write_state(state)
    return state


@pytest.fixture(scope="module")
def console(state: Path) -> Iterator[str]:
    with served_console(state) as address:
        yield address


@pytest.fixture
def new_page(browser: Browser) -> Iterator[NewPage]:
    """Each in a browser of its own: two of them share no cookie."""
    contexts: list[BrowserContext] = []
    expect.set_options(timeout=_PATIENT_MS)

    def make(size: dict[str, int] = SMALL) -> Page:
        context = browser.new_context(viewport=size)  # type: ignore[arg-type]
        context.set_default_timeout(_PATIENT_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: pytest.fail(f"the page's script fails: {error}"))
        return page

    yield make
    for context in contexts:
        context.close()


def incidents(state: Path) -> list[str]:
    return [each.id for each in ControlRoomReader(state).incidents()]


def signed_in(page: Page, console: str, name: str, then: str) -> Page:
    page.goto(f"{console}/sign-in")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator(".who")).to_contain_text(name)
    page.goto(console + then)
    return page


@pytest.mark.parametrize("size", [SMALL, WALL], ids=["1280", "3840"])
def test_every_page_is_accessible_and_none_is_too_wide(
    console: str, state: Path, new_page: NewPage, size: dict[str, int]
) -> None:
    page = new_page(size)
    for path in PAGES:
        page.goto(console + path.format(incident=incidents(state)[-1]))
        if "?" in path:
            expect(page.locator("#history")).to_have_attribute("data-shown", "yes")
        found = Axe().run(page, options=_WCAG).response["violations"]
        assert [f"{path} {each['id']}: {each['nodes'][0]['html'][:200]}" for each in found] == []
        widths = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        assert widths[0] <= widths[1], path


def test_the_top_of_pages_is_one_line_however_long_names_are(tmp_path: Path, new_page: NewPage) -> None:
    StateDirectory.open(tmp_path).close()
    add_user(tmp_path, "maximilian.von.hohenstein", Role.OPERATOR)
    with served_console(tmp_path) as address:
        page = signed_in(new_page(), address, "maximilian.von.hohenstein", "/incidents")
        expect(page.locator("#live-incidents")).to_contain_text("no unacknowledged incident")
        page.evaluate("document.querySelector('#live-incidents .words').textContent += '; some can not be read'")
        assert page.evaluate("document.querySelector('.top').offsetHeight") < 60
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        expect(page.get_by_role("button", name="Sign out")).to_be_in_viewport(ratio=1)


def test_seen_shelved_and_judged_without_a_mouse(tmp_path: Path, new_page: NewPage) -> None:
    write_state(tmp_path)
    reader = ControlRoomReader(tmp_path)
    with served_console(tmp_path) as address:
        page = new_page()
        page.goto(f"{address}/incidents")
        first = page.locator("[data-row]").first
        page.keyboard.press("?")
        expect(page.locator("#keys")).to_be_visible()
        page.keyboard.press("Escape")
        page.keyboard.press("j")
        expect(first).to_be_focused()
        page.keyboard.press("a")
        expect(page.locator("#told")).to_contain_text("Acknowledged by")
        expect(page.locator(".incidents tbody tr").first).to_contain_text("acknowledged by")
        expect(first).to_be_focused()
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile("/incidents/[0-9a-f]{16}"))
        incident = incidents(tmp_path)[-1]
        assert incident in page.url
        page.keyboard.press("s")
        expect(page.locator("#shelve")).to_be_focused()
        for key in ("Tab", "Tab"):
            page.keyboard.press(key)
        page.keyboard.type("the camera is being replaced")
        page.keyboard.press("Enter")
        expect(page.locator("#told")).to_contain_text("Shelved by")
        expect(page.locator(".alarm").first).to_contain_text("the camera is being replaced")
        assert [alarm.state for alarm in reader.alarms(incident=incident)] == [AlarmState.SHELVED]
        page.keyboard.press("Escape")
        page.keyboard.press("v")
        expect(page.locator("#verdict")).to_be_focused()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator("#told")).to_contain_text("The verdict of")
        assert [verdict.verdict.value for verdict in OperatorDecisions(tmp_path).verdicts()] == ["true"]
        page.keyboard.press("Escape")
        page.keyboard.press("l")
        page.wait_for_url(re.compile("/incidents$"))


def test_two_browsers_acknowledge_at_once_one_wins_and_both_see_it(tmp_path: Path, new_page: NewPage) -> None:
    write_state(tmp_path)
    for name in ("ada", "bob"):
        add_user(tmp_path, name, Role.OPERATOR)
    incident = incidents(tmp_path)[-1]
    with served_console(tmp_path) as address:
        pages = {name: signed_in(new_page(), address, name, f"/incidents/{incident}") for name in ("ada", "bob")}
        # What they send waits until both have pressed the key.
        for page in pages.values():
            page.evaluate(_HOLD)
            page.keyboard.press("a")
        for page in pages.values():
            page.evaluate("() => { window.release(); }")
        for page in pages.values():
            expect(page.locator("#told")).to_contain_text("cknowledged")
            expect(page.get_by_role("button", name="Acknowledge")).to_have_count(0)
        sentences = {name: page.locator("#told").inner_text() for name, page in pages.items()}
        acknowledged = ControlRoomReader(tmp_path).incident(incident)
        assert acknowledged is not None
        winner = acknowledged.acknowledged_by
        [loser] = {"ada", "bob"} - {winner}
        assert sentences[winner].startswith(f"Acknowledged by {winner} at ")
        assert sentences[loser].lower().startswith(f"{winner} acknowledged the incident")
        for page in pages.values():
            expect(page.locator(".steps .facts")).to_contain_text(f"acknowledged by {winner}")
    assert [entry.action for entry in ControlRoomReader(tmp_path).audit_of([incident])] == ["acknowledge"]


def test_the_evidence_and_the_drawings_are_there(console: str, state: Path, new_page: NewPage) -> None:
    page = new_page()
    page.goto(f"{console}/incidents/{incidents(state)[-1]}")
    expect(page.locator(".evidence")).to_have_attribute("data-shown", "yes")
    overlay = "canvas[data-array='overlay']"
    pixels = f'(() => document.querySelector("{overlay}").toDataURL())()'
    before = page.evaluate(pixels)
    page.locator("#opacity").focus()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    assert page.evaluate(pixels) != before
    # The snapshot is not there: a sentence says so.
    expect(page.locator("#around")).to_contain_text("nothing can be shown")
    page.goto(f"{console}/stages/{STAGE}?{_STRETCH}")
    expect(page.locator("#history")).to_have_attribute("data-shown", "yes")
    drawn = page.locator(".plot canvas")
    assert drawn.count() >= 6
    # Drawing over a part of one asks the server for that part.
    box = page.locator(".plot .u-over").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 30, steps=4)
    page.mouse.up()
    page.wait_for_url(re.compile("from=2022-07-01T09%3A34%3A3"))
    expect(page.locator("#history")).to_have_attribute("data-shown", "yes")


@pytest.mark.parametrize("path", [f"/stages/{STAGE}", f"/cameras/{CAMERA.name}"], ids=["stage", "camera"])
def test_the_latest_stretch_moves_on_with_what_is_recorded(tmp_path: Path, new_page: NewPage, path: str) -> None:
    write_state(tmp_path)
    later_ns = START_NS + 2 * MINUTE_NS
    with served_console(tmp_path) as address:
        page = new_page()
        page.clock.install()
        page.goto(address + path)
        history = page.locator("#history")
        expect(history).to_have_attribute("data-shown", "yes")
        expect(page.locator("#ways")).to_contain_text("to 2022-07-01 09:36:00 UTC")
        expect(page.locator("[data-episode]")).to_have_count(1)
        page.evaluate("document.querySelector('.plot canvas').dataset.before = 'yes'")
        expect(page.locator("#live-connection")).not_to_contain_text("connecting")
        page.clock.fast_forward(11_000)  # it looks again every ten seconds at most
        with page.expect_response(re.compile("/series.*to_s=1656668220")), StateDirectory.open(tmp_path) as directory:
            of = source("later")
            blocks = [decided(each, 600, of=of, start_ns=later_ns, outcome=Outcome.TRIPLET) for each in DEVICES]
            alert = alert_event(later_ns, device=CAMERA)
            directory.commit(Commit(decided=blocks, triplets=[triplets(600, start_ns=later_ns)], alerts=[alert]))
        expect(page.locator("#ways")).to_contain_text("to 2022-07-01 09:37:00 UTC")
        expect(page.locator("[data-episode]")).to_have_count(2)
        # The drawings are the same ones, with new points.
        expect(page.locator(".plot canvas[data-before]")).to_have_count(1)


def test_a_thousand_episodes_in_a_minute_leave_the_list_usable(tmp_path: Path, new_page: NewPage) -> None:
    write_alerts(tmp_path, 1_000, every_s=0.06)
    assert len(incidents(tmp_path)) < 20
    with served_console(tmp_path) as address:
        page = new_page()
        page.goto(f"{address}/incidents")
        rows = page.locator("[data-row]")
        expect(rows.first).to_be_visible()
        assert median(_work_of_a_key(page) for _ in range(15)) < 0.2
        page.goto(f"{address}/incidents/{incidents(tmp_path)[0]}")
        expect(page.locator("#past")).to_contain_text("More episodes")
        assert median(_work_of_a_key(page) for _ in range(15)) < 0.2
        page.keyboard.press("a")
        expect(page.locator("#told")).to_contain_text("Acknowledged by")


def _work_of_a_key(page: Page) -> float:
    """Seconds of processor time from a key to the next picture of the page: a busy machine makes them no more."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    before_s = _processor_s(session)
    page.keyboard.press("j")
    page.evaluate("new Promise((seen) => requestAnimationFrame(() => requestAnimationFrame(seen)))")
    took_s = _processor_s(session) - before_s
    session.detach()
    return took_s


def _processor_s(session: CDPSession) -> float:
    """What the thread of the page's scripts, styles and layout has taken."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return next(float(each["value"]) for each in metrics if each["name"] == "ThreadTime")

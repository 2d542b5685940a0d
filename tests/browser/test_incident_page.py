"""One incident in a real browser: what to do is seen at once, and letters belong to whoever writes a remark."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from connectors.control_room.decisions import OperatorDecisions
from connectors.control_room.reader import ControlRoomReader
from tests.support.console_state import write_state
from tests.support.served_console import served_console

# A busy machine: what is waited for comes at once on a quiet one.
_PATIENT_MS = 60_000


@pytest.fixture
def incident(tmp_path: Path) -> str:
    write_state(tmp_path)
    return ControlRoomReader(tmp_path).incidents()[-1].id


@pytest.fixture
def page(browser: Browser, tmp_path: Path, incident: str) -> Iterator[Page]:
    """The page of the incident in a small window."""
    expect.set_options(timeout=_PATIENT_MS)
    with served_console(tmp_path) as address:
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        context.set_default_timeout(_PATIENT_MS)
        page = context.new_page()
        page.on("pageerror", lambda error: pytest.fail(f"the page's script fails: {error}"))
        page.goto(f"{address}/incidents/{incident}")
        yield page
        context.close()


def test_what_to_do_is_seen_without_scrolling(page: Page) -> None:
    expect(page.get_by_role("region", name="What to do about")).to_be_in_viewport(ratio=1)
    expect(page.locator("#acknowledge")).to_be_in_viewport(ratio=1)
    expect(page.locator(".evidence canvas").first).to_be_in_viewport(ratio=1)


def test_letters_of_a_remark_are_no_keys_and_enter_judges_nothing(page: Page, tmp_path: Path, incident: str) -> None:
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    page.keyboard.press("v")
    remark = page.locator("#verdict")
    expect(remark).to_be_focused()
    page.keyboard.type("all lost, vacuum")
    page.keyboard.press("Enter")
    expect(remark).to_have_value("all lost, vacuum")
    page.keyboard.press("Tab")
    expect(page.locator("#verdict-true")).to_be_focused()
    page.keyboard.type("al")  # nor are they beside the field
    page.keyboard.press("Tab")
    expect(page.locator("#verdict-false")).to_be_focused()
    assert sent == []
    page.keyboard.press("Enter")
    expect(page.locator("#told")).to_contain_text("The verdict of")
    assert [url.rpartition("/")[2] for url in sent] == ["verdict"]
    [verdict] = OperatorDecisions(tmp_path).verdicts()
    assert (verdict.verdict.value, verdict.reason) == ("false", "all lost, vacuum")
    assert ControlRoomReader(tmp_path).incidents()[-1].is_unseen


def test_the_end_of_a_shelving_has_room(page: Page) -> None:
    page.keyboard.press("s")
    expect(page.locator("#shelve")).to_be_focused()
    until = page.get_by_label("or until (UTC)")
    expect(until).to_be_visible()
    fits = """field => {
        const pen = document.createElement("canvas").getContext("2d");
        const style = getComputedStyle(field);
        pen.font = style.font;
        const room = field.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
        return pen.measureText(field.placeholder).width <= room;
    }"""
    assert until.evaluate(fits)


def test_outside_a_form_letters_are_keys_again(page: Page, tmp_path: Path) -> None:
    page.keyboard.press("v")
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    expect(page.locator("#told")).to_contain_text("Acknowledged by")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_hidden()
    page.keyboard.press("l")
    page.wait_for_url(re.compile("/incidents$"))

"""What tape needs a person for is seen and acknowledged in the console of the watch, by the keyboard."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from models.alarms.life_cycle import AlarmState
from tests.support.console_state import write_state
from tests.support.served_console import served_console
from tests.support.tape_needs import DAMAGED, NO_ROOM, REMOUNT, needed, show, tape_alerts

_PATIENT_MS = 60_000


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    expect.set_options(timeout=_PATIENT_MS)
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(_PATIENT_MS)
    page = context.new_page()
    page.on("pageerror", lambda error: pytest.fail(f"the page's script fails: {error}"))
    yield page
    context.close()


def test_an_incident_of_the_tapes_is_acknowledged_in_the_watch_s_console(tmp_path: Path, page: Page) -> None:
    state, archive = tmp_path / "state", tmp_path / "archive"
    write_state(state)
    tapes = needed(archive, NO_ROOM, DAMAGED)
    with served_console(state, archive={"folder": archive}) as address:
        page.goto(f"{address}/")
        [incident] = tapes.incidents()
        link = page.locator(f'a[href="/incidents/{incident.id}"]')
        expect(link).to_contain_text("tape/")
        link.click()
        expect(page.get_by_role("heading", name="What is known")).to_be_visible()
        assert Axe().run(page).response["violations"] == []
        page.keyboard.press("a")
        expect(page.locator("#told")).to_contain_text("Acknowledged by")
        expect(page.locator("#steps")).to_contain_text("acknowledged by")
        assert {alarm.state for alarm in tapes.alarms()} == {AlarmState.ACKNOWLEDGED}
        # What comes later is heard of without anything being loaded anew.
        with tape_alerts(archive) as alerts:
            show(alerts, {NO_ROOM: "", DAMAGED: "", REMOUNT: ""})
            expect(page.locator("#steps")).to_contain_text("PW0001L8")
            expect(page.locator("#acknowledge")).to_be_visible()

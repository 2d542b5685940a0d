"""The browser that these tests share."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from servers.browser import BROWSER_FLAGS, browser_program
from servers.failures import ServerMissingError


# Of this package, not of the session: as long as it runs, this thread has a running event loop, and no other test could
# start one.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """A real Chromium that all tests of this package share: take a context of your own, ``browser.new_context()``."""
    try:
        program = browser_program()
    except ServerMissingError as error:
        pytest.skip(str(error))
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=list(BROWSER_FLAGS))
        yield chromium
        chromium.close()

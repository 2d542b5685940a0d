"""Which pictures there are: the page, its size, and what is waited for before it is taken."""

from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page, expect

from tests.support.watching import wait_until

#: Of most windows, in pixels of CSS.
WIDTH = 1280
#: What a picture of the documentation may take at most.
MOST_BYTES = 300_000


def _as_it_is(page: Page) -> None:
    """Nothing is waited for."""


def _drawn(page: Page) -> None:
    expect(page.locator("#history")).to_have_attribute("data-shown", "yes")


def _pictures_live(page: Page) -> None:
    expect(page.locator(".tile canvas")).to_have_count(12)
    expect(page.locator(".wall-incident").first).to_be_visible()
    wait_until(lambda: page.evaluate("document.documentElement.scrollHeight <= innerHeight"))


def _shots_around(page: Page) -> None:
    expect(page.locator("#around canvas").first).to_be_visible()


def _finished(page: Page) -> None:
    expect(page.locator("#run .chip").first).to_have_text("finished")


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One file of ``docs/images``.

    Attributes
    ----------
    path
        Of the page; ``{stretch}``, ``{odd}`` and ``{replay}`` stand for what the day has.
    ready
        Returns when all of the page is there.
    """

    name: str
    path: str
    height: int
    width: int = WIDTH
    ready: Callable[[Page], None] = _as_it_is


#: Taken in this order, by somebody who has signed in.
PICTURES = (
    Picture(name="console-wall.png", path="/", width=1600, height=900, ready=_pictures_live),
    Picture(name="console-incidents.png", path="/incidents?show=all", height=640),
    Picture(name="console-incident.png", path="/incidents/{odd}", height=1560, ready=_shots_around),
    Picture(name="console-stage.png", path="/stages/LA-A3-31?{stretch}", height=1250, ready=_drawn),
    Picture(name="console-camera.png", path="/cameras/LA_A3_31-Camera_1-Camera-1?{stretch}", height=1750, ready=_drawn),
    Picture(name="console-archive.png", path="/archive?{stretch}", height=860),
    Picture(name="console-pipeline.png", path="/pipeline", height=900),
    Picture(name="console-settings.png", path="/settings", height=900),
    Picture(name="console-api.png", path="/api", height=860),
    Picture(name="console-replay.png", path="{replay}", height=760, ready=_finished),
)
#: What is no page of somebody who has signed in.
SIGN_IN, REPORT, EVIDENCE = "console-sign-in.png", "shift-report.png", "evidence-hot-spot.png"
#: All files that the command writes.
NAMES = frozenset({*(picture.name for picture in PICTURES), SIGN_IN, REPORT, EVIDENCE})

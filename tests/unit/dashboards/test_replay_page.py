"""Pages of replays: one file, nothing from elsewhere, and names that are no HTML."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from dashboards.curve_drawing import Curve, draw_curves
from dashboards.replay_page import MOST_PICTURES, comparison_page, replay_page
from dashboards.replay_table import camera_lines, signed
from dashboards.shot_page import ShownDevice, ShownImage, ShownShot, shot_page
from models.replay_comparison import CameraDifference, ReplayComparison, SharedEpisode, ShotDifference
from tests.unit.connectors.state.examples import alert_event

EVIL = '<script>alert("x")</script>\x1b[31m'
ALERT = replace(alert_event().alert, device=EVIL, reasons=(EVIL,), model=EVIL, id=EVIL)
PNG = b"\x89PNG"


class _Balance(HTMLParser):
    """Every element that is opened is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, _: object) -> None:
        self.seen.add(tag)
        if tag not in {"meta", "img"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, _: object) -> None:
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def elements(page: str) -> set[str]:
    """The elements of a page, which is well formed."""
    parser = _Balance()
    parser.feed(page)
    assert parser.open == []
    assert "\x1b" not in page
    return parser.seen


def comparison() -> ReplayComparison:
    shot = ShotDifference(event_time_ns=1, first=1.0, second=2.5)
    camera = CameraDifference(
        device=EVIL,
        shots=7,
        since_ns=5,
        quantiles=(-1.0, -0.5, 0.0, 0.5, 1.5),
        odd_both=1,
        odd_first=2,
        odd_second=3,
        worst=(shot,),
    )
    unlearned = replace(camera, device="second", shots=0, since_ns=None, quantiles=(), worst=())
    return ReplayComparison(
        first_model=EVIL,
        second_model="ae-2",
        first_only=(ALERT,),
        second_only=(),
        shared=(SharedEpisode(ALERT, ALERT),),
        cameras=(camera, unlearned),
    )


def test_names_are_no_html() -> None:
    for page in (
        replay_page([EVIL], [ALERT], lambda _: PNG),
        comparison_page([EVIL], comparison(), lambda _: PNG, lambda _: None),
    ):
        assert "script" not in elements(page)
        assert "&lt;script&gt;" in page
        assert "http" not in page


def test_two_models_stand_side_by_side() -> None:
    page = comparison_page(["what"], comparison(), lambda _: PNG, lambda _: None)
    assert "1 episode of the first only, 0 of the second only, 1 of both" in page
    assert "+1.50" in page
    assert "not learned yet" in page
    assert page.count("data:image/png;base64,iVBORw==") == 2


def test_what_both_models_find_is_told_by_its_names() -> None:
    first = replace(ALERT, device="camera", id="ab", model="ae-1", score=7.4, reasons=("residual",))
    both = SharedEpisode(first, replace(first, model="ae-2", score=0.0, shots=first.shots + 1))
    page = comparison_page([], replace(comparison(), shared=(both,)), lambda _: None, lambda _: None)
    shown = dict(re.findall("<dt>([^<]*)</dt><dd>([^<]*)</dd>", page.split("<h2>Both</h2>")[1]))
    assert shown["score"] == "7.4 (first), - (second)"
    assert shown["shots"] == f"{first.shots} (first), {first.shots + 1} (second)"
    assert shown["model"] == "ae-1 (first), ae-2 (second)"
    assert shown["alert"] == "ab"
    assert shown["lasted"].count("s") == 1  # alike for both
    assert "A shot is odd for a model when" in page


def test_a_page_says_what_has_no_score_as_the_table_does() -> None:
    assert "<dt>score</dt><dd>-</dd>" in replay_page([], [replace(ALERT, score=0.0)], lambda _: None)


def test_a_difference_of_nothing_has_no_sign() -> None:
    assert [signed(value) for value in (-0.001, 0.0, 0.004, -0.006, 0.5)] == ["0.00", "0.00", "0.00", "-0.01", "+0.50"]
    camera = replace(comparison().cameras[0], quantiles=(-1.0, -0.001, 0.0, 0.5, 1.5))
    page = comparison_page([], replace(comparison(), cameras=(camera,)), lambda _: None, lambda _: None)
    assert "-0.00" not in page
    assert "-0.00" not in str(camera_lines(camera))


def test_a_page_has_so_many_pictures_and_no_more() -> None:
    page = replay_page([], [ALERT] * (MOST_PICTURES + 5), lambda _: PNG)
    assert page.count("<img") == MOST_PICTURES
    assert page.count("<article") == MOST_PICTURES + 5


def test_a_shot_is_shown_with_what_there_is() -> None:
    curve = Curve(name=EVIL, x=np.arange(3.0), y=np.array([1.0, np.nan, 2.0]))
    shot = ShownShot(
        title=EVIL,
        facts=[("shot", EVIL)],
        evidence=None,
        notes=["no evidence"],
        images=[(EVIL, [ShownImage(caption=EVIL, png=PNG)])],
        energies=[ShownDevice(name="meter", curves=[curve], x_label="s", y_label="J", mark_x=1.0)],
        spectra=[ShownDevice(name="spectrometer", curves=[], x_label="sample", y_label="a.u.")],
    )
    page = shot_page(shot)
    assert "script" not in elements(page)
    assert page.count("<svg") == 1
    assert "nothing was recorded" in page
    assert "Raw, cleaned" not in page
    assert page.count("<img") == 1


def test_a_curve_breaks_where_nothing_is_known_and_reaches_over_its_axes() -> None:
    drawn = draw_curves(
        [Curve(name="energy", x=np.arange(5.0), y=np.array([2.0, 4.0, np.nan, 1.0, 3.0]), dots=True)],
        x_label="s",
        y_label="J",
        mark_x=2.0,
    )
    assert drawn.count("<polyline") == 2
    assert drawn.count("<circle") == 4
    assert ">4</text>" in drawn  # both axes end there
    assert draw_curves([], x_label="s", y_label="J") == ""
    assert "does not begin at 0" not in drawn
    assert "<polyline" in draw_curves([Curve(name="one", x=np.ones(1), y=np.zeros(1))], x_label="s", y_label="J")


def test_curves_are_told_apart_without_colours() -> None:
    x = np.arange(3.0)
    drawn = draw_curves([Curve(name=name, x=x, y=x) for name in ("one", "two", "three")], x_label="s", y_label="J")
    lines = re.findall('<polyline [^>]*stroke="([^"]*)"[^>]*stroke-dasharray="([^"]*)"', drawn)
    legend = re.findall('<line [^>]*stroke="([^"]*)"[^>]*stroke-dasharray="([^"]*)"', drawn)
    assert legend == lines[::-1]  # the first is drawn last, in front
    assert len({dashes for _, dashes in lines}) == 3
    assert re.findall(">(one|two|three)</text>", drawn) == ["one", "two", "three"]


@pytest.mark.parametrize(
    ("energies", "lowest", "highest"),
    [
        ([300.0, 310.0, 305.0], 299.4, 310.6),
        ([300.0, 300.01], 296.6, 303.4),
        ([1.0, 300.0], 0.0, 318.0),
        ([0.0], 0.0, 0.56),
    ],
)
def test_an_axis_without_0_shows_the_values_and_says_so(energies: list[float], lowest: float, highest: float) -> None:
    curve = Curve(name="energy", x=np.arange(float(len(energies))), y=np.array(energies))
    drawn = draw_curves([curve], x_label="s", y_label="J", from_zero=False)
    ends = [float(words) for words in re.findall(r'text-anchor="end">([\d.]+)</text>', drawn)][:2]
    assert ends == pytest.approx([highest, lowest], abs=0.2)
    assert ("The vertical axis does not begin at 0." in drawn) == (lowest > 0.0)

"""Drawings of what a quantity did: broken where nothing is known, scaled by round values, seen on screens and paper."""

import re

import numpy as np
import pytest

from dashboards.course_drawing import Course, draw_course
from dashboards.html_page import html_page
from tests.unit.dashboards.test_replay_page import EVIL

_ENDS = ("06:00", "14:00")


def drawn(*values: list[float], unit: str = "J", least_span: float = 0.0) -> str:
    courses = [Course(name="xy"[place], values=np.array(each, float)) for place, each in enumerate(values)]
    return draw_course(courses, unit=unit, ends=_ENDS, least_span=least_span)


def labels(drawing: str) -> list[str]:
    return re.findall(r">([^<>]+)</text>", drawing)


@pytest.mark.parametrize(
    ("values", "lines"), [([], 0), ([np.nan] * 3, 0), ([1.0], 1), ([1, 2, np.nan, 4], 2), ([5.0, 5.0], 1)]
)
def test_a_line_is_broken_where_nothing_is_known(values: list[float], lines: int) -> None:
    assert drawn(values).count("<polyline") == lines
    assert "nan" not in drawn(values)


def test_axes_have_units_times_and_round_values() -> None:
    found = labels(drawn([299.1, 300.4, 301.2]))
    assert {"J", "06:00", "14:00", "UTC"} <= set(found)
    values = [float(each) for each in found if re.fullmatch(r"-?[0-9.]+", each)]
    assert 2 <= len(values) <= 6
    assert np.allclose(np.diff(values), np.diff(values)[0])


@pytest.mark.parametrize("size", [1e-9, 1e-3, 0.7, 3.0, 1e6])
def test_any_size_has_at_least_two_values_at_its_axis(size: float) -> None:
    values = [each for each in labels(drawn([0.0, size], least_span=size)) if each not in {*_ENDS, "J", "UTC"}]
    assert len(values) >= 2


def test_what_is_steady_fills_no_axis() -> None:
    y = [float(point.split(",")[1]) for point in re.findall(r"[0-9.]+,[0-9.]+", drawn([0.0, 0.05], least_span=0.5))]
    assert max(y) - min(y) < 20


def test_two_lines_are_told_apart_and_have_their_straight_lines() -> None:
    drawing = drawn([0.0, 0.1, 0.2, 0.3], [0.3, np.nan, 0.1, 0.0], unit="px")
    assert {"x", "y"} <= set(labels(drawing))
    [falling] = re.findall(r'class="drift-1" x1="[^"]+" y1="([^"]+)" x2="[^"]+" y2="([^"]+)"', drawing)
    assert float(falling[0]) < float(falling[1])  # down on the page
    assert drawing.count('class="drift-0"') == 1


def test_a_drift_needs_three_values() -> None:
    assert "drift" not in drawn([1.0, 2.0])


def test_no_text_is_taken_for_html() -> None:
    course = Course(name=EVIL, values=np.ones(3))
    assert "<script" not in draw_course([course, course], unit=EVIL, ends=(EVIL, EVIL))


def test_lines_are_seen_on_screens_and_on_paper() -> None:
    screen, paper = html_page("t", []).split("@media print")
    for style, ground in ((screen, "#22252b"), (paper, "#ffffff")):
        colours = re.findall(r"svg\.course \.(?:line|drift)-\d {[^}]*?stroke: (#[0-9a-f]{6})", style)
        assert len(colours) == 4
        for colour in colours:
            assert _contrast(colour, ground) >= 3, (colour, ground)


def _contrast(one: str, other: str) -> float:
    """After WCAG 2.1."""
    light, dark = sorted(map(_luminance, (one, other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])

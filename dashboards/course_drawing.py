"""What a quantity did in the course of a shift, as a small drawing with axes, for screens and paper."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dashboards.html_page import Markup, text
from dashboards.svg import label, polylines

_WIDTH, _HEIGHT = 360, 168
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 352, 24, 146
# Above and below the values, as a part of their span.
_ROOM = 0.08
# The vertical axis shows at least this part of its largest value: noise is not to look like a jump.
_LEAST_SPAN = 0.02
_MOST_LINES = 5
_SAMPLE, _LEGEND_STEP = 18, 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """A line of a drawing.

    Attributes
    ----------
    values
        float64, shape (n,): at equal distances, NaN where nothing is known.
    """

    name: str
    values: NDArray[np.float64]


def draw_course(courses: Sequence[Course], *, unit: str, ends: tuple[str, str], least_span: float = 0.0) -> Markup:
    """Up to two lines over one axis of time, each with the straight line that fits it best: its drift.

    Parameters
    ----------
    unit
        Of the values, as it stands at the axis.
    ends
        What stands at the beginning and at the end of the axis of time.
    least_span
        The axis covers at least so much, in the unit.

    Returns
    -------
    Markup
        Nothing where nothing is known.
    """
    known = np.concatenate([course.values for course in courses] or [np.zeros(0)])
    known = known[np.isfinite(known)]
    if not len(known):
        return Markup("")
    span = _span(known, least_span)
    drawn = "".join(
        _line(course.values, place, span) + _drift(course.values, place, span)
        for place, course in reversed(list(enumerate(courses)))
    )
    says = " and ".join(course.name for course in courses)
    return Markup(
        f'<svg class="course" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" role="img" '
        f'aria-label="{text(f"{says}, {unit}, {known.min():.4g} to {known.max():.4g}")}">'
        f'<rect x="{_LEFT}" y="{_TOP}" width="{_RIGHT - _LEFT}" height="{_BOTTOM - _TOP}"/>'
        f"{_scale(span)}{drawn}{label(_LEFT, _TOP - 9, unit, 'start')}{_legend(courses)}"
        f"{label(_LEFT, _HEIGHT - 6, ends[0], 'start')}{label(_RIGHT, _HEIGHT - 6, ends[1], 'end')}"
        f"{label((_LEFT + _RIGHT) // 2, _HEIGHT - 6, 'UTC', 'middle')}</svg>"
    )


def _span(known: NDArray[np.float64], least: float) -> tuple[float, float]:
    low, high = float(known.min()), float(known.max())
    wanted = max(high - low, least, _LEAST_SPAN * max(abs(low), abs(high)), 1e-12)
    middle, half = (low + high) / 2, wanted * (0.5 + _ROOM)
    return middle - half, middle + half


def _at(values: NDArray[np.float64], span: tuple[float, float]) -> NDArray[np.float64]:
    return _BOTTOM - (values - span[0]) / (span[1] - span[0]) * (_BOTTOM - _TOP)


def _times(count: int) -> NDArray[np.float64]:
    return _LEFT + (np.arange(count) + 0.5) / count * (_RIGHT - _LEFT)


def _line(values: NDArray[np.float64], place: int, span: tuple[float, float]) -> str:
    return polylines(_times(len(values)), _at(values, span), f'class="line-{place}"')


def _drift(values: NDArray[np.float64], place: int, span: tuple[float, float]) -> str:
    rows = np.flatnonzero(np.isfinite(values))
    if len(rows) < 3:
        return ""
    slope, start = np.polyfit(rows, values[rows], 1)
    ends = rows[[0, -1]]
    x, y = _times(len(values))[ends], _at(start + slope * ends, span)
    return f'<line class="drift-{place}" x1="{x[0]:.1f}" y1="{y[0]:.1f}" x2="{x[1]:.1f}" y2="{y[1]:.1f}"/>'


def _scale(span: tuple[float, float]) -> str:
    """Lines at round values, with these."""
    wide = (span[1] - span[0]) / _MOST_LINES
    power = 10.0 ** math.floor(math.log10(wide))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= wide)
    decimals = max(0, -math.floor(math.log10(step)))
    rows = np.arange(math.ceil(span[0] / step), math.floor(span[1] / step) + 1, dtype=np.float64)
    marks = np.asarray(rows * step, np.float64)
    return "".join(
        f'<line class="mark" x1="{_LEFT}" x2="{_RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f"{label(_LEFT - 5, round(y) + 4, f'{value + 0.0:.{decimals}f}', 'end')}"
        for value, y in zip(marks, _at(marks, span), strict=True)
    )


def _legend(courses: Sequence[Course]) -> str:
    """Which line is which, above the drawing at its right; of one nothing has to be told."""
    if len(courses) < 2:
        return ""
    first = _RIGHT - len(courses) * _LEGEND_STEP
    return "".join(
        f'<line class="line-{place}" x1="{first + place * _LEGEND_STEP}" '
        f'x2="{first + place * _LEGEND_STEP + _SAMPLE}" y1="11" y2="11"/>'
        f"{label(first + place * _LEGEND_STEP + _SAMPLE + 5, 15, course.name, 'start')}"
        for place, course in enumerate(courses)
    )

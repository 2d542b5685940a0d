"""Curves as SVG inside a page."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from dashboards.html_page import Markup, paragraph, text
from dashboards.svg import label, polylines

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 760, 304, 90, 34, 34
_LEGEND_STEP, _SAMPLE = 215, 36
_SMALL = (180, 26)
# At the ends of the vertical axis, as a part of it.
_ROOM = 0.06
# An axis that does not begin at 0 shows at least this part of its values: noise is not to look like a jump.
_LEAST_SPAN = 0.02
# Colours that colour-blind people can tell apart (Okabe and Ito, 2008), dashes, and widths: the first is in front, and
# those behind it are wider, so that they are seen where all of them run alike.
_STYLES = (("#56b4e9", "", 2.0), ("#e69f00", "9 6", 3.5), ("#cc79a7", "2 3", 5.0))
_MARK = "#f26d6d"
_label = partial(label, look='fill="#a5aab2" font-size="12" ')


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A line, the first one of a drawing in front.

    Attributes
    ----------
    x, y
        float64, shape (n,): in the units that the drawing names; NaN breaks the line.
    dots
        Whether each point is shown.
    """

    name: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    dots: bool = False


def draw_curves(
    curves: Sequence[Curve], *, x_label: str, y_label: str, mark_x: float | None = None, from_zero: bool = True
) -> str:
    """Curves over one axis each, with a legend; empty when there is nothing to show.

    Parameters
    ----------
    mark_x
        Shown as a vertical line, the shot.
    from_zero
        Whether the vertical axis has 0 on it; else it is that of the values, and a sentence says so.
    """
    x = np.concatenate([curve.x for curve in curves] or [np.zeros(0)])
    y = np.concatenate([curve.y for curve in curves] or [np.zeros(0)])
    known = np.isfinite(x) & np.isfinite(y)
    if not known.any():
        return ""
    x_span, y_span = _span(x[known]), _y_span(y[known], from_zero=from_zero)
    lines = [_line(curve, *_STYLES[place % len(_STYLES)], x_span, y_span) for place, curve in enumerate(curves)]
    mark = ""
    if mark_x is not None:
        at = _place(np.array([mark_x]), x_span, _LEFT, _WIDTH - 10)[0]
        mark = f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}" stroke="{_MARK}"/>'
    names = ", ".join(curve.name for curve in curves)
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" role="img" aria-label="{text(names)}" '
        'stroke-linejoin="round">'
        f'<rect x="{_LEFT}" y="{_TOP}" width="{_WIDTH - 10 - _LEFT}" height="{_HEIGHT - _BOTTOM - _TOP}" '
        f'fill="#22252b"/>{mark}{"".join(reversed(lines))}{_legend(curves, marked=mark_x is not None)}'
        f"{_label(_LEFT - 6, _TOP + 10, _number(y_span[1]), 'end')}"
        f"{_label(_LEFT - 6, _HEIGHT - _BOTTOM, _number(y_span[0]), 'end')}"
        f"{_label(_LEFT - 6, (_TOP + _HEIGHT - _BOTTOM) // 2, y_label, 'end')}"
        f"{_label(_LEFT, _HEIGHT - 9, _number(x_span[0]), 'start')}"
        f"{_label(_WIDTH - 10, _HEIGHT - 9, _number(x_span[1]), 'end')}"
        f"{_label((_LEFT + _WIDTH) // 2, _HEIGHT - 9, x_label, 'middle')}</svg>"
        f"{paragraph('The vertical axis does not begin at 0.', quiet=True) if y_span[0] > 0.0 else ''}"
    )


def draw_small_curve(y: NDArray[np.float64], says: str, *, span: tuple[float, float] | None = None) -> Markup:
    """A line without axes, to stand in a table; NaN breaks it. Nothing where there is nothing to show.

    Parameters
    ----------
    y
        float64, shape (n,): at equal distances.
    says
        For who can't see it.
    span
        What lies at the bottom and at the top; else that of the values.
    """
    known = np.isfinite(y)
    if not known.any():
        return Markup("")
    low, high = span or _y_span(y[known], from_zero=False)
    x = 1 + np.arange(len(y)) / max(len(y) - 1, 1) * (_SMALL[0] - 2)
    place = _SMALL[1] - 2 - (np.clip(y, low, high) - low) / (high - low) * (_SMALL[1] - 4)
    lines = polylines(x, place, f'fill="none" stroke="{_STYLES[0][0]}" stroke-width="2" stroke-linecap="round"')
    return Markup(
        f'<svg class="small" viewBox="0 0 {_SMALL[0]} {_SMALL[1]}" width="{_SMALL[0]}" height="{_SMALL[1]}" role="img" '
        f'aria-label="{text(says)}">{lines}</svg>'
    )


def _span(values: NDArray[np.float64]) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _y_span(values: NDArray[np.float64], *, from_zero: bool) -> tuple[float, float]:
    if from_zero:
        return _with_room(_span(np.append(values, 0.0)))
    low, high = float(values.min()), float(values.max())
    wanting = max(_LEAST_SPAN * max(abs(low), abs(high)) - (high - low), 0.0) / 2
    bottom, top = _with_room(_span(np.array([low - wanting, high + wanting])))
    # No room below 0 for what is never negative.
    return (bottom if low < 0.0 else max(bottom, 0.0)), top


def _with_room(span: tuple[float, float]) -> tuple[float, float]:
    """The same with some room at its ends, 0 excepted, so that no curve runs along the frame."""
    low, high = span
    room = _ROOM * (high - low)
    return low - room if low else 0.0, high + room if high else 0.0


def _place(values: NDArray[np.float64], span: tuple[float, float], first: int, last: int) -> NDArray[np.float64]:
    return first + (values - span[0]) / (span[1] - span[0]) * (last - first)


def _legend(curves: Sequence[Curve], *, marked: bool) -> str:
    """How each line looks, above the drawing."""
    looks = [(curve.name, *_STYLES[place % len(_STYLES)]) for place, curve in enumerate(curves)]
    looks += [("this shot", _MARK, "", 1.5)] if marked else []
    return "".join(
        f'<line x1="{at}" x2="{at + _SAMPLE}" y1="14" y2="14" stroke="{colour}" stroke-width="{width}" '
        f'stroke-dasharray="{dashes}"/>{_label(at + _SAMPLE + 8, 19, name, "start")}'
        for at, (name, colour, dashes, width) in zip(range(_LEFT, _WIDTH, _LEGEND_STEP), looks, strict=False)
    )


def _line(
    curve: Curve, colour: str, dashes: str, width: float, x_span: tuple[float, float], y_span: tuple[float, float]
) -> str:
    x = _place(curve.x, x_span, _LEFT, _WIDTH - 10)
    y = _place(curve.y, y_span, _HEIGHT - _BOTTOM, _TOP)
    lines = polylines(x, y, f'fill="none" stroke="{colour}" stroke-width="{width}" stroke-dasharray="{dashes}"')
    if not curve.dots:
        return lines
    dots = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    return lines + "".join(f'<circle cx="{x[row]:.1f}" cy="{y[row]:.1f}" r="2" fill="{colour}"/>' for row in dots)


def _number(value: float) -> str:
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e7 else f"{value:.4g}"

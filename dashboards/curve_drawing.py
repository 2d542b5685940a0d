"""Curves as SVG inside a page."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dashboards.html_page import text

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 760, 220, 70, 30, 14
# At the ends of the vertical axis, as a part of it.
_ROOM = 0.06
_COLOURS = ("#5bb8c9", "#6b7280", "#e5b454")


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


def draw_curves(curves: Sequence[Curve], *, x_label: str, y_label: str, mark_x: float | None = None) -> str:
    """Curves over one axis each; ``mark_x`` is shown as a vertical line. Empty when there is nothing to show."""
    x = np.concatenate([curve.x for curve in curves] or [np.zeros(0)])
    y = np.concatenate([curve.y for curve in curves] or [np.zeros(0)])
    known = np.isfinite(x) & np.isfinite(y)
    if not known.any():
        return ""
    x_span, y_span = _span(x[known]), _with_room(_span(np.append(y[known], 0.0)))
    lines = [_line(curve, _COLOURS[place % len(_COLOURS)], x_span, y_span) for place, curve in enumerate(curves)]
    mark = ""
    if mark_x is not None:
        at = _place(np.array([mark_x]), x_span, _LEFT, _WIDTH - 10)[0]
        mark = f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}" stroke="#f26d6d"/>'
    names = ", ".join(curve.name for curve in curves)
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" role="img" aria-label="{text(names)}">'
        f'<rect x="{_LEFT}" y="{_TOP}" width="{_WIDTH - 10 - _LEFT}" height="{_HEIGHT - _BOTTOM - _TOP}" '
        f'fill="#22252b"/>{mark}{"".join(reversed(lines))}'
        f"{_label(_LEFT - 6, _TOP + 10, _number(y_span[1]), 'end')}"
        f"{_label(_LEFT - 6, _HEIGHT - _BOTTOM, _number(y_span[0]), 'end')}"
        f"{_label(_LEFT - 6, (_TOP + _HEIGHT - _BOTTOM) // 2, y_label, 'end')}"
        f"{_label(_LEFT, _HEIGHT - 10, _number(x_span[0]), 'start')}"
        f"{_label(_WIDTH - 10, _HEIGHT - 10, _number(x_span[1]), 'end')}"
        f"{_label((_LEFT + _WIDTH) // 2, _HEIGHT - 10, x_label, 'middle')}</svg>"
    )


def _span(values: NDArray[np.float64]) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _with_room(span: tuple[float, float]) -> tuple[float, float]:
    """The same with some room at its ends, 0 excepted, so that no curve runs along the frame."""
    low, high = span
    room = _ROOM * (high - low)
    return low - room if low else 0.0, high + room if high else 0.0


def _place(values: NDArray[np.float64], span: tuple[float, float], first: int, last: int) -> NDArray[np.float64]:
    return first + (values - span[0]) / (span[1] - span[0]) * (last - first)


def _line(curve: Curve, colour: str, x_span: tuple[float, float], y_span: tuple[float, float]) -> str:
    x = _place(curve.x, x_span, _LEFT, _WIDTH - 10)
    y = _place(curve.y, y_span, _HEIGHT - _BOTTOM, _TOP)
    known = np.isfinite(x) & np.isfinite(y)
    runs = np.split(np.arange(len(x)), np.flatnonzero(np.diff(known.astype(np.int8))) + 1)
    lines = [
        f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="'
        + " ".join(f"{x[row]:.1f},{y[row]:.1f}" for row in run)
        + '"/>'
        for run in runs
        if len(run) and known[run[0]]
    ]
    dots = [f'<circle cx="{x[row]:.1f}" cy="{y[row]:.1f}" r="2" fill="{colour}"/>' for row in np.flatnonzero(known)]
    return "".join(lines + (dots if curve.dots else []))


def _number(value: float) -> str:
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e7 else f"{value:.4g}"


def _label(x: int, y: int, words: str, anchor: str) -> str:
    return f'<text x="{x}" y="{y}" fill="#a5aab2" font-size="12" text-anchor="{anchor}">{text(words)}</text>'

"""What drawings as SVG are made of: lines that break where nothing is known, and words beside them."""

import numpy as np
from numpy.typing import NDArray

from dashboards.html_page import text


def polylines(x: NDArray[np.float64], y: NDArray[np.float64], look: str) -> str:
    """A line for each run of known points.

    Parameters
    ----------
    x, y
        float64, shape (n,): in units of the drawing; NaN in either breaks the line.
    look
        The attributes of each line.
    """
    known = np.isfinite(x) & np.isfinite(y)
    runs = np.split(np.arange(len(x)), np.flatnonzero(np.diff(known)) + 1)
    return "".join(
        f'<polyline {look} points="'
        # One alone is a dot where the ends of lines are round.
        + " ".join(f"{x[row]:.1f},{y[row]:.1f}" for row in (run if len(run) > 1 else [run[0], run[0]]))
        + '"/>'
        for run in runs
        if len(run) and known[run[0]]
    )


def label(x: int, y: int, words: str, anchor: str, *, look: str = "") -> str:
    """Words that begin, have their middle or end (``anchor``) at a place; they may come from elsewhere."""
    return f'<text x="{x}" y="{y}" {look}text-anchor="{anchor}">{text(words)}</text>'

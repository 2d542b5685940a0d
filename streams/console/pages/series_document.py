"""Series as documents for the console's drawings: rounded, with null for what is not known."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.event_time import SECOND_NS
from streams.history.series import Series
from streams.history.usual_range import usual_range

# Significant digits: more than a screen has rows.
_DIGITS = 6


def series_document(series: Series) -> dict[str, Any]:
    """``from_s``, ``to_s``, ``width_s``, ``time_s``, ``rows``; by column ``least``, ``mean``, ``greatest``, ``usual``.

    Times are seconds since 1970. A point without rows stands for a gap. ``usual`` is the ``usual_range`` of the column,
    null where nothing is known. By the names in ``series.marks`` it is how many rows of each point bear them.
    """
    return {
        "from_s": series.from_ns / SECOND_NS,
        "to_s": series.to_ns / SECOND_NS,
        "width_s": series.width_ns / SECOND_NS,
        "time_s": (series.time_ns / SECOND_NS).round(3).tolist(),
        "rows": series.rows.tolist(),
        **{name: series.marked[:, place].tolist() for place, name in enumerate(series.marks)},
        "columns": {
            name: {
                "least": _values(series.least[:, place]),
                "mean": _values(series.mean[:, place]),
                "greatest": _values(series.greatest[:, place]),
                "usual": usual_range(series.least[:, place], series.greatest[:, place]),
            }
            for place, name in enumerate(series.columns)
        },
    }


def completeness_document(series: Series) -> dict[str, Any]:
    """The same of a stage's triplets: ``complete_percent`` of the shots that fired, and the energy.

    Parameters
    ----------
    series
        Of the columns ``complete``, ``idle``, ``energy_j``.
    """
    document = series_document(series)
    complete, idle = series.mean[:, 0], series.mean[:, 1]
    fired = np.where(idle < 1.0, 1.0 - idle, np.nan)
    percent = 100.0 * complete / fired
    shown, columns = _values(percent), document["columns"]
    columns["complete_percent"] = {
        "least": shown,
        "mean": shown,
        "greatest": shown,
        "usual": usual_range(percent, percent),
    }
    del columns["complete"], columns["idle"]
    return document


def _values(values: NDArray[np.float64]) -> list[float | None]:
    with np.errstate(divide="ignore", invalid="ignore"):
        digits = _DIGITS - 1 - np.floor(np.log10(np.abs(values)))
        scale = 10.0 ** np.where(np.isfinite(digits), digits, 0.0)
        rounded = np.round(values * scale) / scale
    return [value if known else None for value, known in zip(rounded.tolist(), np.isfinite(values), strict=True)]

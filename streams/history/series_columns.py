"""The columns that series have, each of the rows that say something by it: figures of a beam need one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.devices import Device, RecordKind, Stage
from models.results import FEATURE_NAMES

#: Rows that are counted in every series of a device: with nothing to be measured on them, and a camera's refused ones.
#: An energy meter without energy, a spectrometer without light are refused, too: theirs are not told apart.
WITHOUT, REFUSED = "without", "refused"

#: Before the name of what is also known of frames without beam: the dark level, hot pixels, stray light.
NO_BEAM_PREFIX = "no_beam_"
_NO_BEAM_FEATURES = ("pixel_sum_counts", "peak_counts")
_FIRES, _VALID = "fires", "valid"
_TRIPLET_COLUMNS = ("complete", "idle", "energy_j")


class RowsOf(Enum):
    """Of which rows a column is."""

    ALL = "all"
    BEAM = "beam"
    NO_BEAM = "no_beam"


@dataclass(frozen=True, slots=True)
class SeriesColumn:
    """A column of the stored rows, of some of them."""

    source: str
    rows: RowsOf


def series_columns(subject: Device | Stage) -> dict[str, SeriesColumn]:
    """All columns that series of a device or of a stage's triplets can have, by their names.

    The centroid of noise is none, and its size is huge: the figures of a camera's frames are of those with beam alone.
    What other devices have measured without light is not known anyway.
    """
    if isinstance(subject, Stage):
        return {name: SeriesColumn(name, RowsOf.ALL) for name in _TRIPLET_COLUMNS}
    columns = {"score": SeriesColumn("score", RowsOf.ALL)}
    camera = subject.kind is RecordKind.CAMERA
    for name in FEATURE_NAMES[subject.kind]:
        columns[name] = SeriesColumn(name, RowsOf.BEAM if camera else RowsOf.ALL)
    if camera:
        columns |= {NO_BEAM_PREFIX + name: SeriesColumn(name, RowsOf.NO_BEAM) for name in _NO_BEAM_FEATURES}
    return columns


def mark_names(subject: Device | Stage) -> tuple[str, ...]:
    """Which rows are counted besides all: of triplets none."""
    if isinstance(subject, Stage) or subject.kind is RecordKind.OTHER:
        return ()
    return (WITHOUT, REFUSED) if subject.kind is RecordKind.CAMERA else (WITHOUT,)


def stored_columns(columns: Sequence[SeriesColumn], marks: Sequence[str]) -> list[str]:
    """What has to be read for them."""
    return list(dict.fromkeys([*(column.source for column in columns), *((_FIRES, _VALID) if marks else ())]))


def values_and_marks(
    rows: Mapping[str, NDArray[Any]], columns: Sequence[SeriesColumn], marks: Sequence[str], count: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The values of ``count`` rows, NaN in those that a column is not of; and which rows are counted.

    Parameters
    ----------
    rows
        ``stored_columns``, each of shape (n,).

    Returns
    -------
    tuple[NDArray[np.float64], NDArray[np.bool_]]
        Shapes (n, columns) and (n, marks).
    """
    values = np.empty((count, len(columns)))
    if not marks:
        for place, column in enumerate(columns):
            values[:, place] = rows[column.source]
        return values, np.zeros((count, 0), np.bool_)
    fires, valid = rows[_FIRES].astype(np.bool_), rows[_VALID].astype(np.bool_)
    without = valid & ~fires if REFUSED in marks else ~fires
    others = {RowsOf.BEAM: ~fires, RowsOf.NO_BEAM: ~without}
    for place, column in enumerate(columns):
        values[:, place] = rows[column.source]
        if column.rows in others:
            values[others[column.rows], place] = np.nan
    counted = {WITHOUT: without, REFUSED: ~valid}
    return values, np.column_stack([counted[mark] for mark in marks])

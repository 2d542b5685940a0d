"""The rows of a stretch of time summed up by device in one pass: what came, what counted, how steady it was."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from connectors.state.row_columns import Rows
from connectors.state.row_stream import RowQuestion, RowTable, stream_rows
from models.devices import Device, RecordKind, parse_device
from models.results import Outcome, Scoring
from models.stability import SlotSums
from streams.report.coded_texts import coded
from streams.report.reported_stretch import ReportedStretch

#: What is measured of each kind: the components of ``DeviceSums.measured``.
_MEASURED: dict[RecordKind, tuple[str, ...]] = {
    RecordKind.CAMERA: ("centroid_x_px", "centroid_y_px"),
    RecordKind.ENERGY_METER: ("energy_j",),
    RecordKind.SPECTROMETER: ("spectrum_fwhm",),
}
_DIAMETERS = ("d4sigma_major_px", "d4sigma_minor_px")
_COLUMNS = ("device", "kind", "outcome", "scoring", "valid", "anomalous")
_IN_SHOTS = frozenset({Outcome.TRIPLET.value, Outcome.INCOMPLETE.value})


@dataclass(slots=True)
class DeviceSums:
    """What a device recorded.

    Attributes
    ----------
    outcomes
        Its records by where they ended.
    valid
        Those that counted by themselves, whatever became of them.
    in_shots
        Those that are part of a shot at which its stage fired.
    anomalous
        Odd ones among these.
    measured
        Of the shots that it saw: a camera's centroid, a meter's energy, a spectrum's width at half maximum.
    diameter
        Mean of the two beam diameters (D4-sigma) of each shot that a camera saw, in pixels.
    """

    device: Device
    outcomes: Counter[str] = field(default_factory=Counter)
    valid: int = 0
    in_shots: int = 0
    anomalous: int = 0
    measured: SlotSums | None = None
    diameter: SlotSums | None = None


def sum_rows(state: Path, stretch: ReportedStretch) -> dict[str, DeviceSums]:
    """The sums of each device that has rows in a stretch, by its name.

    The memory that it takes grows with devices and slots, not with rows.
    """
    columns = (*_COLUMNS, *(name for names in _MEASURED.values() for name in names), *_DIAMETERS)
    question = RowQuestion(what=Rows.SHOTS, from_ns=stretch.from_ns, to_ns=stretch.to_ns, columns=columns)
    found: dict[str, DeviceSums] = {}
    for table in stream_rows(state, question):
        _add_table(found, table, stretch)
    return dict(sorted(found.items()))


def _add_table(found: dict[str, DeviceSums], table: RowTable, stretch: ReportedStretch) -> None:
    if not len(table.rows):
        return
    rows = table.rows.combine_chunks()
    codes, names = coded(rows["device"].combine_chunks())
    order = np.argsort(codes, kind="stable")
    borders = np.searchsorted(codes[order], np.arange(len(names) + 1))
    columns = _Columns.of(rows, stretch.slots_of(table.event_time_ns))
    for number, name in enumerate(names):
        own = order[borders[number] : borders[number + 1]]
        if name not in found:
            kind = RecordKind(rows["kind"][int(own[0])].as_py())
            found[name] = _new_sums(Device(name, parse_device(name).stage, kind), stretch.slots)
        _add_rows(found[name], columns, own)


@dataclass(frozen=True, slots=True)
class _Columns:
    """The rows of a table, of all devices."""

    slot: NDArray[np.intp]
    outcome: NDArray[np.intp]
    outcomes: list[str]
    in_shots: NDArray[np.bool_]
    seen: NDArray[np.bool_]
    valid: NDArray[np.bool_]
    anomalous: NDArray[np.bool_]
    values: dict[str, NDArray[np.float64]]

    @classmethod
    def of(cls, rows: pa.Table, slot: NDArray[np.intp]) -> Self:
        outcome, outcomes = coded(rows["outcome"].combine_chunks())
        scoring, scorings = coded(rows["scoring"].combine_chunks())
        in_shots = np.isin(outcome, [code for code, word in enumerate(outcomes) if word in _IN_SHOTS])
        dark = np.isin(scoring, [code for code, word in enumerate(scorings) if word == Scoring.DARK.label])
        names = (*(name for names in _MEASURED.values() for name in names), *_DIAMETERS)
        return cls(
            slot,
            outcome,
            outcomes,
            in_shots,
            in_shots & ~dark,
            rows["valid"].to_numpy(),
            rows["anomalous"].to_numpy(),
            {name: rows[name].to_numpy() for name in names},
        )


def _add_rows(sums: DeviceSums, columns: _Columns, rows: NDArray[np.intp]) -> None:
    counted = np.bincount(columns.outcome[rows], minlength=len(columns.outcomes))
    sums.outcomes.update({word: int(count) for word, count in zip(columns.outcomes, counted, strict=True) if count})
    in_shots = columns.in_shots[rows]
    sums.valid += int(np.count_nonzero(columns.valid[rows]))
    sums.in_shots += int(np.count_nonzero(in_shots))
    sums.anomalous += int(np.count_nonzero(in_shots & columns.anomalous[rows]))
    if sums.measured is None:
        return
    seen = rows[columns.seen[rows]]
    sums.measured.add(columns.slot[seen], _values(columns, _MEASURED[sums.device.kind], seen))
    if sums.diameter is not None:
        diameters = _values(columns, _DIAMETERS, seen)
        sums.diameter.add(columns.slot[seen], diameters.mean(axis=1, keepdims=True))


def _values(columns: _Columns, names: tuple[str, ...], rows: NDArray[np.intp]) -> NDArray[np.float64]:
    return np.stack([columns.values[name][rows] for name in names], axis=1)


def _new_sums(device: Device, slots: int) -> DeviceSums:
    sums = DeviceSums(device)
    if device.kind in _MEASURED:
        sums.measured = SlotSums(slots, len(_MEASURED[device.kind]))
    if device.kind is RecordKind.CAMERA:
        sums.diameter = SlotSums(slots, 1)
    return sums

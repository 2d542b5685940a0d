"""Rows of blocks and triplets as parts of a message."""

from typing import Any

import numpy as np

from connectors.wire.containers import checked_array
from connectors.wire.document import Document, checked_integer, checked_list, checked_text
from connectors.wire.limits import MAX_TIME_NS, MIN_TIME_NS
from models.devices import RecordKind, Stage
from models.messages import FileMoment
from models.records import DeviceState, Refusal, SourceReference
from models.results import FEATURE_NAMES, ROW_ARRAYS, Admission, ScoredBlock, Scoring
from models.state import State
from models.triplets.block_state import decode_block, encode_block, encode_decided
from models.triplets.decided import OUTCOMES, TRIPLET_COLUMNS, DecidedBlock, TripletTable

_ROW_TYPES: dict[str, Any] = {
    "event_time_ns": np.int64,
    "state": np.uint8,
    "refusal": np.uint8,
    "admission": np.uint8,
    "fires": np.bool_,
    "scoring": np.uint8,
    "score": np.float32,
    "anomalous": np.bool_,
    "reasons": np.uint32,
    "features": np.float64,
}
_CODES = {
    "state": len(DeviceState),
    "refusal": len(Refusal),
    "admission": len(Admission),
    "scoring": len(Scoring),
}


def stage_values(stage: Stage) -> list[str]:
    """A laser stage as JSON values."""
    return [stage.front_end, stage.amp, stage.arm]


def moment_values(moment: FileMoment) -> list[int]:
    """The times of a file as JSON values."""
    return [moment.start_ns, moment.closed_ns]


def source_values(source: SourceReference) -> list[str]:
    """A file as JSON values."""
    return [source.file, source.sha256]


def scored_values(scored: ScoredBlock) -> State:
    """Scored rows with the stage of their device."""
    return {"stage": stage_values(scored.device.stage), "rows": encode_block(scored)}


def read_scored(value: object) -> ScoredBlock:
    """The rows that ``scored_values`` wrote, read-only.

    Raises
    ------
    ValueError
        When they are none.
    """
    document = Document(value, "scored rows")
    return _scored(document.inner("rows"), document.stage())


def decided_values(decided: DecidedBlock) -> State:
    """Decided rows with the stage of their device."""
    return {"stage": stage_values(decided.scored.device.stage), "rows": encode_decided(decided)}


def read_decided(value: object) -> DecidedBlock:
    """The rows that ``decided_values`` wrote, read-only.

    Raises
    ------
    ValueError
        When they are none.
    """
    document = Document(value, "decided rows")
    rows = document.inner("rows")
    scored = _scored(rows.inner("scored"), document.stage())
    shape = (len(scored),)
    outcome = checked_array(rows, "outcome", np.uint8, shape)
    if len(outcome) and outcome.max() >= len(OUTCOMES):
        raise ValueError(f"{outcome.max()} is no outcome")
    reasons, anomalous = checked_array(rows, "reasons", np.uint32, shape), checked_array(rows, "anomalous", bool, shape)
    return DecidedBlock(scored, outcome, reasons, anomalous)


def triplet_values(table: TripletTable) -> State:
    """Triplets."""
    columns = {name: getattr(table, name) for name in TRIPLET_COLUMNS}
    return {"stage": stage_values(table.stage), "missing_devices": list(table.missing_devices), "columns": columns}


def read_triplets(document: Document) -> TripletTable:
    """The triplets that ``triplet_values`` wrote, read-only.

    Raises
    ------
    ValueError
        When they are none.
    """
    missing, columns = document.texts("missing_devices"), document.inner("columns")
    arrays: dict[str, Any] = {
        name: checked_array(columns, name, dtype, (len(missing),)) for name, dtype in TRIPLET_COLUMNS.items()
    }
    return TripletTable(stage=document.stage(), missing_devices=missing, **arrays)


def read_record_counts(items: list[Any], name: str) -> dict[SourceReference, int]:
    """Numbers of records by file, from a list of path, sha256 and number."""
    counts: dict[SourceReference, int] = {}
    for item in items:
        file, sha256, records = checked_list(item, name, 3)
        source = SourceReference(file=checked_text(file, name), sha256=checked_text(sha256, name))
        if source in counts:
            raise ValueError(f"{name} names a file twice")
        counts[source] = checked_integer(records, name, minimum=0)
    return counts


def _scored(rows: Document, stage: Stage) -> ScoredBlock:
    _, kind = (checked_text(item, "device") for item in rows.items("device", 2))
    rows.source(), rows.number("interval_hz"), rows.text("model"), rows.flag("replacement")
    arrays = rows.inner("arrays")
    count = len(checked_array(arrays, "event_time_ns", np.int64, (None,)))
    features = len(FEATURE_NAMES[RecordKind(kind)])
    for name in ROW_ARRAYS:
        array = checked_array(arrays, name, _ROW_TYPES[name], (count, features) if name == "features" else (count,))
        if name in _CODES and count and array.max() >= _CODES[name]:
            raise ValueError(f"the code {array.max()} stands for no {name}")
    times = arrays.raw("event_time_ns")
    if count and (times.min() < MIN_TIME_NS or times.max() >= MAX_TIME_NS):
        raise ValueError("an event time is no time")
    if len(paths := rows.texts("hdf5_group")) not in {0, count}:
        raise ValueError(f"{len(paths)} paths for {count} records")
    return decode_block(rows.values(), stage)

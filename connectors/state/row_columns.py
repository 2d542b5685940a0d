"""Decided records and triplets as Arrow tables, and back: built column by column, never row by row.

Within the program texts are dictionary columns (a code per row); in files they are plain strings, so that every
reader of Parquet sees texts. NaN features become nulls.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum
from itertools import chain, repeat
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from models.devices import Device, RecordKind, Stage
from models.records import DeviceState, Refusal, SourceReference
from models.results import FEATURE_NAMES, Admission, Outcome, Reason, ScoredBlock, Scoring
from models.triplets.decided import OUTCOME_CODES, DecidedBlock, TripletTable, missing_words


class Rows(StrEnum):
    """The two kinds of rows; the values name the folders."""

    SHOTS = "shots"
    TRIPLETS = "triplets"


_TIME = pa.timestamp("ns", tz="UTC")
_TEXT = pa.dictionary(pa.int32(), pa.string())
_WORDS = pa.list_(pa.string())
_FEATURES = [name for kind in RecordKind for name in FEATURE_NAMES[kind]]

#: One row per record. ``device_anomalous`` and ``device_reasons`` are the device's own verdict, before the join.
SHOT_SCHEMA = pa.schema(
    [
        ("event_time", _TIME),
        *((name, _TEXT) for name in ("front_end", "amp", "arm", "device", "kind", "state")),
        ("valid", pa.bool_()),
        ("refusal", _TEXT),
        ("outcome", _TEXT),
        ("scoring", _TEXT),
        ("score", pa.float32()),
        ("anomalous", pa.bool_()),
        ("reasons", _WORDS),
        *((name, pa.float64()) for name in _FEATURES),
        ("interval_hz", pa.float64()),
        ("model", _TEXT),
        ("file", _TEXT),
        ("sha256", _TEXT),
        ("fires", pa.bool_()),
        ("device_anomalous", pa.bool_()),
        ("device_reasons", pa.uint32()),
        ("hdf5_group", pa.string()),
    ]
)
#: One row per triplet.
TRIPLET_SCHEMA = pa.schema(
    [
        ("event_time", _TIME),
        *((name, _TEXT) for name in ("front_end", "amp", "arm")),
        ("complete", pa.bool_()),
        ("idle", pa.bool_()),
        ("missing", _WORDS),
        ("missing_devices", _WORDS),
        ("devices", pa.uint16()),
        ("score", pa.float32()),
        ("anomalous", pa.bool_()),
        ("reasons", _WORDS),
        ("energy_j", pa.float64()),
        ("interval_hz", pa.float64()),
    ]
)
SCHEMAS = {Rows.SHOTS: SHOT_SCHEMA, Rows.TRIPLETS: TRIPLET_SCHEMA}
#: What tells whose row it is.
SUBJECT_COLUMNS = {Rows.SHOTS: ("device",), Rows.TRIPLETS: ("front_end", "amp", "arm")}

#: The columns that only the watch itself reads again.
INTERNAL_COLUMNS = frozenset({"fires", "device_anomalous", "device_reasons", "hdf5_group"})

_STATE_WORDS = [state.name for state in DeviceState]
_REFUSAL_WORDS = [refusal.label if refusal else None for refusal in Refusal]
_OUTCOME_WORDS = [outcome.value for outcome in Outcome]
_SCORING_WORDS = [scoring.label for scoring in Scoring]
_ADMISSIONS = {Outcome.DUPLICATE.value: Admission.DUPLICATE, Outcome.LATE.value: Admission.LATE}


def text_columns(what: Rows) -> list[str]:
    """The names of the dictionary columns."""
    return [column.name for column in SCHEMAS[what] if column.type == _TEXT]


def plain_schema(schema: pa.Schema) -> pa.Schema:
    """The same columns with texts as plain strings."""
    return pa.schema([(column.name, pa.string() if column.type == _TEXT else column.type) for column in schema])


def shots_table(blocks: Sequence[DecidedBlock]) -> pa.Table:
    """The rows of some blocks in ``SHOT_SCHEMA``, in any order."""
    blocks = sorted((block for block in blocks if len(block)), key=lambda block: block.scored.device.kind)
    if not blocks:
        return pa.Table.from_batches([], SHOT_SCHEMA)
    scored = [block.scored for block in blocks]
    lengths = np.array([len(block) for block in blocks], np.intp)

    def per_block(texts: Sequence[str | None]) -> pa.Array:
        return _texts(texts, lengths)

    refusal = np.concatenate([block.refusal for block in scored])
    stages = [block.device.stage for block in scored]
    columns: dict[str, pa.Array] = {
        "event_time": _times(np.concatenate([block.event_time_ns for block in scored])),
        "front_end": per_block([stage.front_end for stage in stages]),
        "amp": per_block([stage.amp for stage in stages]),
        "arm": per_block([stage.arm for stage in stages]),
        "device": per_block([block.device.name for block in scored]),
        "kind": per_block([block.device.kind.value for block in scored]),
        "state": _coded(np.concatenate([block.state for block in scored]), _STATE_WORDS),
        "valid": pa.array(refusal == Refusal.NONE),
        "refusal": _coded(refusal, _REFUSAL_WORDS),
        "outcome": _coded(np.concatenate([block.outcome for block in blocks]), _OUTCOME_WORDS),
        "scoring": _coded(np.concatenate([block.scoring for block in scored]), _SCORING_WORDS),
        "score": pa.array(np.concatenate([block.score for block in scored])),
        "anomalous": pa.array(np.concatenate([block.anomalous for block in blocks])),
        "reasons": _words(np.concatenate([block.reasons for block in blocks]), lambda code: Reason(code).words()),
        **_features(scored, lengths),
        "interval_hz": pa.array(np.repeat([block.interval_hz for block in scored], lengths), from_pandas=True),
        "model": per_block([block.model or None for block in scored]),
        "file": per_block([block.source.file for block in scored]),
        "sha256": per_block([block.source.sha256 for block in scored]),
        "fires": pa.array(np.concatenate([block.fires for block in scored])),
        "device_anomalous": pa.array(np.concatenate([block.anomalous for block in scored])),
        "device_reasons": pa.array(np.concatenate([block.reasons for block in scored])),
        "hdf5_group": pa.array(
            list(chain.from_iterable(block.hdf5_group or repeat(None, len(block)) for block in scored)), pa.string()
        ),
    }
    return pa.table(columns, schema=SHOT_SCHEMA)


def triplets_table(tables: Sequence[TripletTable]) -> pa.Table:
    """The rows of some stages' triplets in ``TRIPLET_SCHEMA``, in any order."""
    tables = [table for table in tables if len(table)]
    if not tables:
        return pa.Table.from_batches([], TRIPLET_SCHEMA)
    lengths = np.array([len(table) for table in tables], np.intp)
    joined = {
        name: np.concatenate([getattr(table, name) for table in tables])
        for name in ("event_time_ns", "complete", "idle", "missing_kinds", "devices", "score", "anomalous", "reasons")
    }
    names, devices = np.unique(
        np.array([names for table in tables for names in table.missing_devices], dtype=object), return_inverse=True
    )
    columns: dict[str, pa.Array] = {
        "event_time": _times(joined["event_time_ns"]),
        "front_end": _texts([table.stage.front_end for table in tables], lengths),
        "amp": _texts([table.stage.amp for table in tables], lengths),
        "arm": _texts([table.stage.arm for table in tables], lengths),
        "complete": pa.array(joined["complete"]),
        "idle": pa.array(joined["idle"]),
        "missing": _words(joined["missing_kinds"], missing_words),
        "missing_devices": pa.array([text.split() for text in names], _WORDS).take(pa.array(devices)),
        "devices": pa.array(joined["devices"]),
        "score": pa.array(joined["score"]),
        "anomalous": pa.array(joined["anomalous"]),
        "reasons": _words(joined["reasons"], lambda code: Reason(code).words()),
        "energy_j": pa.array(np.concatenate([table.energy_j for table in tables]), from_pandas=True),
        "interval_hz": pa.array(np.concatenate([table.interval_hz for table in tables]), from_pandas=True),
    }
    return pa.table(columns, schema=TRIPLET_SCHEMA)


def decided_blocks(table: pa.Table) -> list[DecidedBlock]:
    """The blocks that rows in ``SHOT_SCHEMA`` were built from, one per device, file and model.

    The blocks are in the order of their first rows, the rows in the table's order.
    """
    table = unified(table)
    keys = ("front_end", "amp", "arm", "device", "kind", "interval_hz", "model", "file", "sha256")
    codes = np.stack([_codes(table, name)[0] for name in keys], axis=1)
    _, first, group = np.unique(codes, axis=0, return_index=True, return_inverse=True)
    blocks = []
    for number in np.argsort(first):
        rows = np.flatnonzero(group.ravel() == number)
        blocks.append(_decided_block(table.take(pa.array(rows))))
    return blocks


def unified(table: pa.Table) -> pa.Table:
    """The same rows with one chunk and one dictionary per column."""
    return table.unify_dictionaries().combine_chunks()


def known_scores(table: pa.Table) -> pa.Table:
    """The same rows, without a score where a record was not scored: the watch has 0 there, which is a score, too.

    Tables without ``score`` and ``scoring`` (which tells it) stay as they are.
    """
    if "score" not in table.column_names or "scoring" not in table.column_names:
        return table
    codes, words = _codes(table, "scoring")
    scored = codes == (words.index(Scoring.SCORED.label) if Scoring.SCORED.label in words else -2)
    score = pa.compute.if_else(pa.array(scored), table["score"], None)
    return table.set_column(table.column_names.index("score"), "score", score)


def times_ns(table: pa.Table) -> NDArray[np.int64]:
    """int64, shape (n,): the event times of rows."""
    times: NDArray[np.int64] = table["event_time"].cast(pa.int64()).to_numpy()
    return times


def subject_of(subject: Device | Stage) -> str:
    """How the subject of rows is written: a device's name, a stage's three parts."""
    return subject.name if isinstance(subject, Device) else str(subject)


def subject_codes(table: pa.Table, what: Rows) -> tuple[NDArray[np.intp], list[str]]:
    """int, shape (n,): which of the returned subjects each row of a ``unified`` table belongs to."""
    if what is Rows.SHOTS:
        return _codes(table, "device")
    parts = [_codes(table, name) for name in ("front_end", "amp", "arm")]
    combined, codes = np.unique(np.stack([codes for codes, _ in parts], axis=1), axis=0, return_inverse=True)
    texts = ["-".join(words[code] for code, (_, words) in zip(row, parts, strict=True)) for row in combined]
    return codes.ravel(), texts


def codes_of(table: pa.Table, name: str) -> tuple[NDArray[np.intp], list[str]]:
    """int, shape (n,), and the texts that they stand for: a text column of a ``unified`` table; null is -1."""
    return _codes(table, name)


def sorted_rows(table: pa.Table, what: Rows) -> pa.Table:
    """The rows by event time, then device (or stage), then as they were."""
    table = unified(table)
    return table.take(pa.array(row_order(table, what)))


def row_order(table: pa.Table, what: Rows) -> NDArray[np.intp]:
    """int, shape (n,): the places of a ``unified`` table's rows in the order of ``sorted_rows``."""
    codes, texts = subject_codes(table, what)
    rank = np.argsort(np.argsort(texts)) if texts else np.empty(0, np.intp)
    order: NDArray[np.intp] = np.lexsort((rank[codes], times_ns(table)))
    return order


def _texts(texts: Sequence[str | None], lengths: NDArray[np.intp]) -> pa.Array:
    known = {text: code for code, text in enumerate(dict.fromkeys(texts))}
    codes = np.array([known[text] for text in texts], np.int32)
    return _dictionary(np.repeat(codes, lengths), list(known))


def _coded(codes: NDArray[np.uint8], words: list[str | None] | list[str]) -> pa.Array:
    return _dictionary(codes.astype(np.int32), words)


def _dictionary(codes: NDArray[np.int32], words: Sequence[str | None]) -> pa.Array:
    """A null word becomes null rows: dictionaries hold texts only."""
    if None not in words:
        return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(words, pa.string()))
    null = words.index(None)
    shifted = np.where(codes > null, codes - 1, codes)
    texts = [word for word in words if word is not None]
    return pa.DictionaryArray.from_arrays(pa.array(shifted, mask=codes == null), pa.array(texts, pa.string()))


def _words(codes: NDArray[Any], words: Callable[[int], list[str]]) -> pa.Array:
    distinct, inverse = np.unique(codes, return_inverse=True)
    return pa.array([words(int(code)) for code in distinct], _WORDS).take(pa.array(inverse))


def _times(event_time_ns: NDArray[np.int64]) -> pa.Array:
    return pa.array(event_time_ns).view(_TIME)


def _features(blocks: Sequence[ScoredBlock], lengths: NDArray[np.intp]) -> dict[str, pa.Array]:
    """The blocks are sorted by kind, so each kind's features fill one stretch of rows."""
    rows = int(lengths.sum())
    columns: dict[str, pa.Array] = {}
    for kind in RecordKind:
        of_kind = [number for number, block in enumerate(blocks) if block.device.kind is kind]
        if not of_kind or not FEATURE_NAMES[kind]:
            columns.update(dict.fromkeys(FEATURE_NAMES[kind], pa.nulls(rows, pa.float64())))
            continue
        start = int(lengths[: of_kind[0]].sum())
        values = np.concatenate([blocks[number].features for number in of_kind])
        for name, feature in zip(FEATURE_NAMES[kind], values.T, strict=True):
            column = np.full(rows, np.nan)  # Arrow may keep it without a copy
            column[start : start + len(values)] = feature
            columns[name] = pa.array(column, from_pandas=True)
    return columns


def _codes(table: pa.Table, name: str) -> tuple[NDArray[np.intp], list[Any]]:
    column = table[name].combine_chunks()
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    if isinstance(column, pa.ChunkedArray):
        column = column.chunk(0) if column.num_chunks else pa.array([], column.type)
    codes = column.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.intp)
    return codes, column.dictionary.to_pylist()


def _decided_block(table: pa.Table) -> DecidedBlock:
    """One block of rows that agree in device, file, model and interval."""
    row = {
        name: table[name][0].as_py()
        for name in ("front_end", "amp", "arm", "device", "kind", "model", "file", "sha256")
    }
    kind = RecordKind(row["kind"])
    features = [table[name].to_numpy() for name in FEATURE_NAMES[kind]]
    outcome = _recoded(table, "outcome", {word: OUTCOME_CODES[Outcome(word)] for word in _OUTCOME_WORDS})
    interval_hz = table["interval_hz"][0].as_py()
    scored = ScoredBlock(
        device=Device(row["device"], Stage(row["front_end"], row["amp"], row["arm"]), kind),
        source=SourceReference(file=row["file"], sha256=row["sha256"]),
        event_time_ns=times_ns(table),
        state=_recoded(table, "state", {state.name: state for state in DeviceState}),
        refusal=_recoded(table, "refusal", {refusal.label: refusal for refusal in Refusal}),
        admission=_recoded(table, "outcome", {word: _ADMISSIONS.get(word, 0) for word in _OUTCOME_WORDS}),
        fires=_plain(table, "fires"),
        scoring=_recoded(table, "scoring", {scoring.label: scoring for scoring in Scoring}),
        score=_plain(table, "score"),
        anomalous=_plain(table, "device_anomalous"),
        reasons=_plain(table, "device_reasons"),
        features=np.stack(features, axis=1) if features else np.empty((len(table), 0)),
        interval_hz=float("nan") if interval_hz is None else interval_hz,
        model=row["model"] or "",
        hdf5_group=() if table["hdf5_group"].null_count else tuple(table["hdf5_group"].to_pylist()),
    )
    return DecidedBlock(scored, outcome, _reason_bits(table), _plain(table, "anomalous"))


def _plain(table: pa.Table, name: str) -> NDArray[Any]:
    values: NDArray[Any] = table[name].to_numpy()
    return values


def _recoded(table: pa.Table, name: str, codes: dict[str, int]) -> NDArray[np.uint8]:
    """uint8, shape (n,): the code of each row's text; null is 0."""
    rows, texts = _codes(table, name)
    return np.array([*(codes[text] for text in texts), 0], np.uint8)[rows]


def _reason_bits(table: pa.Table) -> NDArray[np.uint32]:
    bits = {word: code for code in Reason for word in code.words()}
    return np.array([sum(bits[word] for word in words) for words in table["reasons"].to_pylist()], np.uint32)

"""`petawatch evaluate`: the labels of a simulated or hand-labelled day against what the watch made of it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from connectors.state.reader import StateReader
from models.devices import Stage
from models.errors import FatalError
from models.evaluation import KINDS, AlertSpan, Evaluation, LabelledFault, ScoredRecords, evaluate
from models.event_time import MILLISECOND_NS, MINUTE_NS, SECOND_NS, format_iso, parse_iso
from models.results import Scoring

#: The columns of ``petawatch export`` that the evaluation reads.
COLUMNS = ("event_time", "front_end", "amp", "arm", "kind", "scoring", "anomalous")

_DAY_NS = 24 * 60 * MINUTE_NS


def evaluate_state(labels_file: Path, state: Path) -> Evaluation:
    """Compare a day's labels with what a state directory holds, also while a watch writes to it.

    Raises
    ------
    FatalError
        If the labels or the state directory can't be read.
    """
    with StateReader.open(state) as reader, TemporaryDirectory() as folder:
        rows = Path(folder) / "shots.parquet"
        reader.export(rows)
        alerts = [
            AlertSpan(
                stage=alert.stage,
                kind=alert.kind.value,
                first_ns=alert.first_shot_ns,
                last_ns=alert.last_shot_ns,
                device=alert.device,
                opened_ns=alert.opened_ns,
                cause=alert.explanation.cause,
            )
            for alert, _ in reader.alerts()
        ]
        return evaluate_day(labels_file, pq.read_table(rows, columns=list(COLUMNS)), alerts)


def evaluate_day(labels_file: Path, shots: pa.Table, alerts: Sequence[AlertSpan]) -> Evaluation:
    """Compare a day's labels with the results of the watch.

    Parameters
    ----------
    labels_file
        ``labels.json`` as ``petawatch simulate`` writes it.
    shots
        The rows of ``petawatch export``: at least the columns ``COLUMNS``.

    Raises
    ------
    FatalError
        If the labels can't be read, or none of them is about these shots.
    """
    faults, rate_hz = read_labels(labels_file)
    records = scored_records(shots)
    _require_same_day(labels_file, faults, records)
    return evaluate(faults, records, alerts, rate_hz=rate_hz)


def _require_same_day(labels_file: Path, faults: Sequence[LabelledFault], records: ScoredRecords) -> None:
    """Labels of another day, or of other stages, would make every alert a false one."""
    if not faults or not len(records.event_time_ns):
        return
    first_ns, last_ns = int(records.event_time_ns.min()), int(records.event_time_ns.max())
    known = set(records.stages)
    if not any(fault.stage in known and fault.first_ns <= last_ns and first_ns <= fault.last_ns for fault in faults):
        raise FatalError(
            f"none of the {len(faults)} faults of {labels_file} is of a laser stage and a time of which the state has "
            f"records ({format_iso(first_ns)} to {format_iso(last_ns)}); name the labels of these shots",
            reason="labels_of_other_shots",
        )


def read_labels(labels_file: Path) -> tuple[list[LabelledFault], float]:
    """The faults of a labels file, and the shots per second.

    Raises
    ------
    FatalError
        If the file can't be read or is no labels file.
    """
    try:
        document = json.loads(labels_file.read_text(encoding="utf-8"))
        midnight_ns = parse_iso(document["date"])
        rate_hz = float(document["hz"])
        if not 0 < rate_hz < float("inf"):
            raise ValueError(f"hz is {rate_hz:g}")
        return [_fault(label, midnight_ns) for label in document["labels"]], rate_hz
    except OSError as error:
        raise FatalError(f"can't read {labels_file} ({error.strerror})", reason="labels_unreadable") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FatalError(
            f"{labels_file} holds no labels as petawatch simulate writes them ({type(error).__name__}: {error})",
            reason="labels_damaged",
        ) from error


def scored_records(shots: pa.Table) -> ScoredRecords:
    """The rows of an export as arrays; texts become codes."""
    parts = [_codes(shots, name) for name in ("front_end", "amp", "arm")]
    combined = np.zeros(len(shots), np.int64)
    for words, codes in parts:
        combined = combined * max(len(words), 1) + codes
    present, first_rows, stage = np.unique(combined, return_index=True, return_inverse=True)
    stages = [Stage(*(words[codes[row]] for words, codes in parts)) for row in first_rows[: len(present)]]
    return ScoredRecords(
        stages=stages,
        event_time_ns=shots["event_time"].cast(pa.timestamp("ns", tz="UTC")).cast(pa.int64()).to_numpy(),
        stage=stage,
        kind=_recoded(_codes(shots, "kind"), {kind.value: code for code, kind in enumerate(KINDS)}),
        scoring=_recoded(_codes(shots, "scoring"), {scoring.label: scoring.value for scoring in Scoring}),
        anomalous=shots["anomalous"].to_numpy(zero_copy_only=False).astype(np.bool_),
    )


def _fault(label: Mapping[str, Any], midnight_ns: int) -> LabelledFault:
    midnight_ns = parse_iso(label["date"]) if "date" in label else midnight_ns
    first_ns = midnight_ns + _time_of_day_ns(label["t_first"])
    last_ns = midnight_ns + _time_of_day_ns(label["t_last"])
    front_end, amp, arm = label["stage"]
    return LabelledFault(
        stage=Stage(front_end, amp, arm),
        device=label["device"],
        kind=label["kind"],
        severity=float(label["severity"]),
        shots=int(label["shots"]),
        first_ns=first_ns,
        last_ns=last_ns if last_ns >= first_ns else last_ns + _DAY_NS,
    )


def _time_of_day_ns(text: str) -> int:
    hours, minutes, seconds, milliseconds = (int(part) for part in text.split("-"))
    return (hours * 60 + minutes) * MINUTE_NS + seconds * SECOND_NS + milliseconds * MILLISECOND_NS


def _codes(table: pa.Table, name: str) -> tuple[list[str], NDArray[np.integer[Any]]]:
    """The distinct texts of a column, and for each row which one it has."""
    column = table[name]
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    column = column.unify_dictionaries()
    if not len(column):
        return [], np.empty(0, np.int32)
    words: list[str] = column.chunk(0).dictionary.to_pylist()
    return words, np.concatenate([chunk.indices.to_numpy(zero_copy_only=False) for chunk in column.chunks])


def _recoded(column: tuple[list[str], NDArray[np.integer[Any]]], known: Mapping[str, int]) -> NDArray[np.uint8]:
    words, codes = column
    table = np.array([known[word] for word in words], np.uint8)
    return table[codes] if len(words) else np.empty(0, np.uint8)

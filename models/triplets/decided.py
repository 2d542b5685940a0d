"""What is decided: every record has exactly one outcome, every shot of a stage one row."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.devices import TRIPLET_KINDS, RecordKind, Stage
from models.records import Refusal
from models.results import Admission, Outcome, ScoredBlock

#: The outcomes in the order of their codes in ``DecidedBlock.outcome``.
OUTCOMES: tuple[Outcome, ...] = tuple(Outcome)
#: The code of each outcome.
OUTCOME_CODES: dict[Outcome, int] = {outcome: code for code, outcome in enumerate(OUTCOMES)}
#: The bit of each kind in ``TripletTable.missing_kinds``.
KIND_BITS: dict[RecordKind, int] = {kind: 1 << position for position, kind in enumerate(TRIPLET_KINDS)}


def missing_words(missing_kinds: int) -> list[str]:
    """The kinds that a ``TripletTable.missing_kinds`` stands for, in words."""
    return [kind.value for kind, bit in KIND_BITS.items() if missing_kinds & bit]


@dataclass(frozen=True, slots=True)
class DecidedBlock:
    """Records with their final verdict.

    Attributes
    ----------
    scored
        n consecutive records of one device from one file, as the device stage gave them.
    outcome
        uint8, shape (n,): position in ``OUTCOMES``.
    reasons
        uint32, shape (n,): ``Reason``, with what the join found.
    anomalous
        bool, shape (n,): with what the join found.
    """

    scored: ScoredBlock
    outcome: NDArray[np.uint8]
    reasons: NDArray[np.uint32]
    anomalous: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.outcome)


@dataclass(frozen=True, slots=True, kw_only=True)
class TripletTable:
    """The shots of one stage, one row each, in the order in which they were decided.

    Attributes
    ----------
    event_time_ns
        int64, shape (n,): the earliest event time among the shot's records.
    idle
        bool, shape (n,): no camera saw beam and no meter measured energy.
    complete
        bool, shape (n,): all devices of the roster gave a valid record; False for idle shots.
    missing_kinds
        uint8, shape (n,): ``KIND_BITS`` of the expected kinds of which at least one device gave no valid record.
    missing_devices
        n texts: the names of the devices that gave none, separated by spaces.
    devices
        uint16, shape (n,): how many devices gave a valid record.
    score
        float32, shape (n,): the largest among the shot's records and of what they say together.
    anomalous
        bool, shape (n,): a record is anomalous, the shot is incomplete, or the join found something.
    reasons
        uint32, shape (n,): ``Reason`` of all the shot's records and of the join.
    energy_j
        float64, shape (n,): the mean of the stage's valid meters, joules; NaN without one.
    interval_hz
        float64, shape (n,): the acquisition rate that the folder names, NaN when none does.
    """

    stage: Stage
    event_time_ns: NDArray[np.int64]
    idle: NDArray[np.bool_]
    complete: NDArray[np.bool_]
    missing_kinds: NDArray[np.uint8]
    missing_devices: tuple[str, ...]
    devices: NDArray[np.uint16]
    score: NDArray[np.float32]
    anomalous: NDArray[np.bool_]
    reasons: NDArray[np.uint32]
    energy_j: NDArray[np.float64]
    interval_hz: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.event_time_ns)


#: The columns of a ``TripletTable`` that are arrays, with their types.
TRIPLET_COLUMNS: dict[str, Any] = {
    "event_time_ns": np.int64,
    "idle": np.bool_,
    "complete": np.bool_,
    "missing_kinds": np.uint8,
    "devices": np.uint16,
    "score": np.float32,
    "anomalous": np.bool_,
    "reasons": np.uint32,
    "energy_j": np.float64,
    "interval_hz": np.float64,
}


def outcome_of_unjoined(scored: ScoredBlock) -> NDArray[np.uint8]:
    """uint8, shape (n,): the outcomes of records that wait for nobody; ``unjoined`` unless something else is known."""
    outcome = np.full(len(scored), OUTCOME_CODES[Outcome.UNJOINED], np.uint8)
    outcome[scored.refusal != Refusal.NONE] = OUTCOME_CODES[Outcome.INVALID]
    outcome[scored.admission == Admission.LATE] = OUTCOME_CODES[Outcome.LATE]
    outcome[scored.admission == Admission.DUPLICATE] = OUTCOME_CODES[Outcome.DUPLICATE]
    return outcome


def decide_alone(scored: ScoredBlock) -> DecidedBlock:
    """The outcomes of a device that is no part of triplets.

    ``duplicate`` and ``late`` come before ``invalid``: a record's second copy is no second refusal.
    """
    return DecidedBlock(scored, outcome_of_unjoined(scored), scored.reasons, scored.anomalous)


def select_rows(scored: ScoredBlock, rows: NDArray[np.intp] | slice) -> ScoredBlock:
    """The given rows of a block as a block of their own."""
    arrays: dict[str, Any] = {name: array[rows] for name, array in scored.arrays().items()}
    paths = scored.hdf5_group
    if isinstance(rows, slice):
        paths = paths[rows]
    elif paths:
        paths = tuple(paths[row] for row in rows.tolist())
    return replace(scored, hdf5_group=paths, **arrays)

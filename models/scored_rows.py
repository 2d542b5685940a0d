"""The rows of one block while its device stage fills them in."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from models.alerts.alert import AlertSource
from models.records import RecordBlock, Refusal
from models.results import FEATURE_NAMES, Admission, Reason, ScoredBlock, Scoring


class ScoredRows:
    """Arrays of one value per record of a block, at first those of a record that was not scored.

    Attributes
    ----------
    taken
        int64, shape (m,): the rows that are valid and accepted; only these are to be scored.
    fires, scoring, score, anomalous, reasons, features
        As in ``ScoredBlock``, to be written by the stage.
    """

    def __init__(self, block: RecordBlock, refusal: NDArray[np.uint8], admission: NDArray[np.uint8]) -> None:
        count = len(block)
        self._block = block
        self._refusal = refusal
        self._admission = admission
        self.taken = np.flatnonzero((admission == Admission.ACCEPTED) & (refusal == Refusal.NONE))
        self.fires = np.zeros(count, np.bool_)
        self.scoring = np.full(count, Scoring.NONE, np.uint8)
        self.score = np.zeros(count, np.float32)
        self.anomalous = np.zeros(count, np.bool_)
        self.reasons = np.full(count, Reason.NONE, np.uint32)
        self.features = np.full((count, len(FEATURE_NAMES[block.device.kind])), np.nan)

    def source_of(self, rows: NDArray[np.int64]) -> Callable[[int], AlertSource]:
        """The source of the i-th of these rows, for ``EpisodeTracker.observe_block``."""
        block = self._block
        return lambda place: AlertSource.of_record(block, int(rows[place]))

    def scored_block(self, model: str = "") -> ScoredBlock:
        """The rows, scored by a model of this name; what is written into the arrays later shows in them."""
        block = self._block
        return ScoredBlock(
            device=block.device,
            source=block.source,
            event_time_ns=block.event_time_ns,
            state=block.state,
            refusal=self._refusal,
            admission=self._admission,
            fires=self.fires,
            scoring=self.scoring,
            score=self.score,
            anomalous=self.anomalous,
            reasons=self.reasons,
            features=self.features,
            interval_hz=block.interval_hz,
            model=model,
            replacement=block.replacement,
            hdf5_group=block.hdf5_group,
        )

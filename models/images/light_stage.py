"""One camera without scores: which of its images count, and which of them saw beam."""

import numpy as np
from numpy.typing import NDArray

from models.admission import AdmissionGuard, AdmissionSettings
from models.device_stage import DeviceOutput
from models.images.dark_tracker import CleaningSettings, DarkTracker
from models.records import IMAGE_SHAPE, RecordBlock
from models.results import Scoring
from models.scored_rows import ScoredRows
from models.validity import ValidityLimits, judge_images

_FRAMES_AT_ONCE = 64


class LightStage:
    """What the join has to know of a camera, as ``CameraStage`` says it, without a network.

    Blocks come in the order in which the records are to be processed; their cut changes nothing.
    """

    def __init__(self, admission: AdmissionSettings, validity: ValidityLimits, cleaning: CleaningSettings) -> None:
        self._admission = AdmissionGuard(admission)
        self._validity = validity
        self._dark = DarkTracker(cleaning)
        self._cleaned = np.empty((_FRAMES_AT_ONCE, *IMAGE_SHAPE), np.float32)

    def process(self, block: RecordBlock) -> DeviceOutput:
        """Check one block and find the frames with beam; there are no scores and no features."""
        refusal = judge_images(block, self._validity)
        rows = ScoredRows(block, refusal, self._admission.judge(block))
        for start in range(0, len(rows.taken), _FRAMES_AT_ONCE):
            self._find_beam(block, rows, rows.taken[start : start + _FRAMES_AT_ONCE])
        return DeviceOutput(scored=rows.scored_block())

    def _find_beam(self, block: RecordBlock, rows: ScoredRows, taken: NDArray[np.intp]) -> None:
        raw = np.ascontiguousarray(block.payload[taken])
        _, dark = self._dark.clean(raw, self._cleaned[: len(raw)], learn=not block.replacement)
        rows.fires[taken] = ~dark
        rows.scoring[taken[dark]] = Scoring.DARK

"""A new model learns what is normal at a camera while the old one goes on scoring it: no frame goes unscored."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from models.device_stage import DeviceClosing, DeviceOutput
from models.images.camera_stage import CameraStage
from models.records import RecordBlock, rows_of
from models.results import Scoring
from models.state import State

#: What of a camera's state depends on the model.
_SCORES = "scores"


class CameraSuccessor:
    """Learns beside the stage that scores a camera, from the records that this one finds normal.

    It takes effect by ``succeed`` and not before.

    Parameters
    ----------
    make
        Makes the camera's stage with the new model; its room for frames must not be that of the old one.
    present
        The state of the stage that scores: dark frames and admission go on from it. None: ``restore`` follows.
    """

    def __init__(self, make: Callable[[], CameraStage], present: State | None = None) -> None:
        self._make = make
        self._stage = make()
        self._seen_scored = False
        if present is not None:
            self._stage.restore(present)

    @property
    def model(self) -> str:
        """The new model's id."""
        return self._stage.model

    @property
    def ready(self) -> bool:
        """Whether it has learned: it may succeed."""
        return not self._stage.learning

    def follow(self, block: RecordBlock, output: DeviceOutput) -> None:
        """Learn from a block, or a part of one, that the present stage has processed.

        Where the present stage has begun to learn anew by itself (an episode became normal), what was learned here is
        void, too: with that very record it begins anew.
        """
        if block.replacement:
            return
        # On until it succeeds, also when it is ready: then no cut of the blocks changes what it knows.
        normal = ~output.scored.anomalous
        start = 0
        for border in self._borders(output.scored.scoring):
            self._learn(block, normal, start, border)
            self._stage.accept_baseline()
            start = border
        self._learn(block, normal, start, len(block))

    def accept_baseline(self, _: DeviceClosing) -> None:
        """An operator has accepted what the camera shows: the present stage learns anew, and so does this one."""
        self._stage.accept_baseline()
        self._seen_scored = False

    def finish(self, _: DeviceClosing) -> None:
        """The input has ended; what was learned holds."""

    def succeed(self, present: CameraStage) -> CameraStage:
        """The stage that scores from now on: all that does not depend on the model goes on from the present one."""
        stage = self._make()
        stage.restore({**present.state(), _SCORES: self._stage.state()[_SCORES]})
        return stage

    def state(self) -> State:
        """All that later results depend on."""
        return {"stage": self._stage.state(), "seen_scored": self._seen_scored}

    def restore(self, state: State) -> None:
        """Go on from a saved state; that of another model's successor is learned anew."""
        self._stage.restore(state["stage"])
        self._seen_scored = bool(state["seen_scored"])

    def _borders(self, scoring: NDArray[np.uint8]) -> list[int]:
        """The rows with which the present stage, which has scored before, learns anew."""
        judged = np.flatnonzero((scoring == Scoring.SCORED) | (scoring == Scoring.LEARNING))
        if not len(judged):
            return []
        scored = scoring[judged] == Scoring.SCORED
        before = np.concatenate([[self._seen_scored], scored[:-1]])
        self._seen_scored = bool(scored[-1])
        borders: list[int] = judged[before & ~scored].tolist()
        return borders

    def _learn(self, block: RecordBlock, normal: NDArray[np.bool_], start: int, stop: int) -> None:
        for first, end in runs_of(normal[start:stop]):
            self._stage.process(rows_of(block, start + first, start + end))


def model_of_state(state: State) -> str:
    """The id of the model that a camera's saved state belongs to; empty for that of another device."""
    scores = state.get(_SCORES)
    return str(scores.get("model", "")) if isinstance(scores, dict) else ""


def runs_of(chosen: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Where the rows that are chosen begin and end, as far as they follow each other."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], chosen, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))

"""A shadow model scores a camera's frames beside the model in production: what it finds is counted, never sent."""

from collections.abc import Callable
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.alerts.alert import AlertEvent
from models.device_stage import DeviceClosing, DeviceOutput
from models.images.camera_stage import CameraStage
from models.images.camera_successor import model_of_state, runs_of
from models.images.shadow_comparison import ShadowComparison, ShadowCounts
from models.records import RecordBlock, rows_of
from models.results import Reason, ScoredBlock, Scoring
from models.state import State

#: What a shadow knows by itself; the rest of a camera's state (dark frames, admission) it has from production.
_OWN = ("scores", "image", "evidence", "drift", "open_frames")
#: What the model can find; what else is odd about a frame is said by rules, which are the same beside it.
_FINDINGS = np.uint32(Reason.RESIDUAL | Reason.LATENT | Reason.BEAM_MOMENTS)
_SHOWN = (Scoring.LEARNING, Scoring.SCORED, Scoring.DARK)
_NO_TIMES = np.zeros(0, np.int64)


class CameraShadow:
    """The second stage of a camera: it learns by itself and scores the records that production scores.

    As long as it learns, also when it learns anew by itself, it is shown only what production finds normal, as a model
    that is promoted is; else everything. Replacements are not shown: their frames were counted when they first came.

    Parameters
    ----------
    make
        Makes the camera's stage with the shadow's model. It must score every frame it is given, and its room for
        frames must not be that of production.
    """

    def __init__(self, make: Callable[[], CameraStage]) -> None:
        self._make = make
        self._stage = make()
        self._comparison = ShadowComparison("")
        self._new = ShadowCounts()

    @classmethod
    def begun(cls, make: Callable[[], CameraStage], production: State) -> Self:
        """A shadow that begins to learn beside a stage with this state."""
        shadow = cls(make)
        fresh = shadow._stage.state()
        shadow._stage.restore(production | {name: fresh[name] for name in _OWN})
        shadow._comparison = ShadowComparison(model_of_state(production))
        return shadow

    @property
    def model(self) -> str:
        """The shadow's model."""
        return self._stage.model

    def follow(self, block: RecordBlock, output: DeviceOutput) -> None:
        """Production has processed a block, or a part of one, of its camera."""
        if block.replacement or not len(block):
            return
        scored = output.scored
        if scored.model != self._comparison.production:
            self._comparison = ShadowComparison(scored.model)
        shown = np.isin(scored.scoring, _SHOWN)
        both, odd = np.zeros(len(block), np.bool_), np.zeros(len(block), np.bool_)
        alerts: list[AlertEvent] = []
        row = 0
        while row < len(block):
            # Up to where it may begin or end to learn, since what comes after is shown another way.
            piece = slice(row, row + self._stage.room)
            chosen = shown & ~scored.anomalous if self._stage.learning else shown
            for start, stop in runs_of(chosen[piece]):
                here = slice(row + start, row + stop)
                own = self._stage.process(rows_of(block, here.start, here.stop))
                both[here] = (own.scored.scoring == Scoring.SCORED) & (scored.scoring[here] == Scoring.SCORED)
                odd[here] = _found_odd(own.scored)
                alerts += own.alerts
            row = piece.stop
        self._compare(scored, both, odd, output.alerts, alerts)

    def accept_baseline(self, closing: DeviceClosing) -> None:
        """Production learns anew, since an operator has accepted what the camera shows: so does the shadow."""
        own = self._stage.accept_baseline()
        self._new += self._comparison.add_alerts(_NO_TIMES, closing.alerts, own.alerts)

    def finish(self, closing: DeviceClosing) -> None:
        """The input has ended."""
        self._new += self._comparison.add_alerts(_NO_TIMES, closing.alerts, self._stage.finish().alerts)

    def take_counts(self) -> ShadowCounts:
        """What was counted since the last call, for who shows it at once; no part of the state."""
        new, self._new = self._new, ShadowCounts()
        return new

    def comparison_state(self) -> State:
        """What was found so far, and by whom."""
        return {"model": self.model, "learned": not self._stage.learning} | self._comparison.state()

    def state(self) -> State:
        """All that later results depend on."""
        return self.comparison_state() | {"stage": self._stage.state()}

    def restore(self, state: State) -> None:
        """Go on from a saved state of the same model."""
        self._stage.restore(state["stage"])
        self._comparison = ShadowComparison.from_state(state)

    def _compare(
        self,
        scored: ScoredBlock,
        both: NDArray[np.bool_],
        odd: NDArray[np.bool_],
        alerts: list[AlertEvent],
        own_alerts: list[AlertEvent],
    ) -> None:
        times = scored.event_time_ns[both]
        self._new += self._comparison.add_frames(times, _found_odd(scored)[both], odd[both])
        self._new += self._comparison.add_alerts(times, alerts, own_alerts)


def _found_odd(scored: ScoredBlock) -> NDArray[np.bool_]:
    """bool, shape (n,): which rows the model finds anomalous."""
    found: NDArray[np.bool_] = (scored.reasons & _FINDINGS) != 0
    return found

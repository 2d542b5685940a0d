"""Rolling moments alone: how far the beam's sum, place, size, shape and peak lie from the camera's recent ones."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.images.beam_features import beam_vector
from models.images.image_scores import GROUP_FRAMES, ImageScoreSettings, room_for_frames
from models.images.reference_history import MEMORY_FRAMES, ReferenceHistory
from models.images.references import MOMENTS_FLOOR
from models.images.residual import Float32Array
from models.scoring.distance import RollingDistance
from models.scoring.tail_probability import TailProbability
from models.state import State
from models.training.architectures.rolling_scores import RollingScores
from models.training.time_split import Images

_LEAST_SCORE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class MomentScores:
    """The scores of n frames: their vectors (n, 9), the logarithms of their distances (n,), and probabilities (n,)."""

    vectors: NDArray[np.float64]
    logs: NDArray[np.float64]
    probability: NDArray[np.float64]


class MomentReferences:
    """A rolling Mahalanobis distance and its tail, in the steps of ``ImageScores``, with the same settings."""

    def __init__(self, settings: ImageScoreSettings | None = None) -> None:
        self._settings = settings or ImageScoreSettings()
        self._distance = RollingDistance(self._settings.distance, MOMENTS_FLOOR)
        self._tail = TailProbability(self._settings.tail)
        self._history = ReferenceHistory()
        self._held: list[NDArray[np.float64]] = []
        self._frames = 0
        self._forgetting = False
        self.learning = True

    @property
    def room(self) -> int:
        """Up to the end of the group of 32 frames, or of the learning phase."""
        return room_for_frames(self._frames, self._settings.learning_frames, learning=self.learning)

    def hold(self, cleaned: Float32Array, features: NDArray[np.float64], noise_counts: float) -> None:  # noqa: ARG002 - the steps of all references
        """Take frames of the learning phase."""
        self._held.append(beam_vector(features))
        self._frames += len(features)
        at_end = self._frames % GROUP_FRAMES == 0 or self._frames == self._settings.learning_frames
        if at_end and self._frames >= self._settings.learning_frames:
            self._end_learning()

    def score(self, cleaned: Float32Array, features: NDArray[np.float64]) -> MomentScores:  # noqa: ARG002 - see above
        """Score frames by their features."""
        vectors = beam_vector(features)
        logs = np.log(np.maximum(self._distance.distances(vectors), _LEAST_SCORE))
        return MomentScores(vectors=vectors, logs=logs, probability=self._tail.p_values(logs))

    def learn(
        self,
        scores: MomentScores,
        cleaned: Float32Array,  # noqa: ARG002 - see above
        keep: NDArray[np.bool_],
        noise_counts: float,  # noqa: ARG002 - see above
        *,
        forget: bool = False,
    ) -> None:
        """Learn from the marked frames; what led up to an episode is forgotten at the end of its group."""
        self._forgetting |= forget
        self._distance.learn(scores.vectors[keep])
        self._tail.learn(scores.logs[keep])
        self._frames += len(keep)
        if self._frames % GROUP_FRAMES:
            return
        past = self._history.go_back() if self._forgetting else None
        self._forgetting = False
        if past is None:
            self._distance.apply()
            self._tail.refit()
        else:
            self._distance.restore(past["distance"])
            self._tail.restore(past["tail"])
        if self._frames % MEMORY_FRAMES == 0:
            self._history.remember(self._state())

    def _end_learning(self) -> None:
        vectors = np.concatenate(self._held)
        kept, distances = self._distance.start(vectors)
        usual = kept & np.isfinite(distances)
        if np.count_nonzero(usual) < self._settings.tail.minimum_records:
            self._held = [vectors]
            return
        self._tail.learn(np.log(np.maximum(distances[usual], _LEAST_SCORE)))
        self._tail.refit()
        self._held, self.learning = [], False
        self._history.remember(self._state())

    def _state(self) -> State:
        return {"distance": self._distance.state(), "tail": self._tail.state()}


class RollingMoments:
    """An ``Architecture`` without a network: nothing of it is trained, each camera learns from its first frames."""

    name = "moments"
    description = "rolling distance of the beam's nine moments, alone"

    def train(self, cameras: Sequence[Images], *, seed: int) -> "RollingMoments":  # noqa: ARG002 - it needs neither
        """There is nothing to train."""
        return self

    def scorer(self, earlier: Images) -> RollingScores[MomentScores]:  # noqa: ARG002 - a camera learns as it is watched
        """A scorer that learns from the first frames."""
        return RollingScores(MomentReferences())

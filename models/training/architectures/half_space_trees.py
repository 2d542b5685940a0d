"""river's half-space trees on the beam's moments: trees of random cuts that count where the recent normal frames lay.

Source: Tan, Ting and Liu 2011, "Fast anomaly detection for streaming data", IJCAI, 1511.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from river.anomaly import HalfSpaceTrees

from models.images.beam_features import beam_vector
from models.images.image_scores import GROUP_FRAMES, ImageScoreSettings, room_for_frames
from models.images.references import MOMENTS_FLOOR
from models.images.residual import Float32Array
from models.scoring.tail_probability import TailProbability
from models.training.architectures.rolling_scores import RollingScores
from models.training.time_split import Images

_TREES, _HEIGHT = 25, 8
# Trees score by the counts of the window before: one is full before the first frame is scored.
_WINDOW_FRAMES = 100
# Cuts fall into 0..1: so many standard deviations to both sides of the usual fill it.
_RANGE_SIGMAS = 8.0
_TIME_CONSTANT_FRAMES = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeScores:
    """The scores of n frames: their vectors within 0..1 (n, 9), those of the trees (n,), and probabilities (n,)."""

    vectors: NDArray[np.float64]
    of_trees: NDArray[np.float64]
    probability: NDArray[np.float64]


class TreeReferences:
    """The trees of one camera and the tail of their scores, in the steps of ``ImageScores``.

    Parameters
    ----------
    seed
        Of the trees' cuts.
    """

    def __init__(self, seed: int, settings: ImageScoreSettings | None = None) -> None:
        self._settings = settings or ImageScoreSettings()
        limits = dict.fromkeys(range(len(MOMENTS_FLOOR)), (0.0, 1.0))
        self._trees = HalfSpaceTrees(_TREES, _HEIGHT, _WINDOW_FRAMES, limits=limits, seed=seed)
        self._tail = TailProbability(self._settings.tail)
        self._frames = 0
        self._mean, self._square = np.zeros(len(MOMENTS_FLOOR)), np.zeros(len(MOMENTS_FLOOR))
        self._weight = 0.0
        self._held: list[NDArray[np.float64]] = []
        self._waiting: list[NDArray[np.float64]] = []
        self.learning = True

    @property
    def room(self) -> int:
        """Up to the end of the group of 32 frames, or of the learning phase."""
        return room_for_frames(self._frames, self._settings.learning_frames, learning=self.learning)

    def hold(self, cleaned: Float32Array, features: NDArray[np.float64], noise_counts: float) -> None:  # noqa: ARG002 - the steps of all references
        """Take frames of the learning phase; odd ones among them are learned, too, as the trees do by themselves."""
        vectors = beam_vector(features)
        self._held.append(vectors[_finite(vectors)])
        self._frames += len(features)
        if self._frames < self._settings.learning_frames:
            return
        held = np.concatenate(self._held)
        self._held = [held]
        if len(held) >= _WINDOW_FRAMES + self._settings.tail.minimum_records:
            self._end_learning(held)

    def score(self, cleaned: Float32Array, features: NDArray[np.float64]) -> TreeScores:  # noqa: ARG002 - see above
        """Score frames by their features; one that has none is certain to be odd."""
        vectors = beam_vector(features)
        finite = _finite(vectors)
        placed = self._placed(np.where(finite[:, np.newaxis], vectors, 0.0))
        of_trees = np.where(finite, self._of_trees(placed), np.inf)
        return TreeScores(vectors=vectors, of_trees=of_trees, probability=self._tail.p_values(of_trees))

    def learn(
        self,
        scores: TreeScores,
        cleaned: Float32Array,  # noqa: ARG002 - see above
        keep: NDArray[np.bool_],
        noise_counts: float,  # noqa: ARG002 - see above
        *,
        forget: bool = False,  # noqa: ARG002 - trees can't take anything back
    ) -> None:
        """Learn from the marked frames at the end of their group of 32."""
        keep = keep & _finite(scores.vectors)
        self._waiting.append(scores.vectors[keep])
        self._tail.learn(scores.of_trees[keep])
        self._frames += len(keep)
        if self._frames % GROUP_FRAMES == 0:
            waiting = np.concatenate(self._waiting)
            self._waiting = []
            self._teach(self._placed(waiting))
            self._follow(waiting)
            self._tail.refit()

    def _end_learning(self, held: NDArray[np.float64]) -> None:
        """Set place and spread by all frames; teach the trees the first ones, and the tail what they make of the rest.

        Frames that the trees know score lower than new ones do, so a tail from them would be too light.
        """
        self._follow(held)
        placed = self._placed(held)
        self._teach(placed[:_WINDOW_FRAMES])
        self._tail.learn(self._of_trees(placed[_WINDOW_FRAMES:]))
        self._teach(placed[_WINDOW_FRAMES:])
        self._tail.refit()
        self._held, self.learning = [], False

    def _follow(self, vectors: NDArray[np.float64]) -> None:
        """Let mean and mean square follow."""
        count = len(vectors)
        if count:
            self._weight = self._weight * float(np.exp(-count / _TIME_CONSTANT_FRAMES)) + count
            part = count / self._weight
            self._mean = self._mean + part * (vectors.mean(axis=0) - self._mean)
            self._square = self._square + part * ((vectors**2).mean(axis=0) - self._square)

    def _placed(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Vectors within 0..1, the usual one in the middle."""
        sigma = np.maximum(np.sqrt(np.maximum(self._square - self._mean**2, 0.0)), MOMENTS_FLOOR)
        return np.asarray(np.clip(0.5 + (vectors - self._mean) / (2.0 * _RANGE_SIGMAS * sigma), 0.0, 1.0))

    def _of_trees(self, placed: NDArray[np.float64]) -> NDArray[np.float64]:
        scores = [float(self._trees.score_one(dict(enumerate(row)))) for row in placed.tolist()]
        return np.array(scores, np.float64)

    def _teach(self, placed: NDArray[np.float64]) -> None:
        for row in placed.tolist():
            self._trees.learn_one(dict(enumerate(row)))


def _finite(vectors: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(vectors).all(axis=1), np.bool_)


@dataclass(frozen=True, slots=True)
class SeededTrees:
    """A ``TrainedArchitecture``: nothing but the seed of the cuts."""

    seed: int

    def scorer(self, earlier: Images) -> RollingScores[TreeScores]:  # noqa: ARG002 - a camera learns as it is watched
        """A scorer that learns from the first frames."""
        return RollingScores(TreeReferences(self.seed))


class HalfSpaceTreesOnMoments:
    """An ``Architecture`` without a network: each camera grows trees of its own."""

    name = "half-space-trees"
    description = "river's half-space trees on the beam's nine moments, rolling"

    def train(self, cameras: Sequence[Images], *, seed: int) -> SeededTrees:  # noqa: ARG002 - no frames are needed
        """There is nothing to train."""
        return SeededTrees(seed)

"""What is usual at one camera, as far as its normal frames go on teaching it, and how far a frame lies from it."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from models.images.beam_steps import BeamSteps, FollowedSteps
from models.images.frame_scores import (
    IMAGE_SCORES,
    LATENT_ROW,
    MOMENTS_ROW,
    RESIDUAL_ROWS,
    RIPPLES_ROW,
    STEPS_ROW,
    FrameScores,
    log_residual_scores,
    log_scores,
)
from models.images.reference_maps import MapSettings, ReferenceMaps
from models.images.residual import Float32Array
from models.images.ripples import RIPPLE_BANDS
from models.scoring.distance import DistanceSettings, RollingDistance
from models.scoring.tail_probability import TailProbability, TailSeed, TailSettings
from models.state import State

#: Components of a latent vector.
LATENT_SIZE = 32
#: The least standard deviations that are believed of the components of ``beam_vector``.
MOMENTS_FLOOR = np.array([0.002, 0.02, 0.02, 0.002, 0.002, 0.002, 0.005, 0.005, 2e-4])
_LATENT_FLOOR = np.full(LATENT_SIZE, 1e-4)
# The power of ripples is that of a few dozen waves at least: its logarithm scatters by more than this.
_RIPPLES_FLOOR = np.full(RIPPLE_BANDS, 0.05)


class References:
    """Residual maps, latent vectors, beam features, and the tails of the scores that follow from them.

    Parameters
    ----------
    maps, distance, tail
        How fast they follow.
    seeds
        By the name of the score.
    """

    def __init__(
        self, maps: MapSettings, distance: DistanceSettings, tail: TailSettings, seeds: Mapping[str, TailSeed]
    ) -> None:
        self.maps = ReferenceMaps(maps)
        self.latent = RollingDistance(distance, _LATENT_FLOOR)
        self.moments = RollingDistance(distance, MOMENTS_FLOOR)
        self.steps = BeamSteps(distance, MOMENTS_FLOOR)
        self.ripples = RollingDistance(distance, _RIPPLES_FLOOR)
        self.tails = [TailProbability(tail, seeds[name]) for name in IMAGE_SCORES]

    def log_scores(
        self,
        cleaned: Float32Array,
        reconstruction: Float32Array,
        latent: Float32Array,
        vectors: NDArray[np.float64],
        ripples: NDArray[np.float64],
        steps: FollowedSteps,
    ) -> NDArray[np.float64]:
        """The logarithms of the scores, float64, shape (12, n), in the order of ``IMAGE_SCORES``.

        Parameters
        ----------
        cleaned, reconstruction
            float32, shape (n, 102, 128), the reconstruction corrected.
        latent
            float32, shape (n, 32).
        vectors
            float64, shape (n, 9): ``beam_vector``.
        ripples
            float64, shape (n, 30): ``ReferenceMaps.ripples``.
        steps
            ``BeamSteps.follow``.
        """
        logs = np.empty((len(IMAGE_SCORES), len(cleaned)))
        logs[:RESIDUAL_ROWS] = log_residual_scores(self.maps.scores(cleaned, reconstruction))
        logs[LATENT_ROW] = log_scores(self.latent.distances(latent))
        logs[MOMENTS_ROW] = log_scores(self.moments.distances(vectors))
        logs[STEPS_ROW] = log_scores(self.steps.distances(steps))
        logs[RIPPLES_ROW] = log_scores(self.ripples.distances(ripples))
        return logs

    def learn(self, scores: FrameScores, cleaned: Float32Array, keep: NDArray[np.bool_]) -> None:
        """Remember the frames marked in ``keep``; nothing changes before ``apply``."""
        self.maps.learn(cleaned, scores.reconstruction, keep)
        self.latent.learn(scores.latent[keep])
        self.steps.learn(scores.steps, keep)
        self.moments.learn(scores.vectors[keep])
        self.ripples.learn(scores.ripples[keep])
        for tail, row in zip(self.tails, scores.logs, strict=True):
            tail.learn(row[keep])

    def apply(self, noise_counts: float) -> None:
        """Bring everything up to what was learned; noise as in ``ReferenceMaps.apply``."""
        self.maps.apply(noise_counts)
        self.latent.apply()
        self.moments.apply()
        self.steps.apply()
        self.ripples.apply()
        for tail in self.tails:
            tail.refit()

    def state(self) -> State:
        """All that later results depend on."""
        return {
            "maps": self.maps.state(),
            "latent": self.latent.state(),
            "moments": self.moments.state(),
            "steps": self.steps.state(),
            "ripples": self.ripples.state(),
            "tails": {name: tail.state() for name, tail in zip(IMAGE_SCORES, self.tails, strict=True)},
        }

    def memory(self) -> State:
        """What to go back to, right after ``apply``: the maps in half precision, so small is what counts of it."""
        return self.state() | {"maps": self.maps.memory()}

    def go_back(self, memory: State) -> None:
        """Go on from a memory; what the next frame is expected to be stays, since that follows the latest frames."""
        now = self.steps.state()
        past = memory["steps"]["distance"]
        self.restore(memory | {"steps": now | {"distance": past}})

    def restore(self, state: State) -> None:
        """Go on from a saved state.

        Raises
        ------
        FatalError
            If it does not fit the settings.
        """
        self.maps.restore(state["maps"])
        self.latent.restore(state["latent"])
        self.moments.restore(state["moments"])
        self.steps.restore(state["steps"])
        self.ripples.restore(state["ripples"])
        for name, tail in zip(IMAGE_SCORES, self.tails, strict=True):
            tail.restore(state["tails"][name])

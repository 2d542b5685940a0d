"""The twelve scores of a beam frame, and what they give: numbers to show, a probability, reasons.

The largest z of the residual above and below its usual, each on four scales; the distance of the latent vector; the
distance of the beam's features; that of its brightness and place from what the frames before let expect; that of the
residual's ripples. All are kept as logarithms, which makes their tails light.
"""

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from models.images.beam_steps import FollowedSteps
from models.images.residual import SCALES, Float32Array
from models.results import Reason

#: The scores of a frame, in the order of the rows of their matrix, and the reason that each gives.
IMAGE_SCORES: dict[str, Reason] = {
    **{f"residual_above_{scale}": Reason.RESIDUAL for scale in range(SCALES)},
    **{f"residual_below_{scale}": Reason.RESIDUAL for scale in range(SCALES)},
    "latent": Reason.LATENT,
    "moments": Reason.BEAM_MOMENTS,
    "steps": Reason.BEAM_MOMENTS,
    "ripples": Reason.RESIDUAL,
}
#: The first rows are those of the residual; these are the rows of the distances.
RESIDUAL_ROWS = 2 * SCALES
LATENT_ROW, MOMENTS_ROW, STEPS_ROW, RIPPLES_ROW = range(RESIDUAL_ROWS, RESIDUAL_ROWS + 4)

_REASONS = np.array(list(IMAGE_SCORES.values()), np.uint32)
_LEAST_SCORE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameScores:
    """The scores of n beam frames.

    Attributes
    ----------
    reconstruction, latent
        float32, shapes (n, 102, 128) and (n, 32): views of the buffers, good until they are used again.
    vectors
        float64, shape (n, 9): ``beam_vector``.
    ripples
        float64, shape (n, 30): ``ripple_vectors``.
    steps
        How the beam came from the frames before.
    logs
        float64, shape (12, n): the logarithms of the scores, in the order of ``IMAGE_SCORES``.
    probabilities
        float64, shape (12, n): the tail probability of each, corrected for their number.
    probability
        float64, shape (n,): the smallest of them.
    """

    reconstruction: Float32Array
    latent: Float32Array
    vectors: NDArray[np.float64]
    ripples: NDArray[np.float64]
    steps: FollowedSteps
    logs: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    probability: NDArray[np.float64]

    def shown(self) -> NDArray[np.float64]:
        """float64, shape (n, 3): largest z of the residual, latent distance, moments distance."""
        largest = self.logs[:RESIDUAL_ROWS].max(axis=0)
        logs = np.stack([largest, self.logs[LATENT_ROW], self.logs[MOMENTS_ROW]], axis=1)
        return cast("NDArray[np.float64]", np.exp(logs))

    def reasons(self, frame_fpr: float) -> NDArray[np.uint32]:
        """uint32, shape (n,): the ``Reason`` of every score whose probability is below ``frame_fpr``."""
        below = np.where(self.probabilities < frame_fpr, _REASONS[:, np.newaxis], np.uint32(0))
        return cast("NDArray[np.uint32]", np.bitwise_or.reduce(below, axis=0))


def log_scores(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """The logarithms of scores of any shape; those of nothing are those of next to nothing."""
    return cast("NDArray[np.float64]", np.log(np.maximum(scores, _LEAST_SCORE)))


def log_residual_scores(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Residual scores (n, 4, 3) as rows of the matrix of logarithms, (8, n)."""
    return log_scores(np.concatenate([scores[:, :, 0].T, scores[:, :, 1].T]))

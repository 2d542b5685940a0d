"""Steps of the beam: how far its brightness and its place lie from what the frames right before let expect.

A beam that wanders is where it was a moment ago. Its jitter has a memory too, so a jump is told from the latest frames
more surely than from the usual of the last minutes.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.compilation import kernel
from models.scoring.distance import DistanceSettings, RollingDistance
from models.state import State

# The first components of ``beam_vector``: logarithm of the sum, centroid x and y.
_SIZE = 3
# The part of a step by which the expectation follows: a memory of five frames.
_FOLLOWING = 0.2
# A frame further off than so many standard deviations is odd: the expectation goes back to the usual instead.
_LIMIT_SIGMAS = 4.0


@kernel()
def _follow(
    vectors: NDArray[np.float64],
    usual: NDArray[np.float64],
    limits: NDArray[np.float64],
    expected: NDArray[np.float64],
    steps: NDArray[np.float64],
) -> None:
    """Write the steps (n, 3), and bring ``expected`` (3,) up to the last frame."""
    for frame in range(len(steps)):
        odd = False
        for component in range(_SIZE):
            step = vectors[frame, component] - expected[component]
            steps[frame, component] = step
            odd |= not abs(step) <= limits[component]  # a NaN is odd
        for component in range(_SIZE):
            wanted = usual[component] if odd else vectors[frame, component]
            expected[component] += _FOLLOWING * (wanted - expected[component])


class BeamSteps:
    """Distance of a camera's frames from the expectation, by the rolling covariance of its normal steps.

    The expectation follows frame by frame whatever becomes of the frames, so it doesn't depend on how they are cut;
    what is odd in itself moves it towards the usual of the last minutes.

    Parameters
    ----------
    sigma_floor
        float64, shape (9,): the least standard deviations that are believed of the components of ``beam_vector``.
    """

    def __init__(self, settings: DistanceSettings, sigma_floor: NDArray[np.float64]) -> None:
        self._distance = RollingDistance(settings, sigma_floor[:_SIZE])
        self._expected = np.zeros(_SIZE)

    def distances(self, vectors: NDArray[np.float64], usual: NDArray[np.float64]) -> NDArray[np.float64]:
        """As ``RollingDistance.distances``; nothing is learned.

        Parameters
        ----------
        vectors
            float64, shape (n, 9): ``beam_vector`` of the frames that follow the last ones learned.
        usual
            float64, shape (9,): their rolling mean.
        """
        return self._distance.distances(self._steps(vectors, usual)[0])

    def learn(self, vectors: NDArray[np.float64], usual: NDArray[np.float64], keep: NDArray[np.bool_]) -> None:
        """Go on by frames, and remember the steps of those marked in ``keep``."""
        steps, self._expected = self._steps(vectors, usual)
        self._distance.learn(steps[keep])

    def apply(self) -> None:
        """Bring the reference up to what was learned."""
        self._distance.apply()

    def start(self, vectors: NDArray[np.float64]) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Begin with some hundred normal frames, in their order; returns as ``RollingDistance.start``."""
        expected = np.median(vectors[:, :_SIZE], axis=0) if len(vectors) else np.zeros(_SIZE)
        steps, self._expected = self._followed(vectors, expected, np.full(_SIZE, np.inf), expected)
        return self._distance.start(steps)

    def _steps(
        self, vectors: NDArray[np.float64], usual: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return self._followed(vectors, usual, _LIMIT_SIGMAS * self._distance.usual()[1], self._expected)

    @staticmethod
    def _followed(
        vectors: NDArray[np.float64],
        usual: NDArray[np.float64],
        limits: NDArray[np.float64],
        expected: NDArray[np.float64],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        steps, after = np.empty((len(vectors), _SIZE)), expected.copy()
        _follow(np.ascontiguousarray(vectors), np.ascontiguousarray(usual), limits, after, steps)
        return steps, after

    def state(self) -> State:
        """All that later results depend on."""
        return {"expected": self._expected.copy(), "distance": self._distance.state()}

    def restore(self, state: State) -> None:
        """Go on from a saved state."""
        distance: Any = state["distance"]
        self._expected = np.array(state["expected"])
        self._distance.restore(distance)

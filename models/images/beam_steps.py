"""Steps of the beam: how far its brightness and its place lie from what the frames right before let expect.

A beam that wanders is where it was a moment ago. Its jitter has a memory too, so a jump is told from the latest frames
more surely than from the usual of the last minutes. After a pause a moment ago was long ago: no step is known before a
few frames agree again.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.compilation import kernel
from models.event_time import SECOND_NS
from models.scoring.distance import DistanceSettings, RollingDistance
from models.state import State

# The first components of ``beam_vector``: logarithm of the sum, centroid x and y.
_SIZE = 3
# The part of a step by which the expectation follows: a memory of five frames.
_FOLLOWING = 0.2
_MEMORY_FRAMES = 5
# A drifting beam is somewhere else after a longer pause than this; up to it, the first frame is no odder than others.
_PAUSE_NS = 30 * SECOND_NS
# A frame further off than so many standard deviations is odd: the expectation goes back to the usual instead.
_LIMIT_SIGMAS = 4.0


@dataclass(frozen=True, slots=True)
class FollowedSteps:
    """The steps of n frames, and what is expected after them.

    Attributes
    ----------
    steps, known
        float64, shape (n, 3), and bool, shape (n,): which of them mean anything.
    expected, agreeing
        float64, shape (3,), and on how many frames it rests.
    last_ns
        When the last frame came; None as long as no time was given.
    """

    steps: NDArray[np.float64]
    known: NDArray[np.bool_]
    expected: NDArray[np.float64]
    agreeing: int
    last_ns: int | None


@kernel()
def _follow(
    vectors: NDArray[np.float64],
    usual: NDArray[np.float64],
    limits: NDArray[np.float64],
    paused: NDArray[np.bool_],
    agreeing: int,
    expected: NDArray[np.float64],
    steps: NDArray[np.float64],
    known: NDArray[np.bool_],
) -> int:
    """Write the steps (n, 3), which are known (n,), and bring ``expected`` (3,) up to the last frame.

    ``agreeing``, given and returned, is how many frames the expectation rests on: the average of so many after a pause.
    """
    for frame in range(len(steps)):
        if paused[frame]:
            agreeing = 0
        known[frame] = agreeing == _MEMORY_FRAMES
        odd, finite = False, True
        for component in range(_SIZE):
            step = vectors[frame, component] - expected[component]
            steps[frame, component] = step
            odd |= not abs(step) <= limits[component]  # a NaN is odd
            finite &= np.isfinite(vectors[frame, component])
        if odd and not known[frame]:  # of two frames that don't agree, nobody knows yet which is odd
            agreeing = 0
        part = max(_FOLLOWING, 1.0 / (agreeing + 1))
        for component in range(_SIZE):
            back = odd if known[frame] else not finite
            wanted = usual[component] if back else vectors[frame, component]
            expected[component] += part * (wanted - expected[component])
        agreeing = min(agreeing + 1, _MEMORY_FRAMES)
    return agreeing


class BeamSteps:
    """Distance of a camera's frames from the expectation, by the rolling covariance of its normal steps.

    The expectation follows frame by frame whatever becomes of the frames, so it doesn't depend on how they are cut;
    what is odd in itself moves it towards the usual of the last minutes. After a pause of more than 30 s it begins anew
    with the first five frames that agree, which have no step.

    Parameters
    ----------
    sigma_floor
        float64, shape (9,): the least standard deviations that are believed of the components of ``beam_vector``.
    """

    def __init__(self, settings: DistanceSettings, sigma_floor: NDArray[np.float64]) -> None:
        self._distance = RollingDistance(settings, sigma_floor[:_SIZE])
        self._expected = np.zeros(_SIZE)
        self._agreeing = _MEMORY_FRAMES
        self._last_ns: int | None = None

    def follow(
        self, vectors: NDArray[np.float64], usual: NDArray[np.float64], event_time_ns: NDArray[np.int64] | None = None
    ) -> FollowedSteps:
        """The steps of the frames that follow the last ones learned; nothing is learned.

        Parameters
        ----------
        vectors
            float64, shape (n, 9): ``beam_vector`` of the frames.
        usual
            float64, shape (9,): their rolling mean.
        event_time_ns
            int64, shape (n,); None: they follow without a pause.
        """
        limits, last_ns = _LIMIT_SIGMAS * self._distance.usual()[1], self._last_ns
        paused = np.zeros(len(vectors), np.bool_)
        if event_time_ns is not None and len(event_time_ns):
            paused, last_ns = self._paused(event_time_ns), int(event_time_ns[-1])
        return _followed(vectors, usual, limits, paused, self._agreeing, self._expected, last_ns)

    def distances(self, followed: FollowedSteps) -> NDArray[np.float64]:
        """As ``RollingDistance.distances``, and NaN for frames whose step is not known."""
        return np.where(followed.known, self._distance.distances(followed.steps), np.nan)

    def learn(self, followed: FollowedSteps, keep: NDArray[np.bool_]) -> None:
        """Go on by the frames of ``follow``, and remember the steps of those marked in ``keep``."""
        self._expected, self._agreeing, self._last_ns = followed.expected, followed.agreeing, followed.last_ns
        self._distance.learn(followed.steps[keep & followed.known])

    def wait(self, event_time_ns: NDArray[np.int64]) -> None:
        """Remember the times of frames, int64, shape (n,), n > 0, that ``start`` is given later."""
        pauses = np.flatnonzero(self._paused(event_time_ns))
        since = len(event_time_ns) - int(pauses[-1]) if len(pauses) else self._agreeing + len(event_time_ns)
        self._agreeing = min(since, _MEMORY_FRAMES)
        self._last_ns = int(event_time_ns[-1])

    def apply(self) -> None:
        """Bring the reference up to what was learned."""
        self._distance.apply()

    def start(self, vectors: NDArray[np.float64]) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Begin with some hundred normal frames, in their order; returns as ``RollingDistance.start``."""
        expected = np.median(vectors[:, :_SIZE], axis=0) if len(vectors) else np.zeros(_SIZE)
        unlimited, paused = np.full(_SIZE, np.inf), np.zeros(len(vectors), np.bool_)
        followed = _followed(vectors, expected, unlimited, paused, _MEMORY_FRAMES, expected, self._last_ns)
        self._expected = followed.expected
        if self._agreeing < _MEMORY_FRAMES:  # the last frames came after a pause: too few to expect anything by
            self._agreeing = 0
        return self._distance.start(followed.steps)

    def _paused(self, event_time_ns: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Before which frames there was a pause."""
        before = event_time_ns[:1] if self._last_ns is None else np.array([self._last_ns])
        return np.diff(event_time_ns, prepend=before) > _PAUSE_NS

    def state(self) -> State:
        """All that later results depend on."""
        return {
            "expected": self._expected.copy(),
            "agreeing": self._agreeing,
            "last_ns": self._last_ns,
            "distance": self._distance.state(),
        }

    def restore(self, state: State) -> None:
        """Go on from a saved state."""
        distance: Any = state["distance"]
        self._expected = np.array(state["expected"])
        # Earlier programs knew no pause.
        self._agreeing = int(state.get("agreeing", _MEMORY_FRAMES))
        self._last_ns = state.get("last_ns")
        self._distance.restore(distance)


def _followed(
    vectors: NDArray[np.float64],
    usual: NDArray[np.float64],
    limits: NDArray[np.float64],
    paused: NDArray[np.bool_],
    agreeing: int,
    expected: NDArray[np.float64],
    last_ns: int | None,
) -> FollowedSteps:
    steps, known, after = np.empty((len(vectors), _SIZE)), np.empty(len(vectors), np.bool_), expected.copy()
    vectors, usual = np.ascontiguousarray(vectors), np.ascontiguousarray(usual)
    agreeing = _follow(vectors, usual, limits, paused, agreeing, after, steps, known)
    return FollowedSteps(steps, known, after, int(agreeing), last_ns)

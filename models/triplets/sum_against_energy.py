"""Whether the sum of a camera's pixels follows the energy that its stage's meter measures."""

import math

import numpy as np
from numpy.typing import NDArray

from models.scoring.tail_probability import TailProbability, TailSettings, score_of
from models.state import State

#: Statistics take effect after every so many shots.
SHOTS_PER_UPDATE = 32
# From so many normal shots on the spread is known well enough to say how far a ratio lies from it.
_MINIMUM_SHOTS = 64
# So many updates without one normal shot (ten minutes of 10 Hz are 190): the ratio has been changed, a filter for
# example, and is learned anew.
_RESTARTING_UPDATES = 60
# Relative: a ratio that never changes has no spread.
_SIGMA_FLOOR = 1e-4


class SumAgainstEnergy:
    """The rolling ratio of one camera's sum of pixels and one meter's energy.

    The score of a shot is the distance of the logarithm of its ratio from the rolling mean, in rolling standard
    deviations; its tail probability comes from the pair's own normal shots. Mean, deviation and tail change after every
    ``SHOTS_PER_UPDATE`` shots by count, so that the cut of the input changes nothing.

    Parameters
    ----------
    time_constant_shots
        Weight of the past, in shots.
    false_positive_rate
        A shot is odd if its tail probability is below this.
    """

    def __init__(self, time_constant_shots: int, false_positive_rate: float, tail: TailSettings) -> None:
        self._time_constant = time_constant_shots
        self._fpr = false_positive_rate
        self._tail_settings = tail
        self._anew_from_ns: int | None = None
        self._begin()

    def _begin(self) -> None:
        self._tail = TailProbability(self._tail_settings)
        self._weight = 0.0
        self._mean = 0.0
        self._variance = 0.0
        self._shots = 0  # since the last update
        self._normal: list[NDArray[np.float64]] = []  # (k, 2): logarithm of the ratio, score
        self._updates_without_normal = 0

    def begin_anew_from(self, event_time_ns: int) -> None:
        """Forget the ratio with the first shot from this time on; of two such times the later one counts."""
        self._anew_from_ns = max(event_time_ns, self._anew_from_ns or event_time_ns)

    def observe(
        self, log_ratio: NDArray[np.float64], learn: NDArray[np.bool_] | None, event_time_ns: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Score shots in the order of their event times, and learn from the normal ones.

        Parameters
        ----------
        log_ratio
            float64, shape (n,), finite: logarithm of sum over energy.
        learn
            bool, shape (n,): nothing else is odd about the shot. None to learn nothing at all.
        event_time_ns
            int64, shape (n,), not decreasing.

        Returns
        -------
        tuple
            -log10 of the tail probability, float64, shape (n,), 0 while too little is known; and whether the shot is
            odd, bool, shape (n,).
        """
        if learn is None:
            return self._score(log_ratio)[:2]
        old = self._shots_before_beginning_anew(event_time_ns)
        parts = [self._learn(log_ratio[:old], learn[:old])]
        if old < len(log_ratio):
            self._begin()
            self._anew_from_ns = None
            parts.append(self._learn(log_ratio[old:], learn[old:]))
        scores, odd = zip(*parts, strict=True)
        return np.concatenate(scores), np.concatenate(odd)

    def _shots_before_beginning_anew(self, event_time_ns: NDArray[np.int64]) -> int:
        """How many of these shots are still compared with the old ratio: all, when none begins anew."""
        reached = event_time_ns >= self._anew_from_ns if self._anew_from_ns is not None else np.zeros(0, np.bool_)
        return int(reached.argmax()) if reached.any() else len(event_time_ns)

    def _learn(
        self, log_ratio: NDArray[np.float64], learn: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        scores, odd = np.zeros(len(log_ratio)), np.zeros(len(log_ratio), np.bool_)
        start = 0
        while start < len(log_ratio):
            stop = min(start + SHOTS_PER_UPDATE - self._shots, len(log_ratio))
            part = slice(start, stop)
            scores[part], odd[part], distance = self._score(log_ratio[part])
            normal = learn[part] & ~odd[part]
            self._normal.append(np.column_stack([log_ratio[part][normal], distance[normal]]))
            self._shots += stop - start
            if self._shots == SHOTS_PER_UPDATE:
                self._update()
            start = stop
        return scores, odd

    def state(self) -> State:
        """All that later results depend on."""
        return {
            "weight": self._weight,
            "mean": self._mean,
            "variance": self._variance,
            "shots": self._shots,
            "normal": np.concatenate([np.zeros((0, 2)), *self._normal]),
            "updates_without_normal": self._updates_without_normal,
            "tail": self._tail.state(),
            "anew_from_ns": self._anew_from_ns,
        }

    def restore(self, state: State) -> None:
        """Go on from a saved state."""
        self._weight, self._mean = float(state["weight"]), float(state["mean"])
        self._variance, self._shots = float(state["variance"]), int(state["shots"])
        self._normal = [np.array(state["normal"], np.float64).reshape(-1, 2)]
        self._updates_without_normal = int(state["updates_without_normal"])
        self._tail.restore(state["tail"])
        self._anew_from_ns = state.get("anew_from_ns")

    def _score(
        self, log_ratio: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
        if self._weight < _MINIMUM_SHOTS:
            count = len(log_ratio)
            return np.zeros(count), np.zeros(count, np.bool_), np.full(count, np.nan)
        sigma = max(math.sqrt(self._variance), _SIGMA_FLOOR)
        distance = np.abs(log_ratio - self._mean) / sigma
        probability = self._tail.p_values(distance)
        return score_of(probability), probability < self._fpr, distance

    def _update(self) -> None:
        """Let what was learned since the last update take effect."""
        normal = np.concatenate(self._normal)
        self._shots, self._normal = 0, []
        if not len(normal):
            self._updates_without_normal += 1
            if self._updates_without_normal == _RESTARTING_UPDATES:
                self._weight, self._updates_without_normal = 0.0, 0
            return
        self._updates_without_normal = 0
        values, distances = normal[:, 0], normal[:, 1]
        # The sums are taken in fixed order over a fixed set, so that they are bitwise the same whatever the blocks.
        past = min(self._weight, self._time_constant)
        share = len(values) / (past + len(values))
        off = values - self._mean
        moved = share * float(off.mean())
        self._variance = (1.0 - share) * (self._variance + moved**2) + share * float(((off - moved) ** 2).mean())
        self._mean += moved
        self._weight = past + len(values)
        self._tail.learn(distances)
        self._tail.refit()

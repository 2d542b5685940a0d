"""Tail probabilities of a device whose normal records are odd now and then, and always in the same way."""

import numpy as np
from numpy.typing import NDArray

from models.scoring.tail_probability import TailProbability, TailSettings
from models.state import State

# Odd records are remembered among so many of all: 14 minutes at 10 Hz. Some dozen say enough about their share.
_MEMORY_RECORDS = 8192
_MOST_RETURNS = 64
# What came fewer times than this has not come back: it may be a fault.
_LEAST_RETURNS = 3
# What led up to an episode is part of it: so many records before it are forgotten.
_LED_UP_RECORDS = 64
_DEVIATIONS = 1.645  # a one-sided bound at 95 %


class ReturningTail:
    """A ``TailProbability`` that learns from normal records, and grants odd ones that keep coming back.

    A laser that hops between modes shows the rarer one in one shot of a hundred or a thousand. As an odd record teaches
    the tail nothing, that mode would seem the more impossible the longer the watch goes on. So odd records that belong
    to no episode are remembered: a score that was reached k times among the latest 8,192 records is given at least the
    lower 95 % bound of its share, from k = 3 on. Beyond the remembered scores that falls as the tail itself does. A
    fault that stays opens an episode and is not remembered, nor what led up to it.

    As for ``TailProbability``, what is learned takes effect in ``refit``.

    Parameters
    ----------
    odd_probability
        A record whose score is less probable than this by the tail alone is odd.
    """

    def __init__(self, settings: TailSettings, odd_probability: float) -> None:
        self._tail = TailProbability(settings)
        self._odd_probability = odd_probability
        self._begin()

    def _begin(self) -> None:
        self._records = 0  # outside of episodes
        self._was_open = False
        self._odd: list[tuple[int, float]] = []  # number of the record, score; the latest ones
        self._scores = np.zeros(0)  # of those in force, falling
        self._shares = np.zeros(0)

    @property
    def ready(self) -> bool:
        """Whether there is a fit, so that ``p_values`` says something."""
        return self._tail.ready

    def p_values(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """The probability of each score or a larger one, float64, shape (n,), as ``TailProbability`` gives it."""
        probabilities = self._tail.p_values(scores)
        if not len(self._scores):
            return probabilities
        given = np.where(np.isfinite(scores), scores, -np.inf)  # granted to numbers only
        excess = np.maximum(given[:, np.newaxis] - self._scores, 0.0)
        granted = (self._shares * self._tail.survival(excess)).max(axis=1)
        return np.where(np.isfinite(scores), np.maximum(probabilities, granted), probabilities)

    def learn(self, scores: NDArray[np.float64], normal: NDArray[np.bool_], is_open: NDArray[np.bool_]) -> None:
        """Remember the scores of n records, in their order.

        Parameters
        ----------
        scores
            float64, shape (n,); those that are not finite are left out.
        normal
            bool, shape (n,): nothing else about the record is odd, so that the tail may learn it. Odd ones are
            remembered whatever this says.
        is_open
            bool, shape (n,): an episode is open once the record has been looked at, as ``EpisodeTracker`` says.
        """
        odd = self._tail.p_values(scores) < self._odd_probability
        self._tail.learn(scores[normal & ~(odd | is_open)])
        numbers = self._records + np.cumsum(~is_open)
        before = np.append(self._was_open, is_open[:-1])
        for place in np.flatnonzero((is_open & ~before) | (odd & ~is_open & np.isfinite(scores))).tolist():
            if is_open[place]:
                self._forget(int(numbers[place]) - _LED_UP_RECORDS)
            else:
                self._odd.append((int(numbers[place]), float(scores[place])))
        if len(is_open):
            self._records, self._was_open = int(numbers[-1]), bool(is_open[-1])

    def _forget(self, number: int) -> None:
        """What came behind this record belongs to the episode that has opened."""
        self._odd = [one for one in self._odd if one[0] <= number]

    def refit(self) -> None:
        """Bring the probabilities up to what was learned."""
        self._tail.refit()
        oldest = self._records - _MEMORY_RECORDS
        self._odd = [(number, score) for number, score in self._odd[-_MOST_RETURNS:] if number >= oldest]
        self._count_returns()

    def _count_returns(self) -> None:
        scores = np.sort(np.array([score for _, score in self._odd], np.float64))[::-1]
        since = self._records - self._odd[0][0] if len(self._odd) == _MOST_RETURNS else self._records
        among = max(min(since, _MEMORY_RECORDS), 1)
        self._scores = scores[_LEAST_RETURNS - 1 :]
        self._shares = _least_expected(np.arange(_LEAST_RETURNS, len(scores) + 1)) / among

    def state(self) -> State:
        """All that later results depend on."""
        return self._tail.state() | {
            "returns": {
                "records": self._records,
                "was_open": self._was_open,
                "odd": [list(one) for one in self._odd],
                "scores": self._scores.copy(),
                "shares": self._shares.copy(),
            }
        }

    def restore(self, state: State) -> None:
        """Go on from a saved state, also from one of a ``TailProbability``."""
        self._tail.restore(state)
        self._begin()
        saved = state.get("returns")
        if saved is not None:
            self._records, self._was_open = int(saved["records"]), bool(saved["was_open"])
            self._odd = [(int(number), float(score)) for number, score in saved["odd"]]
            self._scores, self._shares = np.array(saved["scores"]), np.array(saved["shares"])


def _least_expected(count: NDArray[np.int64]) -> NDArray[np.float64]:
    """The lower 95 % bound of what a Poisson count of at least 1 comes from (Wilson and Hilferty 1931)."""
    number = count.astype(np.float64)
    bound: NDArray[np.float64] = number * (1.0 - 1.0 / (9.0 * number) - _DEVIATIONS / (3.0 * np.sqrt(number))) ** 3
    return bound

"""Slow drift as a function of time, and the quick jitter around it."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

_WAVES = 4
_SHORTEST_S, _LONGEST_S = 15 * 60.0, 180 * 60.0


@dataclass(frozen=True, slots=True)
class SlowDrift:
    """Several quantities that wander with periods of a quarter of an hour to three hours; 0 on average.

    Attributes
    ----------
    amplitude
        (q, waves): so that each quantity has the standard deviation asked for.
    angular, phase
        (q, waves): radians per second, radians.
    """

    amplitude: NDArray[np.float64]
    angular: NDArray[np.float64]
    phase: NDArray[np.float64]

    @classmethod
    def drawn(cls, draw: Generator, deviations: NDArray[np.float64]) -> "SlowDrift":
        """Drift with these standard deviations over many hours."""
        shape = (len(deviations), _WAVES)
        periods_s = _SHORTEST_S * (_LONGEST_S / _SHORTEST_S) ** draw.random(shape)
        weights = periods_s / np.sqrt((periods_s**2).sum(1, keepdims=True) / 2)
        return cls(weights * deviations[:, None], 2 * np.pi / periods_s, draw.uniform(0, 2 * np.pi, shape))

    def at(self, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
        """The values at times, shape (n, q)."""
        angles = seconds[:, None, None] * self.angular + self.phase
        values: NDArray[np.float64] = (self.amplitude * np.sin(angles)).sum(-1)
        return values


def correlated_jitter(draw: Generator, shots: int, deviations: NDArray[np.float64]) -> NDArray[np.float64]:
    """Jitter of unit memory 0.8 from shot to shot over two thirds of its variance, white for the rest; (n, q)."""
    memory = 0.8
    white, steps = draw.standard_normal((2, shots, len(deviations)))
    slow = np.empty_like(steps)
    level = draw.standard_normal(len(deviations))
    for shot in range(shots):
        level = memory * level + np.sqrt(1 - memory**2) * steps[shot]
        slow[shot] = level
    jitter: NDArray[np.float64] = deviations * (np.sqrt(2 / 3) * slow + np.sqrt(1 / 3) * white)
    return jitter

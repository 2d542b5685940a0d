"""Smooth a meter's energies as they come, without ever smoothing an extreme away (the reference, section 3.4).

A reading further than ``guard_sigmas`` from the running mean is an extreme. The Gaussian filter sees the mean of its
two neighbours (t-1, t+1) in its place, and afterwards the reading itself is put back. Of several extremes in a row
each is replaced by what stands before it, the last by the mean of that and the next reading. Extremes are no part of
the running mean and sigma.

- **Delay.** The smoothed value of reading t is known ``delay_shots`` later: half the kernel, and one more reading,
  since a reading's replacement needs its successor.
- **Start.** The first ``warm_up_shots`` readings are all filtered; none counts as extreme. Median and median absolute
  deviation of them start the running mean and sigma, so that an extreme among them does not open the guard. Left of
  the first reading the filter sees that reading repeated.
- **Running mean and sigma** are plain averages at first and exponential ones with ``time_constant_shots`` later,
  updated by every reading, so that they depend on the order of the readings alone.
- **Restart.** ``restart_shots`` extremes in a row that agree (none further than twice the guard from their own mean,
  with the known sigma scaled to their level) are the new level: mean, sigma and the filter start again from them.
- **No shot.** A reading at or below ``energy_floor_j``, or below ``fire_fraction`` of the running mean, is no shot:
  it is left out altogether.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from models.compilation import kernel
from models.errors import FatalError
from models.state import State

_SIGMA_PER_MAD = 1.4826
# Places in the arrays of the kernel's state.
_MEAN, _VARIANCE = 0, 1
_SEEN, _AVERAGED, _RUN = 0, 1, 2
# Places in the array of its options.
_GUARD, _TIME_CONSTANT, _WARM_UP, _SIGMA_FLOOR, _ENERGY_FLOOR, _FIRE_FRACTION = range(6)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmoothingSettings:
    """How energies are smoothed and guarded.

    Attributes
    ----------
    kernel_sigma_shots, kernel_truncate
        The Gaussian's standard deviation in shots, and after how many of them it is cut (as in scipy).
    guard_sigmas
        A reading further from the running mean is an extreme.
    time_constant_shots
        After so many readings an old one counts for 1/e in the running mean and sigma.
    warm_up_shots
        So many readings start the running mean and sigma.
    restart_shots
        So many extremes in a row that agree are a new level.
    sigma_floor_fraction
        Sigma is never taken for smaller than this fraction of the mean.
    energy_floor_j
        A reading at or below this is no shot.
    fire_fraction
        Nor is one below this fraction of the running mean.
    """

    kernel_sigma_shots: float = 2.0
    kernel_truncate: float = 4.0
    guard_sigmas: float = 5.0
    time_constant_shots: float = 1000.0
    warm_up_shots: int = 16
    restart_shots: int = 50
    sigma_floor_fraction: float = 1e-3
    energy_floor_j: float = 1e-3
    fire_fraction: float = 0.01

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if not (0.1 <= self.kernel_sigma_shots <= 100 and 0.5 <= self.kernel_truncate <= 10):
            raise ValueError("kernel_sigma_shots must be between 0.1 and 100, kernel_truncate between 0.5 and 10")
        if self.restart_shots > 1000 or self.restart_shots < 2 * self.radius_shots + 2:
            raise ValueError("restart_shots must be at most 1000 and longer than the whole kernel")
        if not 4 <= self.warm_up_shots <= self.restart_shots:
            raise ValueError("warm_up_shots must be between 4 and restart_shots")
        if not (self.guard_sigmas > 0 and self.time_constant_shots >= self.warm_up_shots):
            raise ValueError("guard_sigmas must be above 0 and time_constant_shots at least warm_up_shots")
        if not (0 < self.sigma_floor_fraction < 1 and 0 <= self.fire_fraction < 1 and self.energy_floor_j >= 0):
            raise ValueError("sigma_floor_fraction and fire_fraction are below 1, energy_floor_j is not negative")

    @property
    def radius_shots(self) -> int:
        """Half the kernel, as ``scipy.ndimage.gaussian_filter1d`` cuts it."""
        return int(self.kernel_truncate * self.kernel_sigma_shots + 0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmoothedReadings:
    """What n readings gave, each array of shape (n,).

    Attributes
    ----------
    fired
        bool: the reading is a shot; where it is not, all else is NaN or False.
    z
        float64: distance from the running mean before this reading, in running sigmas; NaN during the warm-up.
    smoothed_j
        float64, joules: the smoothed value of the shot ``delay_shots`` earlier, NaN for the first ones.
    extreme
        bool: beyond the guard.
    restarted
        bool: with this reading a new level is believed.
    """

    fired: NDArray[np.bool_]
    z: NDArray[np.float64]
    smoothed_j: NDArray[np.float64]
    extreme: NDArray[np.bool_]
    restarted: NDArray[np.bool_]


class GuardedSmoother:
    """The guarded Gaussian filter of one meter; how the readings are cut into blocks changes nothing."""

    def __init__(self, settings: SmoothingSettings) -> None:
        radius = settings.radius_shots
        places = np.arange(-radius, radius + 1)
        weights = np.exp(-0.5 * (places / settings.kernel_sigma_shots) ** 2)
        self._weights: NDArray[np.float64] = weights / weights.sum()
        self._options = np.array(
            [
                settings.guard_sigmas,
                settings.time_constant_shots,
                settings.warm_up_shots,
                settings.sigma_floor_fraction,
                settings.energy_floor_j,
                settings.fire_fraction,
            ]
        )
        self._levels = np.zeros(2)  # running mean and variance
        self._counts = np.zeros(3, np.int64)  # readings seen, readings averaged, extremes in a row
        self._inputs = np.zeros(2 * radius + 2)  # what the filter sees, the newest last
        self._readings = np.zeros(radius + 2)  # the readings themselves, the newest last
        self._extreme = np.zeros(radius + 2, np.bool_)
        self._run = np.zeros(settings.restart_shots)  # the warm-up's readings, then the extremes in a row
        self.delay_shots = radius + 1

    def smooth(self, energies_j: NDArray[np.float64]) -> SmoothedReadings:
        """Take readings in the order of their event times.

        Parameters
        ----------
        energies_j
            float64, shape (n,), joules, finite.

        Raises
        ------
        ValueError
            If a reading is not finite.
        """
        readings = self._prepare(energies_j)
        _smooth(
            energies_j,
            self._options,
            self._weights,
            self._levels,
            self._counts,
            self._inputs,
            self._readings,
            self._extreme,
            self._run,
            readings.fired,
            readings.z,
            readings.smoothed_j,
            readings.extreme,
            readings.restarted,
        )
        return readings

    def judge(self, energies_j: NDArray[np.float64]) -> SmoothedReadings:
        """The same verdict on readings that are not part of the stream: nothing is learned, nothing smoothed."""
        readings = self._prepare(energies_j)
        _judge(
            energies_j,
            self._options,
            self._levels,
            self._counts,
            readings.fired,
            readings.z,
            readings.extreme,
        )
        return readings

    def _prepare(self, energies_j: NDArray[np.float64]) -> SmoothedReadings:
        if not np.isfinite(energies_j).all():
            raise ValueError("energies must be finite: leave invalid readings out")
        count = len(energies_j)
        return SmoothedReadings(
            fired=np.zeros(count, np.bool_),
            z=np.full(count, np.nan),
            smoothed_j=np.full(count, np.nan),
            extreme=np.zeros(count, np.bool_),
            restarted=np.zeros(count, np.bool_),
        )

    def state(self) -> State:
        """All that later readings depend on."""
        return {name: getattr(self, f"_{name}").copy() for name in _STATE_ARRAYS}

    def restore(self, state: State) -> None:
        """Go on from a saved state.

        Raises
        ------
        FatalError
            If it was saved with another kernel or restart length.
        """
        for name in _STATE_ARRAYS:
            if state[name].shape != getattr(self, f"_{name}").shape:
                raise FatalError(
                    "a saved state was made with another smoothing kernel or restart_shots; "
                    "set them back, or start a new state",
                    reason="state_settings",
                )
            setattr(self, f"_{name}", state[name].copy())


_STATE_ARRAYS = ("levels", "counts", "inputs", "readings", "extreme", "run")


@kernel()
def _sigma(levels: NDArray[np.float64], options: NDArray[np.float64]) -> float:
    return float(max(np.sqrt(levels[_VARIANCE]), options[_SIGMA_FLOOR] * abs(levels[_MEAN])))


@kernel()
def _is_shot(
    energy: float, levels: NDArray[np.float64], counts: NDArray[np.int64], options: NDArray[np.float64]
) -> bool:
    if energy <= options[_ENERGY_FLOOR]:
        return False
    return bool(counts[_AVERAGED] == 0 or energy >= options[_FIRE_FRACTION] * levels[_MEAN])


@kernel()
def _judge(
    energies: NDArray[np.float64],
    options: NDArray[np.float64],
    levels: NDArray[np.float64],
    counts: NDArray[np.int64],
    fired: NDArray[np.bool_],
    z: NDArray[np.float64],
    extreme: NDArray[np.bool_],
) -> None:
    for index in range(len(energies)):
        fired[index] = _is_shot(energies[index], levels, counts, options)
        if fired[index] and counts[_AVERAGED] > 0:
            z[index] = (energies[index] - levels[_MEAN]) / _sigma(levels, options)
            extreme[index] = abs(z[index]) > options[_GUARD]


@kernel()
def _smooth(
    energies: NDArray[np.float64],
    options: NDArray[np.float64],
    weights: NDArray[np.float64],
    levels: NDArray[np.float64],
    counts: NDArray[np.int64],
    inputs: NDArray[np.float64],
    readings: NDArray[np.float64],
    extremes: NDArray[np.bool_],
    run: NDArray[np.float64],
    fired: NDArray[np.bool_],
    z: NDArray[np.float64],
    smoothed: NDArray[np.float64],
    extreme: NDArray[np.bool_],
    restarted: NDArray[np.bool_],
) -> None:
    for index in range(len(energies)):
        energy = energies[index]
        fired[index] = _is_shot(energy, levels, counts, options)
        if not fired[index]:
            continue
        if counts[_AVERAGED] > 0:
            z[index] = (energy - levels[_MEAN]) / _sigma(levels, options)
            extreme[index] = abs(z[index]) > options[_GUARD]
        _push(energy, extreme[index], counts, inputs, readings, extremes)
        if extreme[index]:
            restarted[index] = _add_to_run(energy, options, levels, counts, run)
            if restarted[index]:
                inputs[:] = run[len(run) - len(inputs) :]
                extremes[:] = False
        else:
            _learn(energy, options, levels, counts, run)
        if counts[_SEEN] >= len(readings):
            smoothed[index] = readings[0] if extremes[0] else _filtered(inputs, weights)


@kernel()
def _push(
    energy: float,
    extreme: bool,
    counts: NDArray[np.int64],
    inputs: NDArray[np.float64],
    readings: NDArray[np.float64],
    extremes: NDArray[np.bool_],
) -> None:
    """Move the windows on by one reading, and settle what stands in the place of the extreme before it."""
    last = len(inputs) - 1
    if counts[_SEEN] == 0:
        inputs[:] = energy
    elif extremes[-1] and not extreme:
        inputs[last] = 0.5 * (inputs[last - 1] + energy)
    for place in range(last):
        inputs[place] = inputs[place + 1]
    inputs[last] = inputs[last - 1] if extreme else energy
    for place in range(len(readings) - 1):
        readings[place] = readings[place + 1]
        extremes[place] = extremes[place + 1]
    readings[-1] = energy
    extremes[-1] = extreme
    counts[_SEEN] += 1


@kernel()
def _filtered(inputs: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    total = 0.0
    for place in range(len(weights)):
        total += weights[place] * inputs[place]
    return total


@kernel()
def _learn(
    energy: float,
    options: NDArray[np.float64],
    levels: NDArray[np.float64],
    counts: NDArray[np.int64],
    run: NDArray[np.float64],
) -> None:
    if counts[_AVERAGED] > 0:
        counts[_RUN] = 0
        counts[_AVERAGED] += 1
        part = max(1.0 / counts[_AVERAGED], 1.0 / options[_TIME_CONSTANT])
        shift = energy - levels[_MEAN]
        levels[_MEAN] += part * shift
        levels[_VARIANCE] = (1.0 - part) * (levels[_VARIANCE] + part * shift * shift)
        return
    run[counts[_RUN]] = energy
    counts[_RUN] += 1
    if counts[_RUN] == int(options[_WARM_UP]):
        first = run[: counts[_RUN]].copy()
        levels[_MEAN] = np.median(first)
        levels[_VARIANCE] = (_SIGMA_PER_MAD * np.median(np.abs(first - levels[_MEAN]))) ** 2
        counts[_AVERAGED] = counts[_RUN]
        counts[_RUN] = 0


@kernel()
def _add_to_run(
    energy: float,
    options: NDArray[np.float64],
    levels: NDArray[np.float64],
    counts: NDArray[np.int64],
    run: NDArray[np.float64],
) -> bool:
    """Remember one more extreme in a row; start again from them when they are enough and agree."""
    length = len(run)
    for place in range(length - 1):
        run[place] = run[place + 1]
    run[-1] = energy
    counts[_RUN] += 1
    if counts[_RUN] < length:
        return False
    mean = run.mean()
    sigma = _sigma(levels, options) * max(1.0, abs(mean / levels[_MEAN]))
    if np.abs(run - mean).max() > 2.0 * options[_GUARD] * sigma:
        return False
    levels[_MEAN] = mean
    levels[_VARIANCE] = ((run - mean) ** 2).sum() / (length - 1)
    counts[_AVERAGED] = length
    counts[_RUN] = 0
    return True

"""A spectrometer's usual spectrum: rolling mean and sigma, and how far a spectrum lies from it.

Spectra are normalised to their sum and binned by four samples. The difference from the mean is looked at on three
scales: the bins themselves, means of 4 and of 16 of them (overlapping by half). Each scale has sigmas of its own:
shot to shot, a spectrum moves as a whole, so that coarse differences are far larger than white noise would make them.
"""

import numpy as np
from numpy.typing import NDArray

from models.compilation import kernel
from models.state import State

#: Fewer samples than this are no spectrum.
LEAST_SAMPLES = 64
_BIN = 4
# Bins per window of each scale; windows overlap by half.
_WINDOWS = (1, 4, 16)
_SIGMA_PER_MAD = 1.4826
# Sigma is never taken for smaller than this part of the mean's largest value: empty bins have no noise at all.
_SIGMA_FLOOR = 5e-4
# What is learned of a difference: at most so many sigmas of it.
_LEARNING_LIMIT = 6.0
# And of a sum: at most so many times the usual one. One wild sum would make all others count as dark for ever.
_LEARNING_LIMIT_SUM = 8.0


def normalise(spectra: NDArray[np.float64], sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Spectra of sum 1 in bins of four samples; up to three samples at the end are left out.

    Parameters
    ----------
    spectra
        float64, shape (n, samples), finite, >= 0.
    sums
        float64, shape (n,), > 0.

    Returns
    -------
    NDArray[np.float64]
        Shape (n, samples // 4).
    """
    binned = np.empty((len(spectra), spectra.shape[1] // _BIN))
    _normalise(np.ascontiguousarray(spectra, np.float64), sums, binned)
    return binned


class ReferenceSpectrum:
    """Rolling mean and sigmas of normalised, binned spectra.

    ``learn`` only adds to sums; the reference changes in ``apply``, which the owner calls after fixed numbers of
    records. Plain averages at first, exponential forgetting later. A difference is learned up to six sigmas, so that
    the reference follows whatever happens, but no single odd spectrum spoils it.

    Attributes
    ----------
    usual_sum
        What a spectrum sums to, in its own unit; 0 before ``start``.
    """

    def __init__(self, time_constant_records: float) -> None:
        self._time_constant = time_constant_records
        self._weight = 0.0
        self._mean = np.zeros(0)
        self._variance = np.zeros(0)
        self.usual_sum = 0.0
        self._clear_pending()

    @property
    def ready(self) -> bool:
        """Whether ``start`` has been called."""
        return self._weight > 0

    def start(self, binned: NDArray[np.float64], sums: NDArray[np.float64]) -> None:
        """Begin with medians and median absolute deviations of some dozen spectra, of which a part may be odd."""
        self._mean = np.median(binned, axis=0)
        differences = np.zeros((len(binned), _scale_size(binned.shape[1])))
        _differences(binned, self._mean, differences)
        middle = np.median(differences, axis=0)
        self._variance = (_SIGMA_PER_MAD * np.median(np.abs(differences - middle), axis=0)) ** 2
        self._weight = float(len(binned))
        self.usual_sum = float(np.median(sums))
        self._clear_pending()

    def largest_z(self, binned: NDArray[np.float64]) -> NDArray[np.float64]:
        """The largest absolute difference from the mean over all places and scales, in sigmas; float64, shape (n,)."""
        found = np.zeros(len(binned))
        _largest_z(binned, self._mean, self._sigma(), found)
        return found

    def learn(self, binned: NDArray[np.float64], sums: NDArray[np.float64]) -> None:
        """Remember normal spectra."""
        _learn(binned, self._mean, self._sigma(), self._total, self._squares)
        limit = _LEARNING_LIMIT_SUM * self.usual_sum
        for total in sums.tolist():  # one after the other: the same rounding however the records are cut
            self._total_sum += min(total, limit)
        self._pending += len(binned)

    def apply(self) -> None:
        """Bring the reference up to what was learned."""
        count = self._pending
        if count == 0:
            return
        self._weight = self._weight * float(np.exp(-count / self._time_constant)) + count
        part = count / self._weight
        self._mean = self._mean + part * self._total / count
        self._variance = (1.0 - part) * self._variance + part * self._squares / count
        self.usual_sum += part * (self._total_sum / count - self.usual_sum)
        self._clear_pending()

    def _sigma(self) -> NDArray[np.float64]:
        floor = _SIGMA_FLOOR * float(self._mean.max(initial=0.0))
        sigma: NDArray[np.float64] = np.maximum(np.sqrt(self._variance), max(floor, np.finfo(float).tiny))
        return sigma

    def _clear_pending(self) -> None:
        self._pending = 0
        self._total_sum = 0.0
        self._total = np.zeros(len(self._mean))
        self._squares = np.zeros(len(self._variance))

    def state(self) -> State:
        """The reference in force and the sums behind it, about 20 kB."""
        return {
            "weight": self._weight,
            "mean": self._mean.copy(),
            "variance": self._variance.copy(),
            "usual_sum": self.usual_sum,
            "pending": self._pending,
            "total_sum": self._total_sum,
            "total": self._total.copy(),
            "squares": self._squares.copy(),
        }

    def restore(self, state: State) -> None:
        """Go on from a saved state."""
        self._weight, self._pending = float(state["weight"]), int(state["pending"])
        self.usual_sum, self._total_sum = float(state["usual_sum"]), float(state["total_sum"])
        self._mean, self._variance = state["mean"].copy(), state["variance"].copy()
        self._total, self._squares = state["total"].copy(), state["squares"].copy()


@kernel()
def _normalise(spectra: NDArray[np.float64], sums: NDArray[np.float64], binned: NDArray[np.float64]) -> None:
    for number in range(len(spectra)):
        scale = 1.0 / sums[number]
        for place in range(binned.shape[1]):
            total = 0.0
            for step in range(_BIN):
                total += spectra[number, _BIN * place + step]
            binned[number, place] = total * scale


@kernel()
def _scale_size(bins: int) -> int:
    """How many windows all scales have together."""
    size = 0
    for window in _WINDOWS:
        size += (bins - window) // max(window // 2, 1) + 1 if bins >= window else 0
    return size


@kernel()
def _difference(spectrum: NDArray[np.float64], mean: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """Difference from the mean in every window of every scale, one scale after the other."""
    bins = len(spectrum)
    for place in range(bins):
        out[place] = spectrum[place] - mean[place]
    start = bins
    for window in _WINDOWS[1:]:
        for first in range(0, bins - window + 1, window // 2):
            total = 0.0
            for step in range(window):
                total += out[first + step]
            out[start] = total / window
            start += 1


@kernel()
def _differences(binned: NDArray[np.float64], mean: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    for number in range(len(binned)):
        _difference(binned[number], mean, out[number])


@kernel()
def _largest_z(
    binned: NDArray[np.float64], mean: NDArray[np.float64], sigma: NDArray[np.float64], found: NDArray[np.float64]
) -> None:
    difference = np.empty(len(sigma))
    for number in range(len(binned)):
        _difference(binned[number], mean, difference)
        for place in range(len(sigma)):
            found[number] = max(found[number], abs(difference[place]) / sigma[place])


@kernel()
def _learn(
    binned: NDArray[np.float64],
    mean: NDArray[np.float64],
    sigma: NDArray[np.float64],
    total: NDArray[np.float64],
    squares: NDArray[np.float64],
) -> None:
    difference = np.empty(len(sigma))
    for number in range(len(binned)):
        _difference(binned[number], mean, difference)
        for place in range(len(sigma)):
            limit = _LEARNING_LIMIT * sigma[place]
            learned = min(max(difference[place], -limit), limit)
            squares[place] += learned * learned
            if place < len(total):
                total[place] += learned

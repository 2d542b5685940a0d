"""What a spectrum says in some numbers (sum, centre, bandwidths, number of peaks), and whether there is light.

The sum is over all samples. Everything else is taken from the spectrum smoothed by two running means of nine samples
(zeros beyond its ends), so that the noise of single samples does not decide:

- centre and rms width are the mean and the standard deviation of the place, weighted with what exceeds 5 % of the
  largest value: the noise of two thousand dark samples would otherwise outweigh a drop of the bandwidth;
- FWHM is the distance of the outermost crossings of half the largest value, interpolated between samples; a shoulder
  near half the largest value makes it jump from shot to shot, so it is told, but not scored;
- the bandwidth that is scored is the full width averaged over all levels from 25 to 75 % of the largest value, which
  changes as little as the spectrum does;
- a peak is a maximum whose prominence is at least 10 % of the largest value.

There is light when the smoothed spectrum varies more than smoothed white noise would, judged by the noise that the
differences of neighbours show. Places and widths are in samples, counted from 0.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.compilation import kernel
from models.devices import RecordKind
from models.results import FEATURE_NAMES

#: How many of the spectrometer's features come from the spectrum alone.
FEATURE_COUNT = FEATURE_NAMES[RecordKind.SPECTROMETER].index("spectrum_peaks") + 1

_HALF_WIDTH = 4  # of a running mean
_MOMENT_FRACTION = 0.05
_PROMINENCE_FRACTION = 0.1
_BANDWIDTH_FRACTIONS = (0.25, 0.75)
# Two running means of nine samples leave this part of the variance of white noise: sum of (9 - |k|)^2 / 9^4.
_NOISE_LEFT = 489.0 / 6561.0
# So many times the variance of smoothed noise is light; noise itself scatters by about a tenth.
_LIGHT_RATIO = 3.0
# A largest value below this is rounding; and light of which less than this part is left in the sum is none, but
# negative values that happen to cancel it.
_LEAST_PEAK = 1e-100
_LEAST_SUM_BY_PEAK = 1e-3


@dataclass(frozen=True, slots=True)
class SpectrumMeasures:
    """What n spectra say.

    Attributes
    ----------
    features
        float64, shape (n, 5): sum (the spectrum's own unit), centre, FWHM, rms width (samples), number of peaks; a
        spectrum with (nearly) nothing in its sum has that, no peaks, and NaN elsewhere.
    bandwidth
        float64, shape (n,), samples: the steady width; NaN like the others.
    light
        bool, shape (n,).
    """

    features: NDArray[np.float64]
    bandwidth: NDArray[np.float64]
    light: NDArray[np.bool_]


def spectrum_features(spectra: NDArray[np.float64]) -> SpectrumMeasures:
    """The features of n spectra.

    Parameters
    ----------
    spectra
        float64, shape (n, samples), within 1e100 of zero, any unit; at least 64 samples.
    """
    features, bandwidth = np.empty((len(spectra), FEATURE_COUNT)), np.empty(len(spectra))
    light = np.zeros(len(spectra), np.bool_)
    _spectrum_features(np.ascontiguousarray(spectra, np.float64), features, bandwidth, light)
    return SpectrumMeasures(features, bandwidth, light)


@kernel()
def _running_mean(source: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """Mean of nine samples; both arrays have four zeros before and behind the spectrum."""
    for place in range(_HALF_WIDTH, len(source) - _HALF_WIDTH):
        total = 0.0
        for step in range(-_HALF_WIDTH, _HALF_WIDTH + 1):
            total += source[place + step]
        out[place] = total / (2 * _HALF_WIDTH + 1)


@kernel()
def _spectrum_features(
    spectra: NDArray[np.float64],
    features: NDArray[np.float64],
    bandwidth: NDArray[np.float64],
    light: NDArray[np.bool_],
) -> None:
    samples = spectra.shape[1]
    padded = np.zeros(samples + 2 * _HALF_WIDTH)
    once = np.zeros(samples + 2 * _HALF_WIDTH)
    twice = np.zeros(samples + 2 * _HALF_WIDTH)
    inner = twice[_HALF_WIDTH : _HALF_WIDTH + samples]
    for number in range(len(spectra)):
        spectrum, row = spectra[number], features[number]
        padded[_HALF_WIDTH : _HALF_WIDTH + samples] = spectrum
        _running_mean(padded, once)
        _running_mean(once, twice)
        total = peak = 0.0
        for place in range(samples):
            total += spectrum[place]
            peak = max(peak, inner[place])
        row[:] = bandwidth[number] = np.nan
        row[0], row[4] = total, 0.0
        if peak > _LEAST_PEAK and total > _LEAST_SUM_BY_PEAK * peak:
            row[1], row[3] = _centre_and_width(inner, _MOMENT_FRACTION * peak)
            row[2] = _width_at(inner, 0.5 * peak)
            row[4] = _count_peaks(inner, _PROMINENCE_FRACTION * peak)
            bandwidth[number] = _mean_width(inner, _BANDWIDTH_FRACTIONS[0] * peak, _BANDWIDTH_FRACTIONS[1] * peak)
            light[number] = _has_light(spectrum, inner)


@kernel()
def _centre_and_width(smoothed: NDArray[np.float64], least: float) -> tuple[float, float]:
    # About the middle of the array, so that the subtraction below loses no digits.
    middle = 0.5 * len(smoothed)
    weight = first = second = 0.0
    for place in range(len(smoothed)):
        value = max(smoothed[place] - least, 0.0)
        distance = place - middle
        weight += value
        first += value * distance
        second += value * distance * distance
    mean = first / weight
    return middle + mean, np.sqrt(max(second / weight - mean * mean, 0.0))


@kernel()
def _width_at(smoothed: NDArray[np.float64], level: float) -> float:
    """Distance of the outermost crossings of a level; beyond the ends the spectrum is zero."""
    last = len(smoothed) - 1
    left, right = 0, last
    while smoothed[left] < level:
        left += 1
    while smoothed[right] < level:
        right -= 1
    before = smoothed[left - 1] if left > 0 else 0.0
    behind = smoothed[right + 1] if right < last else 0.0
    rising = left - (smoothed[left] - level) / (smoothed[left] - before)
    falling = right + (smoothed[right] - level) / (smoothed[right] - behind)
    return float(falling - rising)


@kernel()
def _mean_width(smoothed: NDArray[np.float64], lowest: float, highest: float) -> float:
    """How many samples are above a level, on average over all levels from ``lowest`` to ``highest``."""
    total = 0.0
    for place in range(len(smoothed)):
        total += min(max(smoothed[place] - lowest, 0.0), highest - lowest)
    return total / (highest - lowest)


@kernel()
def _count_peaks(smoothed: NDArray[np.float64], prominence: float) -> int:
    """Climbs and falls of at least ``prominence``, from zero before the spectrum to zero behind it."""
    peaks, rising, extreme = 0, True, 0.0
    lowest = 0.0
    for place in range(len(smoothed) + 1):
        value = smoothed[place] if place < len(smoothed) else 0.0
        if rising:
            extreme = max(extreme, value)
            if extreme - lowest >= prominence and extreme - value >= prominence:
                peaks += 1
                rising, lowest = False, value
        else:
            lowest = min(lowest, value)
            if value - lowest >= prominence:
                rising, extreme = True, value
    return peaks


@kernel()
def _has_light(spectrum: NDArray[np.float64], smoothed: NDArray[np.float64]) -> bool:
    samples = len(spectrum)
    total = squares = differences = 0.0
    margin = 2 * _HALF_WIDTH  # where the zeros beyond the ends are not felt
    for place in range(margin, samples - margin):
        total += smoothed[place]
        squares += smoothed[place] * smoothed[place]
        step = spectrum[place] - spectrum[place - 1]
        differences += step * step
    count = samples - 2 * margin
    variance = squares / count - (total / count) ** 2
    noise = 0.5 * differences / count
    return bool(variance > _LIGHT_RATIO * _NOISE_LEFT * noise and variance > 1e-9 * squares / count)

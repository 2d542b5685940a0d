import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import find_peaks

from models.spectra.spectrum_features import spectrum_features

PLACES = np.arange(2047.0)


def gaussian(centre: float, sigma: float, height: float = 1.0) -> NDArray[np.float64]:
    return height * np.exp(-0.5 * ((PLACES - centre) / sigma) ** 2)


def noisy(spectrum: NDArray[np.float64], noise: float, seed: int = 0) -> NDArray[np.float64]:
    return np.maximum(spectrum + noise * np.random.default_rng(seed).standard_normal(len(spectrum)), 0)


def reference(spectrum: NDArray[np.float64]) -> NDArray[np.float64]:
    """The module's definitions, written plainly."""
    window = np.full(9, 1 / 9)
    smoothed = np.convolve(np.convolve(spectrum, window, "same"), window, "same")
    peak = smoothed.max()
    weights = np.maximum(smoothed - 0.05 * peak, 0)
    places = np.arange(len(spectrum))
    centre = np.average(places, weights=weights)
    rms = np.sqrt(np.average((places - centre) ** 2, weights=weights))
    padded, above = np.pad(smoothed, 1), np.flatnonzero(smoothed >= peak / 2)
    left, right = above[0], above[-1]
    rising = np.interp(peak / 2, padded[left : left + 2], [left - 1, left])
    falling = np.interp(peak / 2, padded[right + 2 : right : -1], [right + 1, right])
    peaks = len(find_peaks(padded, prominence=0.1 * peak)[0])
    return np.array([spectrum.sum(), centre, falling - rising, rms, peaks])


SPECTRA = {
    "gaussian": gaussian(1000, 110),
    "noisy": noisy(gaussian(1000, 110, 2e4), 80),
    "structured": noisy(gaussian(900, 60) + gaussian(1100, 40, 0.7) + gaussian(1300, 25, 0.3), 0.004),
    "at the left end": noisy(gaussian(5, 80), 0.004),
    "at the right end": gaussian(2046, 60, 1e-6),
    "narrow": gaussian(1234.5, 1.0, 50.0),
    "very noisy": noisy(gaussian(1000, 110), 0.1),
    "broad": noisy(np.ones(2047), 0.01),
}


@pytest.mark.parametrize("name", SPECTRA)
def test_features_equal_the_plain_ones(name: str) -> None:
    features = spectrum_features(SPECTRA[name][None]).features
    np.testing.assert_allclose(features[0], reference(SPECTRA[name]), rtol=1e-9)


def test_a_gaussian_has_the_textbooks_bandwidths() -> None:
    measures = spectrum_features(gaussian(1000.25, 110)[None])
    (features,), light = measures.features, measures.light
    assert features[1] == pytest.approx(1000.25, abs=1e-3)
    assert features[2] == pytest.approx(2.3548 * 110, rel=2e-3)
    assert features[3] == pytest.approx(110, rel=0.15)  # the lowest 5 % are left out
    assert features[4] == 1
    assert light.all()


def test_a_drop_of_the_bandwidth_shows_in_both_widths() -> None:
    wide, narrow = spectrum_features(np.stack([SPECTRA["noisy"], noisy(gaussian(1000, 100, 2e4), 80, seed=1)])).features
    assert narrow[2] / wide[2] == pytest.approx(100 / 110, abs=0.02)
    assert narrow[3] / wide[3] == pytest.approx(100 / 110, abs=0.01)


def test_a_shoulder_at_half_the_peak_makes_the_fwhm_jump_and_the_scored_bandwidth_not() -> None:
    spectra = np.stack([gaussian(1000, 60) + gaussian(1250, 40, height) for height in np.linspace(0.47, 0.53, 61)])
    measures = spectrum_features(spectra)
    assert np.abs(np.diff(measures.features[:, 2])).max() > 40
    assert np.abs(np.diff(measures.bandwidth)).max() < 0.5
    assert np.ptp(measures.bandwidth) < 20


def test_the_scored_bandwidth_is_the_mean_width_from_a_quarter_to_three_quarters_of_the_peak() -> None:
    levels = np.linspace(0.25, 0.75, 1001)
    expected = np.mean(2 * 110 * np.sqrt(-2 * np.log(levels)))
    assert spectrum_features(gaussian(1000.25, 110)[None]).bandwidth[0] == pytest.approx(expected, rel=2e-3)


def test_peaks_are_counted_whatever_the_noise() -> None:
    three = gaussian(600, 50) + gaussian(1000, 50, 0.6) + gaussian(1400, 50, 0.4)
    spectra = np.stack([noisy(three, 0.03, seed) for seed in range(50)])
    assert (spectrum_features(spectra).features[:, 4] == 3).all()


def test_noise_alone_is_no_light_and_a_faint_spectrum_is() -> None:
    noise = np.stack([noisy(np.zeros(2047), 1.0, seed) for seed in range(200)])
    faint = np.stack([noisy(gaussian(1000, 110, 2.0) + 2, 1.0, seed) for seed in range(50)])
    assert not spectrum_features(noise).light.any()
    assert spectrum_features(faint).light.all()
    assert not spectrum_features(np.full((1, 2047), 7.0)).light.any()


def test_an_empty_spectrum_has_a_sum_of_zero_and_nothing_else() -> None:
    measures = spectrum_features(np.zeros((1, 2047)))
    (features,), light = measures.features, measures.light
    assert (features[0], features[4]) == (0, 0)
    assert np.isnan(features[1:4]).all()
    assert np.isnan(measures.bandwidth).all()
    assert not light.any()

import numpy as np
import pytest
from numpy.typing import NDArray

from models.spectra.reference_spectrum import ReferenceSpectrum, normalise
from models.state import decode_state, encode_state

BINS = 511
SHAPE = np.exp(-0.5 * ((np.arange(BINS) - 250) / 30) ** 2)


def spectra(count: int, seed: int = 0, noise: float = 0.01) -> NDArray[np.float64]:
    return SHAPE + noise * np.random.default_rng(seed).standard_normal((count, BINS))


def started(count: int = 64, time_constant: float = 1000) -> ReferenceSpectrum:
    reference = ReferenceSpectrum(time_constant)
    reference.start(spectra(count), np.ones(count))
    return reference


def plain_largest_z(binned: NDArray[np.float64], known: NDArray[np.float64]) -> NDArray[np.float64]:
    """The module's definition, written plainly, with the plain sigma of known spectra around their mean."""
    mean, found = known.mean(0), np.zeros(len(binned))
    for window in (1, 4, 16):
        step = max(window // 2, 1)
        scales = [
            np.lib.stride_tricks.sliding_window_view(part - mean, window, axis=1).mean(2)[:, ::step]
            for part in (known, binned)
        ]
        sigma = np.sqrt((scales[0] ** 2).mean(0))
        found = np.maximum(found, np.abs(scales[1] / sigma).max(1))
    return found


def test_spectra_are_binned_and_sum_to_one() -> None:
    values = np.random.default_rng(0).uniform(0, 1, (3, 2047))
    binned = normalise(values, values.sum(1))
    expected = values[:, :2044].reshape(3, 511, 4).sum(2) / values.sum(1, keepdims=True)
    np.testing.assert_allclose(binned, expected, rtol=1e-12)


def test_the_largest_z_is_that_of_all_scales() -> None:
    known, later = spectra(4000, seed=1), spectra(20, seed=2)
    later[3, 240:256] += 0.02  # two sigmas in every bin, eight in a window of sixteen
    later[4, 100] += 0.1
    reference = started(time_constant=1e9)
    reference.learn(known, np.ones(len(known)))
    reference.apply()
    found = reference.largest_z(later)
    np.testing.assert_allclose(found, plain_largest_z(later, known), rtol=0.08)
    assert found[3] > 6
    assert found[4] > 7


def test_odd_spectra_at_the_start_do_not_matter_much() -> None:
    first = spectra(64)
    first[::7] *= 3.0
    reference = ReferenceSpectrum(1000)
    reference.start(first, first.sum(1))
    assert np.median(reference.largest_z(spectra(100, seed=3))) < 6
    assert reference.usual_sum == pytest.approx(SHAPE.sum(), rel=0.05)


def test_one_odd_spectrum_that_is_learned_does_not_spoil_the_reference() -> None:
    reference = started()
    before = np.median(reference.largest_z(spectra(100, seed=3)))
    learned = spectra(32, seed=4)
    learned[5] += 10.0
    reference.learn(learned, np.ones(32))
    reference.apply()
    assert np.median(reference.largest_z(spectra(100, seed=3))) == pytest.approx(before, rel=0.3)


def test_a_slow_drift_is_followed() -> None:
    reference = started(time_constant=300)
    for step in range(150):
        drifted = spectra(32, seed=step) + 0.001 * step * SHAPE
        largest = reference.largest_z(drifted)
        reference.learn(drifted, np.full(32, 1 + 0.001 * step))
        reference.apply()
    assert np.median(largest) < 6
    assert reference.usual_sum == pytest.approx(1.149, abs=0.02)


def test_bins_without_any_noise_have_a_sigma() -> None:
    reference = ReferenceSpectrum(1000)
    flat = np.tile(SHAPE, (64, 1))
    reference.start(flat, np.ones(64))
    assert reference.largest_z(flat[:1])[0] == 0
    assert np.isfinite(reference.largest_z(flat[:1] + 1e-3)).all()


def test_learning_is_the_same_however_it_is_cut_and_saved() -> None:
    whole, cut = started(), started()
    values, sums = spectra(32, seed=5), np.random.default_rng(0).uniform(1, 2, 32)
    whole.learn(values, sums)
    for part in (slice(0, 1), slice(1, 20), slice(20, 32)):
        cut.learn(values[part], sums[part])
        saved = encode_state(cut.state())
        cut = ReferenceSpectrum(1000)
        cut.restore(decode_state(saved))
    whole.apply()
    cut.apply()
    assert encode_state(whole.state()) == encode_state(cut.state())

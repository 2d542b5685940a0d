"""Figures of stability: by hand for a few shots, by NumPy for many, and the same however they are cut."""

import numpy as np
import pytest

from models.stability import SlotSums, energy_stability, pointing_stability


def sums_of(slot: list[int], values: object, slots: int = 4) -> SlotSums:
    array = np.array(values, float)
    sums = SlotSums(slots, array.shape[1])
    sums.add(np.array(slot), array)
    return sums


def test_energies_of_two_minutes_by_hand() -> None:
    """100, 102, then 104, 106 J: mean 103; squares 9 + 1 + 1 + 9 over 3; within 2 + 2 over 2; the means rise by 4."""
    found = energy_stability(sums_of([0, 0, 1, 1], [[100.0], [102.0], [104.0], [106.0]]))
    assert (found.shots, found.mean_j) == (4, 103.0)
    assert found.rms_percent == pytest.approx(100 * np.sqrt(20 / 3) / 103)
    assert found.rms_within_percent == pytest.approx(100 * np.sqrt(4 / 2) / 103)
    assert found.change_percent == pytest.approx(100 * 4 / 103)


def test_a_change_is_that_of_a_line_weighted_by_the_shots() -> None:
    """Slots 0, 1 and 3 with means 1, 2 and 4 lie on a line; a slot without shots has no say."""
    assert sums_of([0, 1, 1, 3], [[1.0], [1.0], [3.0], [4.0]]).change()[0] == pytest.approx(3.0)


def test_centroids_along_a_diagonal() -> None:
    """Four shots on a line of 45 degrees: all movement is along it, and none across."""
    found = pointing_stability(sums_of([0, 0, 0, 0], [[1, 1], [-1, -1], [2, 2], [-2, -2]]))
    variance = 10 / 3
    assert (found.x_px, found.y_px) == (0.0, 0.0)
    assert found.rms_x_px == found.rms_y_px == pytest.approx(np.sqrt(variance))
    assert found.rms_px == pytest.approx(np.sqrt(2 * variance))
    assert found.major_px == pytest.approx(4 * np.sqrt(2 * variance))
    assert found.minor_px == pytest.approx(0.0)
    assert found.azimuth_deg == pytest.approx(45.0)
    assert not found.is_round


def test_many_shots_agree_with_numpy_however_they_are_cut() -> None:
    random = np.random.default_rng(4)
    values = random.multivariate_normal([64.0, 51.0], [[0.09, 0.02], [0.02, 0.04]], 5_000)
    slot = np.sort(random.integers(0, 12, 5_000))
    whole, parts = SlotSums(12, 2), SlotSums(12, 2)
    whole.add(slot, values)
    for rows in np.array_split(random.permutation(5_000), 7):
        parts.add(slot[rows], values[rows])
    covariance = np.cov(values.T)
    for sums in (whole, parts):
        np.testing.assert_allclose(sums.covariance(), covariance, rtol=1e-9)
        np.testing.assert_allclose(sums.mean(), values.mean(axis=0), rtol=1e-12)
        means = [values[slot == number].mean(axis=0) for number in range(12)]
        np.testing.assert_allclose(sums.slot_means(), means, rtol=1e-12)
        found = pointing_stability(sums)
        axes = np.sqrt(np.linalg.eigvalsh(covariance))
        assert (found.minor_px, found.major_px) == pytest.approx(tuple(4 * axes))
        assert found.overall_px == pytest.approx(2 * np.sqrt(2 * np.trace(covariance)))
    within = sum(np.cov(values[slot == number].T) * (np.sum(slot == number) - 1) for number in range(12)) / (5_000 - 12)
    np.testing.assert_allclose(whole.covariance_within(), within, rtol=1e-9)


def test_a_small_jitter_of_a_large_energy_keeps_its_digits() -> None:
    random = np.random.default_rng(5)
    values = 1e9 + random.normal(0, 1e-3, (10_000, 1))
    found = energy_stability(sums_of([0] * 10_000, values))
    assert found.rms_percent == pytest.approx(100 * values.std(ddof=1) / values.mean(), rel=1e-3)


def test_a_round_movement_is_told_as_one() -> None:
    random = np.random.default_rng(6)
    found = pointing_stability(sums_of([0] * 20_000, random.normal(0, 0.3, (20_000, 2))))
    assert found.is_round


def test_without_values_nothing_is_known() -> None:
    empty = energy_stability(SlotSums(3, 1))
    assert empty.shots == 0
    assert np.isnan([empty.mean_j, empty.rms_percent, empty.rms_within_percent, empty.change_percent]).all()
    nothing = pointing_stability(sums_of([0], [[np.nan, 1.0]]))
    assert nothing.shots == 0
    assert np.isnan([nothing.x_px, nothing.rms_px, nothing.major_px, nothing.within_px, nothing.change_px]).all()


def test_one_shot_has_a_place_and_no_stability() -> None:
    found = pointing_stability(sums_of([2], [[64.0, 51.0]]))
    assert (found.x_px, found.y_px) == (64.0, 51.0)
    assert np.isnan([found.rms_px, found.major_px, found.within_px, found.change_px]).all()

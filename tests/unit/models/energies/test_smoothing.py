import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from models.energies.smoothing import GuardedSmoother, SmoothingSettings
from models.errors import FatalError


def readings(count: int, level: float = 13.83, spread: float = 0.14, seed: int = 0) -> NDArray[np.float64]:
    return level + spread * np.random.default_rng(seed).standard_normal(count)


def smoother(**options: float) -> GuardedSmoother:
    return GuardedSmoother(SmoothingSettings(**options))  # type: ignore[arg-type]


def test_smoothed_values_come_a_fixed_delay_later_and_equal_scipy() -> None:
    energies = readings(400)
    guarded = smoother(kernel_sigma_shots=3.0)
    got = guarded.smooth(energies)
    assert guarded.delay_shots == 13
    assert np.isnan(got.smoothed_j[:13]).all()
    assert not got.extreme.any()
    expected = gaussian_filter1d(energies, 3.0, mode="nearest")
    np.testing.assert_allclose(got.smoothed_j[13:], expected[:-13], rtol=1e-12)


def test_an_extreme_is_put_back_and_its_neighbours_do_not_feel_it() -> None:
    energies = readings(300)
    energies[200] = 40.0
    guarded = smoother()
    got = guarded.smooth(energies)
    assert np.flatnonzero(got.extreme).tolist() == [200]
    delay = guarded.delay_shots
    assert got.smoothed_j[200 + delay] == 40.0
    replaced = energies.copy()
    replaced[200] = (energies[199] + energies[201]) / 2
    expected = gaussian_filter1d(replaced, 2.0)
    np.testing.assert_allclose(got.smoothed_j[201 + delay : 290], expected[201 : 290 - delay], rtol=1e-12)
    np.testing.assert_allclose(got.smoothed_j[180 + delay : 200 + delay], expected[180:200], rtol=1e-12)


def test_extremes_are_never_part_of_the_running_mean_and_sigma() -> None:
    energies = readings(300)
    disturbed = energies.copy()
    disturbed[100:140] = 1000.0 * np.arange(1, 41)
    plain, guarded = smoother(), smoother()
    plain.smooth(np.delete(energies, np.arange(100, 140)))
    guarded.smooth(disturbed)
    np.testing.assert_array_equal(guarded.state()["levels"], plain.state()["levels"])


def test_an_extreme_in_the_warm_up_does_not_open_the_guard() -> None:
    energies = readings(60)
    energies[3] = 500.0
    energies[40] = 20.0
    assert np.flatnonzero(smoother().smooth(energies).extreme).tolist() == [40]


def test_fifty_agreeing_extremes_restart_with_one_event() -> None:
    energies = np.concatenate([readings(200), readings(200, level=11.0, seed=1)])
    guarded = smoother()
    got = guarded.smooth(energies)
    assert np.flatnonzero(got.restarted).tolist() == [249]
    assert np.flatnonzero(got.extreme).tolist() == list(range(200, 250))
    assert guarded.state()["levels"][0] == pytest.approx(11.0, abs=0.05)
    later = gaussian_filter1d(energies[200:], 2.0)
    delay = guarded.delay_shots
    np.testing.assert_allclose(got.smoothed_j[249 + 2 : 380], later[51 - delay : 180 - delay], rtol=1e-12)


def test_extremes_that_do_not_agree_or_are_too_few_restart_nothing() -> None:
    scattered = np.random.default_rng(2).uniform(20, 60, 300)
    assert not smoother().smooth(np.concatenate([readings(100), scattered])).restarted.any()
    few = np.concatenate([readings(100), readings(49, level=11.0), readings(100)])
    assert not smoother().smooth(few).restarted.any()


def test_a_meter_without_light_does_not_become_the_new_level() -> None:
    noise = np.abs(readings(200, level=0.0, spread=0.01))
    got = smoother().smooth(np.concatenate([readings(100), noise, readings(100, seed=3)]))
    assert got.fired.tolist() == [True] * 100 + [False] * 200 + [True] * 100
    assert not got.restarted.any()
    assert not got.extreme.any()


def test_a_drift_is_followed() -> None:
    energies = readings(6000) * np.linspace(1, 1.3, 6000)
    assert not smoother().smooth(energies).extreme.any()


def test_constant_readings_have_a_sigma() -> None:
    got = smoother().smooth(np.full(100, 5.0))
    assert (got.z[16:] == 0).all()
    assert smoother().smooth(np.append(np.full(100, 5.0), 5.04)).extreme[-1]


def test_judging_aside_changes_nothing() -> None:
    guarded = smoother()
    guarded.smooth(readings(100))
    before = {name: array.tobytes() for name, array in guarded.state().items()}
    got = guarded.judge(np.array([13.8, 20.0, 0.0]))
    assert got.extreme.tolist() == [False, True, False]
    assert got.fired.tolist() == [True, True, False]
    assert np.isnan(got.smoothed_j).all()
    assert {name: array.tobytes() for name, array in guarded.state().items()} == before


def test_what_is_not_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        smoother().smooth(np.array([1.0, np.nan]))


def test_a_state_of_another_kernel_is_refused() -> None:
    with pytest.raises(FatalError, match="kernel"):
        smoother(kernel_sigma_shots=3.0).restore(smoother().state())


@pytest.mark.parametrize("options", [{"restart_shots": 10}, {"warm_up_shots": 2}, {"guard_sigmas": 0}])
def test_impossible_settings_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be"):
        SmoothingSettings(**options)

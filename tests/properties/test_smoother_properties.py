import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from models.energies.smoothing import GuardedSmoother, SmoothingSettings
from models.state import decode_state, encode_state

KERNELS = st.tuples(st.sampled_from([0.5, 1.0, 2.0, 3.7, 5.0]), st.sampled_from([2.0, 3.0, 4.0]))


@st.composite
def energies(draw: st.DrawFn) -> NDArray[np.float64]:
    """A noisy level with extremes alone, in pairs and in runs, and sometimes another level at the end."""
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    count = draw(st.integers(60, 300))
    level = draw(st.sampled_from([0.02, 1.0, 13.83, 300.0]))
    values = level * (1 + draw(st.sampled_from([0.0, 1e-4, 0.01, 0.05])) * rng.standard_normal(count))
    for start in draw(st.lists(st.integers(17, count - 1), max_size=8)):
        values[start : start + draw(st.sampled_from([1, 1, 2, 7]))] *= draw(st.sampled_from([0.3, 1.7, 30.0]))
    if draw(st.booleans()):
        values[-55:] = 0.7 * level * (1 + 0.01 * rng.standard_normal(len(values[-55:])))
    return values


def batch(
    values: NDArray[np.float64], extreme: NDArray[np.bool_], sigma: float, truncate: float
) -> NDArray[np.float64]:
    """The computation of the reference, section 3.4, on the whole series at once."""
    inputs = values.copy()
    for place in np.flatnonzero(extreme):
        before, last = inputs[place - 1], place + 1 >= len(values)
        inputs[place] = before if last or extreme[place + 1] else (before + values[place + 1]) / 2
    smoothed: NDArray[np.float64] = gaussian_filter1d(inputs, sigma, truncate=truncate)
    return np.where(extreme, values, smoothed)


@given(values=energies(), shape=KERNELS)
@settings(max_examples=150, deadline=None)
def test_the_stream_equals_the_batch_away_from_the_ends(
    values: NDArray[np.float64], shape: tuple[float, float]
) -> None:
    sigma, truncate = shape
    smoother = GuardedSmoother(SmoothingSettings(kernel_sigma_shots=sigma, kernel_truncate=truncate))
    got = smoother.smooth(values)
    before_restart = int(np.argmax(got.restarted)) if got.restarted.any() else len(values)
    shots = np.flatnonzero(got.fired[:before_restart])  # what is no shot does not exist for the filter
    delay = smoother.delay_shots
    expected = batch(values[shots], got.extreme[shots], sigma, truncate)[delay : len(shots) - delay]
    np.testing.assert_allclose(got.smoothed_j[shots][2 * delay :], expected, rtol=1e-9, atol=0)


@given(values=energies(), cuts=st.lists(st.integers(0, 300), max_size=8))
@settings(max_examples=60, deadline=None)
def test_cuts_and_restarts_change_nothing(values: NDArray[np.float64], cuts: list[int]) -> None:
    whole = GuardedSmoother(SmoothingSettings())
    expected = whole.smooth(values)
    smoother, parts = GuardedSmoother(SmoothingSettings()), []
    for part in np.split(values, sorted(min(cut, len(values)) for cut in cuts)):
        parts.append(smoother.smooth(part))
        saved = encode_state(smoother.state())
        smoother = GuardedSmoother(SmoothingSettings())
        smoother.restore(decode_state(saved))
    for name in ("fired", "z", "smoothed_j", "extreme", "restarted"):
        joined = np.concatenate([getattr(part, name) for part in parts])
        np.testing.assert_array_equal(joined, getattr(expected, name))
    assert encode_state(smoother.state()) == encode_state(whole.state())


@given(values=energies())
@settings(max_examples=60, deadline=None)
def test_every_extreme_comes_out_as_it_was(values: NDArray[np.float64]) -> None:
    smoother = GuardedSmoother(SmoothingSettings())
    got = smoother.smooth(values)
    delay = smoother.delay_shots
    before_restart = int(np.argmax(got.restarted)) if got.restarted.any() else len(values)
    shots = np.flatnonzero(got.fired[:before_restart])
    later = got.smoothed_j[shots[delay:]]
    extreme = got.extreme[shots[: len(later)]]
    np.testing.assert_array_equal(later[extreme], values[shots[: len(later)]][extreme])

"""The rolling ratio of the sum of the pixels and the energy."""

import numpy as np
import pytest
from numpy.typing import NDArray

from models.scoring.tail_probability import TailSettings
from models.state import decode_state, encode_state
from models.triplets.sum_against_energy import SHOTS_PER_UPDATE, SumAgainstEnergy


def ratio(fpr: float = 1e-3) -> SumAgainstEnergy:
    return SumAgainstEnergy(1_000, fpr, TailSettings())


def normal_ratios(count: int, seed: int = 2) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(np.log(3.0), 0.01, count)


def all_of(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.ones(len(values), np.bool_)


def times(count: int, first: int = 0) -> NDArray[np.int64]:
    return np.arange(first, first + count, dtype=np.int64)


def test_blocks_and_restarts_change_no_bit() -> None:
    values = normal_ratios(700)
    values[400:420] += 0.1
    undivided = ratio()
    undivided.begin_anew_from(500)
    whole = undivided.observe(values, all_of(values), times(700))
    draw, pair, start = np.random.default_rng(5), ratio(), 0
    pair.begin_anew_from(500)
    scores, odd = [], []
    while start < len(values):
        part = values[start : start + int(draw.integers(1, 50))]
        score, is_odd = pair.observe(part, all_of(part), times(len(part), start))
        scores.append(score)
        odd.append(is_odd)
        start += len(part)
        saved = decode_state(encode_state(pair.state()))
        pair = ratio()
        pair.restore(saved)
    assert np.array_equal(np.concatenate(scores), whole[0])
    assert np.array_equal(np.concatenate(odd), whole[1])
    assert whole[1][400:420].all()


def test_says_nothing_before_it_knows() -> None:
    values = normal_ratios(160)
    values[100] += 1.0
    scores, odd = ratio().observe(values, all_of(values), times(len(values)))
    assert not scores[:128].any()
    assert not odd[:128].any()


def test_normal_ratios_are_rarely_odd_and_a_drift_is_followed() -> None:
    values = normal_ratios(20_000) + np.linspace(0.0, 0.2, 20_000)
    _, odd = ratio().observe(values, all_of(values), times(len(values)))
    assert odd.mean() < 3e-3


def test_learns_from_normal_shots_only_and_not_at_all_without_learning() -> None:
    pair, values = ratio(), normal_ratios(640)
    pair.observe(values, all_of(values), times(len(values)))
    before = pair.state()
    shifted = np.full(SHOTS_PER_UPDATE, np.log(3.0) + 0.5)
    assert pair.observe(shifted, None, times(len(shifted)))[1].all()
    assert pair.state()["mean"] == before["mean"]
    pair.observe(normal_ratios(SHOTS_PER_UPDATE), np.zeros(SHOTS_PER_UPDATE, np.bool_), times(SHOTS_PER_UPDATE))
    assert pair.state()["mean"] == before["mean"]
    assert pair.observe(shifted, all_of(shifted), times(len(shifted)))[1].all()
    assert pair.state()["mean"] == before["mean"]


def test_a_ratio_that_was_changed_is_learned_anew() -> None:
    pair = ratio()
    values = np.concatenate([normal_ratios(640), normal_ratios(3_000) + np.log(0.5)])
    _, odd = pair.observe(values, all_of(values), times(len(values)))
    assert odd[640 : 640 + 60 * SHOTS_PER_UPDATE].all()  # three minutes at 10 Hz
    assert odd[-500:].mean() < 0.01


def test_a_ratio_that_was_accepted_is_learned_anew_from_its_time_on() -> None:
    pair = ratio()
    values = np.concatenate([normal_ratios(640), normal_ratios(3_000) + np.log(0.5)])
    pair.begin_anew_from(600)
    pair.begin_anew_from(700)
    pair.begin_anew_from(650)
    _, odd = pair.observe(values, all_of(values), times(len(values)))
    assert odd[640:700].all()
    assert odd[700:].mean() < 0.01
    assert pair.state()["anew_from_ns"] is None


def test_a_ratio_that_never_changes_has_no_infinite_scores() -> None:
    values = np.zeros(640)
    values[600] = 1e-3
    scores, odd = ratio().observe(values, all_of(values), times(len(values)))
    assert np.isfinite(scores).all()
    assert np.flatnonzero(odd).tolist() == [600]
    with pytest.raises(ValueError, match="ring"):
        SumAgainstEnergy(1_000, 1e-3, TailSettings(ring_records=50))

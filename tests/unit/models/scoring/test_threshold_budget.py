"""Thresholds by budget: what is promised is kept, and what can't be promised is said."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.random import Generator, default_rng
from numpy.typing import NDArray
from scipy import signal, special

from models.alerts.episodes import EpisodeSettings
from models.scoring.rule_maxima import BLOCK_SHOTS, RuleMaxima
from models.scoring.threshold_budget import EpisodeThreshold, ThresholdBudget, Thresholds, facility_promise
from models.state import decode_state, encode_state

_EPISODE = EpisodeSettings(strong_score=4.5, weak_score=3.3, weak_shots=2)
# One false episode in 40,000 shots: few enough to be extrapolated from 20,000, and often enough to be counted.
_BUDGET = ThresholdBudget(
    false_episodes_per_shift=1.0,
    devices=1,
    shots_per_shift=40_000,
    lowest_strong_score=0.0,
    lowest_weak_score=0.0,
    highest_weak_score=15.0,
    highest_strong_score=15.0,
)


def _independent(draw: Generator, shots: int) -> NDArray[np.float64]:
    """Scores that mean what they say."""
    return -np.log10(draw.random(shots))


def _following(draw: Generator, shots: int) -> NDArray[np.float64]:
    """The same, but each shot is like the one before: odd ones come together."""
    memory = 0.9
    noise = np.sqrt(1 - memory**2) * draw.standard_normal(shots + 200)
    series = signal.lfilter([1.0], [1.0, -memory], noise)[200:]
    return np.asarray(-np.log10(special.ndtr(-series)), np.float64)


def _heavier(draw: Generator, shots: int) -> NDArray[np.float64]:
    """Odd shots are three times as frequent as the scores say, and further out."""
    return 1.3 * -np.log10(draw.random(shots) / 3)


def _bounded(draw: Generator, shots: int) -> NDArray[np.float64]:
    """No score is above 4."""
    return 4.0 * (1.0 - draw.random(shots) ** 0.2)


def _learned(
    scores: NDArray[np.float64], budget: ThresholdBudget = _BUDGET, episode: EpisodeSettings = _EPISODE
) -> EpisodeThreshold:
    threshold = EpisodeThreshold(budget, episode)
    for start in range(0, len(scores), 32):
        piece = scores[start : start + 32]
        threshold.learn(piece, np.ones(len(piece), np.bool_))
        threshold.apply(start + len(piece))
    return threshold


def _false_episodes(scores: NDArray[np.float64], thresholds: Thresholds) -> int:
    """Blocks of fresh normal shots in which an episode would open."""
    maxima = RuleMaxima(_EPISODE.weak_shots, _EPISODE.weak_window_shots, len(scores))
    maxima.learn(scores, np.ones(len(scores), np.bool_))
    return int(np.count_nonzero((maxima.strong >= thresholds.strong_score) | (maxima.weak >= thresholds.weak_score)))


@pytest.mark.parametrize("scores", [_independent, _following, _heavier, _bounded], ids=lambda one: one.__name__)
def test_the_budget_is_kept_on_fresh_shots(scores: Callable[[Generator, int], NDArray[np.float64]]) -> None:
    draw, devices, shifts = default_rng(11), 25, 5
    found = []
    for _ in range(devices):
        thresholds = _learned(scores(draw, 20_000)).in_force
        assert thresholds.promised
        found.append(_false_episodes(scores(draw, shifts * _BUDGET.shots_per_shift), thresholds))
    # One per shift and device was allowed; nine of ten devices are to keep that.
    assert sum(found) <= devices * shifts
    assert np.mean(np.array(found) <= shifts) >= 0.8
    if scores is not _bounded:  # an end of the tail is not believed, so a bounded one costs more than it need
        assert sum(found) > 0


def test_shots_that_follow_each_other_need_a_higher_weak_score() -> None:
    draw = default_rng(5)
    independent = _learned(_independent(draw, 40_000)).in_force
    following = _learned(_following(draw, 40_000)).in_force
    assert following.weak_score > independent.weak_score + 0.5


def test_before_the_first_estimate_the_settings_hold_and_nothing_is_promised() -> None:
    shots = _BUDGET.minimum_blocks * BLOCK_SHOTS
    thresholds = _learned(_independent(default_rng(1), shots - 1)).in_force
    assert thresholds == Thresholds(strong_score=4.5, weak_score=3.3)
    assert math.isinf(thresholds.episodes_per_shift)
    first = _learned(_independent(default_rng(1), shots)).in_force
    assert (first.version, first.since_ns, first.shots) == (1, shots, shots)
    assert first.extrapolation == pytest.approx(_BUDGET.return_period_shots / shots)


def test_each_change_is_a_new_version_with_its_time() -> None:
    scores = np.concatenate([_independent(default_rng(2), 20_000), 1.5 * _independent(default_rng(3), 40_000)])
    threshold, seen = EpisodeThreshold(_BUDGET, _EPISODE), [Thresholds(strong_score=4.5, weak_score=3.3)]
    for start in range(0, len(scores), 32):
        threshold.learn(scores[start : start + 32], np.ones(32, np.bool_))
        threshold.apply(start + 32)
        now, before = threshold.in_force, seen[-1]
        changed = (now.strong_score, now.weak_score) != (before.strong_score, before.weak_score)
        if changed or now.version != before.version:
            assert (now.version, now.since_ns) == (before.version + 1, start + 32)
            seen.append(now)
    assert len(seen) > 3
    assert seen[-1].strong_score > seen[1].strong_score


def test_a_little_too_strict_is_left_as_it_is() -> None:
    """On scores that stay as they are, thresholds come to rest while estimates go on."""
    versions = [_learned(_independent(default_rng(4), shots)).in_force for shots in (150_000, 262_144)]
    assert versions[1].shots > versions[0].shots
    assert versions[1].version - versions[0].version <= 2


def test_what_would_blind_the_watch_is_not_promised_and_the_bound_is_told() -> None:
    budget = replace(_BUDGET, false_episodes_per_shift=1e-4, highest_strong_score=6.0, highest_weak_score=4.0)
    thresholds = _learned(_independent(default_rng(6), 20_000), budget).in_force
    assert (thresholds.strong_score, thresholds.weak_score) == (6.0, 4.0)
    assert not thresholds.promised
    true_rate = 1e-6 * budget.shots_per_shift  # of strong shots alone
    assert true_rate <= thresholds.episodes_per_shift < 100
    assert thresholds.extrapolation > 1e4


def test_shots_of_episodes_teach_nothing() -> None:
    scores = _independent(default_rng(7), 30_000)
    scores[10_000:10_500] = 14.0
    normal = scores < 14.0
    threshold = EpisodeThreshold(_BUDGET, _EPISODE)
    threshold.learn(scores, normal)
    threshold.apply(1)
    clean = EpisodeThreshold(_BUDGET, _EPISODE)
    clean.learn(scores[normal], np.ones(29_500, np.bool_))
    clean.apply(1)
    assert threshold.in_force.strong_score == pytest.approx(clean.in_force.strong_score, abs=0.1)
    assert threshold.in_force.shots == clean.in_force.shots


def test_a_tighter_budget_raises_both_thresholds() -> None:
    scores = _independent(default_rng(8), 30_000)
    loose, tight = (_learned(scores, replace(_BUDGET, devices=devices)).in_force for devices in (1, 100))
    assert tight.strong_score > loose.strong_score
    assert tight.weak_score > loose.weak_score


def test_saved_states_go_on_to_the_bit_and_an_old_budget_holds_until_the_next_estimate() -> None:
    scores = _following(default_rng(9), 40_000)
    whole, before, after = _learned(scores), _learned(scores[:21_000]), EpisodeThreshold(_BUDGET, _EPISODE)
    after.restore(decode_state(encode_state(before.state())))
    assert after.in_force == before.in_force
    for start in range(21_000, 40_000, 8):  # learned in other pieces, applied at the same shots
        after.learn(scores[start : start + 8], np.ones(8, np.bool_))
        if (start + 8) % 32 == 0:
            after.apply(start + 8)
    assert encode_state(after.state()) == encode_state(whole.state())
    other = EpisodeThreshold(replace(_BUDGET, devices=10), _EPISODE)
    other.restore(whole.state())
    assert other.in_force == whole.in_force


def test_thresholds_of_another_rule_are_forgotten() -> None:
    whole = _learned(_independent(default_rng(10), 20_000))
    assert whole.in_force.version > 0
    three_shots = EpisodeThreshold(_BUDGET, replace(_EPISODE, weak_shots=3))
    three_shots.restore(whole.state())
    assert three_shots.in_force == Thresholds(strong_score=4.5, weak_score=3.3)


def test_a_state_without_an_estimate_can_be_saved() -> None:
    new = EpisodeThreshold(_BUDGET, _EPISODE)
    again = EpisodeThreshold(_BUDGET, _EPISODE)
    again.restore(decode_state(encode_state(new.state())))
    assert again.in_force == new.in_force


def test_where_nothing_was_estimated_the_settings_of_today_hold() -> None:
    before = _learned(_independent(default_rng(10), 1000))
    stricter = EpisodeThreshold(_BUDGET, replace(_EPISODE, strong_score=6.0, weak_score=3.5))
    stricter.restore(before.state())
    assert stricter.in_force == Thresholds(strong_score=6.0, weak_score=3.5)


def test_what_the_facility_is_promised() -> None:
    budget = ThresholdBudget(false_episodes_per_shift=1.0, devices=4)
    fine = Thresholds(strong_score=6, weak_score=4, version=1, episodes_per_shift=0.2, promised=True)
    short = replace(fine, episodes_per_shift=1.5, promised=False)
    new = Thresholds(strong_score=4.5, weak_score=3.3)
    kept = facility_promise(budget, {"a": fine, "b": fine})
    assert kept.kept
    assert kept.sentence() == "the budget of 1 false episodes per shift is kept: 0.4 at most"
    broken = facility_promise(budget, {"a": fine, "b": short, "c": new})
    assert not broken.kept
    assert (broken.short, broken.unknown) == (("b",), ("c",))
    assert "can't be promised, 1.7 at most of the other devices can" in broken.sentence()
    fresh = facility_promise(budget, {"c": new, "d": new})
    assert fresh.sentence().endswith("can't be promised yet: none of the 2 devices has shown 16,000 normal shots")
    crowded = facility_promise(budget, dict.fromkeys("abcdefgh", fine))
    assert "more devices share it" in crowded.sentence()


@pytest.mark.parametrize(
    "wrong",
    [
        {"false_episodes_per_shift": 0.0},
        {"false_episodes_per_shift": math.nan},
        {"devices": 0},
        {"confidence": 1.0},
        {"reestimate_shots": 1},
        {"minimum_blocks": 10},
        {"minimum_blocks": 9000},
        {"lowest_weak_score": 5.5},
        {"lowest_strong_score": 2.0},
        {"lowest_strong_score": 10.5},
    ],
    ids=str,
)
def test_budgets_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ThresholdBudget(**wrong)  # type: ignore[arg-type]


def test_a_device_with_a_higher_score_in_its_settings_may_go_up_to_that() -> None:
    """Where faults score higher, thresholds may be higher, too."""
    budget = replace(_BUDGET, highest_strong_score=5.0, highest_weak_score=4.0)
    scores = _independent(default_rng(5), 20_000) * 3.0
    for strong_score, weak_score in ((4.5, 3.3), (8.0, 6.0)):
        episode = replace(_EPISODE, strong_score=strong_score, weak_score=weak_score)
        in_force = _learned(scores, budget, episode).in_force
        assert in_force.version > 0
        assert (in_force.strong_score, in_force.weak_score) == (max(strong_score, 5.0), max(weak_score, 4.0))

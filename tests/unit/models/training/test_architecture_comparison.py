"""Figures from scores that are made by hand."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from models.training.architecture_comparison import ScoredStretch, Stretches, figures, threshold_of


def stretch(
    score: NDArray[np.float64], faults: dict[tuple[int, int], float] | None = None, hz: float = 10.0
) -> ScoredStretch:
    fault = np.full(len(score), -1, np.int64)
    for place, (first, stop) in enumerate(faults or {}):
        fault[first:stop] = place
    return ScoredStretch(score=score, fault=fault, severities=list((faults or {}).values()), hz=hz)


def normal_scores(count: int = 3000) -> NDArray[np.float64]:
    """Those of a perfect calibration: -log10 of evenly spread probabilities, in no order of time; 20 are learned."""
    scores = -np.log10((np.arange(count) + 0.5) / count)
    scores = np.random.default_rng(1).permutation(scores)
    scores[:20] = np.nan
    return scores


def alone(labelled: ScoredStretch) -> Stretches:
    return Stretches(labelled=[labelled], cold=[labelled], drifting=[], staying=[])


def test_the_threshold_leaves_one_in_a_thousand() -> None:
    scores = np.arange(5000.0)
    assert np.count_nonzero(scores > threshold_of(scores)) == 5
    assert np.count_nonzero(np.arange(500.0) > threshold_of(np.arange(500.0))) == 0
    assert threshold_of(np.zeros(0)) == math.inf


def test_faults_are_found_above_the_normal_frames_of_the_same_stretch() -> None:
    scores = normal_scores()
    scores[100:110], scores[200:204], scores[300] = 9.0, 0.5, 5.0
    found = figures(alone(stretch(scores, {(100, 110): 0.9, (200, 204): 0.5, (300, 301): 0.1}))).found
    assert {severity: (rate.count, rate.total) for severity, rate in found.items()} == {
        "strong": (10, 10),
        "medium": (0, 4),
        "mild": (1, 1),
    }


def test_a_fixed_threshold_shows_what_the_scores_promise() -> None:
    scores = normal_scores()
    honest = figures(alone(stretch(scores))).beyond_fixed
    assert (honest.count, honest.total) == (int(np.count_nonzero(scores >= 3.0)), 2980)
    assert figures(alone(stretch(scores + 1.0))).beyond_fixed.value == pytest.approx(0.01, rel=0.3)


def test_an_episode_that_overlaps_no_label_is_false() -> None:
    scores = np.full(2000, 0.1)
    scores[500], scores[1000:1003], scores[1500] = 7.0, 8.0, 8.0
    shown = figures(alone(stretch(scores, {(1000, 1003): 0.5}))).false_episodes
    assert shown.count == 2
    assert shown.hours == pytest.approx(2000 / 36_000)


@pytest.mark.parametrize(("first_odd", "found"), [(100, 1), (102, 1), (103, 0)])
def test_a_medium_fault_counts_when_its_episode_is_open_at_the_third_shot(first_odd: int, found: int) -> None:
    scores = np.full(300, 0.1)
    scores[first_odd:110] = 9.0
    shown = figures(alone(stretch(scores, {(100, 110): 0.5, (200, 202): 0.5, (250, 260): 0.9}))).in_third_shot
    assert (shown.count, shown.total) == (found, 1)


def test_three_weak_shots_in_five_open_an_episode() -> None:
    scores = np.full(300, 0.1)
    scores[100:103] = 4.2
    assert figures(alone(stretch(scores, {(100, 103): 0.5}))).in_third_shot.count == 1
    assert figures(alone(stretch(scores))).false_episodes.count == 1


def test_drift_and_faults_that_stay_have_rows_of_their_own() -> None:
    drifting = np.full(1000, 0.1)
    drifting[400:410] = 6.5
    staying = np.full(1000, 0.1)
    staying[200:900] = 8.0
    given = Stretches(
        labelled=[stretch(np.full(100, 0.1))],
        cold=[],
        drifting=[stretch(drifting)],
        staying=[stretch(staying, {(200, 1000): 0.5})],
    )
    shown = figures(given, image_us=12.5)
    assert (shown.drift_beyond_fixed.count, shown.drift_beyond_fixed.total) == (10, 1000)
    assert shown.drift_episodes.count == 1
    assert (shown.staying_odd.count, shown.staying_odd.total) == (200, 300)
    assert shown.document()["image_us"] == 12.5
    assert shown.document()["cold_found"]["mild"]["rate"] is None

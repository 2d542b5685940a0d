"""The block maxima of the rules of episodes, held against the episodes themselves."""

import numpy as np
import pytest
from numpy.random import default_rng
from numpy.typing import NDArray

from models.alerts.alert import AlertKind, AlertSource
from models.alerts.episodes import EpisodeSettings, EpisodeTracker
from models.devices import parse_device
from models.scoring.rule_maxima import BLOCK_SHOTS, RuleMaxima
from models.state import decode_state, encode_state

_CAMERA = parse_device("LA_A3_31-Camera_1-Camera-1")
_SOURCE = AlertSource(file="f", sha256="0" * 64, path="/p")


def _scores(shots: int, seed: int = 1) -> NDArray[np.float64]:
    return -np.log10(default_rng(seed).random(shots))


def _first_opening(scores: NDArray[np.float64], settings: EpisodeSettings) -> int | None:
    """At which shot an episode opens first."""
    tracker = EpisodeTracker(_CAMERA, AlertKind.IMAGE_ANOMALY, settings, stage=_CAMERA.stage, device=_CAMERA.name)
    times = np.arange(len(scores), dtype=np.int64) * 100_000_000
    everything = np.ones(len(scores), np.bool_)
    _, is_open = tracker.observe_block(times, scores, everything, np.zeros(len(scores), np.uint32), lambda _: _SOURCE)
    return int(np.argmax(is_open)) if is_open.any() else None


@pytest.mark.parametrize(("weak_shots", "window"), [(1, 1), (1, 10), (2, 10), (3, 10), (2, 2), (5, 40)])
@pytest.mark.parametrize("seed", range(6))
def test_an_episode_opens_in_the_first_block_that_reaches_its_score(weak_shots: int, window: int, seed: int) -> None:
    scores = _scores(BLOCK_SHOTS * 60, seed)
    maxima = RuleMaxima(weak_shots, window, 1000)
    maxima.learn(scores, np.ones(len(scores), np.bool_))
    for weak_score in np.quantile(maxima.weak, [0.2, 0.9, 0.99]).tolist():
        settings = EpisodeSettings(
            strong_score=100.0, weak_score=weak_score, weak_shots=weak_shots, weak_window_shots=window
        )
        opening = _first_opening(np.asarray(scores, np.float32).astype(np.float64), settings)
        reached = np.flatnonzero(maxima.weak >= np.float32(weak_score))
        assert (opening is None) == (len(reached) == 0)
        assert opening is None or opening // BLOCK_SHOTS == reached[0]


def test_the_strong_rule_is_the_largest_score() -> None:
    scores = _scores(BLOCK_SHOTS * 20 + 5)
    maxima = RuleMaxima(2, 10, 1000)
    maxima.learn(scores, np.ones(len(scores), np.bool_))
    assert maxima.shots == len(scores)
    assert maxima.blocks == 20
    whole = scores[: 20 * BLOCK_SHOTS].astype(np.float32).reshape(20, BLOCK_SHOTS)
    assert maxima.strong.tolist() == whole.max(axis=1).tolist()


def test_how_shots_are_cut_changes_nothing() -> None:
    draw = default_rng(3)
    scores, normal = _scores(4000), draw.random(4000) > 0.02
    scores[50] = np.nan
    whole, pieces = RuleMaxima(3, 10, 64), RuleMaxima(3, 10, 64)
    whole.learn(scores, normal)
    left = 0
    while left < len(scores):
        size = int(draw.integers(0, 50))
        pieces.learn(scores[left : left + size], normal[left : left + size])
        left += size
    assert encode_state(pieces.state()) == encode_state(whole.state())
    assert whole.blocks == 64


def test_a_window_does_not_reach_over_shots_that_are_not_normal() -> None:
    scores = np.zeros(BLOCK_SHOTS)
    scores[[4, 6]] = 5.0
    normal = np.ones(BLOCK_SHOTS, np.bool_)
    together = RuleMaxima(2, 10, 200)
    together.learn(scores, normal)
    assert together.weak.tolist() == [5.0]
    normal[5] = False
    apart = RuleMaxima(2, 10, 200)
    apart.learn(np.append(scores, 0.0), np.append(normal, True))
    assert apart.weak.tolist() == [0.0]
    assert apart.strong.tolist() == [5.0]


def test_saved_states() -> None:
    scores = _scores(1500)
    normal = np.ones(1500, np.bool_)
    whole, before = RuleMaxima(2, 10, 30), RuleMaxima(2, 10, 30)
    whole.learn(scores, normal)
    before.learn(scores[:777], normal[:777])
    after = RuleMaxima(2, 10, 30)
    after.restore(decode_state(encode_state(before.state())))
    after.learn(scores[777:], normal[777:])
    assert encode_state(after.state()) == encode_state(whole.state())
    other_rule = RuleMaxima(3, 10, 30)
    other_rule.restore(whole.state())
    assert other_rule.shots == 0

"""Odd scores that keep coming back are granted their share, and nothing else is."""

import numpy as np
import pytest
from numpy.random import default_rng
from numpy.typing import NDArray

from models.scoring.returning_tail import ReturningTail
from models.scoring.tail_probability import TailProbability, TailSettings
from models.state import decode_state, encode_state

_ODD = 2.5e-4
_REFIT = 32
_RARE_SCORE = 20.0


def _scores(records: int, rare: tuple[int, ...] = (), seed: int = 1) -> NDArray[np.float64]:
    scores = default_rng(seed).exponential(size=records)
    scores[list(rare)] = _RARE_SCORE
    return scores


def _teach(
    tail: ReturningTail, scores: NDArray[np.float64], is_open: NDArray[np.bool_] | None = None, start: int = 0
) -> None:
    is_open = np.zeros(len(scores), np.bool_) if is_open is None else is_open
    for first in range(0, len(scores), _REFIT):
        piece = slice(first, first + _REFIT)
        tail.learn(scores[piece], np.ones(len(scores[piece]), np.bool_), is_open[piece])
        if (start + first) % _REFIT == 0:
            tail.refit()


def _taught(rare: tuple[int, ...], records: int = 4000, is_open: NDArray[np.bool_] | None = None) -> ReturningTail:
    tail = ReturningTail(TailSettings(), _ODD)
    _teach(tail, _scores(records, rare), is_open)
    return tail


def _probability(tail: ReturningTail, score: float = _RARE_SCORE) -> float:
    return float(tail.p_values(np.array([score]))[0])


def test_what_came_back_is_given_the_lower_bound_of_its_share() -> None:
    tail = _taught(tuple(range(500, 4000, 100)))  # 35 of 4,000
    assert 0.5 * 35 / 4000 < _probability(tail) < 35 / 4000


@pytest.mark.parametrize("rare", [(), (600,), (600, 2600)])
def test_what_came_once_or_twice_is_as_odd_as_before(rare: tuple[int, ...]) -> None:
    assert _probability(_taught(rare)) < 1e-6


def test_beyond_what_came_back_the_tail_falls_on() -> None:
    tail = _taught((600, 1600, 2600, 3600))
    near, far = _probability(tail, _RARE_SCORE + 2.0), _probability(tail, 2 * _RARE_SCORE)
    assert _probability(tail) > near > far
    assert far < 1e-8


def test_what_is_not_odd_keeps_its_probability() -> None:
    scores = np.linspace(0.0, 5.0, 50)
    plain = TailProbability(TailSettings())
    plain.learn(_scores(4000)[_scores(4000) < 7.0])
    plain.refit()
    np.testing.assert_allclose(_taught((600, 1600, 2600)).p_values(scores), plain.p_values(scores), rtol=0.25)


def test_an_episode_and_what_led_up_to_it_are_not_granted() -> None:
    is_open = np.zeros(4000, np.bool_)
    is_open[1003:1100] = True
    assert _probability(_taught((1000, 1001, 1002, 1003, 1050, 1060), is_open=is_open)) < 1e-6
    assert _probability(_taught((300, 500, 700, 1000, 1001, 1002), is_open=is_open)) > 1e-5


def test_what_no_longer_comes_is_odd_again() -> None:
    tail = _taught((600, 1600, 2600))
    assert _probability(tail) > 1e-5
    _teach(tail, _scores(12_000, seed=2))
    assert _probability(tail) < 1e-6


def test_infinity_is_never_granted() -> None:
    assert _probability(_taught((600, 1600, 2600)), np.inf) == TailSettings().probability_floor


def test_the_cut_and_a_restart_change_nothing() -> None:
    rare = tuple(range(500, 4000, 100))
    scores, is_open = _scores(4000, rare), np.zeros(4000, np.bool_)
    is_open[901:960] = is_open[2001:2400] = True
    whole = _taught(rare, is_open=is_open)
    cut, normal = ReturningTail(TailSettings(), _ODD), np.ones(4000, np.bool_)
    for first in range(0, 4000, 8):
        piece = slice(first, first + 8)
        cut.learn(scores[piece], normal[piece], is_open[piece])
        if (first + 8) % _REFIT == 0:
            cut.refit()
        if first == 2000:
            saved = decode_state(encode_state(cut.state()))
            cut = ReturningTail(TailSettings(), _ODD)
            cut.restore(saved)
    assert encode_state(cut.state()) == encode_state(whole.state())


def test_a_state_of_a_plain_tail_goes_on_without_returns() -> None:
    plain = TailProbability(TailSettings())
    plain.learn(_scores(1000))
    plain.refit()
    tail = ReturningTail(TailSettings(), _ODD)
    tail.restore(decode_state(encode_state(plain.state())))
    given = np.array([0.5, 3.0, 9.0])
    np.testing.assert_array_equal(tail.p_values(given), plain.p_values(given))

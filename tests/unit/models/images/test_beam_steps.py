"""Steps are taken from the latest frames; odd frames lead the expectation nowhere, and no cut changes anything."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from models.images.beam_steps import BeamSteps
from models.scoring.distance import DistanceSettings
from models.state import decode_state, encode_state

FLOOR = np.full(9, 0.01)
USUAL = np.zeros(9)


def wandering(count: int, seed: int) -> NDArray[np.float64]:
    """Vectors whose first three components wander about their usual, each step a fifth of the whole range."""
    draw = np.random.default_rng(seed)
    vectors = draw.normal(0.0, 1.0, (count, 9))
    for row in range(1, count):
        vectors[row, :3] = 0.98 * vectors[row - 1, :3] + 0.2 * vectors[row, :3]
    return vectors


def started() -> BeamSteps:
    steps = BeamSteps(DistanceSettings(), FLOOR)
    kept, distances = steps.start(wandering(300, 1))
    assert kept.all()
    assert 1.0 < np.median(distances) < 2.5
    return steps


def observe(steps: BeamSteps, vectors: NDArray[np.float64], cuts: list[int]) -> NDArray[np.float64]:
    found = []
    for first, last in pairwise([0, *cuts, len(vectors)]):
        piece = vectors[first:last]
        distances = steps.distances(piece, USUAL)
        found.append(distances)
        steps.learn(piece, USUAL, distances < 6.0)
    return np.concatenate(found)


def test_a_jump_within_the_usual_range_is_far_from_the_frames_before() -> None:
    vectors = wandering(200, 2)
    vectors[:100] = vectors[99]  # it stood still at some place
    vectors[100:] = vectors[99]
    vectors[100, 1] += 3.0  # as far as it wanders within a minute, in one frame
    found = observe(started(), vectors, [])
    assert found[100] > 6.0
    assert np.delete(found, 100)[20:].max() < 3.0  # the frame after is where it was


def test_a_fault_that_stays_is_not_followed() -> None:
    vectors = np.zeros((200, 9))
    vectors[50:, 0] = 8.0
    found = observe(started(), vectors, [])
    assert found[50:].min() > 6.0
    vectors[150:] = 0.0
    assert observe(started(), vectors, [])[150:].max() < 3.0


def test_the_cut_and_a_restart_change_no_distance() -> None:
    vectors = wandering(96, 3)
    vectors[40] += 9.0
    vectors[60, 2] = np.nan
    whole, cut = started(), started()
    expected = observe(whole, vectors, [])
    assert expected[60] == np.inf
    found = observe(cut, vectors[:50], [1, 13, 41])
    again = BeamSteps(DistanceSettings(), FLOOR)
    again.restore(decode_state(encode_state(cut.state())))
    np.testing.assert_array_equal(np.concatenate([found, observe(again, vectors[50:], [11])]), expected)
    for steps in (whole, again):
        steps.apply()
    assert encode_state(whole.state()) == encode_state(again.state())

"""Steps are taken from the latest frames; odd frames lead the expectation nowhere, and no cut changes anything."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from models.event_time import SECOND_NS
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


def observe(
    steps: BeamSteps, vectors: NDArray[np.float64], cuts: list[int], times: NDArray[np.int64] | None = None
) -> NDArray[np.float64]:
    found = []
    for first, last in pairwise([0, *cuts, len(vectors)]):
        piece, when = vectors[first:last], None if times is None else times[first:last]
        followed = steps.follow(piece, USUAL, when)
        distances = steps.distances(followed)
        found.append(distances)
        steps.learn(followed, distances < 6.0)
    return np.concatenate(found)


def ten_a_second(count: int, first_s: float = 0.0) -> NDArray[np.int64]:
    return (np.arange(count) * (SECOND_NS // 10) + int(first_s * SECOND_NS)).astype(np.int64)


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


def elsewhere_after(pause_s: float) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Forty frames at one place, and forty at another one."""
    vectors = np.zeros((80, 9))
    vectors[40:, 1] = 8.0
    return vectors, np.concatenate([ten_a_second(40), ten_a_second(40, 4.0 + pause_s)])


def test_after_a_pause_the_place_is_learned_from_the_first_frames() -> None:
    vectors, times = elsewhere_after(300.0)
    found = observe(started(), vectors, [], times)
    assert np.isnan(found[40:45]).all()
    assert np.isfinite(np.delete(found, range(40, 45))).all()
    assert found[45:].max() < 3.0
    vectors[60, 1] = 0.0  # from then on a jump is a jump
    assert observe(started(), vectors, [], times)[60] > 6.0


def test_after_a_short_pause_a_jump_is_a_jump() -> None:
    vectors, times = elsewhere_after(29.0)
    assert observe(started(), vectors, [], times)[40] > 6.0


def test_an_odd_first_frame_after_a_pause_is_not_what_is_expected() -> None:
    vectors, times = elsewhere_after(300.0)
    vectors[40, 0], vectors[42, 2] = 60.0, np.nan
    found = observe(started(), vectors, [], times)
    assert np.isnan(found[40:48]).all()
    assert found[48:].max() < 3.0


def test_the_cut_and_a_restart_change_nothing_after_a_pause() -> None:
    vectors, times = elsewhere_after(300.0)
    vectors[40, 0] = 60.0
    whole, cut = started(), started()
    expected = observe(whole, vectors, [], times)
    parts = []
    for first, last in pairwise([0, 39, 40, 41, 43, 44, 47, 80]):
        parts.append(observe(cut, vectors[first:last], [], times[first:last]))
        again = BeamSteps(DistanceSettings(), FLOOR)
        again.restore(decode_state(encode_state(cut.state())))
        cut = again
    np.testing.assert_array_equal(np.concatenate(parts), expected)
    assert encode_state(whole.state()) == encode_state(cut.state())


def test_a_pause_within_or_right_after_the_learning_phase_is_one() -> None:
    for late in (0, 3):
        steps = BeamSteps(DistanceSettings(), FLOOR)
        steps.wait(ten_a_second(300 - late))
        if late:
            steps.wait(ten_a_second(late, 330.0))
        steps.start(wandering(300, 1))
        vectors, times = np.full((20, 9), 8.0), ten_a_second(20, 330.0 + late / 10)
        found = observe(steps, vectors, [], times)
        assert np.isnan(found[:5]).all()
        assert found[5:].max() < 3.0


def test_without_a_pause_times_change_nothing() -> None:
    vectors = wandering(96, 3)
    vectors[40] += 9.0
    vectors[60, 2] = np.nan
    steps = started()
    np.testing.assert_array_equal(observe(steps, vectors, [], ten_a_second(96)), observe(started(), vectors, []))


def test_a_state_of_before_pauses_were_known_goes_on() -> None:
    steps = started()
    saved = steps.state()
    del saved["agreeing"], saved["last_ns"]
    again = BeamSteps(DistanceSettings(), FLOOR)
    again.restore(saved)
    vectors = wandering(20, 4)
    np.testing.assert_array_equal(observe(again, vectors, []), observe(steps, vectors, []))

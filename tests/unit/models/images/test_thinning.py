"""A camera of which only every n-th frame is scored: the others are cleaned, measured, and found stuck all the same."""

import numpy as np
import pytest
from numpy.typing import NDArray

from models.alerts.alert import AlertChange, AlertKind
from models.images.beam_features import FEATURE_COUNT
from models.images.camera_stage import CameraSettings
from models.results import Reason, Scoring
from models.state import State, decode_state, encode_state
from tests.support.beam_camera import beam_frames, dark_frames, with_hot_spot
from tests.unit.models.images.test_camera_stage import DARK, FIRST_SCORED, LEARNING, Run, new_stage, run

EVERY = 3
THINNED = CameraSettings(score_every=EVERY)


@pytest.fixture(scope="module")
def learned() -> State:
    """The state of a thinned camera that has learned."""
    stage = new_stage(THINNED)
    run(stage, dark_frames(DARK), 0)
    assert set(run(stage, beam_frames(LEARNING), DARK).rows["scoring"]) == {Scoring.LEARNING}
    return decode_state(encode_state(stage.state()))


def go_on(learned: State, frames: NDArray[np.uint16], size: int = 100) -> Run:
    stage = new_stage(THINNED)
    stage.restore(learned)
    return run(stage, frames, FIRST_SCORED, size=size)


def test_every_third_beam_frame_is_scored_and_all_are_measured(learned: State) -> None:
    frames = np.concatenate([beam_frames(40, seed=1), dark_frames(5), beam_frames(50, seed=2)])
    rows = go_on(learned, frames).rows
    expected = np.full(len(frames), Scoring.THINNED)
    expected[40:45] = Scoring.DARK
    expected[np.flatnonzero(expected == Scoring.THINNED)[EVERY - 1 :: EVERY]] = Scoring.SCORED
    np.testing.assert_array_equal(rows["scoring"], expected)
    thinned, beam = expected == Scoring.THINNED, expected != Scoring.DARK
    np.testing.assert_array_equal(rows["fires"], beam)
    assert np.isfinite(rows["features"][beam, :FEATURE_COUNT]).all()
    assert np.isnan(rows["features"][thinned, FEATURE_COUNT:]).all()
    assert not rows["score"][thinned].any()
    assert not rows["anomalous"][thinned].any()
    assert not rows["refusal"].any()


@pytest.mark.parametrize("size", [1, 7, 32, 33, 1_000])
def test_the_cut_into_blocks_changes_nothing(learned: State, size: int) -> None:
    frames = np.concatenate([beam_frames(70, seed=1), dark_frames(2), beam_frames(70, seed=2)])
    found, expected = go_on(learned, frames, size=size), go_on(learned, frames)
    for name, values in expected.rows.items():
        np.testing.assert_array_equal(found.rows[name], values, err_msg=name)


def test_a_restored_camera_goes_on_counting(learned: State) -> None:
    frames = beam_frames(20, seed=1)
    first, second = new_stage(THINNED), new_stage(THINNED)
    first.restore(learned)
    run(first, frames[:7], FIRST_SCORED)
    second.restore(decode_state(encode_state(first.state())))
    rows = run(second, frames[7:], FIRST_SCORED + 7).rows
    np.testing.assert_array_equal(rows["scoring"], go_on(learned, frames).rows["scoring"][7:])


def test_stuck_frames_are_told_of_whether_scored_or_not(learned: State) -> None:
    frames = np.concatenate([beam_frames(5, seed=1), np.repeat(beam_frames(1, seed=2), 12, axis=0)])
    found = go_on(learned, frames)
    assert (found.rows["reasons"][6:] & Reason.STUCK_FRAME == Reason.STUCK_FRAME).all()
    assert found.rows["anomalous"][6:].all()
    assert AlertChange.OPENED in found.changes(AlertKind.STUCK_FRAME)


def test_what_lasts_is_still_found(learned: State) -> None:
    odd = np.stack([with_hot_spot(frame) for frame in beam_frames(12, seed=3)])
    found = go_on(learned, np.concatenate([beam_frames(30, seed=1), odd]))
    assert AlertChange.OPENED in found.changes(AlertKind.IMAGE_ANOMALY)
    assert found.evidence


def test_replacing_frames_have_a_count_of_their_own(learned: State) -> None:
    frames = beam_frames(20, seed=1)
    stage = new_stage(THINNED)
    stage.restore(learned)
    run(stage, frames[:4], FIRST_SCORED)
    run(stage, beam_frames(5, seed=4), 100_000, replacement=True)
    rows = run(stage, frames[4:], FIRST_SCORED + 4).rows
    np.testing.assert_array_equal(rows["scoring"], go_on(learned, frames).rows["scoring"][4:])


def test_a_state_from_before_there_was_thinning_is_read() -> None:
    state = new_stage().state()
    del state["since_scored"]
    new_stage().restore(decode_state(encode_state(state)))


@pytest.mark.parametrize("every", [0, -1, 10_001])
def test_wrong_settings(every: int) -> None:
    with pytest.raises(ValueError, match="score_every must be between 1 and 10000"):
        CameraSettings(score_every=every)

"""A camera whose thresholds follow a budget: from its first normal frames to episodes that open later than before."""

from dataclasses import replace

import numpy as np
import pytest

from models.alerts.alert import AlertChange
from models.images.camera_stage import CameraSettings, CameraStage
from models.images.image_scores import FrameBuffers
from models.scoring.rule_maxima import BLOCK_SHOTS
from models.scoring.threshold_budget import ThresholdBudget, Thresholds
from models.state import State, decode_state, encode_state
from tests.support.beam_camera import CAMERA, ProjectionNetwork, beam_frames, camera_block, dark_frames, with_hot_spot

_DARK, _LEARNING = 60, 300
_BUDGET = ThresholdBudget(minimum_blocks=200, reestimate_shots=BLOCK_SHOTS)
_ESTIMATED = 200 * BLOCK_SHOTS
# Two minutes of frames again and again: nothing here depends on their being new.
_FRAMES = beam_frames(1024, seed=3)


def _stage(budget: ThresholdBudget | None, name: str = "projection") -> CameraStage:
    return CameraStage(CAMERA, CameraSettings(), ProjectionNetwork(name), {}, FrameBuffers(), budget=budget)


def _watch(stage: CameraStage, first: int, frames: int, *, size: int = 128) -> list[AlertChange]:
    """Further normal frames, those of the places ``first`` to ``first + frames`` in the series."""
    changes = []
    for start in range(first, first + frames, size):
        places = np.arange(start, min(start + size, first + frames)) % len(_FRAMES)
        output = stage.process(camera_block(_FRAMES[places], _DARK + start))
        changes += [event.change for event in output.alerts]
    return changes


def _thresholds(stage: CameraStage) -> Thresholds:
    return Thresholds.from_json(decode_state(encode_state(stage.state()))["scores"]["threshold"]["thresholds"])


def _hot_spot_opens(stage: CameraStage, counts: float, first: int) -> bool:
    frames = _FRAMES[:40].copy()
    frames[20] = with_hot_spot(frames[20], counts)
    output = stage.process(camera_block(frames, _DARK + first))
    return AlertChange.OPENED in [event.change for event in output.alerts]


@pytest.fixture(scope="module")
def estimated() -> State:
    """A camera at its first estimate."""
    stage = _stage(_BUDGET)
    stage.process(camera_block(dark_frames(_DARK), 0))
    first = _LEARNING + _ESTIMATED
    _watch(stage, 0, first - BLOCK_SHOTS)
    assert _thresholds(stage).version == 0
    _watch(stage, first - BLOCK_SHOTS, 2 * BLOCK_SHOTS)
    return stage.state()


def _restored(state: State, budget: ThresholdBudget | None = _BUDGET, name: str = "projection") -> CameraStage:
    stage = _stage(budget, name)
    stage.restore(decode_state(encode_state(state)))
    return stage


_NEXT = _LEARNING + _ESTIMATED + BLOCK_SHOTS


def test_the_first_estimate_is_a_version_with_its_event_time(estimated: State) -> None:
    thresholds = _thresholds(_restored(estimated))
    assert thresholds.version == 1
    times = camera_block(_FRAMES[:_DARK], _DARK + _NEXT - _DARK).event_time_ns
    assert times[0] <= thresholds.since_ns <= times[-1]
    assert thresholds.shots == _ESTIMATED
    assert thresholds.strong_score > CameraSettings().image_episode.strong_score


def test_the_state_is_as_small_as_it_is_said_to_be(estimated: State) -> None:
    assert 0.7e6 < len(encode_state(estimated)) < 0.9e6


def test_an_episode_opens_at_the_threshold_in_force_also_after_a_restart(estimated: State) -> None:
    """The same spot opens one under the settings, and does not under a stricter budget."""
    in_force = decode_state(encode_state(estimated))
    in_force["scores"]["threshold"]["thresholds"] |= {"strong_score": 14.9, "weak_score": 14.9}
    assert _hot_spot_opens(_restored(estimated, None), 600.0, _NEXT)
    assert not _hot_spot_opens(_restored(in_force), 600.0, _NEXT)


def test_a_clear_fault_is_found_at_the_highest_thresholds(estimated: State) -> None:
    strict = _restored(estimated, replace(_BUDGET, false_episodes_per_shift=1e-6))
    _watch(strict, _NEXT, _ESTIMATED // 8 + 2 * BLOCK_SHOTS)
    thresholds = _thresholds(strict)
    assert thresholds.strong_score == _BUDGET.highest_strong_score
    assert not thresholds.promised
    assert _hot_spot_opens(strict, 1200.0, _NEXT + _ESTIMATED)


def test_how_frames_are_cut_and_restarts_change_nothing(estimated: State) -> None:
    frames = _ESTIMATED // 8 + 5 * BLOCK_SHOTS
    whole, cut = _restored(estimated), _restored(estimated)
    changes = _watch(whole, _NEXT, frames)
    again = _watch(cut, _NEXT, 333, size=37)
    cut = _restored(cut.state())
    again += _watch(cut, _NEXT + 333, frames - 333, size=101)
    assert encode_state(cut.state()) == encode_state(whole.state())
    assert again == changes
    assert _thresholds(whole).shots > _ESTIMATED


def test_states_of_earlier_programs_and_of_other_models_begin_with_the_settings(estimated: State) -> None:
    scores = {name: value for name, value in estimated["scores"].items() if name != "threshold"}
    assert _thresholds(_restored(estimated | {"scores": scores})).version == 0
    beside = {"scores": scores, "threshold": estimated["scores"]["threshold"]}
    assert _thresholds(_restored(estimated | beside)) == _thresholds(_restored(estimated))
    assert _thresholds(_restored(estimated, name="another")).version == 0


def test_without_a_budget_the_settings_hold() -> None:
    stage = _stage(None)
    stage.process(camera_block(dark_frames(_DARK), 0))
    assert stage.state()["scores"]["threshold"] is None

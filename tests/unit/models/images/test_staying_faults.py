"""A fault that stays: alarmed to its end, and not learned by what led up to it."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models.alerts.alert import AlertChange, AlertEvent, AlertKind
from models.images.camera_stage import CameraSettings, CameraStage
from models.images.reference_history import MEMORY_FRAMES
from models.state import State, decode_state, encode_state
from tests.support.beam_camera import CAMERA, ProjectionNetwork, beam_frames, camera_block, dark_frames, with_hot_spot

DARK, LEARNING, NORMAL = 60, 300, 212
NEXT = DARK + LEARNING + NORMAL  # 512 beam frames: the end of a group, at which the references are remembered
HALF_AN_HOUR = 18_000
CREEPING = 96


def new_stage() -> CameraStage:
    return CameraStage(CAMERA, CameraSettings(), ProjectionNetwork(), {})


def process(
    stage: CameraStage, frames: NDArray[np.uint16], first: int, size: int = 32
) -> tuple[NDArray[np.bool_], list[AlertEvent]]:
    outputs = [
        stage.process(camera_block(frames[start : start + size], first + start))
        for start in range(0, len(frames), size)
    ]
    anomalous = np.concatenate([output.scored.anomalous for output in outputs])
    return anomalous, [event for output in outputs for event in output.alerts]


@pytest.fixture(scope="module")
def learned_state() -> State:
    stage = new_stage()
    process(stage, dark_frames(DARK), 0)
    process(stage, beam_frames(LEARNING + NORMAL), DARK)
    return stage.state()


@pytest.fixture
def learned(learned_state: State) -> CameraStage:
    return restored(learned_state)


def restored(state: State) -> CameraStage:
    stage = new_stage()
    stage.restore(decode_state(encode_state(state)))
    return stage


def creeping_fault() -> NDArray[np.uint16]:
    """A hot spot that grows from nothing to a clear one, and stays for a while."""
    frames = beam_frames(CREEPING + 64, seed=31)
    strengths = np.concatenate([np.linspace(0.0, 60.0, CREEPING), np.full(64, 400.0)])
    return np.stack([with_hot_spot(frame, float(counts)) for frame, counts in zip(frames, strengths, strict=True)])


def references(stage: CameraStage) -> dict[str, Any]:
    scores = stage.state()["scores"]
    return {name: scores[name] for name in ("maps", "latent", "moments", "tails")}


def test_a_fault_of_half_an_hour_is_alarmed_to_its_end(learned: CameraStage) -> None:
    frames = np.stack([with_hot_spot(frame, 300.0) for frame in beam_frames(600, seed=30)])
    changes: list[AlertChange] = []
    for start in range(0, HALF_AN_HOUR, len(frames)):
        anomalous, events = process(learned, frames, NEXT + start)
        assert anomalous.all(), f"from frame {start} on"
        changes += [event.change for event in events if event.alert.kind is AlertKind.IMAGE_ANOMALY]
    assert changes[0] is AlertChange.OPENED
    assert AlertChange.CLOSED not in changes
    closing = learned.finish()
    assert [event.alert.shots for event in closing.alerts] == [HALF_AN_HOUR]


def test_what_led_up_to_an_episode_is_forgotten(learned: CameraStage) -> None:
    frames = creeping_fault()
    before = references(learned)
    _, events = process(learned, frames[:MEMORY_FRAMES], NEXT)
    assert not events
    assert encode_state(references(learned)) != encode_state(before)
    _, events = process(learned, frames[MEMORY_FRAMES:], NEXT + MEMORY_FRAMES)
    assert events[0].change is AlertChange.OPENED
    after = references(learned)
    for name, part in (("mean", 5e-4), ("variance", 1e-3), ("signal", 0.0)):  # memories of maps are of half precision
        np.testing.assert_allclose(after["maps"].pop(name), before["maps"].pop(name), rtol=part, atol=1e-7)
    assert encode_state(after) == encode_state(before)


def test_learning_goes_on_after_an_episode(learned: CameraStage) -> None:
    process(learned, creeping_fault(), NEXT)
    before = encode_state(references(learned))
    process(learned, beam_frames(128, seed=32), NEXT + CREEPING + 64)
    assert encode_state(references(learned)) != before


@pytest.mark.parametrize("size", [1, 13, 50, 1000])
def test_the_cut_of_the_blocks_changes_nothing_that_is_forgotten(learned_state: State, size: int) -> None:
    frames = np.concatenate([creeping_fault(), beam_frames(100, seed=33)])
    whole, cut = restored(learned_state), restored(learned_state)
    expected, _ = process(whole, frames, NEXT)
    found, _ = process(cut, frames, NEXT, size)
    np.testing.assert_array_equal(found, expected)
    assert encode_state(cut.state()) == encode_state(whole.state())


@pytest.mark.parametrize("place", [CREEPING + 3, CREEPING + 40])
def test_a_restart_in_an_episode_changes_nothing_that_is_forgotten(learned: CameraStage, place: int) -> None:
    frames = creeping_fault()
    process(learned, frames[:place], NEXT)
    again = restored(learned.state())
    process(learned, frames[place:], NEXT + place)
    process(again, frames[place:], NEXT + place)
    assert encode_state(again.state()) == encode_state(learned.state())


def test_a_camera_saved_before_there_was_a_correction_goes_on_without(learned_state: State) -> None:
    scores = {name: value for name, value in learned_state["scores"].items() if name not in {"correction", "history"}}
    stage = restored(learned_state | {"scores": scores})
    frames = creeping_fault()
    _, events = process(stage, frames, NEXT)
    assert events[0].change is AlertChange.OPENED
    assert stage.state()["scores"]["correction"] == {}

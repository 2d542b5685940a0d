"""A new model learns beside the old one: no frame goes unscored, and all that is no model's stays as it was."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from models.baseline import AcceptedBaseline, BaselineGate
from models.device_stage import DeviceOutput
from models.images.camera_stage import CameraSettings, CameraStage
from models.images.camera_successor import CameraSuccessor, model_of_state
from models.images.image_scores import ImageScoreSettings
from models.records import RecordBlock
from models.results import Scoring
from models.state import State, decode_state, encode_state
from streams.accompanied_stage import AccompaniedStage
from tests.support.beam_camera import (
    CAMERA,
    SHOT_NS,
    ProjectionNetwork,
    beam_frames,
    camera_block,
    dark_frames,
    with_hot_spot,
)

SETTINGS = CameraSettings(scores=ImageScoreSettings(learning_frames=228))
OLD, NEW = ProjectionNetwork("old"), ProjectionNetwork("new")
DARK, LEARNED = 60, 300


def stage(network: ProjectionNetwork) -> CameraStage:
    return CameraStage(CAMERA, SETTINGS, network, {})


def successor(present: State | None = None) -> CameraSuccessor:
    return CameraSuccessor(lambda: stage(NEW), present)


def bytes_of(state: State) -> bytes:
    return encode_state(state)


@pytest.fixture(scope="module")
def learned() -> bytes:
    """The state of a camera that the old model scores."""
    old = stage(OLD)
    old.process(camera_block(dark_frames(DARK), 0))
    old.process(camera_block(beam_frames(LEARNED), DARK))
    assert not old.learning
    return bytes_of(old.state())


@pytest.fixture
def old(learned: bytes) -> CameraStage:
    present = stage(OLD)
    present.restore(decode_state(learned))
    return present


def later(count: int, seed: int = 5) -> NDArray[np.uint16]:
    return beam_frames(count, seed)


def run(present: CameraStage, beside: CameraSuccessor, blocks: Iterator[RecordBlock]) -> list[DeviceOutput]:
    outputs = []
    for block in blocks:
        outputs.append(present.process(block))
        beside.follow(block, outputs[-1])
    return outputs


def cut(frames: NDArray[np.uint16], first_shot: int, at: list[int]) -> Iterator[RecordBlock]:
    for start, stop in zip([0, *at], [*at, len(frames)], strict=True):
        yield camera_block(frames[start:stop], first_shot + start)


def test_every_frame_is_scored_while_the_new_model_learns_and_after_it(old: CameraStage) -> None:
    beside = successor(old.state())
    assert (beside.model, beside.ready) == ("new", False)
    frames, first = later(320), DARK + LEARNED
    outputs = run(old, beside, cut(frames[:250], first, [100]))
    assert beside.ready
    new = beside.succeed(old)
    outputs.append(new.process(camera_block(frames[250:], first + 250)))
    assert [output.scored.model for output in outputs] == ["old", "old", "new"]
    scoring = np.concatenate([output.scored.scoring for output in outputs])
    assert (scoring == Scoring.SCORED).all()
    assert outputs[-1].scored.anomalous.mean() < 0.1


def test_what_is_no_models_goes_on(old: CameraStage) -> None:
    beside = successor(old.state())
    run(old, beside, cut(later(240), DARK + LEARNED, []))
    new, before = beside.succeed(old).state(), old.state()
    assert {key for key in before if bytes_of({"": before[key]}) != bytes_of({"": new[key]})} == {"scores"}
    assert (model_of_state(before), model_of_state(new)) == ("old", "new")
    assert model_of_state({"scores": 3}) == model_of_state({}) == ""


def test_cuts_and_restored_states_change_no_bit(learned: bytes) -> None:
    frames, first = later(270), DARK + LEARNED
    results = []
    for at in ([], [1, 2, 40, 231], [64, 128, 192, 256]):
        present = stage(OLD)
        present.restore(decode_state(learned))
        beside = successor(present.state())
        for block in cut(frames, first, at):
            run(present, beside, iter([block]))
            again = successor()
            again.restore(decode_state(bytes_of(beside.state())))
            beside = again
        results.append((bytes_of(beside.state()["stage"]["scores"]), bytes_of(beside.succeed(present).state())))
    assert results[0] == results[1] == results[2]


def test_odd_frames_are_not_learned(old: CameraStage) -> None:
    """A fault during the whole hand-over is odd for the new model, too."""
    beside, frames = successor(old.state()), later(600)
    for number in range(0, 600, 2):
        frames[number] = with_hot_spot(frames[number])
    outputs = run(old, beside, cut(frames, DARK + LEARNED, [200, 400]))
    assert np.concatenate([output.scored.anomalous for output in outputs])[::2].all()
    assert beside.ready
    new = beside.succeed(old)
    assert new.process(camera_block(with_hot_spot(later(1, seed=9)[0])[None], DARK + LEARNED + 600)).scored.anomalous[0]


def test_when_the_present_stage_learns_anew_so_does_the_new_model(old: CameraStage) -> None:
    beside, first = successor(old.state()), DARK + LEARNED
    run(old, beside, cut(later(240), first, [120]))
    assert beside.ready
    old._scores.begin_anew()
    run(old, beside, cut(later(40), first + 240, []))
    assert not beside.ready


@pytest.mark.parametrize("at", [[], [77], [30, 77, 110], [76, 78]])
def test_where_the_present_stage_learns_anew_no_cut_of_the_blocks_changes_what_is_learned(
    learned: bytes, at: list[int]
) -> None:
    """With the 78th frame a baseline takes effect; also where that stands in the middle of a block."""
    present = stage(OLD)
    present.restore(decode_state(learned))
    beside, frames, first = successor(present.state()), later(150), DARK + LEARNED
    gate = BaselineGate()
    gate.take(AcceptedBaseline(id=1, device=CAMERA, from_ns=(first + 77) * SHOT_NS), present)
    for block in cut(frames, first, at):
        gate.process(block, AccompaniedStage(present, [beside]))
    alone = stage(NEW)
    alone.restore(decode_state(learned))
    for block in cut(frames[:77], first, []):
        alone.process(block)
    alone.accept_baseline()
    alone.process(camera_block(frames[77:], first + 77))
    assert bytes_of(beside.state()["stage"]["scores"]) == bytes_of(alone.state()["scores"])


def test_an_episode_that_becomes_normal_inside_a_block_is_the_beginning_of_what_is_learned(learned: bytes) -> None:
    """It lasts for 64 frames, then the present stage learns anew by itself."""
    states = []
    for at in ([], [50], list(range(1, 180))):
        present = CameraStage(CAMERA, replace(SETTINGS, relearn_after_frames=64), OLD, {})
        present.restore(decode_state(learned))
        beside = successor(present.state())
        frames = later(180)
        for number in range(20, 180):
            frames[number] = with_hot_spot(frames[number])
        outputs = run(present, beside, cut(frames, DARK + LEARNED, at))
        scoring = np.concatenate([output.scored.scoring for output in outputs]).tolist()
        anew = scoring.index(Scoring.LEARNING)
        assert 84 <= anew < 130
        assert beside.state()["stage"]["scores"]["frames"] == 180 - anew
        states.append(bytes_of(beside.state()))
    assert states[0] == states[1] == states[2]


def test_a_replacement_teaches_nothing(old: CameraStage) -> None:
    beside = successor(old.state())
    before = bytes_of(beside.state())
    block = camera_block(later(3), DARK + LEARNED, replacement=True)
    beside.follow(block, old.process(block))
    assert bytes_of(beside.state()) == before

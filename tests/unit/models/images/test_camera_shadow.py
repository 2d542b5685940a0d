"""A second model scores the same frames: it is counted what it finds, and production does not notice it."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from models.alerts.episodes import EpisodeSettings
from models.device_stage import DeviceClosing
from models.images.camera_shadow import CameraShadow
from models.images.camera_stage import CameraSettings, CameraStage
from models.images.image_scores import ImageScoreSettings
from models.images.shadow_comparison import ShadowCounts
from models.results import Scoring
from models.state import State, decode_state, encode_state
from tests.support.beam_camera import CAMERA, ProjectionNetwork, beam_frames, camera_block, dark_frames, with_hot_spot

SETTINGS = CameraSettings(scores=ImageScoreSettings(learning_frames=228))
#: Finds no frame odd whose tail probability is above 1e-9, and opens no episode.
DULL = replace(SETTINGS, frame_fpr=1e-9, image_episode=EpisodeSettings(strong_score=90.0, weak_score=90.0))
OLD, NEW = ProjectionNetwork("old"), ProjectionNetwork("new")
DARK, LEARNED = 60, 300
FIRST = DARK + LEARNED


def sharp() -> CameraStage:
    return CameraStage(CAMERA, SETTINGS, NEW, {})


def dull() -> CameraStage:
    return CameraStage(CAMERA, DULL, NEW, {})


@pytest.fixture(scope="module")
def learned() -> bytes:
    """The state of a camera that the old model scores."""
    old = CameraStage(CAMERA, SETTINGS, OLD, {})
    old.process(camera_block(dark_frames(DARK), 0))
    old.process(camera_block(beam_frames(LEARNED), DARK))
    return encode_state(old.state())


@pytest.fixture
def old(learned: bytes) -> CameraStage:
    present = CameraStage(CAMERA, SETTINGS, OLD, {})
    present.restore(decode_state(learned))
    return present


def frames_with_faults(count: int, *faults: slice, seed: int = 5) -> NDArray[np.uint16]:
    frames = beam_frames(count, seed)
    for fault in faults:
        for number in range(*fault.indices(count)):
            frames[number] = with_hot_spot(frames[number])
    return frames


def run(old: CameraStage, shadow: CameraShadow, frames: NDArray[np.uint16], first_shot: int = FIRST) -> None:
    block = camera_block(frames, first_shot)
    shadow.follow(block, old.process(block))


def test_once_it_has_learned_it_is_compared_in_frames_and_alerts(old: CameraStage) -> None:
    shadow = CameraShadow.begun(sharp, old.state())
    assert shadow.model == "new"
    run(old, shadow, frames_with_faults(228))
    counts = shadow.take_counts()
    run(old, shadow, frames_with_faults(200, slice(20, 25), slice(100, 101), seed=6), FIRST + 228)
    counts = shadow.take_counts() + counts
    assert 190 <= counts.frames <= 200  # a few odd frames of the first 228 were not shown
    assert counts.odd_both >= 6
    assert counts.odd_production + counts.odd_shadow <= 3
    assert (counts.alerts_production, counts.alerts_shadow) == (2, 2)
    assert (counts.alerts_shared, counts.alerts_of_shadow_shared) == (2, 2)
    saved = shadow.comparison_state()
    assert (saved["model"], saved["production"], saved["learned"]) == ("new", "old", True)
    assert ShadowCounts(**saved["counts"]) == counts
    assert saved["last_ns"] == (FIRST + 427) * 100_000_000
    assert not shadow.take_counts()


def test_what_it_does_not_find_is_productions_alone(old: CameraStage) -> None:
    shadow = CameraShadow.begun(dull, old.state())
    run(old, shadow, frames_with_faults(400, slice(300, 305)))
    counts = shadow.take_counts()
    assert counts.odd_production + counts.odd_both >= 5
    assert (counts.odd_shadow, counts.alerts_shadow, counts.alerts_shared) == (0, 0, 0)
    assert counts.alerts_production == 1


def test_production_is_the_same_with_and_without_it(old: CameraStage, learned: bytes) -> None:
    alone = CameraStage(CAMERA, SETTINGS, OLD, {})
    alone.restore(decode_state(learned))
    shadow = CameraShadow.begun(sharp, old.state())
    frames = frames_with_faults(300, slice(240, 250))
    run(old, shadow, frames)
    alone.process(camera_block(frames, FIRST))
    assert encode_state(old.state()) == encode_state(alone.state())


def test_it_does_not_learn_a_fault_that_goes_on_while_it_begins(old: CameraStage) -> None:
    shadow = CameraShadow.begun(sharp, old.state())
    run(old, shadow, frames_with_faults(600, slice(0, 600, 2)))
    counts = shadow.take_counts()
    assert counts.odd_both > 50
    assert counts.odd_both >= 0.95 * (counts.odd_both + counts.odd_production)


def test_an_accepted_baseline_is_learned_by_both(old: CameraStage) -> None:
    shadow = CameraShadow.begun(sharp, old.state())
    run(old, shadow, frames_with_faults(300))
    shadow.take_counts()
    closing = old.accept_baseline()
    shadow.accept_baseline(closing)
    run(old, shadow, frames_with_faults(300, slice(0, 300)), FIRST + 300)
    assert not shadow.comparison_state()["learned"] or not shadow.take_counts().odd_shadow
    run(old, shadow, frames_with_faults(100, slice(0, 100), seed=9), FIRST + 600)
    counts = shadow.take_counts()
    assert counts.frames > 50
    assert counts.odd_both + counts.odd_production + counts.odd_shadow < 5


def test_another_model_in_production_is_another_comparison(old: CameraStage, learned: bytes) -> None:
    shadow = CameraShadow.begun(sharp, old.state())
    run(old, shadow, frames_with_faults(300))
    assert shadow.take_counts().frames > 50
    other = CameraStage(CAMERA, SETTINGS, ProjectionNetwork("other"), {})
    other.restore(decode_state(learned))
    run(other, shadow, frames_with_faults(300, seed=6), FIRST + 300)
    saved = shadow.comparison_state()
    assert saved["production"] == "other"
    assert saved["counts"]["frames"] == shadow.take_counts().frames < 100
    assert saved["learned"]


def test_a_replacement_is_not_counted(old: CameraStage) -> None:
    shadow = CameraShadow.begun(sharp, old.state())
    run(old, shadow, frames_with_faults(300))
    before = encode_state(shadow.state())
    block = camera_block(frames_with_faults(3), FIRST, replacement=True)
    shadow.follow(block, old.process(block))
    assert encode_state(shadow.state()) == before


def test_an_episode_ends_with_the_input(old: CameraStage) -> None:
    shadow = CameraShadow.begun(sharp, old.state())
    run(old, shadow, frames_with_faults(400, slice(390, 400)))
    shadow.finish(old.finish())
    saved: State = shadow.state()
    assert saved["stage"]["image"]["episode"] is None
    assert saved["alerts_production"][-1][2] == saved["alerts_shadow"][-1][2] == (FIRST + 399) * 100_000_000
    shadow.finish(DeviceClosing())


def test_only_frames_that_production_scores_are_compared(learned: bytes) -> None:
    """A production that leaves out every second frame; the shadow scores exactly the others."""
    old = CameraStage(CAMERA, replace(SETTINGS, score_every=2), OLD, {})
    old.restore(decode_state(learned))
    shadow = CameraShadow.begun(sharp, old.state())
    block = camera_block(frames_with_faults(700), FIRST)
    output = old.process(block)
    shadow.follow(block, output)
    scored = int((output.scored.scoring == Scoring.SCORED).sum())
    assert scored == 350
    assert 100 <= shadow.take_counts().frames <= scored - 228


def test_a_shadow_that_learns_anew_from_an_earlier_state_is_shown_what_is_normal(old: CameraStage) -> None:
    shadow = CameraShadow.begun(sharp, old.state())
    run(old, shadow, frames_with_faults(300))
    saved = decode_state(encode_state(shadow.state()))
    assert saved["learned"]
    del saved["stage"]["scores"]["ripples"]
    again = CameraShadow(sharp)
    again.restore(saved)
    assert not again.comparison_state()["learned"]
    run(old, again, frames_with_faults(600, slice(0, 600, 2), seed=6), FIRST + 300)
    counts = again.take_counts()
    assert counts.odd_both > 20
    assert counts.odd_both >= 0.95 * (counts.odd_both + counts.odd_production)


def test_a_shadow_that_learns_anew_by_itself_is_shown_what_is_normal(learned: bytes) -> None:
    frames = frames_with_faults(500, slice(240, 500))
    states = []
    for at in ([], [241, 250, 320, 321], list(range(0, 500, 25))[1:]):
        old = CameraStage(CAMERA, SETTINGS, OLD, {})
        old.restore(decode_state(learned))
        shadow = CameraShadow.begun(
            lambda: CameraStage(CAMERA, replace(SETTINGS, relearn_after_frames=64), NEW, {}), old.state()
        )
        for piece, first_shot in pieces(frames, at):
            run(old, shadow, piece, first_shot)
        saved = shadow.state()
        assert not saved["learned"]
        assert saved["stage"]["scores"]["frames"] == 0  # production finds all that came since odd
        states.append(encode_state(saved))
    assert states[0] == states[1] == states[2]


def pieces(frames: NDArray[np.uint16], at: list[int]) -> Iterator[tuple[NDArray[np.uint16], int]]:
    for start, stop in zip([0, *at], [*at, len(frames)], strict=True):
        yield frames[start:stop], FIRST + start


@pytest.mark.parametrize("make", [sharp, dull])
def test_cuts_and_restored_states_change_no_bit(learned: bytes, make: Callable[[], CameraStage]) -> None:
    frames = frames_with_faults(330, slice(40, 44), slice(250, 256), slice(300, 301))
    states = []
    for at in ([], [1, 2, 40, 42, 229, 231, 252], list(range(0, 330, 10))[1:]):
        present = CameraStage(CAMERA, SETTINGS, OLD, {})
        present.restore(decode_state(learned))
        shadow = CameraShadow.begun(make, present.state())
        for piece, first_shot in pieces(frames, at):
            run(present, shadow, piece, first_shot)
            again = CameraShadow(make)
            again.restore(decode_state(encode_state(shadow.state())))
            shadow = again
        states.append(encode_state(shadow.state()))
    assert states[0] == states[1] == states[2]

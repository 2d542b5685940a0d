"""A camera from dark frames over learning to scored shots, episodes and evidence."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models.alerts.alert import AlertChange, AlertEvent, AlertKind, EvidenceFrame
from models.alerts.episodes import EpisodeSettings
from models.images.camera_stage import CameraSettings, CameraStage
from models.images.frame_scores import IMAGE_SCORES
from models.images.image_scores import FrameBuffers, ImageScoreSettings, fit_seeds
from models.records import DeviceState, Refusal
from models.results import FEATURE_NAMES, Admission, Reason, Scoring
from models.scoring.tail_probability import TailSeed, TailSettings
from models.scoring.threshold_budget import ThresholdBudget
from models.state import State, decode_state, encode_state
from tests.support.beam_camera import (
    CAMERA,
    ProjectionNetwork,
    beam_frames,
    camera_block,
    dark_frames,
    with_hot_spot,
)

DARK, LEARNING = 60, 300
FIRST_SCORED = DARK + LEARNING


@dataclass
class Run:
    """All rows of a stage's output, its alerts and its evidence."""

    rows: dict[str, NDArray[Any]]
    alerts: list[AlertEvent]
    evidence: list[EvidenceFrame]

    def changes(self, kind: AlertKind) -> list[AlertChange]:
        return [event.change for event in self.alerts if event.alert.kind is kind]


def run(
    stage: CameraStage, frames: NDArray[np.uint16], first_shot: int, *, size: int = 100, replacement: bool = False
) -> Run:
    outputs = [
        stage.process(camera_block(frames[start : start + size], first_shot + start, replacement=replacement))
        for start in range(0, len(frames), size)
    ]
    rows = {name: np.concatenate([out.scored.arrays()[name] for out in outputs]) for name in outputs[0].scored.arrays()}
    return Run(
        rows=rows,
        alerts=[event for out in outputs for event in out.alerts],
        evidence=[frame for out in outputs for frame in out.evidence],
    )


def new_stage(settings: CameraSettings | None = None, name: str = "projection") -> CameraStage:
    return CameraStage(CAMERA, settings or CameraSettings(), ProjectionNetwork(name), {}, FrameBuffers())


@pytest.fixture(scope="module")
def learned_state() -> State:
    """A camera that has just learned and scored its first 140 frames."""
    stage = new_stage()
    run(stage, dark_frames(DARK), 0)
    run(stage, beam_frames(LEARNING + 140), DARK)
    return stage.state()


@pytest.fixture
def learned(learned_state: State) -> CameraStage:
    stage = new_stage()
    stage.restore(decode_state(encode_state(learned_state)))
    return stage


NEXT = FIRST_SCORED + 140


def test_dark_then_learning_then_scored() -> None:
    stage = new_stage()
    dark = run(stage, dark_frames(DARK), 0)
    beam = run(stage, beam_frames(LEARNING + 64), DARK)
    assert set(dark.rows["scoring"]) == {Scoring.DARK}
    assert not dark.rows["fires"].any()
    np.testing.assert_array_equal(beam.rows["scoring"][:LEARNING], Scoring.LEARNING)
    np.testing.assert_array_equal(beam.rows["scoring"][LEARNING:], Scoring.SCORED)
    assert beam.rows["fires"].all()
    assert not beam.rows["anomalous"].any()
    features = beam.rows["features"]
    assert features.shape == (LEARNING + 64, len(FEATURE_NAMES[CAMERA.kind]))
    assert np.isnan(features[:LEARNING, -3:]).all()
    assert np.isfinite(features[LEARNING:]).all()
    assert beam.rows["score"][LEARNING:].min() > 0.0
    assert not beam.rows["score"][:LEARNING].any()


def test_normal_frames_are_normal(learned: CameraStage) -> None:
    found = run(learned, beam_frames(1500, seed=1, drift_px=2.0), NEXT)
    assert found.rows["anomalous"].mean() < 2e-3
    assert not found.alerts


def test_a_hot_spot_opens_an_episode_with_evidence(learned: CameraStage) -> None:
    frames = beam_frames(120, seed=2)
    for place, counts in [(20, 300.0), (21, 600.0), (22, 250.0)]:
        frames[place] = with_hot_spot(frames[place], counts)
    found = run(learned, frames, NEXT)
    assert found.rows["anomalous"].nonzero()[0].tolist() == [20, 21, 22]
    assert all(Reason.RESIDUAL & int(reasons) for reasons in found.rows["reasons"][20:23])
    assert found.changes(AlertKind.IMAGE_ANOMALY)[0] is AlertChange.OPENED
    assert found.changes(AlertKind.IMAGE_ANOMALY)[-1] is AlertChange.CLOSED
    alert = found.alerts[-1].alert
    assert (alert.shots, alert.device, alert.model) == (3, CAMERA.name, "projection")
    assert alert.source.path == f"/shot-{NEXT + 20}"
    last = {frame.role: frame for frame in found.evidence}
    assert {role: frame.source.path for role, frame in last.items()} == {
        "first": f"/shot-{NEXT + 20}",
        "worst": f"/shot-{NEXT + 20 + int(found.rows['score'][20:23].argmax())}",
        "last": f"/shot-{NEXT + 22}",
    }
    assert {frame.alert_id for frame in found.evidence} == {alert.id}
    np.testing.assert_array_equal(last["first"].raw, frames[20])
    row, column = np.unravel_index(last["first"].residual_z.argmax(), last["first"].residual_z.shape)
    assert np.hypot(row - 45, column - 70) < 3


def test_an_odd_frame_that_stays_alone_is_not_kept(learned_state: State) -> None:
    stage = new_stage(CameraSettings(image_episode=EpisodeSettings(strong_score=20.0, weak_shots=2)))
    stage.restore(learned_state)
    frames = beam_frames(20, seed=3)
    frames[5] = with_hot_spot(frames[5])
    assert not run(stage, frames[:6], NEXT).alerts
    assert len(stage.state()["evidence"]["candidates"]) == 1
    run(stage, frames[6:], NEXT + 6)
    assert not stage.state()["evidence"]["candidates"]


def test_evidence_of_an_episode_that_the_end_of_the_input_closes(learned: CameraStage) -> None:
    frames = beam_frames(5, seed=3)
    frames[-1] = with_hot_spot(frames[-1])
    run(learned, frames, NEXT)
    closing = learned.finish()
    assert [event.change for event in closing.alerts] == [AlertChange.CLOSED]
    assert [frame.role for frame in closing.evidence] == ["last"]
    assert not learned.finish().evidence


def test_a_saturated_frame_says_so(learned: CameraStage) -> None:
    frames = beam_frames(3, seed=4)
    frames[1] = np.minimum(frames[1].astype(np.uint32) * 3, 4092)
    found = run(learned, frames, NEXT)
    assert Reason.SATURATED in Reason(int(found.rows["reasons"][1]))


@pytest.mark.parametrize("learning", [True, False])
def test_stuck_frames_are_a_rule_of_their_own(learned: CameraStage, *, learning: bool) -> None:
    stage, first = (new_stage(), 0) if learning else (learned, NEXT)
    frames = beam_frames(40, seed=5)
    frames[10:14] = frames[9]
    found = run(stage, frames, first, size=12)
    assert found.rows["anomalous"].nonzero()[0].tolist() == [10, 11, 12, 13]
    assert set(found.rows["reasons"][10:14]) == {Reason.STUCK_FRAME}
    assert found.changes(AlertKind.STUCK_FRAME)[0] is AlertChange.OPENED
    assert not found.changes(AlertKind.IMAGE_ANOMALY)


@pytest.mark.parametrize("learned_frames", [32, 33, 288, 300])
def test_a_camera_may_freeze_at_any_moment_of_its_learning(learned_frames: int) -> None:
    stage = new_stage()
    frames = beam_frames(learned_frames + 40, seed=7)
    frames[learned_frames : learned_frames + 20] = frames[learned_frames - 1]
    found = run(stage, frames, 0, size=4)
    assert found.rows["anomalous"].nonzero()[0].tolist() == list(range(learned_frames, learned_frames + 20))


def test_equal_dark_frames_are_not_stuck() -> None:
    found = run(new_stage(), np.repeat(dark_frames(1), 5, axis=0), 0)
    assert not found.rows["anomalous"].any()


def test_refused_and_known_records_are_passed_on_unscored(learned: CameraStage) -> None:
    frames = beam_frames(6, seed=6)
    states = [DeviceState.ON, DeviceState.FAULT, DeviceState.ON, DeviceState.ON, DeviceState.MISSING, DeviceState.ON]
    scored = learned.process(camera_block(frames, NEXT, states=states)).scored
    expected = [Scoring.SCORED, Scoring.NONE, Scoring.SCORED, Scoring.SCORED, Scoring.NONE, Scoring.SCORED]
    assert scored.scoring.tolist() == expected
    assert scored.refusal[[1, 4]].tolist() == [Refusal.STATE_NOT_ON, Refusal.STATE_MISSING]
    again = learned.process(camera_block(frames, NEXT)).scored
    assert (again.admission == Admission.DUPLICATE).all()
    assert (again.scoring == Scoring.NONE).all()
    assert np.isnan(again.features).all()


def test_images_of_another_shape_or_type_are_refused(learned: CameraStage) -> None:
    block = camera_block(beam_frames(2), NEXT)
    wide = learned.process(replace(block, payload=np.zeros((2, 1000, 1000), np.uint16)))
    assert (wide.scored.refusal == Refusal.WRONG_SHAPE).all()
    block = camera_block(beam_frames(2), NEXT + 2)
    signed = learned.process(replace(block, payload=block.payload.astype(np.int32)))
    assert (signed.scored.refusal == Refusal.WRONG_TYPE).all()


def test_rows_say_where_they_stand_in_the_file() -> None:
    block = camera_block(dark_frames(3), 0)
    assert new_stage().process(block).scored.hdf5_group == block.hdf5_group


def test_a_replacement_is_scored_and_teaches_nothing(learned: CameraStage) -> None:
    frames = beam_frames(64, seed=7)
    frames[5] = with_hot_spot(frames[5])
    before = encode_state(learned.state() | {"admission": {}, "frame_before": []})
    found = run(learned, frames, NEXT - 100, replacement=True)
    assert found.rows["anomalous"].nonzero()[0].tolist() == [5]
    assert (found.rows["scoring"] == Scoring.SCORED).all()
    assert not found.alerts
    assert not found.evidence
    assert encode_state(learned.state() | {"admission": {}, "frame_before": []}) == before


def test_no_cut_of_a_replacement_changes_its_scores(learned_state: State) -> None:
    frames = beam_frames(48, seed=7)
    scores = []
    for size in (48, 7, 1):
        stage = new_stage()
        stage.restore(decode_state(encode_state(learned_state)))
        scores.append(run(stage, frames, NEXT - 100, size=size, replacement=True).rows["score"])
    np.testing.assert_array_equal(scores[1], scores[0])
    np.testing.assert_array_equal(scores[2], scores[0])


def jumped(learned_state: State, pause_shots: int) -> list[int]:
    """Which of the frames are odd for a step that come after a pause, the beam within its usual range elsewhere."""
    stage = new_stage()
    stage.restore(decode_state(encode_state(learned_state)))
    run(stage, beam_frames(400, seed=20, drift_px=3.0), NEXT)
    found = run(stage, beam_frames(20, seed=21), NEXT + 400 + pause_shots)
    return np.flatnonzero(found.rows["reasons"] & Reason.BEAM_MOMENTS).tolist()


def test_a_step_over_a_pause_is_none(learned_state: State) -> None:
    assert 0 in jumped(learned_state, 0)
    assert jumped(learned_state, 3000) == []


def test_what_is_forgotten_sets_back_no_expectation(learned_state: State) -> None:
    """An episode makes the references forget; the place of the latest frames is what the next one is expected at."""
    stages = [new_stage(), new_stage()]
    frames = beam_frames(160, seed=22, drift_px=2.0)
    frames[70:] = [with_hot_spot(frame) for frame in frames[70:]]
    for stage in stages:
        stage.restore(decode_state(encode_state(learned_state)))
    stages[1]._scores._history.go_back = lambda: None  # type: ignore[method-assign]
    for stage in stages:
        run(stage, frames[:72], NEXT)  # the episode opens with the last but one; with the last one a group ends
    steps = [stage.state()["scores"]["steps"] for stage in stages]
    assert steps[0]["distance"]["weight"] != steps[1]["distance"]["weight"]
    np.testing.assert_array_equal(steps[0]["expected"], steps[1]["expected"])


def test_a_state_of_before_there_were_ripples_brings_no_thresholds(learned_state: State) -> None:
    budget = ThresholdBudget()
    saved = decode_state(encode_state(learned_state))
    taken: list[State | None] = []
    for scores in (saved["scores"], {name: saved["scores"][name] for name in saved["scores"] if name != "ripples"}):
        stage = CameraStage(CAMERA, CameraSettings(), ProjectionNetwork(), {}, budget=budget)
        stage._episode.restore_threshold = taken.append  # type: ignore[method-assign, assignment]
        stage.restore(saved | {"scores": scores})
        assert stage.learning == (len(taken) == 0 or "ripples" not in scores)
    assert len(taken) == 1


@pytest.mark.parametrize("odd", [range(5, 15), range(40, 330, 8)])
def test_the_start_bears_odd_frames(odd: range) -> None:
    """A hot spot in some of the first 300 frames is found afterwards as if it had not been there."""
    stage = new_stage()
    run(stage, dark_frames(DARK), 0)
    frames = beam_frames(LEARNING + 40, seed=8)
    for place in odd:
        if place < LEARNING:
            frames[place] = with_hot_spot(frames[place], 300.0)
    frames[LEARNING + 30] = with_hot_spot(frames[LEARNING + 30], 300.0)
    found = run(stage, frames, DARK)
    assert found.rows["anomalous"].nonzero()[0].tolist() == [LEARNING + 30]


def test_a_lasting_fault_is_not_learned(learned: CameraStage) -> None:
    frames = beam_frames(700, seed=9)
    spoiled = np.stack([with_hot_spot(frame, 300.0) for frame in frames])
    found = run(learned, spoiled, NEXT)
    assert found.rows["anomalous"].all()
    assert AlertChange.CLOSED not in found.changes(AlertKind.IMAGE_ANOMALY)
    assert len(found.evidence) < 20


def test_what_lasts_too_long_for_a_fault_is_learned_anew(learned_state: State) -> None:
    stage = new_stage(CameraSettings(relearn_after_frames=100))
    stage.restore(learned_state)
    frames = beam_frames(600, seed=10)
    found = run(stage, np.stack([with_hot_spot(frame, 300.0) for frame in frames]), NEXT)
    scoring = found.rows["scoring"]
    assert scoring[99] == Scoring.SCORED
    assert scoring[150] == Scoring.LEARNING
    assert scoring[-1] == Scoring.SCORED
    assert not found.rows["anomalous"][200:].any()
    assert found.changes(AlertKind.IMAGE_ANOMALY)[-1] is AlertChange.CLOSED


def test_a_network_that_fails_on_a_frame_makes_it_odd_and_teaches_nothing(learned: CameraStage) -> None:
    network = learned._scores._network
    sound: Callable[..., None] = network.run

    def failing(images: NDArray[np.float32], reconstruction: NDArray[np.float32], latent: NDArray[np.float32]) -> None:
        sound(images, reconstruction, latent)
        reconstruction[3], latent[3] = np.nan, np.nan

    network.run = failing  # type: ignore[method-assign]
    found = run(learned, beam_frames(8, seed=11), NEXT)
    network.run = sound  # type: ignore[method-assign]
    assert found.rows["anomalous"].nonzero()[0].tolist() == [3]
    after = run(learned, beam_frames(100, seed=12), NEXT + 8)
    assert not after.rows["anomalous"].any()
    assert np.isfinite(after.rows["features"]).all()


def test_another_model_learns_anew(learned_state: State) -> None:
    stage = new_stage(name="another")
    stage.restore(learned_state)
    found = run(stage, beam_frames(2, seed=13), NEXT)
    assert (found.rows["scoring"] == Scoring.LEARNING).all()
    assert (found.rows["features"][:, 0] > 0).all()


def test_seeds_come_from_the_scores_of_known_cameras(learned: CameraStage) -> None:
    seeds = fit_seeds([learned.recent_scores(), learned.recent_scores()])
    assert list(seeds) == list(IMAGE_SCORES)
    assert all(TailSeed.from_json(seed).scale > 0 for seed in seeds.values())
    CameraStage(CAMERA, CameraSettings(), ProjectionNetwork(), seeds)


@pytest.mark.parametrize(
    "make",
    [
        lambda: CameraSettings(frame_fpr=0.5),
        lambda: CameraSettings(relearn_after_frames=-1),
        lambda: ImageScoreSettings(learning_frames=100),
        lambda: ImageScoreSettings(tail=TailSettings(minimum_records=1000)),
    ],
)
def test_wrong_settings(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="must"):
        make()

"""Frames that are cleaned and scored in memory get the very scores that the watch gives them."""

import numpy as np
import pytest
from numpy.typing import NDArray

from connectors.model_files import default_model
from models.images.camera_stage import CameraSettings, CameraStage
from models.results import Scoring
from models.training.architectures.architecture import BeamFrames
from models.training.architectures.frame_cleaning import FrameCleaner
from models.training.architectures.rolling_scores import network_scores
from tests.support.beam_camera import CAMERA, ProjectionNetwork, beam_frames, camera_block, dark_frames, with_hot_spot

MODEL = default_model()
DARK, LEARNING, LATER = 60, 300, 500


def stretch() -> NDArray[np.uint16]:
    """A camera's start, some lone odd frames, an episode that a growing spot leads up to, and frames without beam."""
    beam = beam_frames(LEARNING + LATER, drift_px=1.5)
    strengths = np.zeros(len(beam))
    strengths[[37, LEARNING + 20, LEARNING + 21, LEARNING + 90]] = 400.0, 300.0, 80.0, 120.0
    strengths[LEARNING + 200 : LEARNING + 300] = np.linspace(0.0, 500.0, 100)
    shown = [with_hot_spot(frame, float(counts)) for frame, counts in zip(beam, strengths, strict=True)]
    return np.concatenate([dark_frames(DARK), shown[:600], dark_frames(3, seed=9), shown[600:]])


RAW = stretch()


def by_the_watch(stage: CameraStage) -> tuple[NDArray[np.floating], NDArray[np.bool_]]:
    scored = stage.process(camera_block(RAW, 0)).scored
    lit = scored.scoring != Scoring.DARK
    return np.where(scored.scoring == Scoring.SCORED, scored.score, np.nan)[lit], lit


def in_memory(network_name: str, cuts: list[int]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    cleaner = FrameCleaner()
    scorer = (
        network_scores(ProjectionNetwork())
        if network_name == "projection"
        else network_scores(MODEL.autoencoder(), dict(MODEL.seeds))
    )
    scores, lit = [], []
    for raw in np.split(RAW, cuts):
        frames, mask = cleaner.clean(raw)
        scores.append(scorer.observe(frames))
        lit.append(mask)
    return np.concatenate(scores), np.concatenate(lit)


@pytest.mark.parametrize("cuts", [[], [DARK, 61, 100, 397, 700]])
@pytest.mark.parametrize("network", ["projection", "shipped"])
def test_the_scores_are_those_of_the_watch(network: str, cuts: list[int]) -> None:
    stage = (
        CameraStage(CAMERA, CameraSettings(), ProjectionNetwork(), {})
        if network == "projection"
        else CameraStage(CAMERA, CameraSettings(), MODEL.autoencoder(), MODEL.seeds)
    )
    expected, expected_lit = by_the_watch(stage)
    found, lit = in_memory(network, cuts)
    np.testing.assert_array_equal(lit, expected_lit)
    np.testing.assert_array_equal(found.astype(np.float32), expected.astype(np.float32))
    assert np.isnan(found[:LEARNING]).all()
    assert np.nanmax(found) > 6.0
    assert np.count_nonzero(found > 2.7) > 10


def test_nothing_to_observe_gives_no_scores() -> None:
    nothing = BeamFrames(cleaned=np.empty((0, 102, 128), np.float32), features=np.empty((0, 10)), noise_counts=3.0)
    assert network_scores(ProjectionNetwork()).observe(nothing).shape == (0,)

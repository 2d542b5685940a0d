"""Trees of random cuts find a beam that jumps, learn from normal frames alone, and don't mind how frames are cut."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from models.training.architectures.architecture import BeamFrames
from models.training.architectures.frame_cleaning import FrameCleaner
from models.training.architectures.half_space_trees import HalfSpaceTreesOnMoments
from tests.support.beam_camera import beam_frames, dark_frames

LEARNING, LATER = 300, 200
ODD = LEARNING + 120


def cleaned() -> BeamFrames:
    beam = beam_frames(LEARNING + LATER)
    beam[ODD] = np.roll(beam[ODD] // 2, 12, axis=(0, 1))
    frames, _ = FrameCleaner().clean(np.concatenate([dark_frames(60), beam]))
    return frames


FRAMES = cleaned()


def scores(cuts: list[int], *, seed: int = 1) -> NDArray[np.float64]:
    scorer = HalfSpaceTreesOnMoments().train([], seed=seed).scorer([])
    places = [0, *cuts, len(FRAMES.cleaned)]
    found = [
        scorer.observe(
            BeamFrames(cleaned=FRAMES.cleaned[first:last], features=FRAMES.features[first:last], noise_counts=3.0)
        )
        for first, last in pairwise(places)
    ]
    return np.concatenate(found)


def test_a_beam_that_jumps_is_the_oddest_frame() -> None:
    found = scores([])
    assert np.isnan(found[:LEARNING]).all()
    assert np.isfinite(found[LEARNING:]).all()
    assert int(np.nanargmax(found)) == ODD
    assert np.mean(found[LEARNING:] > 2.0) < 0.05  # one in a hundred by its own account


def test_the_cut_of_the_frames_changes_no_score() -> None:
    np.testing.assert_array_equal(scores([1, 77, 299, 301, 400]), scores([]))


def test_the_cuts_of_the_trees_follow_from_the_seed() -> None:
    assert not np.array_equal(scores([], seed=2)[LEARNING:], scores([])[LEARNING:])

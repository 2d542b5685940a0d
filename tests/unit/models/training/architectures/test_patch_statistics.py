"""Patches of the residual: their features, their Gaussians, and a frame that only they find."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from connectors.model_files import default_model
from models.records import IMAGE_SHAPE
from models.training.architectures.architecture import BeamFrames
from models.training.architectures.frame_cleaning import FrameCleaner
from models.training.architectures.patch_statistics import PATCHES, PatchBundle, PatchGaussians, patch_features
from models.training.architectures.strided_autoencoder import ScoringBundle
from tests.support.beam_camera import beam_frames, dark_frames, with_hot_spot

LEARNING, LATER = 300, 300
ODD = LEARNING + 260


def noise(count: int, seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((count, *IMAGE_SHAPE)).astype(np.float32)


def test_white_noise_has_the_same_features_everywhere() -> None:
    features = patch_features(noise(200, 1))
    assert features.shape == (200, PATCHES, 4)
    inner = features.reshape(200, 12, 16, 4)[:, 1:-1, 1:-1].mean(axis=(0, 1, 2))
    np.testing.assert_allclose(inner[[0, 3]], [np.log(1.1), 0.0], atol=0.05)
    assert np.abs(inner[1:3]).max() < 0.5  # smoothed, in sigmas of smoothed noise


def test_gaussians_find_the_frame_with_one_odd_patch() -> None:
    gaussians = PatchGaussians()
    for group in range(20):
        gaussians.learn(patch_features(noise(32, group)))
    later = noise(100, 99)
    later[40, 43:51, 64:72] *= 2.0
    later[60, 10, 10] = np.nan
    found = gaussians.largest_distances(patch_features(later))
    assert found[60] == np.inf
    assert int(np.argmax(np.delete(found, 60))) == 40


def scores(cuts: list[int], frames: BeamFrames) -> NDArray[np.float64]:
    scorer = PatchBundle(ScoringBundle(default_model())).scorer([])
    return np.concatenate(
        [
            scorer.observe(
                BeamFrames(cleaned=frames.cleaned[first:last], features=frames.features[first:last], noise_counts=3.0)
            )
            for first, last in pairwise([0, *cuts, len(frames.cleaned)])
        ]
    )


def test_a_camera_is_scored_by_watch_and_patches_however_its_frames_are_cut() -> None:
    beam = beam_frames(LEARNING + LATER)
    beam[ODD] = with_hot_spot(beam[ODD], 500.0)
    frames, _ = FrameCleaner().clean(np.concatenate([dark_frames(60), beam]))
    found = scores([], frames)
    np.testing.assert_array_equal(scores([1, 299, 333, 480], frames), found)
    assert np.isnan(found[:LEARNING]).all()
    assert int(np.nanargmax(found)) == ODD
    assert found[ODD] > 4.0

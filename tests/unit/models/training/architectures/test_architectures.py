"""Every architecture scores odd frames above normal ones, and its scores do not depend on the cut of the calls."""

import importlib.util
import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from connectors.model_files import default_model
from models.images.frame_scores import IMAGE_SCORES
from models.images.image_scores import ImageScores, ImageScoreSettings
from models.training.architectures.architecture import Architecture, BeamFrames, TrainedArchitecture
from models.training.architectures.catalogue import ARCHITECTURES
from models.training.architectures.frame_cleaning import FrameCleaner
from models.training.architectures.moments import RollingMoments
from models.training.architectures.pca import PcaAlone, PrincipalComponents, WithoutMoments, principal_components
from models.training.architectures.strided_autoencoder import StridedAutoencoder
from models.training.settings import TrainingSettings
from tests.support.beam_camera import beam_frames, dark_frames, with_hot_spot

LEARNING, LATER, ODD = 300, 130, 40
# These import a framework when they are made, not when they are trained.
_HEAVY = {"report", "half-space-trees"}
EXTRA = "needs the training extra: pip install 'petawatch[training]'"
needs_training = pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason=EXTRA)


def cleaned(raw: NDArray[np.uint16]) -> BeamFrames:
    cleaner = FrameCleaner()
    cleaner.clean(dark_frames(60))
    return cleaner.clean(raw)[0]


def watched() -> NDArray[np.uint16]:
    frames = beam_frames(LEARNING + LATER, seed=3)
    frames[LEARNING + ODD] = with_hot_spot(frames[LEARNING + ODD], 1500.0)
    return frames


WATCHED = cleaned(watched())
EARLIER = cleaned(beam_frames(160, seed=4)).cleaned


def part(start: int, stop: int) -> BeamFrames:
    return BeamFrames(
        cleaned=WATCHED.cleaned[start:stop],
        features=WATCHED.features[start:stop],
        noise_counts=WATCHED.noise_counts,
    )


def scores(trained: TrainedArchitecture, cuts: Sequence[int] = ()) -> NDArray[np.float64]:
    scorer = trained.scorer(EARLIER)
    ends = [0, *cuts, LEARNING + LATER]
    return np.concatenate([scorer.observe(part(*pair)) for pair in itertools.pairwise(ends)])


TRAINED: dict[str, TrainedArchitecture] = {
    "moments": RollingMoments().train([EARLIER], seed=1),
    "pca": PcaAlone().train([EARLIER], seed=1),
    "shipped": StridedAutoencoder(default_model(), TrainingSettings()).shipped(),
}


@pytest.mark.parametrize("name", TRAINED)
def test_an_odd_frame_scores_above_all_normal_ones_once_the_camera_is_learned(name: str) -> None:
    found = scores(TRAINED[name])
    assert np.isnan(found[:LEARNING]).all()
    later = found[LEARNING:]
    assert np.isfinite(later).all()
    assert later[ODD] > 3.0
    assert later[ODD] > np.delete(later, ODD).max()


@pytest.mark.parametrize("name", ["moments", "pca"])
def test_the_cut_of_the_calls_changes_no_score(name: str) -> None:
    cuts = [1, 33, 299, 301, 320, 400]
    np.testing.assert_array_equal(scores(TRAINED[name], cuts), scores(TRAINED[name]))


def test_what_counts_of_components_is_corrected_for_its_own_number() -> None:
    scorer = ImageScores(ImageScoreSettings(), PrincipalComponents(principal_components([EARLIER])), {})
    beam = part(0, LEARNING + 20)
    scorers = (scorer, WithoutMoments(scorer))
    for start in range(0, LEARNING, 4):
        scorer.hold(beam.cleaned[start : start + 4], beam.features[start : start + 4], 3.0)
    later = slice(LEARNING, LEARNING + 12)
    of_all, left = (scores.score(beam.cleaned[later], beam.features[later]) for scores in scorers)
    rows = [row for row, name in enumerate(IMAGE_SCORES) if name not in {"moments", "steps"}]
    single = np.stack([tail.p_values(row) for tail, row in zip(scorer._references.tails, of_all.logs, strict=True)])
    np.testing.assert_allclose(left.probability, 1.0 - (1.0 - single[rows].min(axis=0)) ** len(rows), rtol=1e-9)


def test_moments_that_are_all_odd_go_on_learning() -> None:
    beam = part(0, LEARNING)
    broken = BeamFrames(cleaned=beam.cleaned, features=np.full_like(beam.features, np.nan), noise_counts=3.0)
    scorer = RollingMoments().scorer([])
    assert np.isnan(scorer.observe(broken)).all()
    found = scorer.observe(beam)
    assert np.isnan(found[:96]).all()
    assert np.isfinite(found[-1])


def test_components_are_orthonormal_and_reconstruct_what_they_are_made_from() -> None:
    components = principal_components([EARLIER[:40]])
    np.testing.assert_allclose(components @ components.T, np.eye(32), atol=1e-4)
    network = PrincipalComponents(components)
    images = EARLIER[:8]
    reconstruction, latent = np.empty_like(images), np.empty((8, 32), np.float32)
    network.run(images, reconstruction, latent)
    assert np.abs(images - reconstruction).mean() < 0.02 * images.mean()
    half, half_latent = np.empty_like(images), np.empty_like(latent)
    network.run(images * np.float32(0.5), half, half_latent)
    np.testing.assert_allclose(2 * half, reconstruction, atol=0.05)
    np.testing.assert_allclose(2 * half_latent, latent, atol=1e-4)


def test_fewer_frames_than_components_are_enough() -> None:
    components = principal_components([EARLIER[:5]])
    assert not components[5:].any()
    np.testing.assert_allclose(components[:5] @ components[:5].T, np.eye(5), atol=1e-4)


def test_no_frames_have_no_components() -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        principal_components([[]])


def test_a_camera_that_was_never_seen_has_the_shared_components() -> None:
    trained = PcaAlone().train([EARLIER], seed=1)
    found = trained.scorer([]).observe(part(0, LEARNING + LATER))
    np.testing.assert_array_equal(found, scores(TRAINED["pca"]))


@pytest.mark.training
@needs_training
@pytest.mark.parametrize("name", ["strided", "report"])
def test_training_makes_networks_that_score(name: str) -> None:
    from models.training.architectures.report_network import ReportNetwork, ReportTraining  # noqa: PLC0415 - Keras

    architecture: Architecture = (
        StridedAutoencoder(default_model(), TrainingSettings(epochs=1))
        if name == "strided"
        else ReportNetwork(ReportTraining(epochs=1))
    )
    images = list(EARLIER[:6])
    found = architecture.train([images, images], seed=1).scorer([]).observe(part(0, LEARNING + 32))
    assert np.isnan(found[:LEARNING]).all()
    assert np.isfinite(found[LEARNING:]).all()


@pytest.mark.training
@needs_training
def test_colours_hide_how_bright_the_beam_is() -> None:
    from models.training.architectures.report_network import coloured  # noqa: PLC0415 - it imports Keras

    images = EARLIER[:2]
    colours = np.asarray(coloured(images))
    assert colours.shape == (2, 102, 128, 3)
    assert colours.min() == 0.0
    assert colours.max() == 255.0
    np.testing.assert_allclose(np.asarray(coloured(images * np.float32(0.1))), colours, atol=0.01)


def test_every_architecture_of_the_catalogue_has_its_own_name() -> None:
    made = {
        name: make(default_model(), TrainingSettings()) for name, make in ARCHITECTURES.items() if name not in _HEAVY
    }
    assert [architecture.name for architecture in made.values()] == list(made)
    assert all(architecture.description for architecture in made.values())

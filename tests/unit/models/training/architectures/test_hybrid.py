"""Components of what a network leaves take the camera's own pattern off, and leave a fault."""

import numpy as np
import pytest
from numpy.typing import NDArray

from connectors.model_files import default_model
from models.records import IMAGE_SHAPE
from models.training.architectures.frame_cleaning import FrameCleaner
from models.training.architectures.hybrid import ResidualComponents, TrainedHybrid, residual_components
from models.training.architectures.strided_autoencoder import ScoringBundle
from tests.support.beam_camera import ProjectionNetwork, beam_frames, dark_frames, with_hot_spot

LEARNING, LATER, EARLIER = 300, 45, 40
ODD = LEARNING + 30
_ROWS, _COLUMNS = np.indices(IMAGE_SHAPE)
PATTERN = (np.sin(_COLUMNS / 2.0) * np.exp(-((_ROWS - 50) ** 2 + (_COLUMNS - 64) ** 2) / 200.0)).astype(np.float32)


def patterned(count: int, seed: int) -> NDArray[np.float32]:
    """Beams of the network's own kind, with a ripple of varying strength that it can't reconstruct."""
    draw = np.random.default_rng(seed)
    beam = 2000.0 * np.exp(-((_ROWS - 50) ** 2 + (_COLUMNS - 64) ** 2) / 288.0)
    strength = draw.normal(0.0, 80.0, (count, 1, 1))
    return np.asarray(beam + strength * PATTERN + draw.normal(0.0, 3.0, (count, *IMAGE_SHAPE)), np.float32)


def residuals(images: NDArray[np.float32], components: NDArray[np.float32]) -> NDArray[np.float32]:
    reconstruction, latent = np.empty_like(images), np.empty((len(images), 32), np.float32)
    ResidualComponents(ProjectionNetwork(), components).run(images, reconstruction, latent)
    return images - reconstruction


def test_the_components_are_orthonormal_and_take_off_what_later_frames_have_in_common() -> None:
    components = residual_components([patterned(80, 1), patterned(60, 2)], ProjectionNetwork(), 4)
    np.testing.assert_allclose(components @ components.T, np.eye(4), atol=1e-4)
    later = patterned(20, 3)
    left, before = residuals(later, components), residuals(later, components[:0])
    assert np.abs((left * PATTERN).sum(axis=(1, 2))).max() < 0.05 * np.abs((before * PATTERN).sum(axis=(1, 2))).max()
    assert left.std() == pytest.approx(3.0, rel=0.1)  # the noise stays


def test_few_frames_give_few_components() -> None:
    assert residual_components([patterned(9, 1)], ProjectionNetwork(), 60).shape == (2, 102 * 128)
    assert residual_components([[]], ProjectionNetwork(), 60).shape == (0, 102 * 128)


def test_a_hot_spot_is_the_oddest_frame() -> None:
    beam = beam_frames(LEARNING + LATER)
    beam[ODD] = with_hot_spot(beam[ODD], 600.0)
    frames, _ = FrameCleaner().clean(np.concatenate([dark_frames(60), beam]))
    earlier, _ = FrameCleaner().clean(np.concatenate([dark_frames(60), beam_frames(EARLIER, seed=5)]))
    hybrid = TrainedHybrid(ScoringBundle(default_model()), [earlier.cleaned], 8)
    scores = hybrid.scorer(earlier.cleaned).observe(frames)
    assert np.isnan(scores[:LEARNING]).all()
    assert int(np.nanargmax(scores)) == ODD
    assert scores[ODD] > 4.0

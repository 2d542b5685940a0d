"""Principal components instead of a network: linear, found in one step, of one camera or shared by all."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from models.images.autoencoder import LATENT_SIZE
from models.images.frame_scores import IMAGE_SCORES, FrameScores
from models.images.image_scores import ImageScores, ImageScoreSettings
from models.images.residual import Float32Array
from models.records import FULL_SCALE_COUNTS, IMAGE_SHAPE
from models.scoring.tail_probability import corrected
from models.training.architectures.rolling_scores import RollingScores
from models.training.time_split import Images

_PIXELS = IMAGE_SHAPE[0] * IMAGE_SHAPE[1]
# Fewer frames than these have not shown all the ways in which a beam changes: then the shared components are used.
_LEAST_OWN_FRAMES = 4 * LATENT_SIZE
# The components are found from at most so many frames (their products with each other are one matrix).
_MOST_FRAMES = 4_000
# Frames are added up in parts of so many.
_FRAMES_AT_ONCE = 256
_LEAST_BRIGHTNESS = 1e-3
_WITHOUT_MOMENTS = [row for row, name in enumerate(IMAGE_SCORES) if name not in {"moments", "steps"}]


class PrincipalComponents:
    """A ``Network`` of 32 components.

    It is homogeneous, as the autoencoder is: no mean is taken off, and a frame counts by its shape, not by its
    brightness. Half the light gives half the latent vector and half the reconstruction.

    Parameters
    ----------
    components
        float32, shape (32, 13056): orthonormal rows.
    """

    def __init__(self, components: NDArray[np.float32], *, name: str = "pca") -> None:
        self.name = name
        self._components = np.ascontiguousarray(components)

    @property
    def components(self) -> NDArray[np.float32]:
        """The rows, the most important one first."""
        return self._components

    def run(self, images: Float32Array, reconstruction: Float32Array, latent: Float32Array) -> None:
        """As ``Autoencoder.run``; frame by frame, so that a result depends on its own frame alone."""
        scale = np.float32(1.0 / FULL_SCALE_COUNTS)
        for image, model, vector in zip(images, reconstruction, latent, strict=True):
            amounts = self._components @ image.ravel()
            vector[:] = amounts * scale
            model[:] = (amounts @ self._components).reshape(IMAGE_SHAPE)


def principal_components(cameras: Sequence[Images]) -> NDArray[np.float32]:
    """The 32 directions that explain most of the frames of all cameras, each frame scaled to the same brightness.

    Returns
    -------
    ndarray
        float32, shape (32, 13056): orthonormal rows; with fewer frames than components the last rows are zeros.

    Raises
    ------
    ValueError
        If there is no frame.
    """
    frames = _evenly(cameras)
    if not len(frames):
        raise ValueError("principal components need at least one frame")
    gram = np.zeros((len(frames), len(frames)))
    for start in range(0, _PIXELS, _FRAMES_AT_ONCE):
        part = frames[:, start : start + _FRAMES_AT_ONCE].astype(np.float64)
        gram += part @ part.T
    count = min(LATENT_SIZE, len(frames))
    values, vectors = linalg.eigh(gram, subset_by_index=(len(frames) - count, len(frames) - 1))
    some = values[::-1] > 1e-9 * values[-1]
    weights = vectors[:, ::-1] / np.sqrt(np.where(some, values[::-1], np.inf))
    components = np.zeros((LATENT_SIZE, _PIXELS), np.float32)
    components[:count] = weights.T.astype(np.float32) @ frames
    return components


def _evenly(cameras: Sequence[Images]) -> NDArray[np.float32]:
    """Frames of all cameras, the same part of each, scaled to one brightness: float32, shape (n, 13056)."""
    total = sum(map(len, cameras))
    every = max(-(-total // _MOST_FRAMES), 1)
    chosen: list[Iterable[Float32Array]] = [images[::every] for images in cameras]
    rows = [np.asarray(image, np.float32).ravel() for images in chosen for image in images]
    frames = np.array(rows, np.float32).reshape(-1, _PIXELS)
    brightness = np.sqrt((frames * frames).mean(axis=1)) / FULL_SCALE_COUNTS + _LEAST_BRIGHTNESS
    frames /= brightness[:, np.newaxis].astype(np.float32)
    return frames


class WithoutMoments:
    """``ImageScores`` whose distances of moments and of their steps are left out of a frame's probability.

    It still helps to tell the odd frames of the learning phase.
    """

    def __init__(self, scores: ImageScores) -> None:
        self._scores = scores
        self.hold = scores.hold
        self.learn = scores.learn

    @property
    def learning(self) -> bool:
        """As of the scores."""
        return self._scores.learning

    @property
    def room(self) -> int:
        """As of the scores."""
        return self._scores.room

    def score(self, cleaned: Float32Array, features: NDArray[np.float64]) -> FrameScores:
        """Score frames by residual and latent vector."""
        scores = self._scores.score(cleaned, features)
        smallest = scores.probabilities[_WITHOUT_MOMENTS].min(axis=0)
        # Corrected for the number of all scores; what is left counts for its own number.
        part = len(_WITHOUT_MOMENTS) / len(IMAGE_SCORES)
        return replace(scores, probability=corrected(smallest, part))


class TrainedComponents:
    """A ``TrainedArchitecture``: the components of the camera's own frames where there are enough, else shared ones."""

    def __init__(self, shared: NDArray[np.float32]) -> None:
        self.shared = shared

    def scorer(self, earlier: Images) -> RollingScores[Any]:
        """The scoring of the watch, without moments, on the residual and the latent vector of the components."""
        own = len(earlier) >= _LEAST_OWN_FRAMES
        network = PrincipalComponents(principal_components([earlier]) if own else self.shared)
        return RollingScores(WithoutMoments(ImageScores(ImageScoreSettings(), network, {})))


class PcaAlone:
    """An ``Architecture`` without a learning framework."""

    name = "pca"
    description = "32 principal components of the camera's own frames; residual and latent scores, no moments"

    def train(self, cameras: Sequence[Images], *, seed: int) -> TrainedComponents:  # noqa: ARG002 - nothing is random
        """Find the components of all cameras together."""
        return TrainedComponents(principal_components(cameras))

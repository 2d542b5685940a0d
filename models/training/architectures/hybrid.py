"""The autoencoder, then principal components of what it leaves of a camera's own frames."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.images.image_scores import ImageScores, ImageScoreSettings, Network
from models.images.residual import Float32Array
from models.records import IMAGE_SHAPE
from models.training.architectures.rolling_scores import RollingScores
from models.training.architectures.strided_autoencoder import ScoringBundle, StridedAutoencoder
from models.training.time_split import Images

#: Components of a camera's residual.
COMPONENTS = 60
_PIXELS = IMAGE_SHAPE[0] * IMAGE_SHAPE[1]
# Components come from so many frames each, at least: from fewer they are the noise of these very frames.
_FRAMES_PER_COMPONENT = 4
_MOST_FRAMES = 1_000
_LATENT_SIZE = 32
_FRAMES_AT_ONCE = 32


class ResidualComponents:
    """A ``Network`` whose reconstruction is completed by the components of one camera's residual.

    They are added in full, unlike ``LatentCorrection``, which follows the latent vector and is limited: what of a fault
    lies along a component is taken off with it. It is homogeneous, as the network is.

    Parameters
    ----------
    network
        What is completed.
    components
        float32, shape (k, 13056): orthonormal rows.
    """

    def __init__(self, network: Network, components: NDArray[np.float32]) -> None:
        self.name = f"{network.name}-residual-pca"
        self._network = network
        self._components = np.ascontiguousarray(components)

    def run(self, images: Float32Array, reconstruction: Float32Array, latent: Float32Array) -> None:
        """As ``Autoencoder.run``; the components frame by frame, so that a result depends on its own frame alone."""
        self._network.run(images, reconstruction, latent)
        for image, model in zip(images, reconstruction, strict=True):
            amounts = self._components @ (image - model).ravel()
            np.add(model, (amounts @ self._components).reshape(IMAGE_SHAPE), out=model)


def residual_components(cameras: Sequence[Images], network: Network, count: int) -> NDArray[np.float32]:
    """The directions that explain most of what a network leaves of normal frames, each frame of the same brightness.

    The mean residual is not taken off: half the light leaves half of it.

    Returns
    -------
    ndarray
        float32, shape (k, 13056): orthonormal rows; k is ``count``, or less with less than four frames for each.
    """
    rows = _relative_residuals(cameras, network)
    count = min(count, len(rows) // _FRAMES_PER_COMPONENT)
    if count == 0:
        return np.zeros((0, _PIXELS), np.float32)
    gram = rows.astype(np.float64) @ rows.T.astype(np.float64)
    values, vectors = np.linalg.eigh(gram)
    largest = slice(-1, -count - 1, -1)
    scale = np.sqrt(np.maximum(values[largest], np.finfo(np.float64).tiny))
    return np.asarray((vectors[:, largest] / scale).T, np.float32) @ rows


def _relative_residuals(cameras: Sequence[Images], network: Network) -> NDArray[np.float32]:
    """Residuals of frames of all cameras, the same part of each, relative to the frame: float32, shape (n, 13056)."""
    every = max(-(-sum(map(len, cameras)) // _MOST_FRAMES), 1)
    frames = [image for images in cameras for image in images[::every]]
    rows = np.empty((len(frames), _PIXELS), np.float32)
    for start in range(0, len(frames), _FRAMES_AT_ONCE):
        images = np.stack(frames[start : start + _FRAMES_AT_ONCE])
        reconstruction, latent = np.empty_like(images), np.empty((len(images), _LATENT_SIZE), np.float32)
        network.run(images, reconstruction, latent)
        brightness = np.sqrt((images * images).mean(axis=(1, 2), keepdims=True)) + np.float32(1.0)
        rows[start : start + len(images)] = ((images - reconstruction) / brightness).reshape(len(images), -1)
    return rows


class TrainedHybrid:
    """A ``TrainedArchitecture``: components of the camera's own residual, of all cameras' for one that is not known."""

    def __init__(self, bundle: ScoringBundle, cameras: Sequence[Images], count: int = COMPONENTS) -> None:
        self._bundle = bundle.bundle
        self._count = count
        self._shared = residual_components(cameras, self._bundle.autoencoder(), count)

    def scorer(self, earlier: Images) -> RollingScores[Any]:
        """The scoring of the watch on what is left."""
        network = self._bundle.autoencoder()
        own = len(earlier) >= self._count * _FRAMES_PER_COMPONENT
        components = residual_components([earlier], network, self._count) if own else self._shared
        completed = ResidualComponents(network, components)
        return RollingScores(ImageScores(ImageScoreSettings(), completed, dict(self._bundle.seeds)))


class Hybrid:
    """An ``Architecture``: the strided autoencoder, trained as it is trained alone, then the components."""

    name = "hybrid"
    description = f"strided autoencoder, then {COMPONENTS} principal components of its residual, per camera"

    def __init__(self, strided: StridedAutoencoder) -> None:
        self._strided = strided

    def train(self, cameras: Sequence[Images], *, seed: int) -> TrainedHybrid:
        """Train the network, then find the components that all cameras share."""
        return TrainedHybrid(self._strided.train(cameras, seed=seed), cameras)

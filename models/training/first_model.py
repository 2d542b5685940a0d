"""What a model that is there already finds odd: such frames are not learned by the next one."""

import numpy as np
from numpy.typing import NDArray

from models.images.autoencoder import LATENT_SIZE
from models.images.image_scores import Network
from models.images.reference_maps import MapSettings, ReferenceMaps
from models.images.residual import SCALES
from models.training.frame_sample import Float32Array, neighbourhoods

# A residual score is beyond the usual when its logarithm lies so many robust sigmas above the median.
_LIMIT = 6.0
_SIGMA_PER_MAD = 1.4826
# A largest z from some hundred frames is no more certain than this, as a logarithm.
_SIGMA_FLOOR = 0.1
_LEAST_SCORE = 1e-9
# Fewer frames than these have no usual residual.
_LEAST_FRAMES = 8


def outliers(images: list[Float32Array], network: Network) -> NDArray[np.bool_]:
    """Which of a camera's frames have a residual that is far beyond that of the frames around them in time.

    The residual is taken against its median map, in sigmas of every pixel, on all scales, as the watch does it; the
    largest of each scale must lie within a robust limit. Less than half of the frames may be odd.

    Parameters
    ----------
    images
        float32, shape (102, 128) each, cleaned counts, in the order of time.
    network
        The model in use.

    Returns
    -------
    ndarray
        bool, shape (n,); no frame of fewer than 8 is an outlier, one that is not finite always is.
    """
    odd = np.zeros(len(images), np.bool_)
    if len(images) < _LEAST_FRAMES:
        return odd
    for here, around in neighbourhoods(len(images)):
        cleaned = np.stack(images[around])
        reconstruction = reconstructed(cleaned, network)
        maps = ReferenceMaps(MapSettings())
        finite: NDArray[np.bool_] = np.asarray(np.isfinite(cleaned).all(axis=(1, 2)))
        if not finite.any():
            odd[here] = True
            continue
        maps.start(cleaned[finite], reconstruction[finite], 0.0)
        scores = maps.scores(cleaned, reconstruction)[:, :, :2].reshape(-1, 2 * SCALES)
        beyond = _beyond(np.log(np.maximum(scores, _LEAST_SCORE)), finite)
        odd[here] = beyond[here.start - around.start : here.stop - around.start]
    return odd


def reconstructed(cleaned: Float32Array, network: Network) -> Float32Array:
    """The reconstructions of frames: float32, shape (n, 102, 128), counts."""
    reconstruction = np.empty(cleaned.shape, np.float32)
    network.run(cleaned, reconstruction, np.empty((len(cleaned), LATENT_SIZE), np.float32))
    return reconstruction


def _beyond(logs: NDArray[np.float64], finite: NDArray[np.bool_]) -> NDArray[np.bool_]:
    median = np.median(logs[finite], axis=0)
    sigma = np.maximum(_SIGMA_PER_MAD * np.median(np.abs(logs[finite] - median), axis=0), _SIGMA_FLOOR)
    inside: NDArray[np.bool_] = (logs <= median + _LIMIT * sigma).all(axis=1) & finite
    return ~inside

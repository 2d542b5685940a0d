"""Patch statistics beside the scores of the watch: a Gaussian of small features at every place of the residual.

In the manner of PaDiM (Defard et al. 2021, "PaDiM: a patch distribution modeling framework for anomaly detection and
localization", ICPR workshops), with features that cost little: how much the residual in sigmas varies within a patch on
three scales, and its mean. A frame's score is the largest distance of its patches.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.compilation import kernel
from models.images.frame_scores import FrameScores
from models.images.image_scores import GROUP_FRAMES, ImageScores, ImageScoreSettings
from models.images.residual import WHITE_NOISE_PARTS, Float32Array, smooth
from models.records import IMAGE_SHAPE
from models.scoring.tail_probability import TailProbability, corrected
from models.training.architectures.rolling_scores import RollingScores
from models.training.architectures.strided_autoencoder import ScoringBundle, StridedAutoencoder
from models.training.time_split import Images

#: Patches of 8 x 8 pixels; six rows at the frame's edges are in none.
PATCH_ROWS, PATCH_COLUMNS = 12, 16
PATCHES = PATCH_ROWS * PATCH_COLUMNS
#: Logarithms of the mean square on three scales, and the mean in sigmas of a mean.
PATCH_FEATURES = 4

_SIDE, _TOP = 8, 3
# Added to a mean square, so that patches without light have no wild logarithms.
_LEAST_SQUARE = np.float32(0.1)
_TIME_CONSTANT_FRAMES = 1000.0
# Towards the variances alone, in frames.
_SHRINKAGE_FRAMES = 5.0
_LEAST_VARIANCE = 1e-3
# One over what one smoothing leaves of the variance of white noise, and two (the sum of the squared binomials of 8).
_FINE_PART, _MIDDLE_PART = np.float32(1.0 / WHITE_NOISE_PARTS[1]), np.float32(1.0 / (12870 / 2**16) ** 2)


@kernel()
def _features(residual: Float32Array, out: Float32Array) -> None:
    """Write the features of each frame's patches, float32, (n, 192, 4), from its residual in sigmas, (n, 102, 128)."""
    fine, middle = np.empty(IMAGE_SHAPE, np.float32), np.empty(IMAGE_SHAPE, np.float32)
    number = np.float32(_SIDE * _SIDE)
    for frame in range(len(residual)):
        smooth(residual[frame], fine)
        smooth(fine, middle)
        for patch in range(PATCHES):
            top, left = _TOP + _SIDE * (patch // PATCH_COLUMNS), _SIDE * (patch % PATCH_COLUMNS)
            sharp = smoothed = coarse = total = np.float32(0.0)
            for y in range(top, top + _SIDE):
                for x in range(left, left + _SIDE):
                    value = residual[frame, y, x]
                    total += value
                    sharp += value * value
                    smoothed += fine[y, x] * fine[y, x]
                    coarse += middle[y, x] * middle[y, x]
            out[frame, patch, 0] = np.log(sharp / number + _LEAST_SQUARE)
            out[frame, patch, 1] = np.log(_FINE_PART * smoothed / number + _LEAST_SQUARE)
            out[frame, patch, 2] = np.log(_MIDDLE_PART * coarse / number + _LEAST_SQUARE)
            out[frame, patch, 3] = total / np.float32(_SIDE)


def patch_features(residual: Float32Array) -> Float32Array:
    """The features of all patches, float32, shape (n, 192, 4), of residuals in sigmas, float32, shape (n, 102, 128)."""
    out = np.empty((len(residual), PATCHES, PATCH_FEATURES), np.float32)
    _features(residual, out)
    return out


class PatchGaussians:
    """A rolling mean and covariance at each of 192 places: 31 kB, whatever the number of frames."""

    def __init__(self) -> None:
        self._weight = 0.0
        self._mean = np.zeros((PATCHES, PATCH_FEATURES))
        self._covariance = np.zeros((PATCHES, PATCH_FEATURES, PATCH_FEATURES))
        self._whitening = self._covariance.copy()

    @property
    def ready(self) -> bool:
        """Whether a distance means something."""
        return self._weight >= 2 * GROUP_FRAMES

    def largest_distances(self, features: Float32Array) -> NDArray[np.float64]:
        """The largest distance of each frame's patches, float64, shape (n,); infinity for one that is not finite."""
        whitened = np.einsum("pij,npj->npi", self._whitening, features - self._mean)
        largest = np.sqrt((whitened**2).sum(axis=2)).max(axis=1)
        return np.where(np.isfinite(largest), largest, np.inf)

    def learn(self, features: Float32Array) -> None:
        """Follow normal frames at once."""
        count = len(features)
        if not count:
            return
        self._weight = self._weight * float(np.exp(-count / _TIME_CONSTANT_FRAMES)) + count
        part = count / self._weight
        deviations = features - self._mean
        shift = part * deviations.mean(axis=0)
        products = np.einsum("npi,npj->pij", deviations, deviations) / count
        self._covariance = (1.0 - part) * self._covariance + part * products - shift[:, :, None] * shift[:, None, :]
        self._mean = self._mean + shift
        variances = np.maximum(np.diagonal(self._covariance, axis1=1, axis2=2), _LEAST_VARIANCE)
        believed = self._covariance * (self._weight / (self._weight + _SHRINKAGE_FRAMES))
        believed[:, range(PATCH_FEATURES), range(PATCH_FEATURES)] = variances
        self._whitening = np.linalg.inv(np.linalg.cholesky(believed))


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchScores:
    """What the watch says of n frames, the features of their patches, logarithms of their distances, probabilities."""

    of_watch: FrameScores
    features: Float32Array
    logs: NDArray[np.float64]
    probability: NDArray[np.float64]


class PatchReferences:
    """The scoring of the watch and the patches, in the steps of ``ImageScores``.

    The patches learn once the watch scores. As long as their tail is not known, the watch is alone.
    """

    def __init__(self, scores: ImageScores, settings: ImageScoreSettings) -> None:
        self._scores = scores
        self._patches = PatchGaussians()
        self._tail = TailProbability(settings.tail)
        self._waiting: list[Float32Array] = []
        self.hold = scores.hold

    @property
    def learning(self) -> bool:
        """As of the scores."""
        return self._scores.learning

    @property
    def room(self) -> int:
        """As of the scores."""
        return self._scores.room

    def score(self, cleaned: Float32Array, features: NDArray[np.float64]) -> PatchScores:
        """Score frames by the watch and by their patches; the smaller probability counts, corrected for both."""
        of_watch = self._scores.score(cleaned, features)
        pairs = zip(cleaned, of_watch.reconstruction, strict=True)
        of_patches = patch_features(np.stack([self._scores.z_map(image, model) for image, model in pairs]))
        logs = np.full(len(cleaned), np.nan)
        if self._patches.ready:
            logs = np.log(np.maximum(self._patches.largest_distances(of_patches), 1e-9))
        probability = of_watch.probability
        if self._tail.ready:
            probability = corrected(np.minimum(probability, self._tail.p_values(logs)), 2)
        return PatchScores(of_watch=of_watch, features=of_patches, logs=logs, probability=probability)

    def learn(
        self,
        scores: PatchScores,
        cleaned: Float32Array,
        keep: NDArray[np.bool_],
        noise_counts: float,
        *,
        forget: bool = False,
    ) -> None:
        """Learn from the marked frames; the patches at the end of their group of 32."""
        self._scores.learn(scores.of_watch, cleaned, keep, noise_counts, forget=forget)
        self._waiting.append(scores.features[keep])
        self._tail.learn(scores.logs[keep & np.isfinite(scores.logs)])
        if self._scores.room == GROUP_FRAMES:
            self._patches.learn(np.concatenate(self._waiting))
            self._waiting = []
            self._tail.refit()


@dataclass(frozen=True, slots=True)
class PatchBundle:
    """A ``TrainedArchitecture``: a model of the watch; the patches learn each camera as it is watched."""

    scoring: ScoringBundle

    def scorer(self, earlier: Images) -> RollingScores[Any]:  # noqa: ARG002 - a camera learns as it is watched
        """A scorer that learns from the first frames."""
        bundle, settings = self.scoring.bundle, ImageScoreSettings()
        scores = ImageScores(settings, bundle.autoencoder(), dict(bundle.seeds))
        return RollingScores(PatchReferences(scores, settings))


class PatchStatistics:
    """An ``Architecture``: the strided autoencoder, trained as it is trained alone, and the patches beside it."""

    name = "patches"
    description = "strided autoencoder, and a Gaussian of patch features at every place (as PaDiM)"

    def __init__(self, strided: StridedAutoencoder) -> None:
        self._strided = strided

    def shipped(self) -> PatchBundle:
        """With the model that is there, without any training."""
        return PatchBundle(self._strided.shipped())

    def train(self, cameras: Sequence[Images], *, seed: int) -> PatchBundle:
        """Train the network."""
        return PatchBundle(self._strided.train(cameras, seed=seed))

"""The network of the report that came before, exactly as it is written there (the reference, section 3.6).

It is here for the record. Its images are coloured by a map that is scaled to each image's own least and largest value,
so how bright the beam is can't be seen any more; and its inputs are 0..255, which a sigmoid can't give back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray

from models.images.image_scores import ImageScoreSettings
from models.records import IMAGE_SHAPE
from models.scoring.tail_probability import TailProbability, TailSettings, score_of
from models.training.architectures.architecture import BeamFrames
from models.training.time_split import Images

_FILTERS, _LATENT, _COLOURS = 16, 4, 3
_NEGATIVE_SLOPE = 0.2
_LARGEST_COLOUR = 255.0
_LEARNING_RATE, _DECAY, _DECAY_STEPS, _PATIENCE = 0.01, 0.96, 20, 10
_FRAMES_AT_ONCE = 32
# The part of the frames that validated: 1,394 of 13,941.
_VALIDATION_SHARE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportTraining:
    """How much of the report's training is done.

    Attributes
    ----------
    frames
        At most so many frames of all cameras together (the report had 13,941).
    epochs
        At most so many epochs (the report saw overfitting after about 7).
    batch_frames
        Frames per step; the report doesn't say.
    """

    frames: int = 600
    epochs: int = 10
    batch_frames: int = 32


def coloured(cleaned: NDArray[np.float32]) -> NDArray[np.float32]:
    """Images in the colours of the map "jet", scaled to each image's own least and largest value.

    Parameters
    ----------
    cleaned
        float32, shape (n, 102, 128).

    Returns
    -------
    ndarray
        float32, shape (n, 102, 128, 3), 0..255.
    """
    least = cleaned.min(axis=(1, 2), keepdims=True)
    span = np.maximum(cleaned.max(axis=(1, 2), keepdims=True) - least, np.float32(1e-6))
    value = 4.0 * (cleaned - least) / span
    channels = [np.clip(1.5 - np.abs(value - middle), 0.0, 1.0) for middle in (3.0, 2.0, 1.0)]
    return (_LARGEST_COLOUR * np.stack(channels, axis=-1)).astype(np.float32)


def build_report_network() -> Any:
    """The network: one convolution, a latent vector of four, two transposed convolutions, a sigmoid; no strides."""
    image = keras.Input((*IMAGE_SHAPE, _COLOURS))
    values = layers.Conv2D(_FILTERS, 3, padding="same")(image)
    values = layers.BatchNormalization()(layers.LeakyReLU(negative_slope=_NEGATIVE_SLOPE)(values))
    latent = layers.Dense(_LATENT)(layers.Flatten()(values))
    values = layers.Dense(int(np.prod(IMAGE_SHAPE)) * _FILTERS)(latent)
    values = layers.Conv2DTranspose(_FILTERS, 3, padding="same")(layers.Reshape((*IMAGE_SHAPE, _FILTERS))(values))
    values = layers.BatchNormalization()(layers.LeakyReLU(negative_slope=_NEGATIVE_SLOPE)(values))
    values = layers.Conv2DTranspose(_COLOURS, 3, padding="same")(values)
    return keras.Model(image, layers.Activation("sigmoid")(values))


class FrozenScores:
    """A ``CameraScorer``: the sum of absolute differences, and a tail that the first 300 frames give, once."""

    def __init__(self, reconstruct: Any) -> None:
        self._reconstruct = reconstruct
        self._learning_frames = ImageScoreSettings().learning_frames
        self._tail = TailProbability(TailSettings())
        self._frames = 0

    def observe(self, frames: BeamFrames) -> NDArray[np.float64]:
        """The scores of the next frames (see ``CameraScorer``)."""
        differences = np.empty(len(frames.cleaned))
        for start in range(0, len(differences), _FRAMES_AT_ONCE):
            images = coloured(frames.cleaned[start : start + _FRAMES_AT_ONCE])
            differences[start : start + len(images)] = self._differences(images)
        found = np.full(len(differences), np.nan)
        left = min(max(self._learning_frames - self._frames, 0), len(differences))
        self._frames += len(differences)
        self._tail.learn(differences[:left])
        if left and self._frames >= self._learning_frames:
            self._tail.refit()
        found[left:] = score_of(self._tail.p_values(differences[left:]))
        return found

    def _differences(self, images: NDArray[np.float32]) -> NDArray[np.float64]:
        """Always of as many images at once, so that a frame's result does not depend on those beside it."""
        given = np.zeros((_FRAMES_AT_ONCE, *images.shape[1:]), np.float32)
        given[: len(images)] = images
        reconstruction = self._reconstruct(given).numpy()[: len(images)]
        difference = np.abs(images - reconstruction)
        return np.asarray(difference.sum(axis=(1, 2, 3), dtype=np.float64), np.float64)


class TrainedReportNetwork:
    """A ``TrainedArchitecture``."""

    def __init__(self, network: Any) -> None:
        self._reconstruct = tf.function(lambda images: network(images, training=False))

    def scorer(self, earlier: Images) -> FrozenScores:  # noqa: ARG002 - its threshold comes from what is watched
        """A scorer whose statistics stand still after the first 300 frames."""
        return FrozenScores(self._reconstruct)


class ReportNetwork:
    """An ``Architecture``."""

    name = "report"
    description = "the earlier report's network as written, latent 4; sum of absolute differences, frozen"

    def __init__(self, training: ReportTraining | None = None) -> None:
        self._training = training or ReportTraining()

    def train(self, cameras: Sequence[Images], *, seed: int) -> TrainedReportNetwork:
        """Train by the mean absolute error; the last tenth of each camera's frames validates, the best weights stay."""
        keras.utils.set_random_seed(seed)
        every = max(-(-sum(map(len, cameras)) // self._training.frames), 1)
        chosen = [np.stack(list(images[::every])) for images in cameras if len(images)]
        cut = [max(len(images) - max(round(len(images) * _VALIDATION_SHARE), 1), 1) for images in chosen]
        earlier = coloured(np.concatenate([images[:end] for images, end in zip(chosen, cut, strict=True)]))
        later = coloured(np.concatenate([images[end:] for images, end in zip(chosen, cut, strict=True)]))
        network = build_report_network()
        rate = keras.optimizers.schedules.ExponentialDecay(_LEARNING_RATE, _DECAY_STEPS, _DECAY, staircase=True)
        network.compile(keras.optimizers.Adam(rate), loss="mean_absolute_error")
        network.fit(
            earlier,
            earlier,
            validation_data=(later, later) if len(later) else None,
            epochs=self._training.epochs,
            batch_size=self._training.batch_frames,
            callbacks=[keras.callbacks.EarlyStopping(patience=_PATIENCE, restore_best_weights=True)],
            verbose=0,
        )
        return TrainedReportNetwork(network)

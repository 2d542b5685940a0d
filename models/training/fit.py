"""The training loop: frames of several cameras in, the weights that did best on later frames out."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models.records import FULL_SCALE_COUNTS, IMAGE_SHAPE
from models.training.network import NEGATIVE_SLOPE, build_network
from models.training.onnx_export import export_onnx
from models.training.settings import TrainingSettings

_LAST_LEARNING_RATE = 0.01  # of the first
# Added to the root mean square of a frame, in full scales: a frame of noise alone doesn't outweigh all beams.
_LEAST_BRIGHTNESS = 1e-3

Frames = Sequence[NDArray[np.float32]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedNetwork:
    """What a training run gave.

    Attributes
    ----------
    onnx
        The network with the best weights.
    epochs
        How many were run, and after which one (``best_epoch``) the weights were best; 0 when the given ones were.
    validation_error
        Of the best weights: the mean, over frames later than all that were trained on, of the root mean square of
        the residual against that of the frame, a part of 1.
    start_error
        The same of the weights that training began with.
    """

    onnx: bytes
    epochs: int
    best_epoch: int
    validation_error: float
    start_error: float
    training_frames: int
    validation_frames: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochReport:
    """How far a training run is; both errors are as in ``TrainedNetwork``."""

    epoch: int
    epochs: int
    training_error: float
    validation_error: float


def train_network(
    cameras: Frames,
    settings: TrainingSettings,
    *,
    start_weights: Sequence[NDArray[np.float32]] | None = None,
    progress: Callable[[EpochReport], None] = lambda _: None,
) -> TrainedNetwork:
    """Train one network for all cameras.

    The last frames of every camera are for validation only, so that the kept weights are those that did best on
    frames later than the ones they learned from. The error of a frame is relative to its brightness: a dim camera
    counts as much as a bright one.

    Parameters
    ----------
    cameras
        One array per camera, in the order of time: float32, shape (n, 102, 128), cleaned counts, n >= 2.
    start_weights
        Go on from these (``models.training.onnx_export.weights_of``), else start anew.
    progress
        Called after every epoch.

    Raises
    ------
    ValueError
        If no camera has two frames.
    """
    cut = [len(frames) - max(int(len(frames) * settings.validation_share), 1) for frames in cameras]
    training = _Batches([frames[:end] for frames, end in zip(cameras, cut, strict=True)], settings, shuffle=True)
    validation = _Batches([frames[end:] for frames, end in zip(cameras, cut, strict=True)], settings, shuffle=False)
    if not training.frames or not validation.frames:
        raise ValueError("training needs at least two frames of one camera")
    keras.utils.set_random_seed(settings.seed)
    tf.config.experimental.enable_op_determinism()
    network = build_network()
    if start_weights is not None:
        network.set_weights(list(start_weights))
    rate = keras.optimizers.schedules.CosineDecay(
        settings.learning_rate, settings.epochs * len(training), alpha=_LAST_LEARNING_RATE
    )
    network.compile(keras.optimizers.Adam(rate), loss=_relative_square, metrics=[_relative_error])
    start = network.evaluate(validation, return_dict=True, verbose=0)
    best = keras.callbacks.EarlyStopping(patience=settings.patience_epochs, restore_best_weights=True)
    report = _Reporter(settings.epochs, progress)
    history = network.fit(
        training, validation_data=validation, epochs=settings.epochs, callbacks=[best, report], verbose=0
    )
    losses, errors = history.history["val_loss"], history.history["val__relative_error"]
    best_epoch = int(np.argmin(losses)) + 1
    if start_weights is not None and min(losses) >= start["loss"]:
        network.set_weights(list(start_weights))
        best_epoch = 0
    return TrainedNetwork(
        onnx=export_onnx(network.get_weights(), negative_slope=NEGATIVE_SLOPE),
        epochs=len(losses),
        best_epoch=best_epoch,
        validation_error=float([start["_relative_error"], *errors][best_epoch]),
        start_error=float(start["_relative_error"]),
        training_frames=training.frames,
        validation_frames=validation.frames,
    )


class _Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches gathered from the cameras' arrays (no second copy of all frames), in full scales."""

    def __init__(self, cameras: Frames, settings: TrainingSettings, *, shuffle: bool) -> None:
        super().__init__(workers=1)
        self._cameras = cameras
        places = [(camera, frame) for camera, frames in enumerate(cameras) for frame in range(len(frames))]
        self._places = np.array(places, np.int64).reshape(-1, 2)
        self._size = settings.batch_frames
        self._random = np.random.default_rng(settings.seed) if shuffle else None
        self.frames = len(places)
        self.on_epoch_end()

    def __len__(self) -> int:
        return math.ceil(self.frames / self._size)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        places = self._places[index * self._size : (index + 1) * self._size]
        batch = np.empty((len(places), *IMAGE_SHAPE), np.float32)
        for row, (camera, frame) in enumerate(places):
            np.multiply(self._cameras[camera][frame], np.float32(1.0 / FULL_SCALE_COUNTS), out=batch[row])
        return batch, batch

    def on_epoch_end(self) -> None:
        if self._random is not None:
            self._random.shuffle(self._places)


class _Reporter(keras.callbacks.Callback):  # type: ignore[misc]
    def __init__(self, epochs: int, progress: Callable[[EpochReport], None]) -> None:
        super().__init__()
        self._epochs = epochs
        self._progress = progress

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        errors = logs or {}
        self._progress(
            EpochReport(
                epoch=epoch + 1,
                epochs=self._epochs,
                training_error=float(errors["_relative_error"]),
                validation_error=float(errors["val__relative_error"]),
            )
        )


def _mean_square(image: Any) -> Any:
    return keras.ops.mean(keras.ops.square(image), axis=(1, 2))


def _relative_square(image: Any, reconstruction: Any) -> Any:
    """Mean square of the residual against that of the frame: what is minimised."""
    brightness = keras.ops.square(keras.ops.sqrt(_mean_square(image)) + _LEAST_BRIGHTNESS)
    return _mean_square(image - reconstruction) / brightness


def _relative_error(image: Any, reconstruction: Any) -> Any:
    return keras.ops.sqrt(_relative_square(image, reconstruction))

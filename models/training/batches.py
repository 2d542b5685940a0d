"""Frames of several cameras as the batches of a learning framework, and the error that is minimised."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from models.records import FULL_SCALE_COUNTS, IMAGE_SHAPE
from models.training.gain import LEAST_BRIGHTNESS
from models.training.settings import TrainingSettings
from models.training.time_split import Images


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches gathered from the cameras' images (no second copy of all frames), in full scales.

    With ``shuffle`` the order of an epoch follows from the seed and the epoch's number alone, so that a training that
    was interrupted goes on in the same order.
    """

    def __init__(self, cameras: Sequence[Images], settings: TrainingSettings, *, shuffle: bool) -> None:
        super().__init__(workers=1)
        self._cameras = cameras
        places = [(camera, frame) for camera, frames in enumerate(cameras) for frame in range(len(frames))]
        self._all_places = self._places = np.array(places, np.int64).reshape(-1, 2)
        self._size = settings.batch_frames
        self._seed = settings.seed
        self._shuffle = shuffle
        self.frames = len(places)

    def begin_epoch(self, epoch: int) -> None:
        """Take the order of this epoch (0 is the first)."""
        if self._shuffle:
            order = np.random.default_rng([self._seed, epoch]).permutation(self.frames)
            self._places = self._all_places[order]

    def __len__(self) -> int:
        return math.ceil(self.frames / self._size)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        places = self._places[index * self._size : (index + 1) * self._size]
        batch = np.empty((len(places), *IMAGE_SHAPE), np.float32)
        for row, (camera, frame) in enumerate(places):
            np.multiply(self._cameras[camera][frame], np.float32(1.0 / FULL_SCALE_COUNTS), out=batch[row])
        return batch, batch


def relative_square(image: Any, reconstruction: Any) -> Any:
    """Mean square of the residual against that of the frame: what is minimised."""
    brightness = keras.ops.square(keras.ops.sqrt(_mean_square(image)) + LEAST_BRIGHTNESS)
    return _mean_square(image - reconstruction) / brightness


def relative_error(image: Any, reconstruction: Any) -> Any:
    """The root of it: the same as ``models.training.gain.frame_errors``."""
    return keras.ops.sqrt(relative_square(image, reconstruction))


def _mean_square(image: Any) -> Any:
    return keras.ops.mean(keras.ops.square(image), axis=(1, 2))

"""Frames of several cameras as the batches of a learning framework, and the error that is minimised."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from models.records import FULL_SCALE_COUNTS, IMAGE_SHAPE
from models.training.gain import LEAST_BRIGHTNESS
from models.training.settings import TrainingSettings
from models.training.time_split import Images

#: Spoils copies of frames (n, 102, 128), in full scales, by what it draws.
Corruption = Callable[[NDArray[np.float32], Generator], NDArray[np.float32]]


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches gathered from the cameras' images (no second copy of all frames), in full scales.

    With ``shuffle`` the order of an epoch follows from the seed and the epoch's number alone, so that a training that
    was interrupted goes on in the same order. With a ``corruption`` the frames are given spoiled, to be restored: other
    ones in every epoch, and without ``shuffle`` the same in all.
    """

    def __init__(
        self,
        cameras: Sequence[Images],
        settings: TrainingSettings,
        *,
        shuffle: bool,
        corruption: Corruption | None = None,
    ) -> None:
        super().__init__(workers=1)
        self._cameras = cameras
        places = [(camera, frame) for camera, frames in enumerate(cameras) for frame in range(len(frames))]
        self._all_places = self._places = np.array(places, np.int64).reshape(-1, 2)
        self._size = settings.batch_frames
        self._seed = settings.seed
        self._shuffle = shuffle
        self._corruption = corruption
        self._epoch = 0
        self.frames = len(places)

    def begin_epoch(self, epoch: int) -> None:
        """Take the order of this epoch (0 is the first)."""
        if self._shuffle:
            self._epoch = epoch
            order = np.random.default_rng([self._seed, epoch]).permutation(self.frames)
            self._places = self._all_places[order]

    def __len__(self) -> int:
        return math.ceil(self.frames / self._size)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        places = self._places[index * self._size : (index + 1) * self._size]
        batch = np.empty((len(places), *IMAGE_SHAPE), np.float32)
        for row, (camera, frame) in enumerate(places):
            np.multiply(self._cameras[camera][frame], np.float32(1.0 / FULL_SCALE_COUNTS), out=batch[row])
        if self._corruption is None:
            return batch, batch
        return self._corruption(batch, np.random.default_rng([self._seed, self._epoch, index])), batch


def relative_square(image: Any, reconstruction: Any) -> Any:
    """Mean square of the residual against that of the frame: what is minimised."""
    brightness = keras.ops.square(keras.ops.sqrt(_mean_square(image)) + LEAST_BRIGHTNESS)
    return _mean_square(image - reconstruction) / brightness


def relative_error(image: Any, reconstruction: Any) -> Any:
    """The root of it: the same as ``models.training.gain.frame_errors``."""
    return keras.ops.sqrt(relative_square(image, reconstruction))


def _mean_square(image: Any) -> Any:
    return keras.ops.mean(keras.ops.square(image), axis=(1, 2))

"""What every architecture does: learn from normal frames of known cameras, then score the frames of any camera."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from models.training.time_split import Images


@dataclass(frozen=True, slots=True, kw_only=True)
class BeamFrames:
    """Some frames of one camera with beam, in the order of time.

    Attributes
    ----------
    cleaned
        float32, shape (n, 102, 128), C order: counts above the pedestal, 0 where there is only noise.
    features
        float64, shape (n, 10): the first columns of ``FEATURE_NAMES[RecordKind.CAMERA]``.
    noise_counts
        Noise of a pixel without beam, as far as known, else 0.
    """

    cleaned: NDArray[np.float32]
    features: NDArray[np.float64]
    noise_counts: float


class CameraScorer(Protocol):
    """Scores the frames of one camera in their order.

    What it learns on the way (a rolling reference, a tail) comes from frames that it finds normal itself: nobody gives
    it labels. The same frames give the same scores, however they are cut into calls.
    """

    def observe(self, frames: BeamFrames) -> NDArray[np.float64]:
        """float64, shape (n,): how odd each frame is, the larger the odder; NaN for frames of the learning phase.

        In units of -log10 of a tail probability, as far as the architecture knows one.
        """
        ...


class TrainedArchitecture(Protocol):
    """What a training gave."""

    def scorer(self, earlier: Images) -> CameraScorer:
        """A scorer of one camera.

        Parameters
        ----------
        earlier
            Normal frames of this camera from the training; none for a camera that was never seen (cold start).
        """
        ...


class Architecture(Protocol):
    """One way of telling odd frames from normal ones; it depends on its seed and its frames alone."""

    @property
    def name(self) -> str:
        """Short, of small letters and hyphens, as settings and tables show it."""
        ...

    @property
    def description(self) -> str:
        """What it is, in one line."""
        ...

    def train(self, cameras: Sequence[Images], *, seed: int) -> TrainedArchitecture:
        """Learn from the normal frames of several cameras, each in the order of time: cleaned counts."""
        ...


@runtime_checkable
class Shipped(Protocol):
    """An architecture of which a trained model is there before any training."""

    def shipped(self) -> TrainedArchitecture:
        """That model."""
        ...

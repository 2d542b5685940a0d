"""What a camera's saved state says of its pixels: for people who look at it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.images.dark_profile import profile_from_state
from models.records import IMAGE_SHAPE
from models.state import State

_PIXELS = IMAGE_SHAPE[0] * IMAGE_SHAPE[1]

Map = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraMaps:
    """Maps of shape (102, 128), float32; None as long as they are not known.

    Attributes
    ----------
    pedestal, dark_noise
        Of the dark profile: mean and standard deviation without beam, counts.
    defective
        1 for a hot or dead pixel, else 0.
    dark_frames
        From how many dark frames; 0 without a profile.
    residual, residual_sigma
        What is usual of the residual (cleaned less reconstruction): mean and standard deviation, counts.
    learned_frames
        Frames that the camera has learned from, or has seen while it learns.
    learning
        Whether it does not yet know what is usual.
    model
        That scores it.
    """

    pedestal: Map | None
    dark_noise: Map | None
    defective: Map | None
    dark_frames: int
    residual: Map | None
    residual_sigma: Map | None
    learned_frames: int
    learning: bool
    model: str

    @property
    def defects(self) -> int:
        """How many pixels are hot or dead."""
        return 0 if self.defective is None else int(self.defective.sum())


def camera_maps(state: State) -> CameraMaps:
    """The maps in what ``CameraStage.state`` gave."""
    saved = state["dark"]["profile"]
    profile = None if saved is None else profile_from_state(saved)
    scores = state["scores"]
    maps = scores["maps"]
    known = maps["weight"] > 0.0
    variance = np.asarray(maps["variance"], np.float32)[:_PIXELS].reshape(IMAGE_SHAPE)
    return CameraMaps(
        pedestal=None if profile is None else profile.pedestal,
        dark_noise=None if profile is None else profile.sigma,
        defective=None if profile is None else profile.defective.astype(np.float32),
        dark_frames=0 if profile is None else profile.frames,
        residual=np.asarray(maps["mean"], np.float32).reshape(IMAGE_SHAPE) if known else None,
        residual_sigma=np.sqrt(np.maximum(variance, 0.0)) if known else None,
        learned_frames=int(scores["frames"]),
        learning=scores["learning"] is not None,
        model=str(scores["model"]),
    )

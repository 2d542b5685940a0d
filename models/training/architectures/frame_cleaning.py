"""The frames of one camera, cleaned once in memory as the watch cleans them, for every architecture alike."""

import numpy as np
from numpy.typing import NDArray

from models.images.dark_tracker import CleaningSettings, DarkTracker
from models.records import IMAGE_SHAPE
from models.training.architectures.architecture import BeamFrames


class FrameCleaner:
    """Cleans a camera's raw frames in their order; the first ones, without beam, give its dark profile."""

    def __init__(self, settings: CleaningSettings | None = None) -> None:
        self._dark = DarkTracker(settings or CleaningSettings())

    def clean(self, raw: NDArray[np.uint16]) -> tuple[BeamFrames, NDArray[np.bool_]]:
        """The frames with beam, and which of all these were.

        Parameters
        ----------
        raw
            uint16, shape (n, 102, 128), counts, C order.

        Returns
        -------
        tuple
            The frames, and bool, shape (n,).
        """
        cleaned = np.empty((len(raw), *IMAGE_SHAPE), np.float32)
        frames, dark = self._dark.clean(raw, cleaned)
        profile = self._dark.profile
        lit = ~dark
        beam = BeamFrames(
            cleaned=cleaned if lit.all() else cleaned[lit],
            features=frames.features[lit],
            noise_counts=0.0 if profile is None else float(np.median(profile.sigma)),
        )
        return beam, lit

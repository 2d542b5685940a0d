"""How much better one network reconstructs later frames than another, and whether that is more than chance."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.images.image_scores import Network
from models.records import FULL_SCALE_COUNTS
from models.training.first_model import reconstructed
from models.training.time_split import Images

#: Added to the root mean square of a frame, in full scales: a frame of noise alone doesn't outweigh all beams.
LEAST_BRIGHTNESS = 1e-3
# Frames that follow each other are alike: the noise of a mean is that between so many pieces of time.
_PIECES = 10
_LEAST_PIECES = 4
# A gain is believed beyond so many standard errors: some dozen cameras are compared, and none is to win by chance.
_BELIEVED_ERRORS = 3.0
# Nor is a gain worth a change that is smaller than this part of the error, however certain it is.
_LEAST_PART = 0.01
_FRAMES_AT_ONCE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """The fall of the error from one network to another on the same frames.

    Attributes
    ----------
    before, after
        Mean errors (``frame_errors``).
    standard_error
        Of their difference; infinite when there are too few frames to tell.
    """

    before: float
    after: float
    standard_error: float

    @property
    def is_real(self) -> bool:
        """Whether the error fell by more than chance explains, and by a hundredth at least."""
        least = max(_BELIEVED_ERRORS * self.standard_error, _LEAST_PART * self.before)
        return self.before - self.after > least


def frame_errors(images: Images, network: Network) -> NDArray[np.float64]:
    """The root mean square of each frame's residual against that of the frame: float64, shape (n,), a part of 1."""
    errors = np.empty(len(images))
    for start in range(0, len(images), _FRAMES_AT_ONCE):
        cleaned = np.stack(list(images[start : start + _FRAMES_AT_ONCE]))
        residual = cleaned - reconstructed(cleaned, network)
        brightness = np.sqrt((cleaned**2).mean(axis=(1, 2))) + LEAST_BRIGHTNESS * FULL_SCALE_COUNTS
        errors[start : start + len(cleaned)] = np.sqrt((residual**2).mean(axis=(1, 2))) / brightness
    return errors


def compare(before: list[NDArray[np.float64]], after: list[NDArray[np.float64]]) -> Gain:
    """The gain over all frames of some cameras.

    Parameters
    ----------
    before, after
        The errors of each camera's frames in the order of time, by the one network and by the other.
    """
    gains = [old - new for old, new in zip(before, after, strict=True)]
    count = sum(map(len, gains))
    pieces = [piece.mean() for gain in gains for piece in np.array_split(gain, _PIECES) if len(piece)]
    enough = len(pieces) >= _LEAST_PIECES
    return Gain(
        before=float(np.concatenate(before).mean()) if count else 0.0,
        after=float(np.concatenate(after).mean()) if count else 0.0,
        standard_error=float(np.std(pieces, ddof=1) / np.sqrt(len(pieces))) if enough else float("inf"),
    )

"""What is known about an odd camera frame at the moment it is explained."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.images.residual import Float32Array

#: Places in ``beam_vector``, its means and its sigmas.
LOG_SUM, CENTRE_X, CENTRE_Y, LOG_DIAMETER, ELLIPSE_ALONG, ELLIPSE_ACROSS, LOG_PEAK, CONTRAST, SATURATED = range(9)


@dataclass(frozen=True, slots=True, kw_only=True)
class UsualBeam:
    """How one camera's beam usually is.

    Attributes
    ----------
    mean, sigma
        float64, shape (9,): of the components of ``beam_features.beam_vector`` over the camera's recent normal frames;
        sigmas are above 0.
    """

    mean: NDArray[np.float64]
    sigma: NDArray[np.float64]

    @property
    def radius_px(self) -> float:
        """Half of the mean D4sigma diameter, pixels."""
        return 0.5 * float(np.exp(self.mean[LOG_DIAMETER]))


@dataclass(frozen=True, slots=True, kw_only=True)
class OddFrame:
    """One odd frame of a camera with beam.

    Attributes
    ----------
    raw
        uint16, shape (102, 128), counts.
    cleaned, reconstruction
        float32, same shape, counts above the pedestal.
    residual_z
        float32, same shape: the residual in sigmas of the camera's own recent frames.
    vector
        float64, shape (9,): the frame's ``beam_vector``; NaN or infinite where a feature is not known.
    usual
        The camera's own usual beam.
    """

    raw: NDArray[np.uint16]
    cleaned: Float32Array
    reconstruction: Float32Array
    residual_z: Float32Array
    vector: NDArray[np.float64]
    usual: UsualBeam

    @property
    def deviation(self) -> NDArray[np.float64]:
        """float64, shape (9,): the vector minus its usual mean; 0 where a feature is not known."""
        return np.nan_to_num(self.vector - self.usual.mean, nan=0.0, posinf=0.0, neginf=0.0)

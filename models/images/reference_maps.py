"""A camera's usual residual: rolling maps of its mean and of its spread on several scales."""

from dataclasses import dataclass
from typing import ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from models.errors import FatalError
from models.images.latent_correction import FittedCorrection
from models.images.residual import (
    FIELD_SIZE,
    SCALE_SHAPES,
    SCALES,
    WHITE_NOISE_PARTS,
    Float32Array,
    add_frames,
    scale_slice,
    score_frames,
    smooth,
    write_field,
)
from models.images.ripples import ripple_vectors
from models.packed_arrays import unpack
from models.records import IMAGE_SHAPE
from models.state import State

_PIXELS = IMAGE_SHAPE[0] * IMAGE_SHAPE[1]
_SIGMA_PER_MAD = 1.4826
# The usual signal is kept at every fourth pixel: it is needed only for a floor.
_THINNING = 4
# Pixels of the image per value of each scale, along an axis.
_STEPS = (1, 1, 2, 4)
# A correction may take away at most so much of a variance: beyond, it is the rounding of the difference that is left.
_LEAST_LEFT = np.float32(0.1)
# Where nothing ever varies, a variance would decay to denormal numbers, with which processors are slow.
_LEAST_VARIANCE = np.float32(1e-9)


@dataclass(frozen=True, slots=True, kw_only=True)
class MapSettings:
    """How fast the reference maps follow, and the least noise they believe in.

    Attributes
    ----------
    time_constant_frames
        After this many normal frames an old one counts for 1/e.
    read_noise_counts
        No pixel's sigma is below this.
    dark_noise_factor
        Nor below this times the noise of the camera's dark frames: the cleaning cuts at about 5.5 of these sigmas, so
        at the rim of the beam pixels leap from zero by that much, some of them once in a thousand frames.
    shot_noise_counts
        No pixel's variance is below this times the usual signal, counts squared per count.
    neighbourhood_frames
        A pixel's variance is drawn to that of its neighbourhood as if by this many frames: a sigma from some hundred
        frames scatters, and the largest of 13,056 z would find the smallest of them.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    time_constant_frames: float = 1000.0
    read_noise_counts: float = 3.0
    dark_noise_factor: float = 2.5
    shot_noise_counts: float = 0.05
    neighbourhood_frames: float = 50.0

    def __post_init__(self) -> None:
        if not 64 <= self.time_constant_frames <= 1e6:
            raise ValueError("time_constant_frames must be between 64 and 1,000,000")
        if not self.read_noise_counts > 0.0:
            raise ValueError("read_noise_counts must be above 0: a variance without a floor decays to nothing")
        if min(self.dark_noise_factor, self.shot_noise_counts, self.neighbourhood_frames) < 0.0:
            raise ValueError("dark_noise_factor, shot_noise_counts and neighbourhood_frames must not be negative")


def _thinned(images: Float32Array) -> Float32Array:
    return images[..., ::_THINNING, ::_THINNING]


class ReferenceMaps:
    """Rolling mean and sigma maps of the residual (cleaned - reconstruction) of one camera.

    ``start`` begins with some ten frames, ``learn`` only adds up, and the maps change in ``apply``, which the owner
    calls after fixed numbers of frames, so that the cut of the blocks changes nothing. Plain averages at the start,
    exponential forgetting later.
    """

    def __init__(self, settings: MapSettings) -> None:
        self._settings = settings
        self._clear()

    def _clear(self) -> None:
        self._weight = 0.0
        self._noise_counts = 0.0
        self._mean = np.zeros(IMAGE_SHAPE, np.float32)
        self._signal = np.zeros(SCALE_SHAPES[-1], np.float32)
        self._variance = np.zeros(FIELD_SIZE, np.float32)
        self._inverse = np.zeros(FIELD_SIZE, np.float32)
        self._pending = 0
        self._total = np.zeros(_PIXELS, np.float32)
        self._squares = np.zeros(FIELD_SIZE, np.float32)
        self._newest = np.zeros(SCALE_SHAPES[-1], np.float32)

    @property
    def ready(self) -> bool:
        """Whether there are maps."""
        return self._weight > 0.0

    def scores(self, cleaned: Float32Array, reconstruction: Float32Array) -> NDArray[np.float64]:
        """How far each frame's residual lies beyond the usual (``residual.score_frames``), shape (n, 4, 3).

        Zeros before there are maps; infinity for a frame with a NaN.
        """
        found = np.zeros((len(cleaned), SCALES, 3))
        if self.ready:
            score_frames(cleaned, reconstruction, self._mean, self._inverse, found)
        return found

    def z_map(self, cleaned: Float32Array, reconstruction: Float32Array) -> Float32Array:
        """One frame's residual in sigmas, unsmoothed, float32, shape (102, 128); zeros before there are maps."""
        sharp = cleaned - reconstruction - self._mean
        return cast("Float32Array", sharp * self._inverse[:_PIXELS].reshape(IMAGE_SHAPE))

    def ripples(self, cleaned: Float32Array, reconstruction: Float32Array) -> NDArray[np.float64]:
        """The ripples of each frame's residual in sigmas, float64, shape (n, 30): ``ripple_vectors``."""
        return ripple_vectors(cleaned, reconstruction, self._mean, self._inverse[:_PIXELS].reshape(IMAGE_SHAPE))

    def start(self, cleaned: Float32Array, reconstruction: Float32Array, noise_counts: float) -> None:
        """First maps from the medians of n >= 8 frames, of which less than half may be odd; noise as in ``apply``."""
        self._noise_counts = noise_counts
        residual = cleaned - reconstruction
        self._mean = np.ascontiguousarray(np.median(residual, axis=0), np.float32)
        self._signal = np.asarray(np.median(_thinned(cleaned), axis=0), np.float32)
        fields = np.zeros((len(residual), FIELD_SIZE), np.float32)
        nothing = np.zeros(IMAGE_SHAPE, np.float32)
        for frame, field in zip(residual, fields, strict=True):
            write_field(frame, nothing, self._mean, field)
        sigma = _SIGMA_PER_MAD * np.median(np.abs(fields), axis=0)
        self._variance = np.asarray(sigma * sigma, np.float32)
        self._weight = float(len(residual)) / 2.0  # a median and its deviation are that much less exact
        self._set_inverse()

    def learn(self, cleaned: Float32Array, reconstruction: Float32Array, keep: NDArray[np.bool_]) -> None:
        """Add up the residuals of the frames marked in ``keep``; they must be finite."""
        added = add_frames(cleaned, reconstruction, keep, self._mean, self._total, self._squares)
        if added:
            self._pending += added
            self._newest[:] = _thinned(cleaned[np.flatnonzero(keep)[-1]])

    def apply(self, noise_counts: float) -> None:
        """Bring the maps up to what was learned.

        Parameters
        ----------
        noise_counts
            Noise of a pixel without beam, as far as known, else 0.
        """
        count = self._pending
        if count == 0:
            return
        self._weight = self._weight * float(np.exp(-count / self._settings.time_constant_frames)) + count
        self._noise_counts = noise_counts
        part = np.float32(count / self._weight)
        shift = part * (self._total / np.float32(count)).reshape(IMAGE_SHAPE)
        self._variance *= np.float32(1.0) - part
        self._variance += part / np.float32(count) * self._squares
        self._variance[:_PIXELS] -= (shift * shift).ravel()
        np.maximum(self._variance, _LEAST_VARIANCE, out=self._variance)
        self._mean = self._mean + shift
        self._signal = self._signal + part * (self._newest - self._signal)
        self._pending = 0
        self._total[:] = 0.0
        self._squares[:] = 0.0
        self._set_inverse()

    def correct(self, correction: FittedCorrection) -> None:
        """Bring the spreads to what a new correction leaves of the residuals learned so far, without seeing them again.

        On every scale the variance of r - u w is that of r, less 2 u cov(w, r), plus u cov(w) u: smoothing is linear.
        """
        nothing = np.zeros(IMAGE_SHAPE, np.float32)
        maps, products = np.zeros((2, len(correction.maps), FIELD_SIZE), np.float32)
        for frames, fields in ((correction.maps, maps), (correction.products, products)):
            for frame, field in zip(frames, fields, strict=True):
                write_field(frame, nothing, nothing, field)
        left = self._variance.copy()
        for row, covariance in enumerate(correction.covariance.astype(np.float32)):
            amount = np.float32(-2.0) * products[row]
            for factor, other in zip(covariance, maps, strict=True):
                amount += factor * other
            left += maps[row] * amount
        self._variance = np.maximum(left, _LEAST_LEFT * self._variance)
        self._set_inverse()

    def _set_inverse(self) -> None:
        """One over the sigmas in force: each variance drawn to its neighbourhood's, and never below its floor."""
        settings = self._settings
        own = np.float32(self._weight / (self._weight + settings.neighbourhood_frames))
        floor = np.maximum(self._signal, 0.0) * np.float32(settings.shot_noise_counts)
        floor += np.float32(max(settings.read_noise_counts, settings.dark_noise_factor * self._noise_counts) ** 2)
        for scale, shape in enumerate(SCALE_SHAPES):
            where = scale_slice(scale)
            variance = self._variance[where].reshape(shape)
            around = np.empty(shape, np.float32)
            smooth(variance, around)
            finer = _THINNING // _STEPS[scale]
            least = floor.repeat(finer, axis=0).repeat(finer, axis=1)[: shape[0], : shape[1]]
            around += own * (variance - around)
            believed = np.maximum(around, least * np.float32(WHITE_NOISE_PARTS[scale]))
            self._inverse[where] = (np.float32(1.0) / np.sqrt(believed)).ravel()

    def state(self) -> State:
        """The maps, and the sums that wait to be applied."""
        state: State = {
            "weight": self._weight,
            "noise_counts": self._noise_counts,
            "mean": self._mean.copy(),
            "signal": self._signal.copy(),
            "variance": self._variance.copy(),
            "pending": self._pending,
        }
        if self._pending:
            state |= {"total": self._total.copy(), "squares": self._squares.copy(), "newest": self._newest.copy()}
        return state

    def memory(self) -> State:
        """The maps to go back to, right after ``apply``, in half the room.

        They are rounded by at most 1 in 2,000 (float16), the spread as a sigma. From a thousand frames both are known
        to some per cent.
        """
        state = self.state()
        del state["variance"]
        limit = np.finfo(np.float16).max
        return state | {
            "mean": np.clip(self._mean, -limit, limit).astype(np.float16),
            "sigma": np.minimum(np.sqrt(self._variance), limit).astype(np.float16),
        }

    def restore(self, state: State) -> None:
        """Go on from a saved state, or from a memory.

        Raises
        ------
        FatalError
            If its maps have another size.
        """
        mean = unpack(state["mean"]).astype(np.float32)
        variance = (
            np.square(unpack(state["sigma"]), dtype=np.float32) if "sigma" in state else np.array(state["variance"])
        )
        if variance.shape != (FIELD_SIZE,) or mean.shape != IMAGE_SHAPE:
            raise FatalError("saved reference maps have another size; start a new state", reason="state_settings")
        self._clear()
        self._weight, self._pending = float(state["weight"]), int(state["pending"])
        self._noise_counts = float(state["noise_counts"])
        self._mean, self._variance, self._signal = mean, variance, np.array(state["signal"])
        if self._pending:
            self._total[:], self._squares[:], self._newest[:] = state["total"], state["squares"], state["newest"]
        if self.ready:
            self._set_inverse()

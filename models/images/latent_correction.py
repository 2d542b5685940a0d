"""A camera's own linear correction of the reconstruction: what its latent vector tells of the residual that is left.

The network is shared by all cameras, so each has residuals that go with its beam's normal jitter. They are learned
once, by ridge regression on the latent vector, and kept to the few maps that matter (reduced-rank regression: Izenman
1975, Journal of Multivariate Analysis 5, 248).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.compilation import kernel
from models.errors import FatalError
from models.images.residual import Float32Array
from models.packed_arrays import pack, unpack
from models.records import IMAGE_SHAPE
from models.state import State

#: Maps that a correction is made of.
RANK = 8
_PIXELS = IMAGE_SHAPE[0] * IMAGE_SHAPE[1]
#: So many normal frames are learned from.
FITTED_FRAMES = 90
# The weight of "no correction" against the frames learned from, counted in frames.
_RIDGE_FRAMES = 30.0
# No latent component counts as steadier than this.
_LEAST_DEVIATION = 1e-4
# Beyond so many standard deviations a map's amount grows no further: a fault that moves the latent vector like jitter,
# and further, would else be explained away. Without a limit one in ten jumps of 5 px was missed.
_LIMIT_SIGMAS = 2.5
# A map that explains less than this part of what the first one does is rounding.
_LEAST_PART = 1e-9
# Pixels that are worked on at a time: so much of all maps stays in the first-level cache.
_TILE = 1088
_FAST = frozenset({"contract", "nsz"})


@kernel(fast_math=_FAST)
def _add_products(
    deviations: NDArray[np.float64], residual: Float32Array, total: NDArray[np.float64], cross: Float32Array
) -> None:
    """Add up the residuals (n, pixels) and their products with the latent vectors' deviations, frame by frame."""
    for frame in range(len(deviations)):
        values = residual[frame]
        for pixel in range(len(values)):
            total[pixel] += values[pixel]
        for component in range(deviations.shape[1]):
            factor, line = np.float32(deviations[frame, component]), cross[component]
            for pixel in range(len(values)):
                line[pixel] += factor * values[pixel]


@kernel()
def _gram(rows: Float32Array) -> NDArray[np.float64]:
    """Products of all rows with each other; one order of summing, however many threads a BLAS has."""
    size = len(rows)
    out = np.zeros((size, size))
    for first in range(size):
        for second in range(first + 1):
            total = 0.0
            for pixel in range(rows.shape[1]):
                total += np.float64(rows[first, pixel]) * rows[second, pixel]
            out[first, second] = out[second, first] = total
    return out


@kernel()
def _combined(factors: NDArray[np.float64], rows: Float32Array) -> Float32Array:
    """``factors @ rows``."""
    out = np.zeros((factors.shape[0], rows.shape[1]), np.float32)
    for target in range(factors.shape[0]):
        line = out[target]
        for source in range(factors.shape[1]):
            factor, values = np.float32(factors[target, source]), rows[source]
            for pixel in range(len(line)):
                line[pixel] += factor * values[pixel]
    return out


@kernel(fast_math=_FAST)
def _correct(
    latent: Float32Array,
    centre: NDArray[np.float64],
    weights: NDArray[np.float64],
    limits: NDArray[np.float64],
    maps: Float32Array,
    reconstruction: Float32Array,
) -> None:
    """Add the limited amounts of the eight maps to each reconstruction (n, pixels)."""
    amounts = np.zeros((len(latent), RANK), np.float32)
    for frame in range(len(latent)):
        for row in range(RANK):
            amount = 0.0
            for component in range(len(centre)):
                amount += weights[component, row] * (np.float64(latent[frame, component]) - centre[component])
            if abs(amount) > limits[row]:  # a NaN stays one
                amount = np.copysign(limits[row], amount)
            amounts[frame, row] = amount
    for first in range(0, maps.shape[1], _TILE):
        last = first + _TILE
        m0, m1, m2, m3 = maps[0, first:last], maps[1, first:last], maps[2, first:last], maps[3, first:last]
        m4, m5, m6, m7 = maps[4, first:last], maps[5, first:last], maps[6, first:last], maps[7, first:last]
        for frame in range(len(latent)):
            line, a = reconstruction[frame, first:last], amounts[frame]
            a0, a1, a2, a3, a4, a5, a6, a7 = a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7]
            for pixel in range(len(line)):
                line[pixel] += ((a0 * m0[pixel] + a1 * m1[pixel]) + (a2 * m2[pixel] + a3 * m3[pixel])) + (
                    (a4 * m4[pixel] + a5 * m5[pixel]) + (a6 * m6[pixel] + a7 * m7[pixel])
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedCorrection:
    """What a correction does to the residuals that it was learned from.

    Attributes
    ----------
    maps
        float32, shape (8, 102, 128): a frame's correction is their sum, each times its amount.
    products
        float32, shape (8, 102, 128), counts: covariance of the amounts with the residual before the correction.
    covariance
        float64, shape (8, 8): that of the amounts.
    """

    maps: Float32Array
    products: Float32Array
    covariance: NDArray[np.float64]


class LatentCorrection:
    """Learns from groups of normal frames, once, and then corrects every reconstruction.

    Parameters
    ----------
    size
        Components of a latent vector.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._clear()

    def _clear(self) -> None:
        size = self._size
        self._count = 0
        self._origin, self._sum = np.zeros(size), np.zeros(size)
        self._squares = np.zeros((size, size))
        self._total, self._cross = np.zeros(_PIXELS), np.zeros((size, _PIXELS), np.float32)
        self._centre = np.zeros(size)
        self._weights, self._limits = np.zeros((size, RANK)), np.zeros(RANK)
        self._maps: Float32Array | None = None
        self._packed_maps: State | None = None

    @property
    def ready(self) -> bool:
        """Whether there is a correction."""
        return self._maps is not None

    @property
    def complete(self) -> bool:
        """Whether enough was gathered to ``fit``."""
        return self._count >= FITTED_FRAMES

    def gather(self, latent: Float32Array, residual: Float32Array) -> None:
        """Add up normal frames, finite ones: latent vectors (n, size), cleaned - reconstruction (n, 102, 128).

        The sums go frame by frame; the owner calls with whole groups, so that the cut of the blocks changes nothing.
        """
        if not len(latent):
            return
        given = np.asarray(latent, np.float64)
        if self._count == 0:  # deviations from some usual vector instead of from zero: no digits are lost
            self._origin = given.mean(axis=0)
        deviations = given - self._origin
        self._count += len(given)
        self._sum += deviations.sum(axis=0)
        self._squares += deviations.T @ deviations
        _add_products(deviations, np.ascontiguousarray(residual).reshape(len(given), -1), self._total, self._cross)

    def fit(self) -> FittedCorrection:
        """The correction from what was gathered, in force from now on; what it does to the frames it is made from."""
        count = self._count
        mean = self._sum / count
        covariance = self._squares / count - np.outer(mean, mean)
        sigma = np.maximum(np.sqrt(np.maximum(np.diagonal(covariance), 0.0)), _LEAST_DEVIATION)
        cross = self._cross / np.float32(count)
        cross -= np.outer(mean, self._total / count).astype(np.float32)
        standardised = (cross / sigma[:, np.newaxis]).astype(np.float32)
        factors, weights = _reduced(covariance / np.outer(sigma, sigma), standardised, count)
        # Kept to half precision, in which they are saved: a fifth of a camera's state less.
        maps = _combined(factors / sigma, cross).astype(np.float16).astype(np.float32)
        self._centre, self._weights, self._maps = self._origin + mean, weights / sigma[:, np.newaxis], maps
        amounts = self._weights.T @ covariance @ self._weights
        self._limits = _LIMIT_SIGMAS * np.sqrt(np.maximum(np.diagonal(amounts), 0.0))
        products = _combined(np.ascontiguousarray(self._weights.T), cross)
        self._cross = cross[:, :0]  # the sums are of no more use
        return FittedCorrection(
            maps=maps.reshape(-1, *IMAGE_SHAPE), products=products.reshape(-1, *IMAGE_SHAPE), covariance=amounts
        )

    def correct(
        self, latent: Float32Array, reconstruction: Float32Array, centre: NDArray[np.float64] | None = None
    ) -> None:
        """Correct reconstructions in place, each by its own latent vector alone; nothing before there is a correction.

        Parameters
        ----------
        latent, reconstruction
            float32, shapes (n, size) and (n, 102, 128), C order; not finite where the latent vector is not.
        centre
            float64, shape (size,): the usual latent vector now, so that the amounts stay small while the beam drifts;
            None for the one of the frames learned from.
        """
        if self._maps is not None:
            where = self._centre if centre is None else centre
            frames = reconstruction.reshape(len(latent), -1)
            _correct(latent, where, self._weights, self._limits, self._maps, frames)

    def state(self) -> State:
        """The correction (0.16 MB), or the sums that it will be made from (1.8 MB)."""
        if self._maps is not None:
            if self._packed_maps is None:
                self._packed_maps = pack(self._maps.astype(np.float16))
            return {
                "centre": self._centre.copy(),
                "weights": self._weights.copy(),
                "limits": self._limits.copy(),
                "maps": self._packed_maps,
            }
        if self._count == 0:
            return {}
        return {
            "count": self._count,
            "origin": self._origin.copy(),
            "sum": self._sum.copy(),
            "squares": self._squares.copy(),
            "total": self._total.copy(),
            "cross": self._cross.copy(),
        }

    def restore(self, state: State) -> None:
        """Go on from a saved state; from an empty one, without a correction.

        Raises
        ------
        FatalError
            If it is of images or latent vectors of another size.
        """
        self._clear()
        images: Any = unpack(state["maps"]) if "maps" in state else state.get("cross", self._cross)
        vectors: Any = state.get("weights", state.get("sum", self._sum))
        if images.shape[1] != _PIXELS or len(vectors) != self._size:
            raise FatalError("a saved correction has another size; start a new state", reason="state_settings")
        if "maps" in state:
            self._centre, self._weights = np.array(state["centre"]), np.array(state["weights"])
            self._limits, self._maps = np.array(state["limits"]), images.astype(np.float32)
        elif state:
            self._count, self._origin = int(state["count"]), np.array(state["origin"])
            self._sum, self._squares = np.array(state["sum"]), np.array(state["squares"])
            self._total, self._cross = np.array(state["total"]), np.array(state["cross"])


def _reduced(
    correlation: NDArray[np.float64], cross: Float32Array, count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The ridge regression of residuals on standardised latents, kept to the maps that explain most.

    Returns
    -------
    tuple of ndarray
        float64, shape (8, size): what makes the maps, of unit length, from the rows of ``cross``; float64, shape
        (size, 8): what makes their amounts from standardised latents. Zeros for maps that explain nothing.
    """
    size = len(correlation)
    inverse = np.linalg.inv(correlation + _RIDGE_FRAMES / count * np.eye(size))
    products = inverse @ _gram(cross) @ inverse
    values, vectors = np.linalg.eigh(correlation)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    explained, directions = np.linalg.eigh(root @ products @ root)
    explained, directions = explained[::-1][:RANK], directions[:, ::-1][:, :RANK]
    some = explained > _LEAST_PART * max(float(explained[0]), np.finfo(np.float64).tiny)
    scale = np.where(some, 1.0 / np.sqrt(np.where(some, explained, 1.0)), 0.0)
    chosen = (root @ directions) * scale
    return np.ascontiguousarray((inverse @ chosen).T), products @ chosen

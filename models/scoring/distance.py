"""How far a small vector lies from a device's recent normal ones, with their own spread as the measure."""

from dataclasses import dataclass
from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from models.compilation import kernel
from models.errors import FatalError
from models.state import State

# A direction whose variance, after the ones before it, is below this part of its own counts as without information
# of its own: dividing by less would turn rounding into distance.
_LEAST_INDEPENDENT_PART = 1e-4
# Shrinkage of the covariance towards its diagonal: vectors' worth per component.
_SHRINKAGE_PER_COMPONENT = 0.5
# Robust start: a component beyond this many robust sigmas of its median keeps the vector out.
_ROBUST_LIMIT = 8.0
_SIGMA_PER_MAD = 1.4826


@dataclass(frozen=True, slots=True, kw_only=True)
class DistanceSettings:
    """How fast the reference of a distance follows its device.

    Attributes
    ----------
    time_constant_records
        After this many normal records an old one counts for 1/e.
    """

    time_constant_records: float = 1000.0
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if not 32 <= self.time_constant_records <= 1e7:
            raise ValueError("time_constant_records must be between 32 and 10,000,000")


@kernel()
def _accumulate(
    vectors: NDArray[np.float64], mean: NDArray[np.float64], total: NDArray[np.float64], products: NDArray[np.float64]
) -> int:
    """Add the deviations of the finite vectors and their products, one vector after the other."""
    size = vectors.shape[1]
    added = 0
    for index in range(vectors.shape[0]):
        if not np.all(np.isfinite(vectors[index])):
            continue
        added += 1
        for row in range(size):
            deviation = vectors[index, row] - mean[row]
            total[row] += deviation
            for column in range(row + 1):
                products[row, column] += deviation * (vectors[index, column] - mean[column])
    return added


@kernel()
def _factor(covariance: NDArray[np.float64], shrinkage: float, floor: NDArray[np.float64]) -> NDArray[np.float64]:
    """The lower Cholesky factor of the shrunk covariance, of which only the lower half is read."""
    size = len(floor)
    lower = np.zeros((size, size))
    for row in range(size):
        variance = max(covariance[row, row], floor[row] * floor[row])
        for column in range(row + 1):
            rest = variance if row == column else (1.0 - shrinkage) * covariance[row, column]
            for inner in range(column):
                rest -= lower[row, inner] * lower[column, inner]
            if row == column:
                lower[row, row] = np.sqrt(max(rest, _LEAST_INDEPENDENT_PART * variance))
            else:
                lower[row, column] = rest / lower[column, column]
    return lower


@kernel()
def _distances(
    vectors: NDArray[np.float64], mean: NDArray[np.float64], lower: NDArray[np.float64], out: NDArray[np.float64]
) -> None:
    size = len(mean)
    solved = np.zeros(size)
    for index in range(vectors.shape[0]):
        square = 0.0
        for row in range(size):
            rest = vectors[index, row] - mean[row]
            for column in range(row):
                rest -= lower[row, column] * solved[column]
            solved[row] = rest / lower[row, row]
            square += solved[row] * solved[row]
        out[index] = np.sqrt(square) if np.isfinite(square) else np.inf


class RollingDistance:
    """Mahalanobis distance of a vector from a rolling mean, by a rolling covariance.

    ``learn`` only remembers sums; the reference changes in ``apply``, which the owner calls after fixed numbers of
    records, so that the cut of the blocks changes nothing. Plain averages at the start, exponential forgetting later.

    Parameters
    ----------
    sigma_floor
        float64, shape (size,), > 0: no component counts as steadier than this, in its own unit. It keeps a constant
        component from making every small change of it infinitely odd.
    """

    def __init__(self, settings: DistanceSettings, sigma_floor: NDArray[np.float64]) -> None:
        if sigma_floor.ndim != 1 or not np.all(sigma_floor > 0.0):
            raise ValueError("sigma_floor needs one positive value per component")
        self._settings = settings
        self._floor = np.array(sigma_floor, np.float64)
        self._weight = 0.0
        self._mean = np.zeros(self.size)
        self._covariance = np.zeros((self.size, self.size))
        self._lower = np.diag(self._floor)
        self._clear_pending()

    @property
    def size(self) -> int:
        """Components of a vector."""
        return len(self._floor)

    @property
    def mean(self) -> NDArray[np.float64]:
        """The usual vector, float64, shape (size,); it is not changed, a new one takes its place."""
        return self._mean

    @property
    def covariance(self) -> NDArray[np.float64]:
        """The covariance in force, shrunk and with its floors, float64, shape (size, size)."""
        return self._lower @ self._lower.T

    @property
    def ready(self) -> bool:
        """Whether enough was applied for a distance to mean something: three vectors per component, and 20."""
        return self._weight >= max(20.0, 3.0 * self.size)

    def usual(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and standard deviation of the components as they are in force, float64, shape (size,); sigmas > 0."""
        return self._mean.copy(), np.sqrt(np.maximum(np.diagonal(self._covariance), self._floor**2))

    def distances(self, vectors: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Distance of each vector, float64, shape (n,), >= 0; infinity for one that is not finite; 0 before ``ready``.

        About sqrt(size) for normal records.
        """
        found = np.zeros(len(vectors))
        if self.ready:
            _distances(np.ascontiguousarray(vectors, np.float64), self._mean, self._lower, found)
        return found

    def learn(self, vectors: NDArray[np.floating[Any]]) -> None:
        """Remember vectors of normal records, shape (n, size); those that are not finite are left out."""
        given = np.ascontiguousarray(vectors, np.float64)
        if self._weight == 0.0 and self._pending == 0 and len(given):
            finite = np.flatnonzero(np.isfinite(given).all(axis=1))
            if len(finite):  # deviations from the first vector instead of from zero: no digits are lost
                self._mean = given[finite[0]].copy()
        self._pending += _accumulate(given, self._mean, self._total, self._products)

    def apply(self) -> None:
        """Bring the reference up to what was learned."""
        count = self._pending
        if count == 0:
            return
        self._weight = self._weight * float(np.exp(-count / self._settings.time_constant_records)) + count
        part = count / self._weight
        shift = part * self._total / count
        self._covariance *= 1.0 - part
        self._covariance += part * self._products / count - np.outer(shift, shift)
        self._mean = self._mean + shift
        self._set_lower()
        self._clear_pending()

    def _set_lower(self) -> None:
        pull = _SHRINKAGE_PER_COMPONENT * self.size
        self._lower = _factor(self._covariance, pull / (self._weight + pull), self._floor)

    def start(self, vectors: NDArray[np.floating[Any]]) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Begin with some hundred vectors, of which a part may be odd.

        Vectors with a component far from the median are left out.

        Returns
        -------
        tuple of ndarray
            bool, shape (n,): which vectors were learned; float64, shape (n,): the distance of each vector from the
            others, as if it had not been learned itself.
        """
        given = np.ascontiguousarray(vectors, np.float64)
        kept = central(given, self._floor)
        self._weight, self._mean = 0.0, np.zeros(self.size)
        self._covariance[:] = 0.0
        self._clear_pending()
        self.learn(given[kept])
        self.apply()
        found = self.distances(given)
        return kept, np.where(kept, self._left_out(found, int(kept.sum())), found)

    def _left_out(self, distances: NDArray[np.float64], count: int) -> NDArray[np.float64]:
        """Distances of learned vectors from the mean and covariance of the others (Sherman and Morrison's formula)."""
        if count < 3:  # the others have no covariance
            return distances
        square = np.minimum(distances**2, 0.9 * (count - 1.0))
        return cast("NDArray[np.float64]", np.sqrt(count * square / (count - 1.0 - square)))

    def _clear_pending(self) -> None:
        self._pending = 0
        self._total = np.zeros(self.size)
        self._products = np.zeros((self.size, self.size))

    def state(self) -> State:
        """The reference in force, and the sums that wait to be applied; of matrices the lower half, which is used."""
        half = np.tril_indices(self.size)
        state: State = {
            "weight": self._weight,
            "mean": self._mean.copy(),
            "covariance": self._covariance[half],
            "pending": self._pending,
        }
        return state | {"total": self._total.copy(), "products": self._products[half]} if self._pending else state

    def restore(self, state: State) -> None:
        """Go on from a saved state.

        Raises
        ------
        FatalError
            If it is of vectors of another size.
        """
        if np.shape(state["mean"]) != (self.size,):
            raise FatalError(
                f"a saved state has vectors of {len(state['mean'])} components instead of {self.size}; start a new one",
                reason="state_settings",
            )
        self._weight = float(state["weight"])
        self._mean, self._covariance = np.array(state["mean"]), _matrix(state["covariance"], self.size)
        pending = int(state["pending"])
        self._clear_pending()
        if pending:
            self._pending = pending
            self._total, self._products = np.array(state["total"]), _matrix(state["products"], self.size)
        self._lower = np.diag(self._floor)
        if self._weight > 0.0:
            self._set_lower()


def _matrix(saved: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """A matrix from its lower half; earlier programs saved it whole."""
    if saved.ndim == 2:
        return saved.copy()
    matrix = np.zeros((size, size))
    matrix[np.tril_indices(size)] = saved
    return matrix


def central(vectors: NDArray[np.float64], sigma_floor: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which vectors have all components within 8 robust sigmas (1.4826 MAD, or the floor) of the medians.

    bool, shape (n,); False for a vector that is not finite.
    """
    finite: NDArray[np.bool_] = np.asarray(np.isfinite(vectors).all(axis=1))
    if not finite.any():
        return finite
    median = np.median(vectors[finite], axis=0)
    deviation = np.abs(vectors - median)
    sigma = np.maximum(_SIGMA_PER_MAD * np.median(deviation[finite], axis=0), sigma_floor)
    with np.errstate(invalid="ignore"):
        finite &= np.asarray(np.all(deviation <= _ROBUST_LIMIT * sigma, axis=1))
    return finite

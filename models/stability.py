"""How steady a laser was: sums of what was measured, slot by slot, and the figures that follow from them.

Sums of two stretches of the same slots may be added, so that hours are read in small pieces. They are those of
deviations from the first value: the variance of a small jitter of a large value keeps its digits.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# ISO 11670:2003: of a movement whose narrower axis is at least so much of the wider one, one figure is given.
_ROUND = 0.87


class SlotSums:
    """Sums of a quantity of d components over k slots of time of equal length.

    Attributes
    ----------
    count
        int64, shape (k,): how many values.
    """

    def __init__(self, slots: int, components: int) -> None:
        self.count = np.zeros(slots, np.int64)
        self._reference: NDArray[np.float64] | None = None
        self._first = np.zeros((slots, components))
        self._second = np.zeros((slots, components, components))

    def add(self, slot: NDArray[np.intp], values: NDArray[np.float64]) -> None:
        """Add values, shape (n, d), to their slots, shape (n,); rows with anything that is not finite are left out."""
        known = np.isfinite(values).all(axis=1)
        if not known.all():
            slot, values = slot[known], values[known]
        if not len(slot):
            return
        if self._reference is None:
            self._reference = values[0].copy()
        deviation = values - self._reference
        slots, components = self._first.shape
        self.count += np.bincount(slot, minlength=slots)
        for one in range(components):
            self._first[:, one] += np.bincount(slot, deviation[:, one], slots)
            for other in range(one, components):
                product = np.bincount(slot, deviation[:, one] * deviation[:, other], slots)
                self._second[:, one, other] += product
                if other > one:
                    self._second[:, other, one] += product

    @property
    def total(self) -> int:
        """How many values in all."""
        return int(self.count.sum())

    def mean(self) -> NDArray[np.float64]:
        """Shape (d,): over all slots; NaN without values."""
        if self._reference is None:
            return np.full(self._first.shape[1], np.nan)
        mean: NDArray[np.float64] = self._reference + self._first.sum(axis=0) / self.total
        return mean

    def slot_means(self) -> NDArray[np.float64]:
        """Shape (k, d): of each slot; NaN where it has no values."""
        if self._reference is None:
            return np.full(self._first.shape, np.nan)
        unknown = np.full(self._first.shape, np.nan)
        count = self.count[:, None]
        means: NDArray[np.float64] = self._reference + np.divide(self._first, count, out=unknown, where=count > 0)
        return means

    def covariance(self) -> NDArray[np.float64]:
        """Shape (d, d): of all values about their mean, over n - 1; NaN for fewer than two."""
        first = self._first.sum(axis=0)
        return _over(self._second.sum(axis=0) - np.outer(first, first) / max(self.total, 1), self.total - 1)

    def covariance_within(self) -> NDArray[np.float64]:
        """Shape (d, d): of the values about their slots' means, pooled; NaN where no slot has two."""
        used = self.count > 0
        first, count = self._first[used], self.count[used]
        about = self._second[used] - first[:, :, None] * first[:, None, :] / count[:, None, None]
        return _over(about.sum(axis=0), int(count.sum()) - len(count))

    def change(self) -> NDArray[np.float64]:
        """Shape (d,): by how much a straight line through the slots' means rises from the first to the last slot.

        Least squares, each slot weighted by how many values it has; NaN for fewer than two slots.
        """
        used = np.flatnonzero(self.count)
        if len(used) < 2:
            return np.full(self._first.shape[1], np.nan)
        weight, means = self.count[used].astype(float), self.slot_means()[used]
        place = used - np.average(used, weights=weight)
        slope = ((weight * place) @ means) / float((weight * place) @ place)
        change: NDArray[np.float64] = slope * float(used[-1] - used[0])
        return change


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyStability:
    """How steady the energies of a meter were.

    Attributes
    ----------
    shots
        How many energies.
    rms_percent, rms_within_percent
        Standard deviation over mean, in percent: over all shots, and within the slots, without what is slower.
    change_percent
        Of a straight line from the first to the last slot, in percent of the mean.
    """

    shots: int
    mean_j: float
    rms_percent: float
    rms_within_percent: float
    change_percent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PointingStability:
    """How steady the centroid of a beam was, in pixels; after ISO 11670:2003, where it names a figure.

    Attributes
    ----------
    shots
        How many centroids.
    x_px, y_px
        Their mean.
    rms_x_px, rms_y_px, rms_px
        Standard deviations along columns and rows, and of both together: the root of the sum of the squares (the last
        is usual, but not of the standard).
    major_px, minor_px
        Beam positional stability: four standard deviations along the axes in which the centroid moves most and least.
    overall_px
        The same as one figure, 2 sqrt(2) rms_px, for a movement without a preferred direction (``is_round``).
    azimuth_deg
        Of the wider axis: from the columns' direction towards growing rows, from -90 to 90.
    within_px
        ``rms_px`` within the slots: of slots of a minute the standard's medium-term stability is 2 sqrt(2) of it.
    change_px
        How far a straight line through the slots' means leads away.
    """

    shots: int
    x_px: float
    y_px: float
    rms_x_px: float
    rms_y_px: float
    rms_px: float
    major_px: float
    minor_px: float
    overall_px: float
    azimuth_deg: float
    within_px: float
    change_px: float

    @property
    def is_round(self) -> bool:
        """Whether the centroid moves about as much in all directions."""
        return self.minor_px >= _ROUND * self.major_px


def energy_stability(sums: SlotSums) -> EnergyStability:
    """From energies in joules, d = 1."""
    mean = float(sums.mean()[0])
    percent = 100.0 / mean if mean else float("nan")
    return EnergyStability(
        shots=sums.total,
        mean_j=mean,
        rms_percent=_root(sums.covariance()[0, 0]) * percent,
        rms_within_percent=_root(sums.covariance_within()[0, 0]) * percent,
        change_percent=float(sums.change()[0]) * percent,
    )


def pointing_stability(sums: SlotSums) -> PointingStability:
    """From centroids, columns and rows in pixels, d = 2."""
    covariance = sums.covariance()
    (x, y), (rms_x, rms_y) = sums.mean(), (_root(covariance[0, 0]), _root(covariance[1, 1]))
    rms = float(np.hypot(rms_x, rms_y))
    middle, half = (covariance[0, 0] + covariance[1, 1]) / 2, (covariance[0, 0] - covariance[1, 1]) / 2
    reach = float(np.hypot(half, covariance[0, 1]))
    return PointingStability(
        shots=sums.total,
        x_px=float(x),
        y_px=float(y),
        rms_x_px=rms_x,
        rms_y_px=rms_y,
        rms_px=rms,
        major_px=4 * _root(middle + reach),
        minor_px=4 * _root(middle - reach),
        overall_px=2 * np.sqrt(2) * rms,
        azimuth_deg=float(np.degrees(np.arctan2(covariance[0, 1], half) / 2)),
        within_px=_root(np.trace(sums.covariance_within())),
        change_px=float(np.hypot(*sums.change())),
    )


def _over(about: NDArray[np.float64], degrees: int) -> NDArray[np.float64]:
    return about / degrees if degrees > 0 else np.full(about.shape, np.nan)


def _root(variance: float) -> float:
    """Rounding may leave a variance of 0 a little below."""
    return float(np.sqrt(max(float(variance), 0.0))) if np.isfinite(variance) else float("nan")

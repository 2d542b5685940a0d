"""How far the tail of a sample may reach: a generalised Pareto tail with the bounds of its likelihood."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.compilation import kernel

# The likelihood is looked at on a grid: shapes from light to heavy, and scales around those that fit each best.
_SHAPES = np.linspace(-0.4, 0.4, 41)
_SCALES = 61
_LEAST_WIDTH, _WIDTH_IN_DEVIATIONS = 0.15, 5.0
# Scores are logarithms of tail probabilities, so their own tail is close to exponential: shape 0. That is known from
# how they are made, not from the sample, which says little of its shape (Coles and Dixon 1999, Extremes 2, 5).
_PRIOR_SHAPE_DEVIATION = 0.1
# Beyond so many of the largest values the tail is fitted: more of them would say less of the end of it.
_TAIL_SHARE = 0.1
_MOST_EXCEEDANCES = 150
_LEAST_EXCEEDANCES = 20
#: Fewer values than this have no tail to speak of.
MINIMUM_VALUES = int(_LEAST_EXCEEDANCES / _TAIL_SHARE)
# Values that are all alike have no scale; scores are shown with two digits.
_LEAST_MEAN = 1e-3
_EXPONENTIAL = 1e-9
_FACTORS_PER_LOGARITHM = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class TailBounds:
    """The tail beyond ``start`` as heavy as the sample allows at a confidence.

    The bounds are those of the profile likelihood (Coles 2001, An Introduction to Statistical Modeling of Extreme
    Values, section 2.6.6): of all tails whose likelihood is not much below the largest one, the heaviest for what is
    asked. A weak prior holds the shape near 0.

    Attributes
    ----------
    start
        From here on the tail is fitted.
    share
        At most this share of the values is beyond ``start``.
    shapes, scales
        float64, shape (p,): for each shape that is plausible the largest scale that is.
    """

    start: float
    share: float
    shapes: NDArray[np.float64]
    scales: NDArray[np.float64]

    @classmethod
    def of(cls, values: NDArray[np.floating], confidence: float) -> Self:
        """The bounds for values that are independent of each other.

        Parameters
        ----------
        values
            Shape (n,), n >= ``MINIMUM_VALUES``, finite, in any order.
        confidence
            With which an upper bound holds, one-sided, 0.5 to 1.
        """
        # Takes a third of a second to import, and nothing before the first estimate needs it.
        from scipy import special  # noqa: PLC0415

        ordered = np.sort(np.asarray(values, np.float64))
        beyond = min(max(int(_TAIL_SHARE * len(ordered)), _LEAST_EXCEEDANCES), _MOST_EXCEEDANCES)
        start = float(ordered[-beyond - 1])
        exceedances = ordered[-beyond:] - start
        mean = max(float(exceedances.mean()), _LEAST_MEAN)
        width = max(_LEAST_WIDTH, _WIDTH_IN_DEVIATIONS / np.sqrt(beyond))
        # The mean of a generalised Pareto tail is scale / (1 - shape).
        scales = mean * (1.0 - _SHAPES)[:, np.newaxis] * np.exp(np.linspace(-width, width, _SCALES))
        likelihood = np.empty_like(scales)
        _log_likelihood(exceedances, _SHAPES, scales, likelihood)
        likelihood -= 0.5 * (_SHAPES[:, np.newaxis] / _PRIOR_SHAPE_DEVIATION) ** 2
        plausible = likelihood >= likelihood.max() - 0.5 * special.ndtri(confidence) ** 2
        shapes = plausible.any(axis=1)
        largest = _SCALES - 1 - np.argmax(plausible[shapes, ::-1], axis=1)
        return cls(
            start=start,
            share=float(special.betaincinv(beyond + 1, len(ordered) - beyond, confidence)),
            shapes=_SHAPES[shapes],
            scales=scales[shapes, largest],
        )

    def level(self, rate: float) -> float:
        """The value that at most the share ``rate`` of all values passes, in (0, 1); never below ``start``."""
        if rate >= self.share:
            return self.start
        ratio = np.log(self.share / rate)
        exponential = np.abs(self.shapes) < _EXPONENTIAL
        shapes = np.where(exponential, 1.0, self.shapes)
        reach = np.where(exponential, ratio, np.expm1(shapes * ratio) / shapes)
        return self.start + float((self.scales * reach).max())

    def rate(self, level: float) -> float:
        """At most this share of all values passes ``level``, in [0, 1]; 1 below ``start``, where nothing was fitted."""
        if level < self.start:
            return 1.0
        excess = (level - self.start) / self.scales
        exponential = np.abs(self.shapes) < _EXPONENTIAL
        shapes = np.where(exponential, 1.0, self.shapes)
        base = np.maximum(1.0 + shapes * excess, 0.0)
        with np.errstate(divide="ignore"):
            logarithm = np.where(exponential, -excess, -np.log(base) / shapes)
        ended = (base == 0.0) & ~exponential
        return self.share * float(np.exp(np.where(ended, -np.inf, logarithm)).max())


@kernel()
def _log_likelihood(
    exceedances: NDArray[np.float64],
    shapes: NDArray[np.float64],
    scales: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Of a generalised Pareto tail: exceedances (k,), shapes (p,), scales (p, q), written (p, q)."""
    count = len(exceedances)
    for row in range(len(shapes)):
        shape = shapes[row]
        for column in range(scales.shape[1]):
            scale = scales[row, column]
            if abs(shape) < _EXPONENTIAL:
                out[row, column] = -count * np.log(scale) - exceedances.sum() / scale
                continue
            total, product = 0.0, 1.0
            for index in range(count):
                base = 1.0 + shape * exceedances[index] / scale
                product *= max(base, 0.0)  # 0 once beyond the end of a light tail: the logarithm says it
                if index % _FACTORS_PER_LOGARITHM == _FACTORS_PER_LOGARITHM - 1:
                    total += np.log(product) if product > 0.0 else -np.inf
                    product = 1.0
            total += np.log(product) if product > 0.0 else -np.inf
            ended = np.isinf(total)
            out[row, column] = -np.inf if ended else -count * np.log(scale) - (1.0 + 1.0 / shape) * total

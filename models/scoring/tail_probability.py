"""Tail probabilities: how often a normal record of this device would score at least this much."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self, cast

import numpy as np
from numpy.typing import NDArray

from models.compilation import kernel
from models.errors import FatalError
from models.state import State

#: Beyond this share of the normal scores a tail is fitted; below it their own ranks are used.
TAIL_FRACTION = 0.05
# An exceedance counts for at most this many times the one at the top 3 %: one odd record among the normal ones then
# moves the fit by a few per cent, not by its size.
_LARGEST_BY_TOP = 1.5
_TOP = 0.03
# The fitted scale never falls below this part of the scores' own size: constant scores have no tail to fit.
_RELATIVE_SCALE_FLOOR = 1e-6
_EXPONENTIAL = 1e-6  # a shape below this is 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TailSettings:
    """How a device's own normal scores become probabilities.

    Attributes
    ----------
    ring_records
        How many recent normal scores are kept.
    minimum_records
        Fewer than this give no probability.
    shape_lower, shape_upper
        Limits of the generalised Pareto shape; 0 is exponential, above it heavier. A shape well below 0 has an end,
        just beyond which a normal record would count as impossible.
    shape_prior_exceedances, scale_prior_exceedances
        The weight of the seed against the device's own records, counted in records beyond the threshold. A shape is
        hard to learn from a hundred records and alike on all devices; a scale is neither.
    probability_floor
        The smallest probability given: nothing is certain from some thousand records.
    """

    ring_records: int = 2000
    minimum_records: int = 100
    shape_lower: float = -0.05
    shape_upper: float = 0.3
    shape_prior_exceedances: float = 100.0
    scale_prior_exceedances: float = 10.0
    probability_floor: float = 1e-15
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if not 40 <= self.minimum_records <= self.ring_records <= 1_000_000:
            raise ValueError("minimum_records must be at least 40 and at most ring_records (itself at most 1,000,000)")
        if not -0.5 <= self.shape_lower <= self.shape_upper <= 0.5:
            raise ValueError("shape_lower and shape_upper must lie in that order between -0.5 and 0.5")
        if self.shape_prior_exceedances < 0 or self.scale_prior_exceedances < 0:
            raise ValueError("shape_prior_exceedances and scale_prior_exceedances must not be negative")
        if not 0 < self.probability_floor <= 1e-6:
            raise ValueError("probability_floor must be above 0 and at most 1e-6")


@dataclass(frozen=True, slots=True, kw_only=True)
class TailSeed:
    """The tail of a score before a device has one of its own.

    Attributes
    ----------
    shape
        Generalised Pareto shape.
    scale
        Generalised Pareto scale, in units of the distance from the median to the 95 % quantile of the scores.
    """

    shape: float = 0.0
    scale: float = 0.45

    def to_json(self) -> dict[str, float]:
        """The seed as JSON values."""
        return {"shape": self.shape, "scale": self.scale}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        """The seed that ``to_json`` wrote.

        Raises
        ------
        FatalError
            If it is no such document.
        """
        try:
            seed = cls(shape=float(document["shape"]), scale=float(document["scale"]))
        except (KeyError, TypeError, ValueError) as error:
            raise FatalError(f"a model's seed is damaged ({error}); install the model again", reason="model") from error
        if not (np.isfinite(seed.shape) and np.isfinite(seed.scale) and seed.scale > 0):
            raise FatalError(f"a model's seed is no tail ({seed}); install the model again", reason="model")
        return seed


@dataclass(frozen=True, slots=True)
class _Fit:
    """The tail in force: sorted scores, and the Pareto distribution beyond ``threshold``."""

    ordered: NDArray[np.float64]
    threshold: float
    probability: float  # of passing the threshold
    shape: float
    scale: float


@kernel()
def _p_values(
    scores: NDArray[np.float64],
    ordered: NDArray[np.float64],
    threshold: float,
    probability: float,
    shape: float,
    scale: float,
    floor: float,
    out: NDArray[np.float64],
) -> None:
    records = len(ordered)
    for index in range(len(scores)):
        score = scores[index]
        if np.isnan(score) or score < ordered[0]:
            out[index] = 1.0
        elif score > threshold:
            excess = (score - threshold) / scale
            if abs(shape) < _EXPONENTIAL:
                tail = np.exp(-excess)
            else:
                base = 1.0 + shape * excess
                tail = base ** (-1.0 / shape) if base > 0.0 else 0.0
            out[index] = max(probability * tail, floor)
        else:
            above = np.searchsorted(ordered, score)  # the first one that is not smaller
            rank = float(above)
            if ordered[above] > score:
                rank -= (ordered[above] - score) / (ordered[above] - ordered[above - 1])
            out[index] = (records - rank) / (records + 1.0)


def pareto_fit(
    exceedances: NDArray[np.float64], settings: TailSettings, prior_shape: float, prior_scale: float
) -> tuple[float, float]:
    """Shape and scale of a generalised Pareto distribution, from its records and a prior.

    Probability-weighted moments (Hosking and Wallis 1987, Technometrics 29, 339) of exceedances that are cut at a
    limit set by those below, shrunk towards the prior by the number of records, the shape clamped.

    Parameters
    ----------
    exceedances
        float64, shape (k,), k >= 1, ascending, >= 0, finite.
    settings
        Limits and weights.
    prior_shape, prior_scale
        The seed, the scale in the unit of ``exceedances``.
    """
    count = len(exceedances)
    top = float(exceedances[max(count - 1 - max(int(_TOP * count), 1), 0)])
    cut = np.minimum(exceedances, _LARGEST_BY_TOP * top)
    mean = float(cut.mean())
    weighted = float(cut @ (count - 0.65 - np.arange(count))) / count**2  # plotting positions (i - 0.35) / n
    denominator = mean - 2.0 * weighted
    own_shape = 2.0 - mean / denominator if denominator > 0.0 else prior_shape
    own_shape = min(max(own_shape, -0.5), 0.5)
    weight = count / (count + settings.shape_prior_exceedances)
    shape = weight * own_shape + (1.0 - weight) * prior_shape
    shape = min(max(shape, settings.shape_lower), settings.shape_upper)
    weight = count / (count + settings.scale_prior_exceedances)
    return shape, weight * mean * (1.0 - shape) + (1.0 - weight) * prior_scale


def _normalised_exceedances(ordered: NDArray[np.float64]) -> tuple[NDArray[np.float64], float, float]:
    """What lies beyond the threshold, the threshold, and its distance from the median (at least a floor)."""
    beyond = max(int(TAIL_FRACTION * len(ordered)), 1)
    threshold, median = float(ordered[-beyond - 1]), float(ordered[len(ordered) // 2])
    spread = max(threshold - median, _RELATIVE_SCALE_FLOOR * max(abs(threshold), abs(median)), np.finfo(float).tiny)
    return ordered[-beyond:] - threshold, threshold, spread


def fit_seed(scores_per_camera: Sequence[NDArray[np.floating[Any]]], settings: TailSettings | None = None) -> TailSeed:
    """The seed for new devices from the normal scores of several known ones.

    Parameters
    ----------
    scores_per_camera
        One float64 array per device, each of at least 200 finite scores of normal records that its statistics had not
        learned when they were scored.

    Raises
    ------
    ValueError
        If no device has enough scores.
    """
    settings = settings or TailSettings()
    pooled = []
    for scores in scores_per_camera:
        finite = np.sort(np.asarray(scores, np.float64)[np.isfinite(scores)])
        if len(finite) >= 200:
            exceedances, _, spread = _normalised_exceedances(finite)
            pooled.append(exceedances / spread)
    if not pooled:
        raise ValueError("a seed needs at least one device with 200 finite normal scores")
    default = TailSeed()
    shape, scale = pareto_fit(np.sort(np.concatenate(pooled)), settings, default.shape, default.scale)
    return TailSeed(shape=shape, scale=max(scale, _RELATIVE_SCALE_FLOOR))


class TailProbability:
    """Turns one score of one device into the probability that a normal record scores at least as much.

    ``learn`` only remembers; the probabilities change when ``refit`` is called, which the owner does after fixed
    numbers of records, so that the cut of the blocks changes nothing.
    """

    def __init__(self, settings: TailSettings, seed: TailSeed | None = None) -> None:
        self._settings = settings
        self._seed = seed or TailSeed()
        self._ring = np.zeros(settings.ring_records, np.float32)
        self._count = 0
        self._waiting: list[NDArray[np.float32]] = []
        self._fit: _Fit | None = None

    @property
    def count(self) -> int:
        """How many scores were learned so far."""
        return self._count + sum(map(len, self._waiting))

    @property
    def recent(self) -> NDArray[np.float32]:
        """The scores behind the fit, float32, shape (at most ring_records,), in no order."""
        return self._ring[: min(self._count, len(self._ring))].copy()

    @property
    def ready(self) -> bool:
        """Whether there is a fit, so that ``p_values`` says something."""
        return self._fit is not None

    def p_values(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """The probability of each score or a larger one, float64, shape (n,), in [floor, 1].

        1 for NaN and as long as there is no fit; the floor for +infinity.
        """
        probabilities = np.ones(len(scores))
        fit = self._fit
        if fit is not None and len(scores):
            given = np.ascontiguousarray(scores, np.float64)
            floor = self._settings.probability_floor
            _p_values(given, fit.ordered, fit.threshold, fit.probability, fit.shape, fit.scale, floor, probabilities)
        return probabilities

    def survival(self, excess: NDArray[np.float64]) -> NDArray[np.float64]:
        """By how much what lies beyond the fit's threshold goes on: the probability of exceeding it by ``excess`` more.

        Parameters
        ----------
        excess
            float64, any shape, at least 0.

        Returns
        -------
        NDArray[np.float64]
            The same shape, in [0, 1]; 1 as long as there is no fit.
        """
        fit = self._fit
        if fit is None:
            return np.ones(np.shape(excess))
        if abs(fit.shape) < _EXPONENTIAL:
            return cast("NDArray[np.float64]", np.exp(-excess / fit.scale))
        base = np.maximum(1.0 + fit.shape * excess / fit.scale, np.finfo(float).tiny)
        return cast("NDArray[np.float64]", np.minimum(base ** (-1.0 / fit.shape), 1.0))

    def learn(self, scores: NDArray[np.float64]) -> None:
        """Remember the scores of normal records, in their order, as float32; those that are not finite are left out."""
        given = np.asarray(scores, np.float32)
        finite = given[np.isfinite(given)]
        if len(finite):
            self._waiting.append(finite)

    def refit(self) -> None:
        """Bring the fit up to what was learned; there is none before ``minimum_records``."""
        for scores in self._waiting:
            places = (self._count + np.arange(len(scores))) % len(self._ring)
            self._count += len(scores)
            keep = slice(max(len(scores) - len(self._ring), 0), None)
            self._ring[places[keep]] = scores[keep]
        self._waiting.clear()
        self._fit_ring()

    def _fit_ring(self) -> None:
        if self._count < self._settings.minimum_records:
            return
        ordered = np.sort(self._ring[: min(self._count, len(self._ring))]).astype(np.float64)
        exceedances, threshold, spread = _normalised_exceedances(ordered)
        shape, scale = pareto_fit(exceedances, self._settings, self._seed.shape, self._seed.scale * spread)
        scale = max(scale, _RELATIVE_SCALE_FLOOR * spread)
        probability = (len(exceedances) + 1.0) / (len(ordered) + 1.0)
        self._fit = _Fit(ordered, threshold, probability, shape, scale)

    def state(self) -> State:
        """What the fit in force is made of, and what was learned since."""
        kept = min(self._count, len(self._ring))
        waiting = np.concatenate([np.zeros(0, np.float32), *self._waiting])
        return {"count": self._count, "ring": self._ring[:kept].copy(), "waiting": waiting}

    def restore(self, state: State) -> None:
        """Go on from a saved state.

        Raises
        ------
        FatalError
            If it was saved with another ``ring_records``.
        """
        count, ring = int(state["count"]), cast("NDArray[np.float32]", state["ring"])
        if len(ring) != min(count, len(self._ring)):
            raise FatalError(
                "a saved state holds another number of scores than ring_records; set it back, or start a new state",
                reason="state_settings",
            )
        self._ring[:] = 0.0
        self._ring[: len(ring)] = ring
        self._count = count
        waiting = np.array(state["waiting"], np.float32)
        self._waiting = [waiting] if len(waiting) else []
        self._fit = None
        self._fit_ring()


def corrected(probability: NDArray[np.float64], number: float) -> NDArray[np.float64]:
    """The probability that the smallest of ``number`` independent ones is at most this: 1 - (1 - p)^number.

    A part of a number takes what was corrected back to fewer.

    Exact for independent scores, too large (never too small) for scores that go together.

    Parameters
    ----------
    probability
        float64, any shape, in [0, 1].
    """
    with np.errstate(divide="ignore"):
        return cast("NDArray[np.float64]", -np.expm1(number * np.log1p(-probability)))


def score_of(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """The score of a tail probability in (0, 1], -log10 of it: at least 0, and never -0, which would be shown."""
    return 0.0 - np.log10(probability)

"""Training of the classifier that names causes: a small network, fitted by a quasi-Newton method."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, cast

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from models.alerts.explanation import UNKNOWN_CAUSE
from models.causes.cause_classifier import CauseClassifier
from models.causes.cause_features import Measurements, cause_features
from models.training.cause_frames import IMAGE_CAUSES, LabelledFrame

Matrix = NDArray[np.float64]

_CAUSES = (*(kind.value for kind in IMAGE_CAUSES), UNKNOWN_CAUSE)
_LEAST_SCALE = 1e-3
_LARGEST_INPUT = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseTrainingSettings:
    """How the classifier is fitted.

    Attributes
    ----------
    hidden
        Units of the hidden layer.
    decay
        Weight of the sum of squared weights per frame.
    iterations
        At most so many steps.
    least_probability
        ``CauseClassifier.least_probability``.
    seed
        Of the first weights.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    hidden: int = 24
    decay: float = 3e-4
    iterations: int = 400
    least_probability: float = 0.5
    seed: int = 20_260_701

    def __post_init__(self) -> None:
        if not (1 <= self.hidden <= 1000 and 1 <= self.iterations <= 100_000):
            raise ValueError("hidden must be 1 to 1000 and iterations 1 to 100,000")
        if not (self.decay >= 0.0 and 0.0 <= self.least_probability <= 1.0):
            raise ValueError("decay must not be negative and least_probability 0 to 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseSample:
    """The features of labelled frames, without their pixels.

    Attributes
    ----------
    feature_names
        The columns of ``features``.
    features
        float64, shape (n, features).
    causes
        n names.
    severity, odd
        float64 and bool, shape (n,): as in ``LabelledFrame``.
    """

    feature_names: tuple[str, ...]
    features: Matrix
    causes: tuple[str, ...]
    severity: Matrix
    odd: NDArray[np.bool_]


def measure(frames: Iterable[LabelledFrame]) -> CauseSample:
    """The features of some frames, at least one; the pixels are not kept."""
    rows: list[dict[str, float]] = []
    labels: list[tuple[str, float, bool]] = []
    for labelled in frames:
        rows.append(cause_features(Measurements.of(labelled.frame)))
        labels.append((labelled.cause, labelled.severity, labelled.odd))
    causes, severity, odd = zip(*labels, strict=True)
    return CauseSample(
        feature_names=tuple(rows[0]),
        features=np.array([list(row.values()) for row in rows]),
        causes=causes,
        severity=np.array(severity),
        odd=np.array(odd),
    )


def train_causes(learned: CauseSample, held_out: CauseSample, settings: CauseTrainingSettings) -> CauseClassifier:
    """Fit the classifier on ``learned`` and its temperature on frames of other cameras, ``held_out``.

    Raises
    ------
    ValueError
        If a cause does not occur in ``learned``.
    """
    missing = set(_CAUSES) - set(learned.causes)
    if missing:
        raise ValueError(f"no frame shows {', '.join(sorted(missing))}; simulate more cameras")
    centre = np.median(learned.features, axis=0)
    scale = np.maximum(learned.features.std(axis=0), _LEAST_SCALE)
    fit = _Fit(_inputs(learned, centre, scale), _targets(learned), settings)
    inner, inner_bias, outer, outer_bias = fit.weights()
    outputs = np.tanh(_inputs(held_out, centre, scale) @ inner + inner_bias) @ outer + outer_bias
    return CauseClassifier(
        feature_names=learned.feature_names,
        causes=_CAUSES,
        centre=centre,
        scale=scale,
        inner=inner,
        inner_bias=inner_bias,
        outer=outer,
        outer_bias=outer_bias,
        temperature=_temperature(outputs, _targets(held_out)),
        least_probability=settings.least_probability,
    )


def confusion(classifier: CauseClassifier, sample: CauseSample) -> NDArray[np.int64]:
    """How often each cause (rows) was given each name (columns), both in the order of ``classifier.causes``."""
    counts = np.zeros((len(classifier.causes), len(classifier.causes)), np.int64)
    for cause, named in zip(sample.causes, _named(classifier, sample), strict=True):
        counts[classifier.causes.index(cause), classifier.causes.index(named)] += 1
    return counts


def accuracies(classifier: CauseClassifier, sample: CauseSample) -> dict[str, float]:
    """The part of the odd frames whose fault was named rightly, by its severity, and of those called unknown rightly.

    ``wrong`` is the part of all odd frames with a fault that were given the name of another one.
    """
    named, causes = np.array(_named(classifier, sample)), np.array(sample.causes)
    fault = sample.odd & (causes != UNKNOWN_CAUSE)
    right = named == causes
    third = np.minimum((3.0 * sample.severity).astype(np.int64), 2)
    found = {name: right[fault & (third == place)] for place, name in enumerate(("mild", "medium", "strong"))}
    found["unknown"] = right[sample.odd & (causes == UNKNOWN_CAUSE)]
    found["wrong"] = (~right & (named != UNKNOWN_CAUSE))[fault]
    return {name: round(float(part.mean()), 4) for name, part in found.items() if len(part)}


def _named(classifier: CauseClassifier, sample: CauseSample) -> list[str]:
    names = sample.feature_names
    return [classifier.classify(dict(zip(names, row.tolist(), strict=True)))[0] for row in sample.features]


def _inputs(sample: CauseSample, centre: Matrix, scale: Matrix) -> Matrix:
    return np.clip((sample.features - centre) / scale, -_LARGEST_INPUT, _LARGEST_INPUT)


def _targets(sample: CauseSample) -> Matrix:
    return np.eye(len(_CAUSES))[[_CAUSES.index(cause) for cause in sample.causes]]


def _log_softmax(outputs: Matrix) -> Matrix:
    shifted = outputs - outputs.max(axis=1, keepdims=True)
    return cast("Matrix", shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def _temperature(outputs: Matrix, targets: Matrix) -> float:
    """The temperature with which held-out frames are most probable (Guo et al. 2017)."""
    found = optimize.minimize_scalar(
        lambda log: -float((_log_softmax(outputs / np.exp(log)) * targets).sum()), bounds=(-2.0, 3.0), method="bounded"
    )
    return round(float(np.exp(found.x)), 4)


class _Fit:
    """Cross-entropy with weight decay, minimised by L-BFGS."""

    def __init__(self, inputs: Matrix, targets: Matrix, settings: CauseTrainingSettings) -> None:
        self._inputs, self._targets, self._settings = inputs, targets, settings
        self._class_weights = 1.0 / np.sqrt(targets.sum(axis=0) / len(targets) * targets.shape[1])

    def weights(self) -> tuple[Matrix, Matrix, Matrix, Matrix]:
        draw = np.random.default_rng(self._settings.seed)
        features, hidden, causes = self._inputs.shape[1], self._settings.hidden, self._targets.shape[1]
        start = np.concatenate(
            [
                draw.normal(0.0, 1.0 / np.sqrt(features), features * hidden),
                np.zeros(hidden),
                draw.normal(0.0, 1.0 / np.sqrt(hidden), hidden * causes),
                np.zeros(causes),
            ]
        )
        found = optimize.minimize(
            self._loss, start, jac=True, method="L-BFGS-B", options={"maxiter": self._settings.iterations}
        )
        return self._split(found.x)

    def _split(self, flat: Matrix) -> tuple[Matrix, Matrix, Matrix, Matrix]:
        features, hidden, causes = self._inputs.shape[1], self._settings.hidden, self._targets.shape[1]
        ends = np.cumsum([features * hidden, hidden, hidden * causes])
        inner, inner_bias, outer, outer_bias = np.split(flat, ends)
        return inner.reshape(features, hidden), inner_bias, outer.reshape(hidden, causes), outer_bias

    def _loss(self, flat: Matrix) -> tuple[float, Matrix]:
        inner, inner_bias, outer, outer_bias = self._split(flat)
        middle = np.tanh(self._inputs @ inner + inner_bias)
        logs = _log_softmax(middle @ outer + outer_bias)
        weight = self._targets @ self._class_weights
        weight /= weight.sum()
        error = weight[:, np.newaxis] * (np.exp(logs) - self._targets)
        back = (error @ outer.T) * (1.0 - middle * middle)
        decay = self._settings.decay
        loss = -float((weight[:, np.newaxis] * self._targets * logs).sum())
        loss += 0.5 * decay * float((inner * inner).sum() + (outer * outer).sum())
        gradient = [
            (self._inputs.T @ back + decay * inner).ravel(),
            back.sum(axis=0),
            (middle.T @ error + decay * outer).ravel(),
            error.sum(axis=0),
        ]
        return loss, np.concatenate(gradient)

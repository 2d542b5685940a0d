"""Which kind of fault fits an odd frame best, and how surely: a small network of plain numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.alerts.explanation import UNKNOWN_CAUSE

_FORMAT_VERSION = 1
_ARRAYS = ("centre", "scale", "inner", "inner_bias", "outer", "outer_bias")
# Standardised features are cut here: one wild number must not decide alone.
_LARGEST_INPUT = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseClassifier:
    """A network with one hidden layer over standardised features, its probabilities calibrated by a temperature.

    Attributes
    ----------
    feature_names
        The features, in the order in which the network takes them.
    causes
        The names of its outputs; ``UNKNOWN_CAUSE`` is one of them.
    centre, scale
        float64, shape (features,): what standardises a feature.
    inner, inner_bias, outer, outer_bias
        float64, shapes (features, hidden), (hidden,), (hidden, causes) and (causes,).
    temperature
        Divides the outputs before they become probabilities.
    least_probability
        A cause less probable than this is ``UNKNOWN_CAUSE``.
    trained_on
        JSON values: what it was trained on, and what it reached.
    """

    feature_names: tuple[str, ...]
    causes: tuple[str, ...]
    centre: NDArray[np.float64]
    scale: NDArray[np.float64]
    inner: NDArray[np.float64]
    inner_bias: NDArray[np.float64]
    outer: NDArray[np.float64]
    outer_bias: NDArray[np.float64]
    temperature: float
    least_probability: float
    trained_on: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        features, causes, hidden = len(self.feature_names), len(self.causes), len(self.inner_bias)
        shapes = {
            "centre": (features,),
            "scale": (features,),
            "inner": (features, hidden),
            "outer": (hidden, causes),
            "outer_bias": (causes,),
        }
        for name, shape in shapes.items():
            values = getattr(self, name)
            if values.shape != shape or not np.isfinite(values).all():
                raise ValueError(f"{name} must be {shape} finite numbers")
        if not (np.isfinite(self.inner_bias).all() and (self.scale > 0.0).all()):
            raise ValueError("inner_bias must be finite and scale above 0")
        if UNKNOWN_CAUSE not in self.causes or len(set(self.causes)) < causes:
            raise ValueError(f"causes must be different names with {UNKNOWN_CAUSE!r} among them")
        if not (self.temperature > 0.0 and 0.0 <= self.least_probability <= 1.0):
            raise ValueError("temperature must be above 0 and least_probability 0 to 1")

    def probabilities(self, features: Mapping[str, float]) -> dict[str, float]:
        """The probability of every cause; they sum to 1.

        Parameters
        ----------
        features
            ``cause_features``: finite, at least the ones of ``feature_names``.
        """
        given = np.array([features[name] for name in self.feature_names])
        inputs = np.clip((given - self.centre) / self.scale, -_LARGEST_INPUT, _LARGEST_INPUT)
        outputs = (np.tanh(inputs @ self.inner + self.inner_bias) @ self.outer + self.outer_bias) / self.temperature
        weights = np.exp(outputs - outputs.max())
        return dict(zip(self.causes, (weights / weights.sum()).tolist(), strict=True))

    def classify(self, features: Mapping[str, float]) -> tuple[str, float]:
        """The most probable cause and its probability; ``UNKNOWN_CAUSE`` with its own when none is probable enough."""
        probabilities = self.probabilities(features)
        cause = max(probabilities, key=lambda name: probabilities[name])
        if probabilities[cause] < self.least_probability:
            cause = UNKNOWN_CAUSE
        return cause, probabilities[cause]

    def to_json(self) -> dict[str, Any]:
        """JSON values, numbers to six digits."""
        document: dict[str, Any] = {
            "format_version": _FORMAT_VERSION,
            "feature_names": list(self.feature_names),
            "causes": list(self.causes),
            "temperature": self.temperature,
            "least_probability": self.least_probability,
            "trained_on": dict(self.trained_on),
        }
        for name in _ARRAYS:
            document[name] = _rounded(getattr(self, name).tolist())
        return document

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "CauseClassifier":
        """The inverse of ``to_json``.

        Raises
        ------
        ValueError
            If it is another format, or a number is missing or not finite.
        """
        if document.get("format_version") != _FORMAT_VERSION:
            raise ValueError(f"the format is {document.get('format_version')} instead of {_FORMAT_VERSION}")
        try:
            arrays = {name: np.array(document[name], np.float64) for name in _ARRAYS}
            return cls(
                feature_names=tuple(map(str, document["feature_names"])),
                causes=tuple(map(str, document["causes"])),
                temperature=float(document["temperature"]),
                least_probability=float(document["least_probability"]),
                trained_on=dict(document["trained_on"]),
                **arrays,
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"an entry is missing or garbled ({error!r})") from error


def _rounded(values: Any) -> Any:
    if isinstance(values, list):
        return [_rounded(value) for value in values]
    return float(f"{values:.6g}")

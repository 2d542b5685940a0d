"""The classifier as plain numbers."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models.alerts.explanation import UNKNOWN_CAUSE
from models.causes.cause_classifier import CauseClassifier


def classifier(**changes: Any) -> CauseClassifier:
    """Up is ``a``, down is ``b``, nothing is unknown."""
    plain = CauseClassifier(
        feature_names=("first", "second"),
        causes=("a", "b", UNKNOWN_CAUSE),
        centre=np.array([1.0, 0.0]),
        scale=np.array([2.0, 1.0]),
        inner=np.array([[1.0], [0.0]]),
        inner_bias=np.zeros(1),
        outer=np.array([[4.0, -4.0, 0.0]]),
        outer_bias=np.zeros(3),
        temperature=1.0,
        least_probability=0.5,
        trained_on={"frames": 3},
    )
    return replace(plain, **changes)


def test_probabilities_by_hand() -> None:
    found = classifier().probabilities({"second": 9.0, "first": 3.0, "more": 1.0})
    outputs = 4.0 * np.tanh(1.0) * np.array([1.0, -1.0, 0.0])
    np.testing.assert_allclose(list(found.values()), np.exp(outputs) / np.exp(outputs).sum())
    assert list(found) == ["a", "b", UNKNOWN_CAUSE]


def test_the_most_probable_is_named_if_it_is_probable_enough() -> None:
    assert classifier().classify({"first": 20.0, "second": 0.0})[0] == "a"
    assert classifier().classify({"first": -20.0, "second": 0.0})[0] == "b"
    cause, probability = classifier().classify({"first": 1.2, "second": 0.0})
    assert (cause, probability < 0.5) == (UNKNOWN_CAUSE, True)


def test_a_higher_temperature_is_less_sure() -> None:
    features = {"first": 3.0, "second": 0.0}
    assert classifier(temperature=3.0).classify(features)[1] < classifier().classify(features)[1]


def test_wild_features_decide_no_more_than_large_ones() -> None:
    wild, large = ({"first": value, "second": 0.0} for value in (1e9, 11.0))
    assert classifier().probabilities(wild) == classifier().probabilities(large)


def test_json_there_and_back() -> None:
    text = json.dumps(classifier().to_json())
    back = CauseClassifier.from_json(json.loads(text))
    assert json.dumps(back.to_json()) == text
    features = {"first": 2.0, "second": 0.0}
    assert back.probabilities(features) == classifier().probabilities(features)


@pytest.mark.parametrize(
    "change",
    [
        {"format_version": 2},
        {"scale": [0.0, 1.0]},
        {"centre": [1.0]},
        {"outer": [[4.0, float("nan"), 0.0]]},
        {"causes": ["a", "b", "c"]},
        {"temperature": 0.0},
        {"inner": "words"},
        {"trained_on": None},
    ],
)
def test_damaged_json_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        CauseClassifier.from_json(classifier().to_json() | change)


def test_missing_entries_are_refused() -> None:
    document = classifier().to_json()
    del document["inner_bias"]
    with pytest.raises(ValueError, match="inner_bias"):
        CauseClassifier.from_json(document)

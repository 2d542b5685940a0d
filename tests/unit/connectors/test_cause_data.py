"""The shipped classifier of causes, and a damaged one."""

import json
from pathlib import Path
from typing import Any

import pytest

from connectors.cause_data import load_cause_classifier, write_cause_classifier
from models.alerts.explanation import UNKNOWN_CAUSE
from models.causes.cause_features import Measurements, cause_features
from models.errors import FatalError
from models.fault_kinds import FaultKind
from tests.unit.models.causes.frames import beam, odd_frame


def test_the_shipped_one_takes_the_features_that_are_measured() -> None:
    classifier = load_cause_classifier()
    features = cause_features(Measurements.of(odd_frame(beam())))
    assert set(classifier.feature_names) == set(features)
    assert set(classifier.causes) < {*FaultKind, UNKNOWN_CAUSE}
    assert sum(classifier.probabilities(features).values()) == pytest.approx(1.0)
    assert classifier.trained_on["learned"]["shapes"] == "default"


def test_it_names_plain_faults() -> None:
    classifier = load_cause_classifier()
    for kind, signal in {
        FaultKind.ENERGY_DROP: 0.6 * beam(),
        FaultKind.SATURATION: 2.5 * beam(),
        FaultKind.POINTING_JUMP: beam(x=67.0),
    }.items():
        cause, probability = classifier.classify(cause_features(Measurements.of(odd_frame(signal))))
        assert (cause, probability > 0.5) == (kind, True)


def test_written_and_read_again(tmp_path: Path) -> None:
    shipped = load_cause_classifier()
    write_cause_classifier(tmp_path, shipped)
    assert load_cause_classifier(tmp_path).to_json() == shipped.to_json()


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"format_version": 1}', "[" * 100_000])
def test_a_damaged_file_is_one_sentence(text: str, tmp_path: Path) -> None:
    (tmp_path / "causes.json").write_text(text)
    with pytest.raises(FatalError, match="install petawatch again") as caught:
        load_cause_classifier(tmp_path)
    assert caught.value.reason == "causes_damaged"


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="can't be read"):
        load_cause_classifier(tmp_path)


def test_a_classifier_of_other_numbers_is_refused(tmp_path: Path) -> None:
    document: dict[str, Any] = load_cause_classifier().to_json()
    document["outer"] = document["outer"][1:]
    (tmp_path / "causes.json").write_text(json.dumps(document))
    with pytest.raises(FatalError, match="outer must be"):
        load_cause_classifier(tmp_path)

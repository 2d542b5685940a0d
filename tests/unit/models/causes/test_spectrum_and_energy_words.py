"""The words about odd spectra and readings."""

import numpy as np
import pytest

from models.alerts.explanation import UNKNOWN_CAUSE
from models.causes.energy_words import explain_energy, explain_energy_step
from models.causes.spectrum_words import explain_spectrum
from models.fault_kinds import FaultKind

USUAL = np.array([10.0, 1000.0, 250.0, 100.0, 1.0])
SIGMA = np.array([0.01, 2.0, 2.0, 1.0, 1.0])


def test_bandwidth_drop() -> None:
    found = explain_spectrum(np.array([10.0, 1000.0, 205.0, 82.0, 1.0]), USUAL, SIGMA)
    assert (found.text, found.cause) == ("bandwidth 18 % narrower", FaultKind.BANDWIDTH_DROP)
    assert found.cause_probability == pytest.approx(0.97)


def test_a_slight_narrowing_is_less_sure() -> None:
    found = explain_spectrum(np.array([10.0, 1000.0, 242.0, 96.4, 1.0]), USUAL, SIGMA)
    assert found.cause == FaultKind.BANDWIDTH_DROP
    assert 0.5 < found.cause_probability < 0.7


def test_less_light_of_the_usual_shape_is_an_energy_drop() -> None:
    found = explain_spectrum(np.array([10.0 + np.log(0.7), 1000.0, 250.5, 100.2, 1.0]), USUAL, SIGMA)
    assert (found.text, found.cause) == ("sum of the spectrum 30 % lower than usual", FaultKind.ENERGY_DROP)


@pytest.mark.parametrize(
    ("moments", "text"),
    [
        ([10.0, 1012.0, 250.0, 100.0, 1.0], "spectrum moved 12.0 samples to the right"),
        ([10.0, 1000.0, 300.0, 101.0, 1.0], "bandwidth 20 % wider"),
        ([10.0, 1000.0, 251.0, 100.0, 6.0], "6 peaks instead of 1"),
        ([10.0, 1000.0, 251.0, 100.5, 1.0], "shape of the spectrum differs from the usual"),
        ([10.0, np.nan, np.nan, np.nan, 1.0], "shape of the spectrum differs from the usual"),
    ],
)
def test_other_changes_have_words_and_no_cause(moments: list[float], text: str) -> None:
    found = explain_spectrum(np.array(moments), USUAL, SIGMA)
    assert (found.text, found.cause) == (text, UNKNOWN_CAUSE)
    assert 0.0 <= found.cause_probability <= 1.0


def test_energy() -> None:
    low, high, slight = explain_energy(28.1, -5.3), explain_energy(40.0, 30.0), explain_energy(29.9, -2.0)
    assert (low.text, low.cause) == ("energy 5.3 sigma low (28.1 J)", FaultKind.ENERGY_DROP)
    assert (high.text, high.cause) == ("energy 30.0 sigma high (40 J)", FaultKind.ENERGY_SPIKE)
    assert 0.8 < low.cause_probability < high.cause_probability <= 0.95
    assert slight.cause == UNKNOWN_CAUSE
    assert explain_energy(28.1, float("nan")).text == "energy 28.1 J"
    assert explain_energy_step(25.06).text == "energy stays at a new level, 25.1 J"

"""What does not fit together, in an operator's words."""

import numpy as np
import pytest

from models.causes.triplet_words import explain_strengths, explain_triplet
from models.devices import Device, parse_device

CAMERA = parse_device("LA_A3_31-Camera_1-Camera-1")
METER = parse_device("LA_A3_31-EM_1-EnergyMeter-1")
METER_2 = parse_device("LA_A3_31-EM_2-EnergyMeter-2")
SPECTROMETER = parse_device("LA_A3_31-Spectro_1-Spectro-1")
TRIO = (CAMERA, METER, SPECTROMETER)


@pytest.mark.parametrize(
    ("devices", "departures", "change", "text"),
    [
        ((CAMERA, METER), [-6.1, 6.1], [-0.128, 0.128], "image 12 % darker than energy tells (6.1 sigma)"),
        (
            TRIO,
            [2.0, -5.3, 1.0],
            [0.01, -0.02, 0.01],
            "energy 5.3 sigma low while the image and the spectrum are normal (2 % lower)",
        ),
        (TRIO, [2.0, 1.0, 5.0], [0.0, 0.0, 0.045], "spectrum 4.6 % stronger than image and energy tell (5.0 sigma)"),
        (
            (CAMERA, METER, METER_2),
            [1.0, 2.0, 9.0],
            [0.0, 0.0, 0.1],
            f"energy of {METER_2} 9.0 sigma high while the image and energy of {METER} are normal (11 % higher)",
        ),
    ],
)
def test_the_strength_that_departs_from_the_others(
    devices: tuple[Device, ...], departures: list[float], change: list[float], text: str
) -> None:
    found = explain_strengths(devices, np.array(departures), np.array(change))
    assert (found.text, found.cause) == (text, "")


def test_an_absurd_change_is_told_without_an_overflow() -> None:
    assert "darker" in explain_strengths(TRIO, np.array([-1e9, 0.0, 0.0]), np.array([-1e9, 0.0, 0.0])).text


@pytest.mark.parametrize(
    ("sigmas", "text"),
    [
        (
            [3.1, 2.7, 0.2, 0.1, -2.0, 0.0],
            "residual 3.1 sigma high, latent features 2.7 sigma high and energy 2.0 sigma low together",
        ),
        ([0.0, 0.0, 4.0, 0.0, 0.0, 1.6], "beam moments 4.0 sigma high and spectrum 1.6 sigma high together"),
        ([0.0, 0.0, 0.0, -1.4, 0.0, 0.0], "image 1.4 sigma low"),
    ],
)
def test_what_is_a_little_odd_together(sigmas: list[float], text: str) -> None:
    assert explain_triplet(TRIO, np.array(sigmas)).text == text

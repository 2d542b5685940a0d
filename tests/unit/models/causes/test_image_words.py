"""The words about odd frames, on beams whose fault is known exactly."""

import re

import numpy as np
import pytest
from numpy.typing import NDArray

from models.alerts.explanation import UNKNOWN_CAUSE, Explanation
from models.causes.cause_classifier import CauseClassifier
from models.causes.cause_features import Measurements, cause_features
from models.causes.image_words import explain_image
from models.causes.odd_frame import LOG_SUM, OddFrame
from models.fault_kinds import FaultKind
from tests.unit.models.causes.frames import CENTRE_X, CENTRE_Y, PEAK, WIDTH, X, Y, beam, odd_frame, with_vector


def always(cause: str, frame: OddFrame, least_probability: float = 0.5) -> CauseClassifier:
    """Names one cause whatever it sees, with a probability of about 0.73."""
    names = tuple(cause_features(Measurements.of(frame)))
    causes = (UNKNOWN_CAUSE,) if cause == UNKNOWN_CAUSE else (cause, UNKNOWN_CAUSE)
    count = len(names)
    return CauseClassifier(
        feature_names=names,
        causes=causes,
        centre=np.zeros(count),
        scale=np.ones(count),
        inner=np.zeros((count, 1)),
        inner_bias=np.zeros(1),
        outer=np.zeros((1, len(causes))),
        outer_bias=np.array([1.0, 0.0][: len(causes)]),
        temperature=1.0,
        least_probability=least_probability,
    )


def words(kind: str, frame: OddFrame) -> str:
    return explain_image(frame, always(kind, frame)).text


def numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"\d+(?:\.\d+)?", text)]


def spot(x: float, y: float, width: float = 2.0) -> NDArray[np.float64]:
    return np.asarray(np.exp(-0.5 * (((X - x) / width) ** 2 + ((Y - y) / width) ** 2)))


def test_hot_spot() -> None:
    text = words(FaultKind.HOT_SPOT, odd_frame(beam() * (1 + 0.5 * spot(66, 45))))
    assert text.startswith("hot spot at (")
    x, y, percent = numbers(text)
    assert [x, y] == pytest.approx([66, 45], abs=1)
    assert 35 <= percent <= 60
    assert text.endswith("above its surroundings")


def test_dark_spot() -> None:
    text = words(FaultKind.DARK_SPOT, odd_frame(beam() * (1 - 0.4 * spot(53, 56, 3))))
    x, y, percent = numbers(text)
    assert [x, y] == pytest.approx([53, 56], abs=1)
    assert 25 <= percent <= 45
    assert text.startswith("dark spot")
    assert text.endswith("below its surroundings")


@pytest.mark.parametrize(
    ("dx", "dy", "direction"),
    [
        (6, 0, "to the right"),
        (4, 4, "to the lower right"),
        (0, 5, "down"),
        (-4, 4, "to the lower left"),
        (-6, 1, "to the left"),
        (-4, -4, "to the upper left"),
        (0, -5, "up"),
        (4, -4, "to the upper right"),
    ],
)
def test_moved(dx: float, dy: float, direction: str) -> None:
    text = words(FaultKind.POINTING_JUMP, odd_frame(beam(CENTRE_X + dx, CENTRE_Y + dy)))
    assert text.endswith(f"sigma) {direction}")
    pixels, sigmas = numbers(text)
    assert pixels == pytest.approx(np.hypot(dx, dy), abs=0.3)
    assert sigmas == pytest.approx(np.hypot(dx, dy) / 0.3, abs=2)


def test_clipped() -> None:
    text = words(FaultKind.CLIPPED, odd_frame(np.where(X > CENTRE_X + 13, 0.0, beam())))
    assert text.startswith("clipped on the right, ")
    assert numbers(text)[0] == pytest.approx(16, abs=2)


def test_double_beam() -> None:
    text = words(FaultKind.DOUBLE_BEAM, odd_frame(beam() + 0.4 * beam(CENTRE_X, CENTRE_Y + 14)))
    assert text.endswith("px down")
    assert numbers(text)[0] == pytest.approx(14, abs=1.5)


def test_brightness() -> None:
    assert words(FaultKind.ENERGY_DROP, odd_frame(0.7 * beam())).endswith("dimmer than usual")
    assert numbers(words(FaultKind.ENERGY_DROP, odd_frame(0.7 * beam())))[0] == pytest.approx(30, abs=1)


def test_saturated() -> None:
    text = words(FaultKind.SATURATION, odd_frame(3.0 * beam()))
    assert text.startswith("saturated: ")
    fraction, _ = numbers(text)
    assert fraction == pytest.approx(100 * float((3.0 * beam() + 50 >= 4092).mean()), abs=0.3)
    assert words(FaultKind.SATURATION, odd_frame(1.3 * beam())).endswith("brighter than usual")


def test_elliptical() -> None:
    text = words(FaultKind.ASTIGMATISM, odd_frame(beam(width_x=WIDTH, width_y=1.2 * WIDTH)))
    assert text.startswith("elliptical: stretched vertically, ")
    assert numbers(text)[0] == pytest.approx(20, abs=2)


@pytest.mark.parametrize("period", [5.0, 9.0])
def test_fringes_and_rings(period: float) -> None:
    fringes = words(FaultKind.FRINGES, odd_frame(beam() * (1 + 0.15 * np.cos(2 * np.pi * (X + Y) / 2**0.5 / period))))
    assert numbers(fringes)[0] == pytest.approx(period, abs=0.5)
    assert numbers(fringes)[1] == pytest.approx(15, abs=3)
    distance = np.hypot(X - 57, Y - 53)
    rings = words(FaultKind.RINGS, odd_frame(beam() * (1 + 0.15 * np.cos(2 * np.pi * distance / period))))
    assert numbers(rings)[0] == pytest.approx(period, abs=1)


def test_rows_shifted() -> None:
    signal = beam()
    signal[48:60] = np.roll(signal[48:60], -9, axis=1)
    assert words(FaultKind.ROW_SHIFT, odd_frame(signal)) == "rows 48 to 59 shifted by 9 px to the left"


def test_a_frame_without_light_is_a_missing_beam() -> None:
    frame = odd_frame(beam())
    gone = with_vector(frame, LOG_SUM, frame.usual.mean[LOG_SUM] + np.log(0.02))
    assert explain_image(gone, always(FaultKind.HOT_SPOT, frame)) == Explanation(
        text="beam missing: 2.0 % of the usual light"
    )


def test_unknown_tells_what_has_changed_most() -> None:
    frame = odd_frame(0.6 * beam(CENTRE_X + 6, CENTRE_Y))
    found = explain_image(frame, always(UNKNOWN_CAUSE, frame))
    assert found.cause == UNKNOWN_CAUSE
    assert re.fullmatch(r"\d+ % dimmer than usual, beam moved 6\.\d px \(\d+ sigma\) to the right", found.text), (
        found.text
    )
    assert explain_image(frame, None) == Explanation(text=found.text)


def test_an_unsure_cause_is_unknown() -> None:
    frame = odd_frame(beam() * (1 + 0.5 * spot(66, 45)))
    sure = explain_image(frame, always(FaultKind.HOT_SPOT, frame))
    unsure = explain_image(frame, always(FaultKind.HOT_SPOT, frame, least_probability=0.9))
    assert sure.cause == FaultKind.HOT_SPOT
    assert sure.cause_probability == pytest.approx(0.731)
    assert unsure.cause == UNKNOWN_CAUSE


@pytest.mark.parametrize("signal", [beam() * 0 + 4000.0, PEAK * spot(3, 3, 0.7), beam(0, 0)])
def test_extreme_frames_are_explained_without_a_warning(signal: NDArray[np.float64]) -> None:
    frame = odd_frame(signal)
    for kind in FaultKind:
        assert words(kind, frame)
    assert all(np.isfinite(value) for value in cause_features(Measurements.of(frame)).values())


def test_what_is_not_known_is_taken_for_usual() -> None:
    frame = with_vector(odd_frame(beam()), 1, np.nan)
    assert np.isfinite(list(cause_features(Measurements.of(frame)).values())).all()
    assert "nan" not in explain_image(frame, None).text

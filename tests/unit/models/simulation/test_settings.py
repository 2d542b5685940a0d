from typing import Any

import pytest

from models.event_time import parse_iso
from models.simulation.settings import Dialect, ShapeSet, SimulationSettings


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"stages": 0}, "stages"),
        ({"stages": 13}, "stages"),
        ({"cameras_per_stage": 0}, "cameras_per_stage"),
        ({"hz": 0.0}, "hz"),
        ({"hz": float("nan")}, "hz"),
        ({"hz": 20.0, "dialect": Dialect.TEST}, "hz"),
        ({"seed": -1}, "seed"),
        ({"fault_spacing_s": 0.0}, "fault_spacing_s"),
        ({"date": "01.07.2022"}, "date"),
        ({"date": "2022-02-30"}, "day is out of range"),
        ({"minutes": 0}, "minutes"),
        ({"minutes": 10_081}, "minutes must be 1 to 10080"),
        ({"minutes": 1441, "dialect": Dialect.TEST}, "minutes must be 1 to 1440"),
        ({"start_minute_of_day": 1440}, "start_minute_of_day"),
        ({"dialect": "old"}, "not a valid Dialect"),
        ({"shapes": "round"}, "not a valid ShapeSet"),
    ],
)
def test_a_bad_setting_is_refused_with_a_sentence(changed: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        SimulationSettings(**changed)


def test_words_of_a_settings_file_become_members() -> None:
    settings = SimulationSettings(dialect="test", shapes="proof")  # type: ignore[arg-type]

    assert settings.dialect is Dialect.TEST
    assert settings.shapes is ShapeSet.PROOF


@pytest.mark.parametrize("hz", [10.0, 1.0, 0.17, 3.3, 1 / 60])
def test_every_shot_belongs_to_exactly_one_minute(hz: float) -> None:
    settings = SimulationSettings(hz=hz, minutes=30)
    shots = [shot for minute in range(30) for shot in settings.shots_of_minute(minute)]

    assert shots == list(range(len(shots)))
    for shot in range(0, len(shots), 7):
        assert shot in settings.shots_of_minute(settings.minute_of_shot(shot))


def test_a_minute_at_ten_hertz_has_six_hundred_shots() -> None:
    assert SimulationSettings().shots_of_minute(3) == range(1800, 2400)


def test_the_run_begins_at_half_past_nine_and_in_the_test_period_at_midnight() -> None:
    assert SimulationSettings().start_ns == parse_iso("2022-07-01T09:30:00Z")
    assert SimulationSettings(dialect=Dialect.TEST, date="2020-09-04").start_ns == parse_iso("2020-09-04")


def test_models_never_see_the_shapes_of_the_proof() -> None:
    names = ["t-hene", "t-168mm", "TEM01_100mm", "TEM02_100mm", "k-300mm", "TEM00_140mm"]

    assert [name for name in names if ShapeSet.DEFAULT.holds(name)] == names[:4]
    assert [name for name in names if ShapeSet.PROOF.holds(name)] == names[4:]

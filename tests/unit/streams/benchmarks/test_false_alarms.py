"""The measurement of false alarms, on minutes instead of shifts."""

from pathlib import Path

import pytest

from models.alerts.alert import AlertKind
from models.devices import RecordKind
from models.errors import FatalError
from models.simulation.laser import stage_devices
from models.simulation.settings import SIMULATED_STAGES
from streams.benchmarks.false_alarms import FalseAlarmSize, Tally, measure_false_alarms, tallies
from streams.benchmarks.figure import Figure

# Two cameras with two minutes of beam each.
_SMALL = FalseAlarmSize(camera_shifts=4 / 720, cameras=2, processes=2)
_LEARNING_FRAMES = 300


def _figures(size: FalseAlarmSize, config: Path | None = None) -> dict[str, Figure]:
    return {figure.name: figure for figure in measure_false_alarms(size, config)}


def test_all_frames_of_all_cameras_are_counted_with_exact_intervals() -> None:
    figures = _figures(_SMALL)
    assert figures["normal frames that were scored"].value == 2 * (2 * 600 - _LEARNING_FRAMES)
    rate = figures["false positives per frame, with the 95 % interval"]
    assert rate.spread is not None
    assert rate.spread[0] <= rate.value <= rate.spread[1] < 0.05
    episodes = figures["false episodes in 10 camera-shifts of 12 h, with the 95 % interval"]
    assert episodes.spread is not None
    # Even without any in these three minutes there may be hundreds in ten shifts, and that is said.
    assert episodes.spread[1] > 100


def test_episodes_are_counted_when_thresholds_are_too_low(tmp_path: Path) -> None:
    config = tmp_path / "petawatch.toml"
    config.write_text(
        "[camera]\nframe_fpr = 0.01\n[camera.image_episode]\nstrong_score = 2.0\nweak_score = 2.0\nweak_shots = 1\n",
        encoding="utf-8",
    )
    size = FalseAlarmSize(camera_shifts=20 / 720, cameras=2)
    low, usual = (sum(tallies(size, 0, settings), Tally()) for settings in (config, None))
    assert low.frames == usual.frames == 11 * 600
    assert low.scored == usual.scored
    assert len(low.episodes) > len(usual.episodes)
    assert {alert.kind for alert in low.episodes} == {AlertKind.IMAGE_ANOMALY}
    assert low.anomalous > usual.anomalous


def test_another_seed_makes_other_cameras() -> None:
    other = FalseAlarmSize(camera_shifts=_SMALL.camera_shifts, cameras=2, seed=_SMALL.seed + 1)
    assert other.simulation().seed != _SMALL.simulation().seed
    assert other.simulation().faults is False


@pytest.mark.parametrize(("kind", "learning"), [(RecordKind.ENERGY_METER, 128), (RecordKind.SPECTROMETER, 256)])
def test_meters_and_spectrometers_are_watched_alike(kind: RecordKind, learning: int, tmp_path: Path) -> None:
    config = tmp_path / "petawatch.toml"
    for section in ("meter", "spectrometer"):
        with config.open("a", encoding="utf-8") as file:
            file.write(f"[{section}]\nframe_fpr = 0.05\n")
            file.write(f"[{section}.episodes]\nstrong_score = 1.5\nweak_score = 1.5\n")
    size = FalseAlarmSize(camera_shifts=2 / 720, cameras=1, processes=1, kind=kind)
    tally = sum(tallies(size, 0, config), Tally())
    assert tally.frames == 3 * 600
    assert tally.scored == 2 * 600 - learning
    assert {alert.device for alert in tally.episodes} == {
        device.name for device in stage_devices(SIMULATED_STAGES[0], 1) if device.kind is kind
    }


def test_a_stage_has_one_meter_and_further_ones_are_of_other_seeds() -> None:
    size = FalseAlarmSize(camera_shifts=30, kind=RecordKind.ENERGY_METER)
    assert [size.simulation(number).seed - size.seed for number in (0, 11, 12, 29)] == [0, 0, 1, 2]


def test_shifts_are_spread_over_cameras() -> None:
    assert FalseAlarmSize().used_cameras == 10
    assert FalseAlarmSize().minutes == 720
    assert FalseAlarmSize(camera_shifts=0.5).minutes == 360
    assert FalseAlarmSize(camera_shifts=10, cameras=40).minutes == 180


def test_more_than_a_day_per_camera_is_refused() -> None:
    with pytest.raises(FatalError, match="more than a day"):
        FalseAlarmSize(camera_shifts=10, cameras=2)

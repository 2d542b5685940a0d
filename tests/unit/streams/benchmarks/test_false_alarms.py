"""The measurement of false alarms, on minutes instead of shifts."""

from pathlib import Path

import pytest

from models.errors import FatalError
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
    assert low.episodes > usual.episodes
    assert low.anomalous > usual.anomalous


def test_another_seed_makes_other_cameras() -> None:
    other = FalseAlarmSize(camera_shifts=_SMALL.camera_shifts, cameras=2, seed=_SMALL.seed + 1)
    assert other.simulation.seed != _SMALL.simulation.seed
    assert other.simulation.faults is False


def test_shifts_are_spread_over_cameras() -> None:
    assert FalseAlarmSize().used_cameras == 10
    assert FalseAlarmSize().minutes == 720
    assert FalseAlarmSize(camera_shifts=0.5).minutes == 360
    assert FalseAlarmSize(camera_shifts=10, cameras=40).minutes == 180


def test_more_than_a_day_per_camera_is_refused() -> None:
    with pytest.raises(FatalError, match="more than a day"):
        FalseAlarmSize(camera_shifts=10, cameras=2)

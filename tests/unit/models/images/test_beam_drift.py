"""Slow change of the beam: one alert, by what has changed, whatever the blocks."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from models.alerts.alert import AlertChange, AlertEvent, AlertKind, AlertSource, AlertStatus
from models.devices import Device, RecordKind, Stage
from models.event_time import MINUTE_NS
from models.images.beam_change import DriftSettings
from models.images.beam_drift import BeamDrift
from models.simulation.slow_drift import SlowDrift, correlated_jitter
from models.state import decode_state, encode_state

_CAMERA = Device(name="CAM_NF", stage=Stage("LA", "A1", "11"), kind=RecordKind.CAMERA)
_HZ = 10
_HOUR = 3600 * _HZ
# The simulated camera's: x, y (px), size, ellipticity, brightness.
_WANDER = np.array([0.7, 0.7, 0.01, 0.006, 0.02])
_JITTER = np.array([0.3, 0.3, 0.004, 0.003, 0.003])


def vectors(frames: int, seed: int) -> NDArray[np.float64]:
    """Beam vectors as of a simulated camera, without its pixels: wandering and jittering."""
    draw = np.random.default_rng(seed)
    seconds = np.arange(frames) / _HZ
    values = SlowDrift.drawn(draw, _WANDER).at(seconds) + correlated_jitter(draw, frames, _JITTER)
    found = np.zeros((frames, 9))
    found[:, 0] = 15.0 + values[:, 4]
    found[:, 1], found[:, 2] = 60.0 + values[:, 0], 50.0 + values[:, 1]
    found[:, 3], found[:, 4] = 3.0 + values[:, 2], 2 * values[:, 3]
    return found


def drifting(frames: int, seed: int) -> NDArray[np.float64]:
    """After ten minutes: 5 px to the lower left and 10 % larger within an hour."""
    found = vectors(frames, seed)
    part = np.clip((np.arange(frames) - 600 * _HZ) / _HOUR, 0.0, 1.0)
    found[:, 1] -= 5.0 / np.sqrt(2) * part
    found[:, 2] += 5.0 / np.sqrt(2) * part
    found[:, 3] += np.log(1.1) * part
    return found


def times(frames: int) -> NDArray[np.int64]:
    return np.arange(frames, dtype=np.int64) * (1_000_000_000 // _HZ) + 500 * MINUTE_NS


class SourceOf:
    def __init__(self, first: int) -> None:
        self._first = first

    def __call__(self, place: int) -> AlertSource:
        return AlertSource(file="a.h5", sha256="ab", path=f"/{self._first + place}")


def watched(
    found: NDArray[np.float64], cuts: list[int] | None = None, settings: DriftSettings | None = None
) -> tuple[BeamDrift, list[AlertEvent]]:
    drift, events, start = BeamDrift(_CAMERA, settings or DriftSettings()), [], 0
    for stop in [*(cuts or []), len(found)]:
        events += drift.observe(times(len(found))[start:stop], found[start:stop], SourceOf(start))
        start = stop
    return drift, events


@pytest.mark.parametrize("seed", range(8))
def test_a_shift_of_usual_wandering_says_nothing(seed: int) -> None:
    assert watched(vectors(12 * _HOUR, seed))[1] == []


@pytest.mark.parametrize("seed", range(8))
def test_a_slow_change_within_an_hour_is_one_alert(seed: int) -> None:
    found = drifting(2 * _HOUR, seed)
    drift, events = watched(found)
    assert [event.change for event in events] == [AlertChange.OPENED]
    alert = events[0].alert
    assert alert.kind is AlertKind.DRIFT
    assert alert.device == "CAM_NF"
    assert times(len(found))[600 * _HZ] < alert.first_shot_ns <= times(len(found))[600 * _HZ + _HOUR]
    assert "1970-01-01T08:20:00" in alert.explanation.text
    open_alert = drift.alert
    assert open_alert is not None
    assert open_alert.id == alert.id
    assert open_alert.shots > alert.shots


def test_the_words_say_what_and_where_to() -> None:
    found = np.tile([15.0, 60.0, 50.0, 3.0, 0.0, 0.0, 8.0, 1.0, 0.0], (1200, 1))
    found[600:, 1] -= 4.0
    found[600:, 2] += 4.0
    found[600:, 0] += np.log(0.7)
    _, events = watched(found)
    assert events[0].alert.reasons == ("position", "brightness")
    assert "5.7 px to the lower left, 30 % dimmer" in events[0].alert.explanation.text


def test_it_closes_when_the_beam_is_back_and_opens_another_one_later() -> None:
    level = np.array([15.0, 60.0, 50.0, 3.0, 0.0, 0.0, 8.0, 1.0, 0.0])
    away = level + np.array([0, 6.0, 0, 0, 0, 0, 0, 0, 0])
    near = level + np.array([0, 3.5, 0, 0, 0, 0, 0, 0, 0])  # below the limit, but not back
    found = np.concatenate([np.tile(part, (300, 1)) for part in (level, level, away, near, level, away)])
    _, events = watched(found)
    assert [event.change for event in events] == [AlertChange.OPENED, AlertChange.CLOSED, AlertChange.OPENED]
    assert events[0].alert.id == events[1].alert.id != events[2].alert.id
    assert events[1].alert.status is AlertStatus.CLOSED
    assert events[1].alert.last_shot_ns == times(2000)[300 * 4 - 1]


def test_a_single_mean_beyond_the_limit_is_not_enough() -> None:
    found = np.tile([15.0, 60.0, 50.0, 3.0, 0.0, 0.0, 8.0, 1.0, 0.0], (1500, 1))
    found[800:900, 1] += 9.0
    assert watched(found)[1] == []


def test_blocks_and_restarts_change_nothing() -> None:
    found = drifting(_HOUR + 900 * _HZ, 3)
    _, whole = watched(found)
    drift, events, start = BeamDrift(_CAMERA, DriftSettings()), [], 0
    draw = np.random.default_rng(1)
    while start < len(found):
        stop = min(start + int(draw.integers(1, 700)), len(found))
        events += drift.observe(times(len(found))[start:stop], found[start:stop], SourceOf(start))
        saved = drift.state()
        drift = BeamDrift(_CAMERA, DriftSettings())
        drift.restore(decode_state(encode_state(saved)))
        assert encode_state(drift.state()) == encode_state(saved)
        start = stop
    assert events == whole
    assert [event.change for event in events + drift.finish()] == [AlertChange.OPENED, AlertChange.CLOSED]


def test_an_alert_that_was_closed_at_the_end_of_the_input_is_not_opened_again() -> None:
    found = np.tile([15.0, 60.0, 50.0, 3.0, 0.0, 0.0, 8.0, 1.0, 0.0], (2000, 1))
    found[600:, 1] += 9.0
    drift, events = watched(found[:1000])
    events += drift.finish()
    assert drift.observe(times(2000)[1000:1100], found[1000:1100], SourceOf(1000)) == []
    again = drift.observe(times(2000)[1100:1200], found[1100:1200], SourceOf(1100))
    assert [event.change for event in events + again] == [AlertChange.OPENED, AlertChange.CLOSED, AlertChange.OPENED]
    assert again[0].alert.id != events[0].alert.id


def test_fewer_frames_may_be_asked_for_while_they_wait() -> None:
    drift, _ = watched(vectors(500, 1))
    shorter = BeamDrift(_CAMERA, DriftSettings(baseline_frames=300))
    shorter.restore(decode_state(encode_state(drift.state())))
    shorter.observe(times(501)[500:], vectors(501, 1)[500:], SourceOf(500))
    assert shorter.state()["baseline"] is not None
    assert len(shorter.state()["waiting"]) == 0


def test_frames_that_have_no_moments_count_for_nothing() -> None:
    found = drifting(_HOUR, 2)
    gaps = found.copy()
    gaps = np.insert(gaps, range(100, len(found), 50), np.nan, axis=0)
    drift, _ = watched(gaps)
    other, _ = watched(found)
    assert np.array_equal(drift.state()["baseline"], other.state()["baseline"])


def test_a_new_beginning_takes_the_beam_as_it_comes() -> None:
    found = drifting(2 * _HOUR, 4)
    drift, events = watched(found)
    closed = drift.finish()
    drift.begin_anew()
    assert [event.change for event in closed] == [AlertChange.CLOSED]
    assert drift.observe(times(2000), np.tile(found[-1], (2000, 1)), SourceOf(0)) == []
    assert events[0].alert.status is AlertStatus.OPEN


@pytest.mark.parametrize(
    "options", [{"frames_per_mean": 5}, {"baseline_frames": 50}, {"position_px": 0.0}, {"size_part": -0.1}]
)
def test_settings_that_make_no_sense(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        replace(DriftSettings(), **options)  # type: ignore[arg-type]

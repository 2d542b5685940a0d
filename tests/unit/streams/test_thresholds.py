"""`petawatch thresholds`, on a state directory as a watch leaves it."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.random import default_rng

from connectors.state.commit import Commit
from connectors.state.directory import StateDirectory
from models.alerts.episodes import EpisodeSettings
from models.devices import parse_device
from models.scoring.threshold_budget import EpisodeThreshold, ThresholdBudget
from models.spectra.spectrometer_stage import SpectrometerSettings, SpectrometerStage
from models.state import encode_state
from streams.command_line import FAILURE, run
from streams.device_stages import device_key

_SEEN, _NEW = parse_device("LA_A3_31-Camera_1-Camera-1"), parse_device("LA_A3_32-Camera_1-Camera-1")
_METER = parse_device("LA_A3_31-EM_1-EnergyMeter-1")
_SPECTROMETER = parse_device("LA_A3_31-Spectro_1-Spectro-1")
_SETTINGS = SpectrometerSettings()
_SHOTS = 20_000


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A camera with thresholds of its own, a new one and a meter of earlier programs, and a new spectrometer."""
    threshold = EpisodeThreshold(ThresholdBudget(), EpisodeSettings())
    threshold.learn(-np.log10(default_rng(1).random(_SHOTS)), np.ones(_SHOTS, np.bool_))
    threshold.apply(1_656_668_040_100_000_000)
    new = EpisodeThreshold(ThresholdBudget(), EpisodeSettings())
    states = {
        device_key(_SEEN): encode_state({"scores": {"threshold": threshold.state()}}),
        device_key(_NEW): encode_state({"scores": {}, "threshold": new.state()}),
        device_key(_METER): encode_state({"smoother": 1}),
        device_key(_SPECTROMETER): encode_state(SpectrometerStage(_SPECTROMETER, _SETTINGS, ThresholdBudget()).state()),
        "runner": b"something else",
    }
    with StateDirectory.open(tmp_path / "state") as directory:
        directory.commit(Commit(stage_states=states))
    return tmp_path / "state"


def test_each_device_is_a_line_and_what_is_promised_stands_below(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["thresholds", "--state", str(state)]) == 0
    seen, spectrometer, new, promise = capsys.readouterr().out.splitlines()
    assert seen.startswith(f"device={_SEEN.name} one_shot=")
    assert "version=1 since=2022-07-01T09:34:00.100Z shots_seen=20,000 extrapolated=432 " in seen
    assert new == (
        f"device={_NEW.name} one_shot=6.00 several=3.50 version=0 since=- shots_seen=- extrapolated=- "
        "per_shift_at_most=unknown"
    )
    assert spectrometer.startswith(f"device={_SPECTROMETER.name} one_shot=8.00 several=3.50 version=0 ")
    assert promise.startswith("the budget of 10 false episodes per shift can't be promised")
    assert "devices that have shown too few normal shots: 2" in promise


def test_as_json_with_the_budget_of_the_settings(
    state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "petawatch.toml"
    config.write_text("[budget]\nfalse_episodes_per_shift = 3.0\n", encoding="utf-8")
    assert run(["thresholds", "--state", str(state), "--config", str(config), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["asked"], document["kept"]) == (3.0, False)
    assert list(document["devices"]) == [_SEEN.name, _SPECTROMETER.name, _NEW.name]
    assert document["devices"][_SEEN.name]["extrapolation"] == pytest.approx(432.0)
    assert document["devices"][_NEW.name]["episodes_per_shift"] is None


def test_a_directory_without_thresholds_says_where_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with StateDirectory.open(tmp_path / "state") as directory:
        directory.commit(Commit(stage_states={device_key(_METER): encode_state({"smoother": 1})}))
    assert run(["thresholds", "--state", str(tmp_path / "state")]) == FAILURE
    assert "has no thresholds" in capsys.readouterr().err

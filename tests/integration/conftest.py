"""Simulated days that the integration tests share, and what an undisturbed watch makes of them."""

from pathlib import Path

import pytest

from models.simulation.settings import SimulationSettings
from streams.simulation.files import simulate
from tests.support.commands import Run, run_with
from tests.support.watch_results import WatchResults
from tests.support.watching import watch_once


@pytest.fixture(scope="session")
def day(session_folder: Path) -> Path:
    """The folder with 2 stages x 3 minutes at 5 Hz: 6 snapshots of 300 shots, the last minute with faults."""
    settings = SimulationSettings(minutes=3, stages=2, hz=5, seed=2, fault_spacing_s=12)
    return simulate(session_folder / "day", settings)


@pytest.fixture(scope="session")
def undisturbed(day: Path, session_folder: Path) -> WatchResults:
    """What a watch makes of the day in one go."""
    results = watch_once(day, session_folder / "undisturbed")
    kinds = {alert["kind"] for alert in results.alerts}
    assert {"image_anomaly", "energy_outlier", "spectrum_anomaly", "incomplete_triplet", "device_state"} <= kinds
    return results


@pytest.fixture(scope="session")
def snapshots(day: Path) -> list[Path]:
    """The day's files by minute, then stage."""
    return sorted(day.rglob("*.h5"), key=lambda path: (path.name.split("_")[-1], path.name))


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process."""
    return run_with(capsys)

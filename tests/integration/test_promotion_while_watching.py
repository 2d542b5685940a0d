"""A model is promoted while a watch runs: every camera changes to it, no frame goes unscored, every record counts."""

from dataclasses import replace
from itertools import groupby
from pathlib import Path

import pytest

from connectors.model_files import default_model, install_model, roll_back
from models.simulation.settings import SimulationSettings
from streams.simulation.files import simulate
from tests.support.watch_results import WatchResults
from tests.support.watching import deliver, watch_live, watch_once

OLD = default_model()
NEW = replace(OLD, seeds={})
MINUTES = 5
FRAMES = 2 * 600  # of both cameras in a minute


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("promotion")
    simulate(folder, SimulationSettings(minutes=MINUTES, stages=2, fault_spacing_s=15.0))
    return sorted(folder.rglob("*.h5"))


def put(files: list[Path], data: Path) -> None:
    for file in files:
        deliver(file, data / "10Hz" / "2022-07-01")


def in_minutes(results: WatchResults, minutes: int) -> bool:
    """Whether so many minutes of both cameras are there, decided or waiting in a join."""
    return bool(results.ledger["records"]["read"] >= minutes * 6 * 600 - 100)


def models_by_camera(results: WatchResults) -> dict[str, list[tuple[str, int]]]:
    """Which models scored each camera one after another, and how many frames each."""
    rows = [row for row in results.rows_of(kind="camera") if row["model"]]
    rows.sort(key=lambda row: (row["device"], row["event_time"]))
    return {
        device: [(model, len(list(each))) for model, each in groupby(of_device, lambda row: row["model"])]
        for device, of_device in groupby(rows, lambda row: row["device"])
    }


def assert_nothing_went_unscored(results: WatchResults) -> None:
    """After its first learning a camera never learns again."""
    rows = sorted(results.rows_of(kind="camera"), key=lambda row: (row["device"], row["event_time"]))
    for _, of_device in groupby(rows, lambda row: row["device"]):
        words = [row["scoring"] for row in of_device if row["scoring"] in {"learning", "scored"}]
        assert [word for word, _ in groupby(words)] == ["learning", "scored"]
        assert words.count("learning") == 300


def files_of(day: list[Path], *minutes: int) -> list[Path]:
    starts = sorted({file.name[-11:] for file in day})
    return [file for file in day if file.name[-11:] in {starts[minute] for minute in minutes}]


def test_a_running_watch_takes_a_promoted_model_over(day: list[Path], tmp_path: Path) -> None:
    data, state = tmp_path / "data", tmp_path / "state"
    data.mkdir()
    with watch_live(data, state) as live:
        put(files_of(day, 0, 1, 2), data)
        live.until(lambda results: in_minutes(results, 3))
        install_model(state, NEW)
        live.until(lambda _: any(NEW.name in text for text in live.told))
        put(files_of(day, 3), data)
        put(files_of(day, 4), data)
        live.until(lambda results: in_minutes(results, 5))
        registry = live.watch._signs.registry  # type: ignore[attr-defined]
        cameras = registry.get_sample_value("petawatch_model_cameras", {"model": NEW.name})
    results = watch_once(data, state)
    assert results.ledger["balanced"]
    assert results.ledger["files"]["rejected"] == 0
    by_camera = models_by_camera(results)
    assert len(by_camera) == 2
    assert list(by_camera.values()) == [[(OLD.name, 2400), (NEW.name, 600)]] * 2
    assert cameras == 2
    assert_nothing_went_unscored(results)


def test_what_was_promoted_while_no_watch_ran_is_taken_over_as_well(day: list[Path], tmp_path: Path) -> None:
    """Also when the watch is ended before a camera has learned with the new model, and goes back at last."""
    data, state = tmp_path / "data", tmp_path / "state"
    put(files_of(day, 0, 1), data)
    watch_once(data, state)
    install_model(state, NEW)
    put(files_of(day, 2), data)
    watch_once(data, state)
    put(files_of(day, 3), data)
    watch_once(data, state)
    roll_back(state)
    put(files_of(day, 4), data)
    results = watch_once(data, state)
    assert models_by_camera(results) == {
        device: [(OLD.name, 1800), (NEW.name, 1200)] for device in models_by_camera(results)
    }
    assert results.ledger["balanced"]
    assert_nothing_went_unscored(results)


def test_a_tampered_model_is_refused_and_the_old_one_goes_on(day: list[Path], tmp_path: Path) -> None:
    data, state = tmp_path / "data", tmp_path / "state"
    put(files_of(day, 0, 1), data)
    with watch_live(data, state) as live:
        live.until(lambda results: in_minutes(results, 2))
        folder = install_model(state, NEW)
        (folder / "model.onnx").write_bytes(NEW.onnx + b"\0")
        live.until(lambda _: any("is not the file that" in text for text in live.told))
        put(files_of(day, 2), data)
        live.until(lambda results: in_minutes(results, 3))
    assert len([text for text in live.told if "goes on with model" in text]) == 1
    # Also when the watch is started again: its states belong to the old one.
    put(files_of(day, 3), data)
    told: list[str] = []
    results = watch_once(data, state, tell=told.append)
    assert any(f"goes on with model {OLD.name}" in text for text in told)
    assert [model for changes in models_by_camera(results).values() for model, _ in changes] == [OLD.name] * 2
    assert results.ledger["balanced"]
    assert_nothing_went_unscored(results)

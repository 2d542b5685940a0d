import itertools
import json
from pathlib import Path

import h5py
import pytest

from connectors.beam_library import load_beam_shapes
from models.errors import FatalError
from models.event_time import parse_iso
from models.simulation.laser import LaserSimulator
from models.snapshot_names import parse_snapshot_name
from streams.evaluation import read_labels
from streams.simulation.files import Dialect, SimulationSettings, simulate

SMALL = SimulationSettings(minutes=9, stages=2, cameras_per_stage=2, hz=1.0)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_day_has_one_file_per_stage_and_minute_and_its_labels(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    data = simulate(tmp_path / "out", SMALL, lambda done, total: told.append((done, total)))

    files = sorted(path.relative_to(data) for path in data.rglob("*.*"))
    assert data == tmp_path / "out" / "data"
    assert len(files) == 18
    assert {path.parent.as_posix() for path in files} == {"1Hz/2022-07-01"}
    names = [parse_snapshot_name(path) for path in files]
    assert {name.recorder for name in names} == {"CameraComputer01-Recorder", "CameraComputer02-Recorder"}
    assert {name.interval_hz for name in names} == {1.0}
    assert told[-1] == (18, 18)
    labels = json.loads((tmp_path / "out" / "labels.json").read_text())
    assert {key: labels[key] for key in ("date", "hz", "minutes")} == {"date": "2022-07-01", "hz": 1.0, "minutes": 9}
    assert labels["labels"]


def test_labels_name_shots_and_devices_that_the_files_hold(tmp_path: Path) -> None:
    simulate(tmp_path, SMALL)
    shots: dict[str, set[str]] = {}
    for path in (tmp_path / "data").rglob("*.h5"):
        with h5py.File(path) as file:
            for time, devices in file.items():
                for device in devices:
                    shots.setdefault(device, set()).add(time)

    assert len(shots) == 8
    for label in json.loads((tmp_path / "labels.json").read_text())["labels"]:
        for time in (label["t_first"], label["t_last"]):
            assert (time in shots[label["device"]]) == (label["kind"] != "missing_record")


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    settings = SimulationSettings(minutes=2, stages=1, hz=1.0)
    simulate(tmp_path / "a", settings)
    simulate(tmp_path / "b", settings)

    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_a_run_over_midnight_has_folders_and_labels_of_both_days(tmp_path: Path) -> None:
    settings = SimulationSettings(
        minutes=10, stages=1, hz=4.0, date="2026-11-30", start_minute_of_day=24 * 60 - 5, fault_spacing_s=10.0
    )
    data = simulate(tmp_path, settings)

    assert {path.parent.name for path in data.rglob("*.h5")} == {"2026-11-30", "2026-12-01"}
    faults, _ = read_labels(tmp_path / "labels.json")
    planned = LaserSimulator(settings, load_beam_shapes()).labels
    assert [fault.first_ns for fault in faults] == [label.first_shot_ns for label in planned]
    assert [fault.last_ns for fault in faults] == [label.last_shot_ns for label in planned]
    assert {fault.first_ns < parse_iso("2026-12-01") for fault in faults} == {True, False}


def test_the_test_period_has_one_file_a_day(tmp_path: Path) -> None:
    settings = SimulationSettings(minutes=9, hz=2.0, dialect=Dialect.TEST, date="2020-09-04", fault_spacing_s=10.0)
    data = simulate(tmp_path, settings)

    (path,) = data.rglob("*.*")
    assert path.relative_to(data).as_posix() == "2Hz/2020-09-04/2020-09-04.h5"
    with h5py.File(path) as file:
        numbers = sorted(int(number) for number in file["IMAGES/DTG_66440739"])
        assert len(numbers) == 9 * 120
        assert {after - before for before, after in itertools.pairwise(numbers)} == {5}
        assert file["GAIA_6/energy1Corrected"].shape == file["EnergyMeter_1/timeIndex"].shape == (9 * 60,)
    labels = json.loads((tmp_path / "labels.json").read_text())["labels"]
    assert {tuple(label["stage"]) for label in labels} == {("", "", "00")}
    assert {label["device"] for label in labels} <= {"DTG_66440739", "EnergyMeter_1"}


def test_another_simulation_is_never_mixed_in(tmp_path: Path) -> None:
    simulate(tmp_path, SimulationSettings(minutes=1, stages=1, hz=1.0))

    with pytest.raises(FatalError, match="holds a simulation already"):
        simulate(tmp_path, SimulationSettings(minutes=1, stages=1, hz=1.0))


def test_a_folder_that_can_not_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(FatalError, match="can't write the simulation"):
        simulate(tmp_path / "file" / "out", SimulationSettings(minutes=1, stages=1, hz=1.0))

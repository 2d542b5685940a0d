import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import h5py
import pytest

from connectors.process_lock import ProcessLock
from models.errors import FatalError
from models.event_time import MINUTE_NS, SECOND_NS, parse_iso
from models.simulation.settings import Dialect, SimulationSettings
from streams.evaluation import read_labels
from streams.simulation.live import LiveSettings, LiveSimulation
from tests.support.manual_clock import ManualClock

# At four shots a second cameras have learned after minutes 0 to 2: the first live minute is minute 2.
LASER = SimulationSettings(stages=1, hz=4.0, fault_spacing_s=30.0)
HALVES = LiveSettings(snapshot_s=30, keep_minutes=30)
NOON = "2026-11-23T12:00:10Z"


class Trial:
    """A live simulation whose hours pass in no time, and what was there whenever it waited."""

    def __init__(self, out: Path, now: str = NOON) -> None:
        self.out, self.clock = out, ManualClock(now)
        self.told: list[str] = []
        self.seen: list[tuple[int, list[str]]] = []
        self.stop: Callable[[], bool] = lambda: False

    def run(self, minutes: int | None, laser: SimulationSettings = LASER, live: LiveSettings = HALVES) -> None:
        simulation = LiveSimulation(self.out, laser, live, clock=self.clock, wait=self.wait, tell=self.told.append)
        simulation.run(minutes)

    def wait(self, seconds: float) -> bool:
        self.seen.append((self.clock.now_ns(), self.files()))
        self.clock.sleep(seconds)
        return self.stop()

    def files(self) -> list[str]:
        return sorted(path.name for path in (self.out / "data").rglob("*.h5"))

    def begins(self) -> list[str]:
        """When the snapshots of the first recorder begin."""
        return [name[-15:-7] for name in self.files() if "Computer01" in name]


def shots_of(folder: Path) -> dict[str, set[str]]:
    """The times of the shots by file."""
    found = {}
    for path in folder.rglob("*.h5"):
        with h5py.File(path) as file:
            found[path.name] = set(file)
    return found


def test_what_cameras_learn_from_is_there_at_once_and_the_rest_when_it_was_fired(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    trial.run(2, laser=replace(LASER, stages=2))

    learned = [f"11-{minute}-{second:02d}" for minute in (58, 59) for second in (0, 30)]
    assert trial.begins() == [*learned, "12-00-00", "12-00-30", "12-01-00", "12-01-30"]
    assert trial.clock.now_ns() == parse_iso("2026-11-23T12:02:00Z")
    assert [name[-15:-7] for name in trial.seen[2][1] if "Computer01" in name] == learned
    for now_ns, files in trial.seen:
        for name in files:
            end_ns = parse_iso(f"2026-11-23T{name[-15:-7].replace('-', ':')}Z") + 30 * SECOND_NS
            assert end_ns <= now_ns, name
    assert not any((tmp_path / ".coming").iterdir())


def test_snapshots_hold_the_minute_of_the_same_seed_apart_from_the_times(tmp_path: Path) -> None:
    early, late = Trial(tmp_path / "a"), Trial(tmp_path / "b", "2026-11-30T23:59:10Z")
    early.run(2)
    late.run(2)

    # Over midnight: the second live minute belongs to December.
    assert {path.parent.name for path in (tmp_path / "b").rglob("*.h5")} == {"2026-11-30", "2026-12-01"}
    files = [sorted(folder.rglob("*.h5"), key=lambda path: path.name) for folder in (tmp_path / "a", tmp_path / "b")]
    pairs = list(zip(*files, strict=True))
    assert len(pairs) == 8
    for first, second in pairs:
        with h5py.File(first) as one, h5py.File(second) as other:
            for shot, again in zip(one.values(), other.values(), strict=True):
                assert list(shot) == list(again)
                for device in shot:
                    for name, dataset in shot[device].items():
                        assert dataset[()].tobytes() == again[device][name][()].tobytes()


def test_labels_say_what_was_closed_so_far(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    trial.run(4)

    faults, rate_hz = read_labels(tmp_path / "labels.json")
    begin_ns, end_ns = parse_iso("2026-11-23T12:00:00Z"), parse_iso("2026-11-23T12:04:00Z")
    assert rate_hz == 4.0
    assert len(faults) >= 7
    assert all(begin_ns <= fault.first_ns < end_ns for fault in faults)
    told = [sentence for sentence in trial.told if sentence.startswith("2026")]
    assert len(told) == len(faults)
    shots = set().union(*shots_of(tmp_path / "data").values())
    for label in json.loads((tmp_path / "labels.json").read_text())["labels"]:
        assert label["date"] == "2026-11-23"
        assert label["t_first"] in shots
        assert sum(label["kind"] in sentence and label["device"] in sentence for sentence in told)


def test_old_snapshots_are_removed_and_those_that_cameras_learn_from_stay_as_long(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    trial.run(1, live=LiveSettings(snapshot_s=60, keep_minutes=2))
    assert len(trial.begins()) == 3

    trial = Trial(tmp_path / "longer")
    trial.run(4, live=LiveSettings(snapshot_s=60, keep_minutes=2))
    assert trial.begins() == ["12-02-00", "12-03-00"]
    assert max(len(files) for _, files in trial.seen) <= 5
    assert "the latest 2 minutes are kept" in trial.told[0]


def test_a_run_goes_on_with_the_same_laser_after_a_gap(tmp_path: Path) -> None:
    trial = Trial(tmp_path / "stopped")
    trial.run(1)
    before = (tmp_path / "stopped" / "labels.json").read_text()
    trial.clock.advance(60)
    trial.run(1)
    whole = Trial(tmp_path / "whole")
    whole.run(3)

    assert trial.begins()[-4:] == ["12-00-00", "12-00-30", "12-02-00", "12-02-30"]
    for file in trial.files():
        path = Path("data") / "4Hz" / "2026-11-23" / file
        assert (tmp_path / "stopped" / path).read_bytes() == (tmp_path / "whole" / path).read_bytes()
    labels = json.loads((tmp_path / "stopped" / "labels.json").read_text())["labels"]
    assert json.loads(before)["labels"] == labels[: len(json.loads(before)["labels"])]
    assert labels[-1]["t_first"] >= "12-02-00"


def test_a_run_that_goes_on_in_the_same_minute_closes_nothing_twice(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    trial.stop = lambda: trial.clock.now_ns() > parse_iso("2026-11-23T12:00:35Z")
    trial.run(None)
    (first,) = tmp_path.rglob("*Computer01*12-00-00-000.h5")
    closed = first.stat()
    labels = (tmp_path / "labels.json").read_text()
    trial.stop = lambda: False
    trial.run(1)

    assert (first.stat().st_ino, first.stat().st_mtime_ns) == (closed.st_ino, closed.st_mtime_ns)
    again = json.loads((tmp_path / "labels.json").read_text())["labels"]
    assert json.loads(labels)["labels"] == again[: len(json.loads(labels)["labels"])]
    assert len({(label["device"], label["t_first"]) for label in again}) == len(again)


def test_it_ends_at_once_when_it_is_told_to(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    trial.stop = lambda: True
    trial.run(None)

    assert trial.begins() == ["11-58-00", "11-58-30"]
    assert not any((tmp_path / ".coming").iterdir())


def test_minutes_in_which_the_computer_slept_are_left_out(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    slept = iter([False] * 20 + [True] + [False] * 1000)

    def sleep_once() -> bool:
        if next(slept):
            trial.clock.advance(timedelta(minutes=10).total_seconds())
        return False

    trial.stop = sleep_once
    trial.run(11)

    assert trial.begins()[4:8] == ["12-00-00", "12-00-30", "12-10-00", "12-10-30"]
    (told,) = [sentence for sentence in trial.told if "nothing was recorded" in sentence]
    assert "from 2026-11-23T12:01:00.000Z to 2026-11-23T12:10:00.000Z" in told


def test_another_simulation_is_never_mixed_in(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    trial.run(1)
    with pytest.raises(FatalError, match="another laser, seed or rate"):
        trial.run(1, laser=replace(LASER, seed=9))

    trial.clock.advance(7 * 24 * 3600)
    with pytest.raises(FatalError, match="lasts a week"):
        trial.run(1)

    (tmp_path / "live.json").write_text("[]")
    with pytest.raises(FatalError, match=r"live\.json that can't be read"):
        trial.run(1)
    (tmp_path / "live.json").unlink()
    with pytest.raises(FatalError, match="not live"):
        trial.run(1)

    (tmp_path / "at once" / "data").mkdir(parents=True)
    with pytest.raises(FatalError, match="not live"):
        Trial(tmp_path / "at once").run(1)
    assert [path.name for path in (tmp_path / "at once").iterdir()] == ["data"]


def test_two_programs_never_write_into_one_folder(tmp_path: Path) -> None:
    (tmp_path / ".coming").mkdir()
    lock = ProcessLock.of_folder(tmp_path / ".coming")
    try:
        with pytest.raises(FatalError, match="another live simulation"):
            Trial(tmp_path).run(1)
    finally:
        lock.release()
    assert not (tmp_path / "data").exists()


def test_a_folder_that_can_not_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(FatalError, match="can't write the simulation"):
        Trial(tmp_path / "file").run(1)


@pytest.mark.parametrize(
    ("laser", "live", "sentence"),
    [
        ({"dialect": Dialect.TEST}, {}, "test dialect"),
        ({"hz": 0.1}, {"snapshot_s": 5}, "hold no shot"),
        ({}, {"snapshot_s": 7}, "snapshot_s"),
        ({}, {"snapshot_s": 0}, "snapshot_s"),
        ({}, {"keep_minutes": 0}, "keep_minutes"),
    ],
)
def test_what_can_not_be_simulated_live_is_refused(
    laser: dict[str, float], live: dict[str, int], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=sentence):
        LiveSimulation(
            tmp_path / "out",
            SimulationSettings(**laser),  # type: ignore[arg-type]
            LiveSettings(**live),
            clock=ManualClock(),
            wait=lambda _: True,
            tell=print,
        )
    assert not (tmp_path / "out").exists()


def test_a_run_ends_after_a_week(tmp_path: Path) -> None:
    laser = SimulationSettings(hz=1 / 60, stages=1, faults=False)
    trial = Trial(tmp_path)
    trial.run(1, laser=laser, live=LiveSettings())
    start_ns = parse_iso(json.loads((tmp_path / "live.json").read_text())["start"])
    trial.clock.set_wall_clock(start_ns + (7 * 24 * 60 - 2) * MINUTE_NS)
    trial.run(None, laser=laser, live=LiveSettings())

    assert trial.clock.now_ns() == start_ns + 7 * 24 * 60 * MINUTE_NS
    assert "a week old" in trial.told[-1]

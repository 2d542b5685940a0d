"""The runner: what it reads once, what it leaves for later, and in which order it commits."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from connectors.clock import SystemClock
from connectors.spool_listing import SpoolFile, scan
from connectors.state.commit import Commit
from connectors.state.directory import StateDirectory
from models.alerts.alert import AlertStatus
from streams.embedded_runner import EmbeddedRunner
from streams.settings import load_settings
from streams.watch import open_watch
from streams.work_units import FileHistory, WorkUnit, read_units
from tests.support.snapshot_files import NAME, Shots, minute, write_production


def later(minutes: int) -> str:
    return NAME.replace("09-34", f"09-{34 + minutes}")


def shots(minutes: int, count: int = 10) -> Shots:
    return {time.replace("09-34", f"09-{34 + minutes}"): each for time, each in minute(count, seed=minutes).items()}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for number in range(3):
        write_production(tmp_path / "data" / later(number), shots(number))
    return tmp_path / "data"


@contextmanager
def opened(tmp_path: Path, data: Path, **options: object) -> Iterator[tuple[EmbeddedRunner, StateDirectory]]:
    with open_watch([data], tmp_path / "state", load_settings(None, **options)) as watch:
        yield watch._runner, watch._runner._state


def files(data: Path) -> list[SpoolFile]:
    return scan([data], SystemClock())[0]


def test_a_path_that_comes_twice_is_read_once(tmp_path: Path, data: Path) -> None:
    with opened(tmp_path, data) as (runner, state):
        first, *others = files(data)
        runner.process([first, *others, first])
        runner.finish()
        ledger = state.ledger()
    assert ledger["files"] == {"accepted": 3, "rejected": 0, "replaced": 0, "skipped": 0, "ignored": 0}
    assert ledger["records"]["read"] == 90
    assert ledger["balanced"]


def test_commits_come_in_the_order_of_the_files(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    committed: list[str] = []
    commit = StateDirectory.commit

    def note(state: StateDirectory, step: Commit) -> int:
        committed.extend(record.path for record in step.files)
        return commit(state, step)

    monkeypatch.setattr(StateDirectory, "commit", note)
    units = {"unit_bytes": 100_000, "block_records": 2}
    with opened(tmp_path, data, units=units, threads=4) as (runner, _):
        runner.process(reversed(files(data)))
    assert len(committed) > 6
    assert list(dict.fromkeys(committed)) == [later(2), later(1), NAME]
    assert committed == sorted(committed, reverse=True)


def test_it_stops_between_units_and_the_next_goes_on(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    units = {"unit_bytes": 100_000, "block_records": 2}
    with open_watch([data], tmp_path / "state", load_settings(None, units=units)) as watch:
        runner, state = watch._runner, watch._runner._state
        commit = state.commit

        def stop_then(step: Commit) -> int:
            watch.stop()
            return commit(step)

        monkeypatch.setattr(state, "commit", stop_then)
        runner.process(files(data))
        assert 0 < state.ledger()["records"]["read"] < 90
    with opened(tmp_path, data) as (runner, state):
        assert sum(runner.is_done(file.relative, file.size, file.mtime_ns) for file in files(data)) < 3
        runner.process(files(data))
        runner.finish()
        assert state.ledger()["records"]["read"] == 90
        assert state.ledger()["balanced"]


def test_a_replacement_waits_for_shots_that_are_not_decided(tmp_path: Path, data: Path) -> None:
    with opened(tmp_path, data) as (runner, state):
        good = (data / NAME).read_bytes()
        (data / NAME).write_bytes(b"")
        runner.process(files(data))  # too short for the stage to know whom to expect: everything waits
        assert [alert.status for alert, _ in state.alerts()] == [AlertStatus.OPEN]
        assert state.ledger()["records"]["pending"] == 60
        (data / later(1)).write_bytes((data / later(1)).read_bytes() + b" ")
        (data / NAME).write_bytes(good)
        runner.process(files(data)[:2])
        runner.go_on()
        ledger = state.ledger()
        assert ledger["files"] == {"accepted": 3, "rejected": 0, "replaced": 1, "skipped": 0, "ignored": 0}
        assert ledger["records"] == ledger["records"] | {"read": 90, "pending": 60}  # nothing of 09:34 waited
        assert ledger["balanced"]
        runner.finish()
        ledger = state.ledger()
        assert ledger["files"]["replaced"] == 2
        assert ledger["records"]["read"] == 90
        assert ledger["records"]["pending"] == 0
        assert ledger["balanced"]
        assert [alert.status for alert, _ in state.alerts()] == [AlertStatus.CLOSED]


def test_an_error_of_a_stage_comes_up(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("models.energies.meter_stage.MeterStage.process", fail)
    with opened(tmp_path, data) as (runner, state):
        with pytest.raises(ZeroDivisionError):
            runner.process(files(data))
        assert state.ledger()["records"]["read"] == 0


def test_units_that_are_made_in_memory(tmp_path: Path, data: Path) -> None:
    settings = load_settings(None)

    def units() -> Iterator[WorkUnit]:
        for file in files(data):
            yield from read_units(file, FileHistory(), settings.reading, settings.zone, settings.units)

    with opened(tmp_path, data) as (runner, state):
        runner.process_units(units())
        runner.finish()
        assert state.ledger()["records"]["read"] == 90
        assert state.ledger()["balanced"]

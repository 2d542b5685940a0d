"""The loop around the watched folders: what it gives to whoever runs the files, and when it waits."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Event

import pytest

from connectors.spool_listing import SpoolFile
from connectors.state.commit import Commit
from models.alerts.alert import AlertEvent
from models.snapshot_sequence import SnapshotSequence
from streams.settings import load_settings
from streams.spool_loop import SpoolLoop
from tests.support.manual_clock import ManualClock
from tests.support.snapshot_files import NAME, minute, write_production


class Runner:
    """Keeps what it is told; ``rounds`` rounds later the loop ends."""

    def __init__(self, stop: Event, rounds: int = 5) -> None:
        self.stop = stop
        self.rounds = rounds
        self.series: list[str] = []
        self.has_room = True
        self.has_work = True  # the loop does not wait
        self.files: list[str] = []
        self.silent: list[str] = []
        self.rests = 0
        self.each_round: Callable[[], None] = lambda: None

    def process(self, files: Iterable[SpoolFile]) -> None:
        self.files += [file.relative for file in files]

    def go_on(self) -> None:
        self.each_round()
        self.rounds -= 1
        if not self.rounds:
            self.stop.set()

    def read_again(self) -> bool:
        return False

    def rest(self) -> None:
        self.rests += 1

    def finish(self) -> None:
        self.files.append("the end")

    def silence(self, series: Iterable[str]) -> None:
        self.silent += series

    def is_done(self, relative: str, size_bytes: int, mtime_ns: int) -> bool:
        return relative in self.files

    def is_known(self, relative: str) -> bool:
        return True

    def report(self, alerts: list[AlertEvent], commit: Commit) -> None:
        raise AssertionError("nothing is to be reported")


class Beside:
    """Signs and chores that nobody looks at."""

    def set_queue_depth(self, depth: int, queue: str = "snapshots") -> None: ...
    def loop_moved(self) -> None: ...
    def tick(self) -> None: ...
    def drain_outbox(self) -> None: ...


def loop_of(data: Path, runner: Runner, clock: ManualClock) -> SpoolLoop[Runner]:
    settings = load_settings(None, sequence={"reorder_wait_s": 0.0})
    return SpoolLoop(
        [data],
        settings=settings,
        clock=clock,
        runner=runner,
        sequence=SnapshotSequence(settings.sequence, settings.zone),
        chores=Beside(),
        signs=Beside(),
        watching=lambda: None,
        stop=runner.stop,
        tell=lambda _: None,
    )


def test_files_come_as_long_as_there_is_room(tmp_path: Path) -> None:
    write_production(tmp_path / NAME, minute(1))
    clock, runner = ManualClock("2030-01-01T00:00:00Z"), Runner(Event(), rounds=3)
    runner.has_room = False
    runner.series = ["a recorder"]
    loop_of(tmp_path, runner, clock).run()
    assert runner.files == []
    assert clock.slept_s == [0.5] * 3
    runner.has_room, runner.rounds = True, 3
    runner.stop.clear()
    loop_of(tmp_path, runner, clock).run()
    assert runner.files == [NAME]
    assert runner.rests > 0


def test_nobody_is_silent_whose_files_are_not_taken(tmp_path: Path) -> None:
    clock, runner = ManualClock("2030-01-01T00:00:00Z"), Runner(Event(), rounds=400)
    runner.series, runner.has_room = ["a recorder"], False
    loop_of(tmp_path, runner, clock).run()  # 200 s
    assert runner.silent == []
    runner.has_room, runner.rounds = True, 2
    runner.stop.clear()
    loop = loop_of(tmp_path, runner, clock)
    clock.advance(151)
    loop.run()
    assert runner.silent == ["a recorder"]


def test_a_later_file_waits_for_one_that_may_still_be_written(tmp_path: Path) -> None:
    clock, runner = ManualClock("2030-01-01T00:00:00Z"), Runner(Event(), rounds=20)
    earlier = write_production(tmp_path / NAME, minute(1))
    later = NAME.replace("09-34-00", "09-36-00")  # not the next one, which would go on at once
    write_production(tmp_path / later, minute(2))
    os.utime(earlier, ns=(clock.now_ns(), clock.now_ns()))  # its closing was not seen, as in a folder that is new
    loop = loop_of(tmp_path, runner, clock)
    runner.each_round = lambda: clock.advance(1.0)
    loop.run()
    assert runner.files == [NAME, later]


def test_at_once_ends_with_the_end(tmp_path: Path) -> None:
    write_production(tmp_path / NAME, minute(1))
    runner = Runner(Event())
    loop_of(tmp_path, runner, ManualClock("2030-01-01T00:00:00Z")).run_once()
    assert runner.files == [NAME, "the end"]


def test_a_folder_that_hangs_holds_up_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.folder_probe._ANSWER_S", 0.01)
    monkeypatch.setattr("connectors.folder_probe._ANSWER_AGAIN_S", 0.01)
    free, hangs = Event(), []

    def ask(_: Path) -> bool:
        hangs.append(not free.is_set())
        return free.wait(60)

    monkeypatch.setattr("connectors.folder_probe._is_there", ask)
    write_production(tmp_path / NAME, minute(1))
    clock, runner = ManualClock("2030-01-01T00:00:00Z"), Runner(Event(), rounds=10)
    runner.each_round = lambda: clock.advance(20)  # files that could not be read are due again and again
    monkeypatch.setattr(runner, "read_again", lambda: pytest.fail("it would wait for the folder"))
    loop_of(tmp_path, runner, clock).run()
    assert (runner.files, runner.rests, hangs) == ([], 10, [True])
    monkeypatch.undo()
    free.set()
    runner.rounds = 3
    runner.stop.clear()
    loop_of(tmp_path, runner, clock).run()
    assert runner.files == [NAME]

"""A state directory is opened for writing also while others write what people decide."""

from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from connectors.control_room import database
from connectors.control_room.database import ControlRoomDatabase
from connectors.state.directory import StateDirectory
from streams.metrics import WatchMetrics
from streams.settings import load_settings
from streams.state_writing import open_state_writing
from tests.support.manual_clock import ManualClock
from tests.support.watching import wait_until


def test_a_watch_starts_while_another_process_makes_a_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    StateDirectory.open(tmp_path).close()
    connect = database._connect
    monkeypatch.setattr(database, "_connect", lambda path, mode, _: connect(path, mode, 0.05))
    clock, said = ManualClock(), list[str]()
    with ExitStack() as stack, closing(ControlRoomDatabase.open(tmp_path)) as other:
        with other.step():
            open_state_writing(
                *(stack, tmp_path, load_settings(None)),
                clock=clock,
                metrics=WatchMetrics(clock),
                tell=said.append,
                stopping=lambda: False,
            )
            wait_until(lambda: len(said) == 1)
        wait_until(lambda: said[1:] == ["people are told of alerts again"])

"""A console beside a watch: ended with it, started again without it."""

import os
import signal
import socket
from pathlib import Path

import pytest

from connectors.access.role import Role
from connectors.clock import SystemClock
from models.errors import FatalError
from streams.console.child import ConsoleChild
from streams.console.settings import ConsoleSettings
from tests.support.manual_clock import ManualClock
from tests.support.signing_in import add_user
from tests.support.watching import wait_until

EVERYWHERE = "0.0.0.0:0"

_NOTES_ITS_NUMBER = """
import os, sys, time
from pathlib import Path
with Path(sys.argv[3], "started").open("a") as file:
    file.write(f"{os.getpid()}\\n")
time.sleep(600)
"""


def child_of(state: Path, told: list[str], http: str = "127.0.0.1:0", program: str = _NOTES_ITS_NUMBER) -> ConsoleChild:
    return ConsoleChild(http, state, ConsoleSettings(), None, clock=SystemClock(), tell=told.append, program=program)


def started(state: Path) -> list[int]:
    file = state / "started"
    return [int(line) for line in file.read_text().splitlines()] if file.exists() else []


def is_running(number: int) -> bool:
    return Path(f"/proc/{number}").exists()


def test_one_that_is_killed_is_told_and_started_again_and_ends_with_the_watch(tmp_path: Path) -> None:
    told: list[str] = []
    with child_of(tmp_path, told):
        wait_until(lambda: len(started(tmp_path)) == 1)
        os.kill(started(tmp_path)[0], signal.SIGKILL)
        wait_until(lambda: len(started(tmp_path)) == 2)
        assert [sentence.partition(";")[0] for sentence in told] == ["the console has ended (exit code -9)"]
        assert is_running(started(tmp_path)[1])
    assert not is_running(started(tmp_path)[1])
    assert len(told) == 1


def test_one_that_fails_is_started_less_and_less_often(tmp_path: Path) -> None:
    told: list[str] = []
    with child_of(tmp_path, told, program="raise SystemExit(3)"):
        wait_until(lambda: len(told) == 2)
    assert ["again in 1 s" in told[0], "again in 2 s" in told[1]] == [True, True]


def test_what_can_never_start_is_a_mistake_of_the_watch(tmp_path: Path) -> None:
    with pytest.raises(FatalError) as raised:
        child_of(tmp_path, [], "nowhere")
    assert raised.value.reason == "http_address"
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(FatalError) as raised:
        child_of(tmp_path, [], f"127.0.0.1:{taken.getsockname()[1]}")
    assert raised.value.reason == "http_address"
    with pytest.raises(FatalError) as raised:
        child_of(tmp_path, [], EVERYWHERE)
    assert raised.value.reason == "nobody_can_sign_in"
    add_user(tmp_path, "anna", Role.VIEWER, ManualClock())
    child_of(tmp_path, [], EVERYWHERE)

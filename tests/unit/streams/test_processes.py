"""Processes end with whoever started them, and what ends with an error is started again."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from models.errors import FatalError
from streams.processes.command_process import CommandProcess
from streams.processes.installation import InstallationProcesses
from tests.support.watching import wait_until

_SLEEP = "import time; time.sleep(600)"
_FAIL = "import sys; sys.exit('nothing works')"
_PARENT = """
import sys, time
from pathlib import Path
from streams.processes.command_process import CommandProcess
program = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
child = CommandProcess([], log=Path(sys.argv[1]), program=program)
time.sleep(600)
"""


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"  # whoever inherits it may not look at once


def test_a_process_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "child.log"
    with subprocess.Popen([sys.executable, "-c", _PARENT, str(log)]) as parent:
        try:
            wait_until(lambda: log.exists() and bool(log.read_text().strip()), within_s=60)
            child = int(log.read_text())
            assert _is_alive(child)
        finally:
            os.kill(parent.pid, signal.SIGKILL)
    wait_until(lambda: not _is_alive(child), within_s=60)


def test_a_process_whose_parent_is_gone_already_does_nothing(tmp_path: Path) -> None:
    program = f"from connectors.end_with_parent import end_with; end_with({os.getppid()}); print('alive')"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert not ended.stdout


def test_what_fails_is_started_again_some_times(tmp_path: Path) -> None:
    with InstallationProcesses(tmp_path / "logs", None, {}, most_restarts=2) as processes:
        failing = processes.start(["worker"], program=_FAIL)
        for _ in range(2):
            wait_until(lambda: failing.failed, within_s=60)
            processes.supervise()
        wait_until(lambda: failing.failed, within_s=60)
        with pytest.raises(FatalError, match=r"worker ends again and again: .*nothing works") as failure:
            processes.supervise()
    assert failure.value.reason == "process_ended"


def test_what_is_left_is_killed_and_what_is_asked_to_end_ends(tmp_path: Path) -> None:
    with InstallationProcesses(tmp_path / "logs", None, {}, most_restarts=0) as processes:
        left = processes.start(["left"], program=_SLEEP)
        assert left.running
    assert not left.running
    with InstallationProcesses(tmp_path / "logs", None, {}, most_restarts=0) as processes:
        ended: CommandProcess = processes.start(["ended"], program=_SLEEP)
        processes.stop()
        assert not ended.running
        assert not ended.failed

"""How long the process that makes pages is kept, and what happens when it ends or hangs. It is a small one."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from connectors.clock import SystemClock
from models.errors import RetryableError
from streams.alert_pages.asked_process import AskedProcess
from streams.alert_pages.kept_process import KeptProcess
from streams.alert_pages.protocol import question
from streams.settings import load_settings, settings_text
from tests.support.watching import wait_until
from tests.unit.streams.alert_pages.programs import COUNTING, HANGING, PIDS, SERVING


@pytest.fixture
def kept() -> Iterator[Callable[[str], KeptProcess]]:
    """Processes of a program."""
    all_made: list[KeptProcess] = []

    def make(program: str) -> KeptProcess:
        all_made.append(KeptProcess((sys.executable, "-c", program), "", 60.0, SystemClock()))
        return all_made[-1]

    yield make
    for each in all_made:
        each.close()
        each.let_go()


def ask(process: KeptProcess, state: Path, number: int) -> bytes:
    return process.ask(question(state, f"{number:016x}", state))[0]


def test_one_process_answers_until_it_ends_and_then_a_new_one(
    kept: Callable[[str], KeptProcess], tmp_path: Path
) -> None:
    process = kept(PIDS)
    for number in (1, 2):
        assert ask(process, tmp_path, number) == f"<html>{number:016x}".encode()
    [first, again] = (tmp_path / "pids").read_text().split()
    assert first == again
    os.kill(int(first), signal.SIGKILL)  # as when nobody has asked for long
    assert ask(process, tmp_path, 3) == f"<html>{3:016x}".encode()
    assert len(set((tmp_path / "pids").read_text().split())) == 2


def test_a_process_that_says_so_is_asked_no_more(kept: Callable[[str], KeptProcess], tmp_path: Path) -> None:
    process = kept(SERVING % "def answer(asked): tell(str(os.getpid()), last=True)")
    assert len({ask(process, tmp_path, number) for number in (1, 2, 3)}) == 3
    assert not process.running


def test_a_process_that_can_not_be_ended_holds_up_no_other_answer(
    kept: Callable[[str], KeptProcess], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that waits for a disk that hangs."""
    monkeypatch.setattr("streams.alert_pages.asked_process._ENDING_S", 0.01)
    process = kept(HANGING)

    def begin_next(program: str, *, limit_s: float) -> None:
        process._command, process._limit_s = (sys.executable, "-c", program), limit_s

    hanging: list[int] = []
    begin_next(HANGING, limit_s=0.2)
    with monkeypatch.context() as patch:
        patch.setattr(subprocess.Popen, "kill", lambda child: hanging.append(child.pid))
        with pytest.raises(RetryableError, match="takes longer"):
            ask(process, tmp_path, 1)
        begin_next(COUNTING, limit_s=60.0)
        assert ask(process, tmp_path, 2)
        process.let_go()
        begin_next(HANGING, limit_s=0.2)
        for number in (3, 4):
            with pytest.raises(RetryableError, match="takes longer"):
                ask(process, tmp_path, number)
        with pytest.raises(RetryableError, match="wait for a disk that hangs"):
            ask(process, tmp_path, 5)
    for pid in hanging:
        with suppress(ProcessLookupError):  # one made its page
            os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not any(each.running for each in process._hanging))
    begin_next(COUNTING, limit_s=60.0)
    assert ask(process, tmp_path, 5)


def test_a_closed_one_begins_no_other(kept: Callable[[str], KeptProcess], tmp_path: Path) -> None:
    process = kept(COUNTING)
    assert ask(process, tmp_path, 1)
    process.close()
    wait_until(lambda: not process.running)
    with pytest.raises(RetryableError, match="the program ends"):
        ask(process, tmp_path, 2)


@pytest.mark.parametrize(
    "stray",
    [
        "print('words of a library', flush=True); time.sleep(0.2); made(asked)",
        "print('5', flush=True)",
        "print('{}', flush=True)",
        "print('{\"colour\": 1}', flush=True)",
        "tell('', asked={})",
        "tell('<html>other', asked=asked | {'alert': 'e' * 16})",
        "tell('<html>more', size=4)",
        "sys.stdout.write('x' * 400_000); sys.stdout.flush()",
    ],
)
def test_after_an_answer_to_something_else_another_process_is_asked(
    kept: Callable[[str], KeptProcess], tmp_path: Path, stray: str
) -> None:
    process = kept(
        SERVING
        % f"""
def answer(asked):
    first = pathlib.Path(asked["state"], "first")
    if first.exists(): return made(asked)
    first.touch()
    {stray}
"""
    )
    with pytest.raises(RetryableError, match="has not answered what it was asked"):
        ask(process, tmp_path, 1)
    for number in (2, 3):
        assert ask(process, tmp_path, number) == f"<html>{number:016x}".encode()


def test_whatever_goes_wrong_while_it_is_asked_ends_it(
    kept: Callable[[str], KeptProcess], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = kept(COUNTING)
    with monkeypatch.context() as patch:
        patch.setattr(AskedProcess, "_read", failing)
        with pytest.raises(OSError, match="Input/output error"):
            ask(process, tmp_path, 1)
    assert not process.running
    assert ask(process, tmp_path, 2) == f"<html>{2:016x}".encode()


def failing(_process: AskedProcess, _until_s: float) -> bytes:
    raise OSError(5, "Input/output error")


def test_what_libraries_print_gets_not_among_the_answers(tmp_path: Path) -> None:
    program = """
import os
import streams.alert_pages.answers as answers
from streams.alert_pages.process import main
from streams.alert_pages.protocol import AnswerHead
def answered(asked, settings):
    print("words of a library", flush=True)
    os.write(1, b"and of one in C\\n")
    return AnswerHead(size=16), asked["alert"].encode()
answers.answered = answered
main()
"""
    process = KeptProcess((sys.executable, "-c", program), settings_text(load_settings(None)), 600.0, SystemClock())
    try:
        for number in (1, 2):
            assert ask(process, tmp_path, number) == f"{number:016x}".encode()
    finally:
        process.let_go()

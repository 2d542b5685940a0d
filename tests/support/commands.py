"""Commands that are run in the tests' own process."""

from collections.abc import Callable
from pathlib import Path

import pytest

from streams.command_line import run

#: Runs a command: exit code, standard output, standard error.
Run = Callable[..., tuple[int, str, str]]


def run_with(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs commands whose output is captured."""

    def execute(*arguments: str | Path) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return execute

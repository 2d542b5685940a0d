"""One way to say what went wrong: one sentence and an exit code."""

import subprocess
import sys
from pathlib import Path

import pytest
import typer

from models.errors import FatalError, RecordError
from streams import command_line
from streams.command_line import FAILURE, INTERRUPTED, USAGE_ERROR, main, run


def test_the_result_of_a_command_is_its_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    for result, code in ((None, 0), (0, 0), (1, 1)):
        monkeypatch.setattr(command_line, "app", lambda *_, result=result, **__: result)
        assert run([]) == code


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (FatalError("the folder is gone;\n mount it", reason="spool"), FAILURE, "the folder is gone; mount it"),
        (RecordError("no snapshot", reason="not_hdf5"), FAILURE, "no snapshot"),
        (PermissionError(13, "Permission denied", "/state"), FAILURE, "/state: Permission denied"),
        (OSError("odd"), FAILURE, "the system: odd"),
        (ZeroDivisionError("division by zero"), FAILURE, "internal error, please report it: ZeroDivisionError"),
        (ModuleNotFoundError("no", name="faust.types"), FAILURE, "faust.types is not installed"),
        (ModuleNotFoundError("no", name="numpy"), FAILURE, "internal error"),
        (typer.BadParameter("no such thing"), USAGE_ERROR, "no such thing"),
        (KeyboardInterrupt(), INTERRUPTED, ""),
        (BrokenPipeError(), INTERRUPTED, ""),
        (typer.Abort(), INTERRUPTED, ""),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_a_failure_is_one_sentence(
    error: BaseException, code: int, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(command_line, "app", fail)
    assert run([]) == code
    said = capsys.readouterr().err
    assert said.count("\n") == bool(words)
    assert words in said
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == code


def test_each_fault_of_a_configuration_is_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "petawatch.toml"
    config.write_text("nonsense = 1\n[console]\nstale_after = 3\n")
    assert run(["catalog", "find", "--state", str(tmp_path), "--config", str(config)]) == FAILURE
    told = capsys.readouterr().err.splitlines()
    assert sorted(line.split()[:2] for line in told) == [
        ["petawatch:", "console.stale_after"],
        ["petawatch:", "nonsense"],
    ]


def test_help_is_quick_since_heavy_imports_wait() -> None:
    script = "import sys; from streams.command_line import run; run(['--help']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {"numpy", "h5py", "numba", "openvino", "pyarrow"} & set(done.stdout.split())

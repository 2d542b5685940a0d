"""What of a simulation is told as a mistake of usage."""

import signal
from pathlib import Path

import pytest

from models.simulation.laser import LaserSimulator
from streams.command_line import FAILURE, USAGE_ERROR, run


@pytest.mark.parametrize("options", [[], ["--live"]])
def test_what_fails_while_it_is_simulated_is_no_mistake_of_usage(
    options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("operands could not be broadcast together")

    monkeypatch.setattr(LaserSimulator, "minute", fail)
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # the tests' own process keeps its handlers

    assert run(["simulate", str(tmp_path / "out"), *options]) == FAILURE
    assert "internal error, please report it: ValueError: operands could not" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--stages", "1000"], "stages must be 1 to 12"),
        (["--live", "--snapshot-s", "7"], "snapshot_s must be a whole part of a minute"),
        (["--live", "--hz", "0.1", "--snapshot-s", "5"], "hold no shot"),
        (["--snapshot-s", "7"], "--snapshot-s and --keep-minutes are for --live"),
    ],
)
def test_what_can_not_be_simulated_is_one(
    options: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["simulate", str(tmp_path / "out"), *options]) == USAGE_ERROR
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "out").exists()

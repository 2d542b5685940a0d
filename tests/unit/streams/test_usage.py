from pathlib import Path

import pytest

from streams.commands.usage import called_as


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that is on nobody's path."""
    monkeypatch.setenv("PATH", "")
    file = tmp_path / "bin" / "petawatch"
    file.parent.mkdir()
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)
    return file


def test_a_program_that_its_name_does_not_find_is_called_by_its_path(program: Path) -> None:
    assert called_as(str(program)) == str(program)


def test_one_that_its_name_finds_is_called_by_it(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(program.parent))

    assert called_as(str(program)) == "petawatch"


def test_another_one_of_the_name_is_not_meant(program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(program.parent))
    own = tmp_path / "petawatch"
    own.touch()

    assert called_as(str(own)) == str(own)


def test_a_module_is_called_by_the_name_of_the_program() -> None:
    assert called_as("/usr/lib/python3/pytest/__main__.py") == "petawatch"

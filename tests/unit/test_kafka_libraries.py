"""Kafka's libraries are fetched when they are absent and made anew when something of them is missing."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from servers.failures import ServerFailedError, ServerMissingError
from servers.kafka_libraries import VERSION
from servers.kafka_libraries import kafka_libraries as fetched


class _Maven:
    """Stands for Maven: writes libraries where it is told to."""

    def __init__(self, libraries: dict[str, bytes], code: int = 0) -> None:
        self.libraries = libraries
        self.code = code
        self.calls = 0

    def run(self, command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        self.calls += 1
        assert (Path(options["cwd"]) / "pom.xml").is_file()
        folder = Path(next(word for word in command if word.startswith("-DoutputDirectory=")).partition("=")[2])
        folder.mkdir()
        for name, content in self.libraries.items():
            (folder / name).write_bytes(content)
        return subprocess.CompletedProcess(command, self.code, "", "could not resolve\n it")


@pytest.fixture
def maven(monkeypatch: pytest.MonkeyPatch) -> _Maven:
    stands = _Maven({"kafka.jar": b"1234", "other name.jar": b"56"})
    monkeypatch.setattr(subprocess, "run", stands.run)
    monkeypatch.setattr(shutil, "which", lambda program: f"/usr/bin/{program}")
    return stands


def test_they_are_fetched_once(maven: _Maven, tmp_path: Path) -> None:
    folder = fetched(tmp_path / "cache")
    assert (folder / "kafka.jar").read_bytes() == b"1234"
    assert fetched(tmp_path / "cache") == folder
    assert maven.calls == 1
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [f"kafka-{VERSION}"]


@pytest.mark.parametrize(
    "harm", ["remove a library", "cut a library", "remove the list", "empty the list", "other list"]
)
def test_what_is_incomplete_is_made_anew(maven: _Maven, tmp_path: Path, harm: str) -> None:
    folder = fetched(tmp_path)
    match harm:
        case "remove a library":
            (folder / "kafka.jar").unlink()
        case "cut a library":
            (folder / "other name.jar").write_bytes(b"5")
        case "remove the list":
            (folder / "COMPLETE").unlink()
        case "empty it":
            (folder / "COMPLETE").write_text("")
        case _:
            (folder / "COMPLETE").write_text("another description\n")
    assert fetched(tmp_path) == folder
    assert maven.calls == 2
    assert (folder / "kafka.jar").read_bytes() == b"1234"
    assert (folder / "other name.jar").read_bytes() == b"56"


def test_a_fetch_that_fails_leaves_nothing(maven: _Maven, tmp_path: Path) -> None:
    maven.code = 1
    with pytest.raises(ServerFailedError, match=r"Maven could not fetch Kafka .*: could not resolve it"):
        fetched(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("program", "package"), [("java", "openjdk-17-jre-headless"), ("mvn", "maven")])
def test_what_is_not_installed_is_named(
    maven: _Maven, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, program: str, package: str
) -> None:
    monkeypatch.setattr(shutil, "which", lambda asked: None if asked == program else asked)
    with pytest.raises(ServerMissingError, match=f"{program} is missing: install it, .* apt-get install {package}"):
        fetched(tmp_path)
    assert maven.calls == 0

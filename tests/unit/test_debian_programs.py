"""Programs of Debian's packages are fetched whole and run; who may install nothing is told what to install."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from servers.browser import browser_program, find_browser
from servers.debian_programs import DebianPackage, fetched, find_fetched, programs_answer
from servers.failures import ServerFailedError, ServerMissingError

PACKAGE = DebianPackage(name="clock", files=("usr/bin/clock", "usr/bin/clocktool"), check=programs_answer)
SAYS = "#!/bin/sh\n[ $1 = --version ]\n"
FAILS = "#!/bin/sh\nexit 3\n"
RUN = subprocess.run


class _Debian:
    """Stands for apt-get and dpkg-deb; what was unpacked is run in earnest."""

    def __init__(self) -> None:
        self.files = {"usr/bin/clock": SAYS, "usr/bin/clocktool": SAYS, "etc/clock.conf": "no program"}
        self.commands: list[list[str]] = []
        self.failures = 0
        self.installs: Path | None = None

    def run(self, command: list[str], **options: Any) -> subprocess.CompletedProcess[Any]:
        self.commands.append(command)
        if command[0] == "apt-get" and command[1] != "update" and self.failures:
            self.failures -= 1
            return subprocess.CompletedProcess(command, 100, "", "unable to locate\n it")
        match command[:2]:
            case ["apt-get", "download"]:
                (Path(options["cwd"]) / f"{command[2]}_1_amd64.deb").write_bytes(b"package")
            case ["apt-get", "install"] if self.installs:
                _write(self.installs, SAYS)
            case ["dpkg-deb", "-x"]:
                for name, content in self.files.items():
                    _write(Path(options["cwd"]) / "unpacked" / name, content)
            case [_, "--version"]:
                return RUN(command, **options)
        return subprocess.CompletedProcess(command, 0, "", "")


def _write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    path.chmod(0o755)


@pytest.fixture
def debian(monkeypatch: pytest.MonkeyPatch) -> _Debian:
    stands = _Debian()
    monkeypatch.setattr(subprocess, "run", stands.run)
    monkeypatch.setattr(shutil, "which", lambda program: f"/usr/bin/{program}")
    return stands


def test_programs_are_fetched_once_and_run(debian: _Debian, tmp_path: Path) -> None:
    assert find_fetched(PACKAGE, tmp_path) is None
    folder = fetched(PACKAGE, tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == ["SHA256SUMS", "clock", "clocktool"]
    assert RUN([str(folder / "clock"), "--version"], check=False).returncode == 0
    assert fetched(PACKAGE, tmp_path) == find_fetched(PACKAGE, tmp_path) == folder
    assert [command[0] for command in debian.commands].count("apt-get") == 1
    assert list(tmp_path.iterdir()) == [folder]


def test_all_files_must_be_whole(debian: _Debian, tmp_path: Path) -> None:
    folder = fetched(PACKAGE, tmp_path)
    (folder / "clocktool").write_text(SAYS + "#")
    assert find_fetched(PACKAGE, tmp_path) is None
    (folder / "SHA256SUMS").write_text("nothing like a sum")
    assert find_fetched(PACKAGE, tmp_path) is None
    assert (fetched(PACKAGE, tmp_path) / "clocktool").read_text() == SAYS
    other = DebianPackage(name="clock", files=(*PACKAGE.files, "etc/clock.conf"), check=lambda path: None)
    assert find_fetched(other, tmp_path) is None


def test_one_that_does_not_run_is_not_kept(debian: _Debian, tmp_path: Path) -> None:
    debian.files["usr/bin/clocktool"] = FAILS
    with pytest.raises(ServerFailedError, match=r"does not run on this system \(--version ended with 3\)"):
        fetched(PACKAGE, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_package_without_the_program_says_so(debian: _Debian, tmp_path: Path) -> None:
    del debian.files["usr/bin/clock"]
    with pytest.raises(ServerFailedError, match=r"clock_1_amd64\.deb can't be unpacked"):
        fetched(PACKAGE, tmp_path)


def test_lists_of_packages_are_updated_by_root_alone(
    debian: _Debian, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    debian.failures = 1
    with pytest.raises(ServerMissingError, match="clock is missing, install it: apt-get download failed: unable"):
        fetched(PACKAGE, tmp_path)
    assert ["apt-get", "update"] not in debian.commands
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    debian.failures = 1
    assert fetched(PACKAGE, tmp_path).is_dir()
    assert ["apt-get", "update"] in debian.commands


@pytest.fixture
def no_browser(debian: _Debian, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> _Debian:
    """Chromium is not there until it is installed; who asks is root."""
    program = tmp_path / "chromium"
    debian.installs = program

    def which(name: str) -> str | None:
        return str(program) if name == "chromium" and program.exists() else {"apt-get": sys.executable}.get(name)

    monkeypatch.setattr(shutil, "which", which)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return debian


def test_the_browser_is_installed_with_a_line_that_says_so(
    no_browser: _Debian, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert find_browser() is None
    assert browser_program() == tmp_path / "chromium"
    assert capsys.readouterr().err == "Chromium is missing: installs Debian's package chromium\n"
    assert [command[:2] for command in no_browser.commands] == [["apt-get", "install"]]
    assert browser_program() == tmp_path / "chromium"
    assert len(no_browser.commands) == 1


def test_who_may_not_install_the_browser_is_told_to(no_browser: _Debian, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(
        ServerMissingError, match="Chromium is missing: install it, for example: apt-get install chromium"
    ):
        browser_program()
    assert no_browser.commands == []


def test_a_browser_that_cannot_be_installed(no_browser: _Debian) -> None:
    no_browser.failures = 2
    with pytest.raises(ServerMissingError, match="chromium is missing, install it: apt-get install failed: unable"):
        browser_program()

"""The library for file systems is fetched once, and what did not come whole is not believed."""

import ctypes
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import servers.fuse_library
from servers.failures import ServerFailedError, ServerMissingError
from servers.fuse_library import fuse_library


class _Debian:
    """Stands for apt-get and dpkg-deb: the package holds a library that has the function, or anything else."""

    def __init__(self, library: Path) -> None:
        self.library = library
        self.calls: list[str] = []
        self.code = 0
        self.lock = threading.Lock()

    def run(self, command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        with self.lock:
            self.calls.append(command[0])
        folder = Path(options["cwd"])
        if command[0] == "apt-get" and not self.code:
            (folder / "libfuse2_2.9.9-6_amd64.deb").write_bytes(b"package")
        if command[0] == "dpkg-deb":
            (folder / "unpacked" / "lib").mkdir(parents=True)
            shutil.copy(self.library, folder / "unpacked" / "lib" / "libfuse.so.2")
        return subprocess.CompletedProcess(command, self.code, "", "no such\n package")


class _Loaded:
    """Stands for a library that has the function."""

    def __init__(self, path: str) -> None:
        if Path(path).read_bytes() != b"a library":
            raise OSError("invalid ELF header")

    def fuse_version(self) -> int:
        return 29


@pytest.fixture
def debian(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> _Debian:
    library = tmp_path / "library"
    library.write_bytes(b"a library")
    stands = _Debian(library)
    monkeypatch.setattr(subprocess, "run", stands.run)
    monkeypatch.setattr(shutil, "which", lambda program: f"/usr/bin/{program}")
    monkeypatch.setattr(servers.fuse_library, "find_library", lambda name: None)
    monkeypatch.setattr(ctypes, "CDLL", _Loaded)
    return stands


def test_one_that_is_installed_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(servers.fuse_library, "find_library", lambda name: f"lib{name}.so.2")
    assert fuse_library(tmp_path / "cache") == "libfuse.so.2"
    assert not (tmp_path / "cache").exists()


def test_it_is_fetched_once(debian: _Debian, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    library = fuse_library(cache)
    assert Path(library).read_bytes() == b"a library"
    assert fuse_library(cache) == library
    assert debian.calls == ["apt-get", "dpkg-deb"]
    assert [path.name for path in cache.iterdir()] == ["libfuse2"]


@pytest.mark.parametrize(
    "harm",
    [
        lambda folder: (folder / "libfuse.so.2").unlink(),
        lambda folder: (folder / "libfuse.so.2").write_bytes(b"a lib"),
        lambda folder: (folder / "SHA256SUMS").unlink(),
    ],
    ids=["removed", "cut", "without its sum"],
)
def test_what_is_not_whole_is_fetched_anew(debian: _Debian, tmp_path: Path, harm: Callable[[Path], None]) -> None:
    library = Path(fuse_library(tmp_path))
    harm(library.parent)
    assert Path(fuse_library(tmp_path)).read_bytes() == b"a library"
    assert debian.calls.count("apt-get") == 2
    assert Path(fuse_library(tmp_path)) == library
    assert debian.calls.count("apt-get") == 2


def test_a_broken_download_is_not_kept(debian: _Debian, tmp_path: Path) -> None:
    debian.library.write_bytes(b"a libr")
    with pytest.raises(ServerFailedError, match="does not run on this system"):
        fuse_library(tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_failed_download_says_what_to_install(debian: _Debian, tmp_path: Path) -> None:
    debian.code = 100
    with pytest.raises(ServerMissingError, match=r"libfuse2 is missing, install it.*no such package"):
        fuse_library(tmp_path)


def test_several_at_once(debian: _Debian, tmp_path: Path) -> None:
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(fuse_library(tmp_path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert Path(found[0]).read_bytes() == b"a library"

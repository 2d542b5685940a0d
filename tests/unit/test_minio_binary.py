"""MinIO is built once, and a build leaves neither processes nor files, however it ends."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from servers.failures import ServerFailedError
from servers.minio_binary import VERSION, MinioBuild

# Stands for Go: a compiler of its own is at work in a temporary folder; the program is written only when it may.
GO = """#!/bin/sh
trap "exit 1" INT
mkdir "$TMPDIR/go-build1"
sleep 60 &
echo $! > compiler
while [ ! -e ../allowed ]; do sleep 0.02; done
echo program > "$GOBIN/minio"
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "go").write_text(GO)
    (programs / "go").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path / "cache"


def compilers(cache: Path) -> list[int]:
    """Waits until one is at work."""
    wait_until(lambda: any(file.read_text().strip() for file in cache.glob("*/compiler")))
    return [int(file.read_text()) for file in cache.glob("*/compiler")]


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 90
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def works(process: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False


def test_a_build_that_is_ended_leaves_nothing(cache: Path) -> None:
    build = MinioBuild(cache)
    build.begin()
    [compiler] = compilers(cache)
    build.end()
    wait_until(lambda: not works(compiler))
    assert list(cache.iterdir()) == []


def test_a_build_ends_with_who_began_it_and_the_next_one_cleans_up(cache: Path) -> None:
    begin = "import sys; from servers.minio_binary import *; b = MinioBuild(Path(sys.argv[1])); b.begin(); input()"
    killed = subprocess.Popen([sys.executable, "-c", begin, str(cache)], stdin=subprocess.PIPE)
    [compiler] = compilers(cache)
    [left] = cache.iterdir()
    with MinioOf(cache) as beside:
        assert left.is_dir()  # it is still being built there
        killed.send_signal(signal.SIGKILL)
        killed.communicate()
        wait_until(lambda: not works(compiler))
        with MinioOf(cache):
            assert not left.exists()
            assert len(list(cache.iterdir())) == 2
        (cache / "allowed").touch()
        assert beside.wait() == cache / f"minio-{VERSION}"
    (cache / "minio-killed").mkdir()
    (cache / "minio-killed" / "log").touch()
    MinioBuild(cache).begin()  # the program is there
    assert sorted(path.name for path in cache.iterdir()) == ["allowed", f"minio-{VERSION}"]


class MinioOf(MinioBuild):
    """A build that goes on as long as the block."""

    def __enter__(self) -> MinioBuild:
        self.begin()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


def test_a_cache_that_can_not_be_written_is_one_sentence(cache: Path) -> None:
    cache.write_bytes(b"a file")
    with pytest.raises(ServerFailedError, match=r"MinIO can't be built in .*cache \(File exists\)"):
        MinioBuild(cache).begin()

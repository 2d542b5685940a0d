"""MinIO itself: one program, found where it is installed, or built once for each user from its published source."""

import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from servers.failures import ServerFailedError
from servers.kafka_libraries import CACHE, need
from servers.server_process import end_keeper, kill_when_orphaned

#: The source that is built; published without a number of its own.
VERSION = "v0.0.0-20260212201848-7aac2a2c5b7c"
#: Longest time of a build: seven minutes on two idle cores.
BUILD_S = 2400
_FOLDER, _LOG = "minio-", "log"
_STOP_S = 5.0


def find_minio(cache: Path = CACHE) -> Path | None:
    """The program, if there is one: built here before, on the path, or where Go puts what it installs."""
    if (built := cache / f"minio-{VERSION}").is_file():
        return built
    found = shutil.which("minio") or shutil.which("minio", path=str(Path.home() / "go" / "bin"))
    return None if found is None else Path(found)


class MinioBuild:
    """The program, built in the background at a low priority if it is found nowhere. ``end`` it.

    A build ends with whoever began it, however that ended; what it leaves then is removed by the next one.

    Parameters
    ----------
    cache
        Where it is kept.
    """

    def __init__(self, cache: Path = CACHE) -> None:
        self._cache = cache
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._log: BinaryIO | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._keeper: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Begin to build, unless the program is there or is being built.

        Raises
        ------
        ServerMissingError
            Go is not installed.
        ServerFailedError
            The cache can't be written.
        """
        if self._process is not None:
            return
        _remove_left(self._cache)
        if find_minio(self._cache):
            return
        need("go", "golang-go")
        try:
            self._cache.mkdir(parents=True, exist_ok=True)
            # What is in it may still be written while it is removed: the next one removes the rest.
            self._folder = tempfile.TemporaryDirectory(prefix=_FOLDER, dir=self._cache, ignore_cleanup_errors=True)
            self._log = (Path(self._folder.name) / _LOG).open("wb")
            fcntl.flock(self._log, fcntl.LOCK_EX)  # as long as this process or the build lives
        except OSError as error:
            self.end()
            raise ServerFailedError(f"MinIO can't be built in {self._cache} ({error.strerror}); see to it") from error
        self._start(Path(self._folder.name), self._log)

    def _start(self, folder: Path, log: BinaryIO) -> None:
        options = ["-trimpath", "-ldflags", "-s -w"]
        places = [f"GOBIN={folder}", f"TMPDIR={folder}"]
        self._process = subprocess.Popen(
            ["nice", "-n", "15", "env", *places, "go", "install", *options, _source()],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,  # no module of somebody else's
            start_new_session=True,
        )
        self._keeper = kill_when_orphaned(self._process.pid)

    def wait(self) -> Path:
        """The program, once it is there.

        Raises
        ------
        ServerMissingError
            Go is not installed.
        ServerFailedError
            It can't be built, or not be kept; the sentence says why.
        """
        self.begin()
        if self._process is not None and self._folder is not None:
            try:
                code = self._process.wait(BUILD_S)
            except subprocess.TimeoutExpired as error:
                raise ServerFailedError(f"MinIO was not built within {BUILD_S} s; try again") from error
            built = Path(self._folder.name) / "minio"
            if code or not built.is_file():
                said = " ".join((built.parent / _LOG).read_text(errors="replace").split())[-400:]
                raise ServerFailedError(f"Go could not build {_source()}: {said}")
            # In one step: two processes may do this at once.
            built.replace(self._cache / f"minio-{VERSION}")
            self.end()
        found = find_minio(self._cache)
        if found is None:
            raise ServerFailedError(f"MinIO can't be put into {self._cache}; look at its rights")
        return found

    def end(self) -> None:
        """End a build that goes on; what was compiled stays in Go's own cache."""
        if self._process is not None:
            if self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGINT)
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(_STOP_S)
            with suppress(ProcessLookupError):  # compilers that go on without it
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None
        end_keeper(self._keeper)
        self._keeper = None
        if self._log is not None:
            self._log.close()
            self._log = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None


def _remove_left(cache: Path) -> None:
    """Remove what builds left that were killed."""
    for log in cache.glob(f"{_FOLDER}*/{_LOG}"):
        with suppress(OSError), log.open("rb") as open_log:  # another one builds there, or removes it as well
            fcntl.flock(open_log, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(log.parent)


def _source() -> str:
    return f"github.com/minio/minio@{VERSION}"

"""MinIO itself: one program, found where it is installed, or built once for each user from its published source."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from servers.failures import ServerFailedError
from servers.kafka_libraries import CACHE, need

#: The source that is built; published without a number of its own.
VERSION = "v0.0.0-20260212201848-7aac2a2c5b7c"
#: Longest time of a build: seven minutes on two idle cores.
BUILD_S = 2400


def find_minio(cache: Path = CACHE) -> Path | None:
    """The program, if there is one: built here before, on the path, or where Go puts what it installs."""
    if (built := cache / f"minio-{VERSION}").is_file():
        return built
    found = shutil.which("minio") or shutil.which("minio", path=str(Path.home() / "go" / "bin"))
    return None if found is None else Path(found)


class MinioBuild:
    """The program, built in the background at a low priority if it is found nowhere. ``end`` it.

    Parameters
    ----------
    cache
        Where it is kept.
    """

    def __init__(self, cache: Path = CACHE) -> None:
        self._cache = cache
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Begin to build, unless the program is there or is being built.

        Raises
        ------
        ServerMissingError
            Go is not installed.
        """
        if self._process is not None or find_minio(self._cache):
            return
        need("go", "golang-go")
        self._cache.mkdir(parents=True, exist_ok=True)
        self._folder = tempfile.TemporaryDirectory(prefix="minio-", dir=self._cache)
        options = ["-trimpath", "-ldflags", "-s -w"]
        with (Path(self._folder.name) / "log").open("wb") as log:
            self._process = subprocess.Popen(
                ["nice", "-n", "15", "env", f"GOBIN={self._folder.name}", "go", "install", *options, _source()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._folder.name,  # no module of somebody else's
            )

    def wait(self) -> Path:
        """The program, once it is there.

        Raises
        ------
        ServerMissingError
            Go is not installed.
        ServerFailedError
            It can't be built; the sentence says why.
        """
        self.begin()
        if self._process is not None and self._folder is not None:
            try:
                code = self._process.wait(BUILD_S)
            except subprocess.TimeoutExpired as error:
                raise ServerFailedError(f"MinIO was not built within {BUILD_S} s; try again") from error
            built = Path(self._folder.name) / "minio"
            if code or not built.is_file():
                said = " ".join((built.parent / "log").read_text(errors="replace").split())[-400:]
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
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait()
        self._process = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None


def _source() -> str:
    return f"github.com/minio/minio@{VERSION}"

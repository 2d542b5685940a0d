"""Kafka itself: fetched by Maven once for each user, and made anew whenever something of it is missing."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from servers.failures import ServerFailedError, ServerMissingError

VERSION = "4.1.1"
#: Where servers keep what can be made again.
CACHE = Path.home() / ".cache" / "petawatch"

_DESCRIPTION = Path(__file__).parent / "kafka" / "pom.xml"
_LIST = "COMPLETE"
_FETCH_S = 280
_ATTEMPTS = 5


def kafka_libraries(cache: Path = CACHE) -> Path:
    """The folder of Kafka's libraries.

    Raises
    ------
    ServerMissingError
        Java or Maven are not installed.
    ServerFailedError
        Maven could not fetch them.
    """
    need("java", "openjdk-17-jre-headless")
    folder = cache / f"kafka-{VERSION}"
    if not _complete(folder):
        need("mvn", "maven")
        cache.mkdir(parents=True, exist_ok=True)
        _fetch(folder)
    return folder


def need(program: str, package: str) -> None:
    """Refuse to go on without a program; ``package`` is its name in Debian."""
    if shutil.which(program) is None:
        raise ServerMissingError(f"{program} is missing: install it, for example: apt-get install {package}")


def _complete(folder: Path) -> bool:
    try:
        lines = (folder / _LIST).read_text().splitlines()
    except OSError:
        return False
    # A list of another description is of another set of libraries.
    if not lines or lines[0] != _fingerprint():
        return False
    sizes = (line.rsplit(" ", 1) for line in lines[1:])
    return all((folder / name).is_file() and (folder / name).stat().st_size == int(size) for name, size in sizes)


def _fetch(folder: Path) -> None:
    # Beside its place, and put there in one step: two processes may do this at once.
    with tempfile.TemporaryDirectory(prefix="kafka-", dir=folder.parent) as temporary:
        aside = Path(temporary) / "libraries"
        shutil.copy(_DESCRIPTION, temporary)
        command = ["mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={aside}"]
        try:
            done = subprocess.run(command, cwd=temporary, capture_output=True, text=True, timeout=_FETCH_S, check=False)
        except subprocess.TimeoutExpired as error:
            raise ServerFailedError(f"Maven did not fetch Kafka {VERSION} within {_FETCH_S} s; try again") from error
        libraries = sorted(aside.glob("*.jar"))
        if done.returncode or not libraries:
            said = " ".join((done.stdout + done.stderr).split())[-400:]
            raise ServerFailedError(f"Maven could not fetch Kafka {VERSION}: {said}")
        lines = [_fingerprint(), *(f"{library.name} {library.stat().st_size}" for library in libraries)]
        (aside / _LIST).write_text("\n".join(lines) + "\n")
        _put_in_place(aside, folder, Path(temporary) / "former")


def _put_in_place(aside: Path, folder: Path, former: Path) -> None:
    for _ in range(_ATTEMPTS):
        if _complete(folder):  # another process was quicker
            return
        try:
            aside.rename(folder)
        except OSError:
            _move_away(folder, former)  # something incomplete lies there
    if not _complete(folder):
        raise ServerFailedError(f"Kafka {VERSION} can't be put into {folder}; look at its rights")


def _move_away(folder: Path, former: Path) -> None:
    shutil.rmtree(former, ignore_errors=True)
    try:
        os.replace(folder, former)  # noqa: PTH105 - replaces an empty folder, too
    except FileNotFoundError:
        return


def _fingerprint() -> str:
    return hashlib.sha256(_DESCRIPTION.read_bytes()).hexdigest()

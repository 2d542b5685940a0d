"""Programs and libraries out of Debian's packages, fetched once for each user without installing them."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from servers.failures import ServerFailedError, ServerMissingError
from servers.kafka_libraries import CACHE, need

_SUMS = "SHA256SUMS"
_FETCH_S = 280
_SAID = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class DebianPackage:
    """What is wanted of a package.

    Attributes
    ----------
    name
        Of the package.
    files
        Patterns below the root of a system, each of one file of the package; they are kept by their last parts.
    check
        Called with each file before it is kept; raises ``OSError`` or ``AttributeError`` when it does not run here.
    """

    name: str
    files: tuple[str, ...]
    check: Callable[[Path], None]


def programs_answer(file: Path) -> None:
    """A check of programs, and of what lies beside them: a program runs, and knows ``--version``."""
    if os.access(file, os.X_OK):
        done = subprocess.run([str(file), "--version"], capture_output=True, timeout=60, check=False)
        if done.returncode:
            raise OSError(f"--version ended with {done.returncode}")


def find_fetched(package: DebianPackage, cache: Path = CACHE) -> Path | None:
    """The folder with the package's files, if they were fetched before and are whole."""
    folder = cache / package.name
    try:
        sums = (folder / _SUMS).read_text().splitlines()
        whole = all(_sum(folder / Path(pattern).name) in sums for pattern in package.files)
    except OSError:
        return None
    return folder if whole else None


def fetched(package: DebianPackage, cache: Path = CACHE) -> Path:
    """The folder with the package's files, fetched if need be.

    Raises
    ------
    ServerMissingError
        This system has no ``apt-get``, or that can't fetch the package: it must be installed.
    ServerFailedError
        What came can't be unpacked, used or kept.
    """
    if folder := find_fetched(package, cache):
        return folder
    need("apt-get", package.name)
    need("dpkg-deb", "dpkg")
    try:
        cache.mkdir(parents=True, exist_ok=True)
        # Beside its place, and put there in one step: two processes may do this at once.
        with tempfile.TemporaryDirectory(prefix=f"{package.name}-", dir=cache) as temporary:
            apt_get(["download", package.name], package.name, Path(temporary))
            _keep(_unpacked(package, Path(temporary)), Path(temporary) / "kept", cache / package.name)
    except OSError as error:
        raise ServerFailedError(f"{package.name} can't be kept in {cache} ({error.strerror}); see to it") from error
    folder = find_fetched(package, cache)
    if folder is None:
        raise ServerFailedError(f"{package.name} can't be kept in {cache}; look at its rights")
    return folder


def apt_get(arguments: list[str], package: str, folder: Path) -> None:
    """Run ``apt-get`` in a folder; once more with new lists of packages if it fails and these may be updated.

    Raises
    ------
    ServerMissingError
        It failed: the package must be installed by hand.
    ServerFailedError
        It took too long.
    """
    done = _run(["apt-get", *arguments], package, folder)
    if done.returncode and os.geteuid() == 0 and not _run(["apt-get", "update"], package, folder).returncode:
        done = _run(["apt-get", *arguments], package, folder)
    if done.returncode:
        said = " ".join(done.stderr.split())[-_SAID:]
        raise ServerMissingError(f"{package} is missing, install it: apt-get {arguments[0]} failed: {said}")


def _run(command: list[str], package: str, folder: Path) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,  # it asks nobody
            capture_output=True,
            text=True,
            timeout=_FETCH_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ServerFailedError(f"{package} was not fetched within {_FETCH_S} s; install it, or try again") from error


def _unpacked(package: DebianPackage, folder: Path) -> list[Path]:
    """The files out of the package that was fetched, once each was tried."""
    archives = list(folder.glob("*.deb"))
    if len(archives) != 1:
        raise ServerFailedError(f"apt-get fetched {len(archives)} packages of {package.name}; install it")
    done = _run(["dpkg-deb", "-x", archives[0].name, "unpacked"], package.name, folder)
    files = [list((folder / "unpacked").glob(pattern)) for pattern in package.files]
    if done.returncode or any(len(found) != 1 for found in files):
        said = " ".join(done.stderr.split())[-_SAID:]
        raise ServerFailedError(f"{archives[0].name} can't be unpacked: {said}")
    for (file,) in files:
        try:
            package.check(file)
        except (OSError, AttributeError) as error:
            raise ServerFailedError(
                f"{archives[0].name} does not run on this system ({error}); install {package.name}"
            ) from error
    return [file for (file,) in files]


def _keep(files: list[Path], aside: Path, folder: Path) -> None:
    aside.mkdir()
    for file in files:
        shutil.copy(file, aside)
    (aside / _SUMS).write_text("".join(f"{_sum(file)}\n" for file in files))
    folder.mkdir(exist_ok=True)
    # Files without their own sums are not believed: the sums come last, and are of these very contents.
    for name in [*(file.name for file in files), _SUMS]:
        (aside / name).replace(folder / name)


def _sum(path: Path) -> str:
    """A line of what ``sha256sum`` checks by."""
    with path.open("rb") as file:
        return f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path.name}"

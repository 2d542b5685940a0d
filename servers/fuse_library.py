"""The library that makes a program a file system: found where it is installed, or fetched without installing it."""

import ctypes
import hashlib
import shutil
import subprocess
import tempfile
from ctypes.util import find_library
from pathlib import Path

from servers.failures import ServerFailedError, ServerMissingError
from servers.kafka_libraries import CACHE, need

#: Debian's package of it; its version 2 mounts by itself where the user may mount.
PACKAGE = "libfuse2"
_LIBRARY = "libfuse.so.2"
_SUM = "SHA256"
_FETCH_S = 120


def find_fuse_library(cache: Path = CACHE) -> str | None:
    """The library's name or path, if there is one: installed, or fetched here before."""
    if installed := find_library("fuse"):  # version 2; the next one is called fuse3
        return installed
    fetched = cache / "fuse-2" / _LIBRARY
    return str(fetched) if _whole(fetched) else None


def fuse_library(cache: Path = CACHE) -> str:
    """The library's name or path.

    Raises
    ------
    ServerMissingError
        It is not installed, and this system has no ``apt-get`` to fetch it by.
    ServerFailedError
        It could not be fetched, or what came can't be loaded.
    """
    if found := find_fuse_library(cache):
        return found
    need("apt-get", PACKAGE)
    need("dpkg-deb", "dpkg")
    try:
        cache.mkdir(parents=True, exist_ok=True)
        # Beside its place, and put there in one step: two processes may do this at once.
        with tempfile.TemporaryDirectory(prefix="fuse-", dir=cache) as temporary:
            _fetch(Path(temporary))
            _keep(_unpacked(Path(temporary)), cache / "fuse-2")
    except OSError as error:
        raise ServerFailedError(f"{PACKAGE} can't be kept in {cache} ({error.strerror}); see to it") from error
    found = find_fuse_library(cache)
    if found is None:
        raise ServerFailedError(f"{PACKAGE} can't be kept in {cache}; look at its rights")
    return found


def _fetch(folder: Path) -> None:
    try:
        done = subprocess.run(
            ["apt-get", "download", PACKAGE], cwd=folder, capture_output=True, text=True, timeout=_FETCH_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ServerFailedError(f"{PACKAGE} was not fetched within {_FETCH_S} s; install it, or try again") from error
    if done.returncode:
        said = " ".join(done.stderr.split())[-400:]
        raise ServerMissingError(f"{PACKAGE} is missing, install it: apt-get could not fetch it: {said}")


def _unpacked(folder: Path) -> Path:
    """The library out of the package that was fetched, once it was loaded."""
    packages = list(folder.glob("*.deb"))
    if len(packages) != 1:
        raise ServerFailedError(f"apt-get fetched {len(packages)} packages of {PACKAGE}; install it")
    command = ["dpkg-deb", "-x", packages[0].name, "unpacked"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_FETCH_S, check=False)
    libraries = list((folder / "unpacked").rglob(_LIBRARY))
    if done.returncode or len(libraries) != 1:
        said = " ".join(done.stderr.split())[-400:]
        raise ServerFailedError(f"{packages[0].name} can't be unpacked: {said}")
    try:
        ctypes.CDLL(str(libraries[0])).fuse_version()
    except (OSError, AttributeError) as error:
        raise ServerFailedError(
            f"{packages[0].name} does not run on this system ({error}); install {PACKAGE}"
        ) from error
    return libraries[0]


def _keep(library: Path, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    aside = library.parent.parent / "kept"
    shutil.copyfile(library, aside)
    digest = aside.with_suffix(f".{_SUM}")
    digest.write_text(_digest(aside))
    # A library without its own sum is not believed: the sum comes last, and is of this very content.
    aside.replace(folder / _LIBRARY)
    digest.replace(folder / _SUM)


def _whole(library: Path) -> bool:
    try:
        return (library.parent / _SUM).read_text() == _digest(library)
    except OSError:
        return False


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()

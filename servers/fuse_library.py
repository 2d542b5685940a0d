"""The library that makes a program a file system: found where it is installed, or fetched without installing it."""

import ctypes
from ctypes.util import find_library
from pathlib import Path

from servers.debian_programs import DebianPackage, fetched
from servers.kafka_libraries import CACHE

_LIBRARY = "libfuse.so.2"


def _loads(library: Path) -> None:
    ctypes.CDLL(str(library)).fuse_version()


#: Debian's package of it; its version 2 mounts by itself where the user may mount.
_PACKAGE = DebianPackage(name="libfuse2", files=(f"**/{_LIBRARY}",), check=_loads)


def fuse_library(cache: Path = CACHE) -> str:
    """The library's name or path, fetched if need be.

    Raises
    ------
    ServerMissingError
        It is not installed, and this system has no ``apt-get`` to fetch it by.
    ServerFailedError
        It could not be fetched, or what came can't be loaded.
    """
    installed = find_library("fuse")  # version 2; the next one is called fuse3
    return installed or str(fetched(_PACKAGE, cache) / _LIBRARY)

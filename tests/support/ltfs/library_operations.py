"""The file system of a library: one mount that shows each cartridge as a folder."""

import errno
import os
import stat
from collections.abc import Callable
from typing import Any

from tests.support.ltfs.operations import VolumeOperations


def _of_a_cartridge(name: str) -> Callable[..., Any]:
    """The call of that name, of the cartridge that the path leads into."""

    def call(self: "LibraryOperations", path: str, *values: Any) -> Any:
        cartridge, inner = self.place(path)
        return getattr(cartridge, name)(inner, *values)

    return call


class LibraryOperations:
    """What the kernel asks of a library; errors are OSError.

    Parameters
    ----------
    cartridges
        By the names of their folders.
    """

    use_ns = True

    def __init__(self, cartridges: dict[str, VolumeOperations]) -> None:
        self._cartridges = cartridges

    def place(self, path: str) -> tuple[VolumeOperations, str]:
        """The cartridge that a path leads into, and the path there; OSError for the library's own folder."""
        name, _, inner = path.lstrip("/").partition("/")
        if not name:
            raise OSError(errno.EACCES, "the library itself holds cartridges only", path)
        if name not in self._cartridges:
            raise OSError(errno.ENOENT, "there is no such cartridge", path)
        return self._cartridges[name], f"/{inner}"

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        if path == "/":
            return {"st_mode": stat.S_IFDIR | 0o555, "st_nlink": 2, "st_uid": os.getuid(), "st_gid": os.getgid()}
        cartridge, inner = self.place(path)
        return cartridge.getattr(inner, fh)

    def readdir(self, path: str, fh: int) -> list[tuple[str, dict[str, int], int]]:
        if path == "/":
            names = [".", "..", *self._cartridges]
            return [(name, {"st_ino": number, "st_mode": stat.S_IFDIR}, 0) for number, name in enumerate(names, 1)]
        cartridge, inner = self.place(path)
        return cartridge.readdir(inner, fh)

    def statfs(self, path: str) -> dict[str, int]:
        if path == "/":
            return {}
        cartridge, inner = self.place(path)
        return cartridge.statfs(inner)

    def getxattr(self, path: str, name: str, position: int = 0) -> bytes:
        if path == "/":
            raise OSError(errno.ENODATA, "the library has none", name)
        cartridge, inner = self.place(path)
        return cartridge.getxattr(inner, name)

    def rename(self, old: str, new: str) -> int:
        (cartridge, inner), (other, other_inner) = self.place(old), self.place(new)
        if cartridge is not other:
            raise OSError(errno.EXDEV, "to another cartridge", new)
        return cartridge.rename(inner, other_inner)

    setxattr = _of_a_cartridge("setxattr")
    listxattr = _of_a_cartridge("listxattr")
    removexattr = _of_a_cartridge("removexattr")
    mkdir = _of_a_cartridge("mkdir")
    rmdir = _of_a_cartridge("rmdir")
    unlink = _of_a_cartridge("unlink")
    link = _of_a_cartridge("link")
    chmod = _of_a_cartridge("chmod")
    chown = _of_a_cartridge("chown")
    utimens = _of_a_cartridge("utimens")
    create = _of_a_cartridge("create")
    open = _of_a_cartridge("open")
    read = _of_a_cartridge("read")
    write = _of_a_cartridge("write")
    truncate = _of_a_cartridge("truncate")
    flush = _of_a_cartridge("flush")
    fsync = _of_a_cartridge("fsync")
    release = _of_a_cartridge("release")

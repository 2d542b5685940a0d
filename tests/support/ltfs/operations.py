"""The file system of one cartridge, call by call."""

import errno
import os
import stat
import time
from typing import Any

from tests.support.ltfs.attributes import get_attribute, own_attributes, remove_attribute, set_attribute
from tests.support.ltfs.tree import LONGEST_NAME, Node, find, parts_of
from tests.support.ltfs.volume import Handle, Volume

_FRAGMENT = 4096


class VolumeOperations:
    """What the kernel asks of a volume; errors are OSError."""

    use_ns = True

    def __init__(self, volume: Volume) -> None:
        self.volume = volume
        self._handles: dict[int, Handle] = {}
        self._next_handle = 1

    def _node(self, path: str) -> Node:
        return find(self.volume.index.root, parts_of(path))

    def _place(self, path: str) -> tuple[dict[str, Node], str]:
        """The folder's children that a path's last name belongs to, and that name."""
        *folder, name = parts_of(path)
        children = find(self.volume.index.root, folder).children
        if children is None:
            raise OSError(errno.ENOTDIR, "not a folder", path)
        return children, name

    def _new(self, path: str, children: dict[str, Node] | None) -> Node:
        siblings, name = self._place(path)
        if name in siblings:
            raise OSError(errno.EEXIST, "it is there", path)
        index = self.volume.index
        node = siblings[name] = Node(uid=index.next_uid, mtime_ns=time.time_ns(), children=children)
        index.next_uid += 1
        self.volume.dirty = True
        return node

    # --- what there is ---

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        node = self._handles[fh].node if fh in self._handles else self._node(path)
        return {
            "st_mode": _kind(node) | (0o777 if node.writable else 0o555),
            "st_ino": node.uid,
            "st_nlink": 1 if node.children is None else 2,
            "st_size": node.size,
            "st_uid": os.getuid(),
            "st_gid": os.getgid(),
            "st_blocks": -(-node.size // 512),
            "st_mtime": node.mtime_ns,
            "st_ctime": node.mtime_ns,
            "st_atime": node.mtime_ns,
        }

    def readdir(self, path: str, fh: int) -> list[tuple[str, dict[str, int], int]]:
        node = self._node(path)
        children = {".": node, "..": node} | (node.children or {})
        # An entry without a number is left out by who reads the folder.
        return [(name, {"st_ino": child.uid, "st_mode": _kind(child)}, 0) for name, child in children.items()]

    def statfs(self, path: str) -> dict[str, int]:
        label = self.volume.medium.label
        free = self.volume.free_bytes // _FRAGMENT
        return {
            "f_bsize": _FRAGMENT,
            "f_frsize": _FRAGMENT,
            "f_blocks": (label.capacity_bytes - label.reserve_bytes) // _FRAGMENT,
            "f_bfree": free,
            "f_bavail": free,
            "f_namemax": LONGEST_NAME,
        }

    def getxattr(self, path: str, name: str, position: int = 0) -> bytes:
        return get_attribute(self.volume, self._node(path), name)

    def setxattr(self, path: str, name: str, value: bytes, options: int, position: int = 0) -> int:
        set_attribute(self.volume, self._node(path), name, value, options)
        return 0

    def listxattr(self, path: str) -> list[str]:
        return own_attributes(self._node(path))

    def removexattr(self, path: str, name: str) -> int:
        remove_attribute(self.volume, self._node(path), name)
        return 0

    # --- names ---

    def mkdir(self, path: str, mode: int) -> int:
        self.volume.check_room()
        self._new(path, {})
        return 0

    def rmdir(self, path: str) -> int:
        siblings, name = self._place(path)
        self.volume.check_writable()
        if self._node(path).children:
            raise OSError(errno.ENOTEMPTY, "it is not empty", path)
        del siblings[name]
        self.volume.dirty = True
        return 0

    def unlink(self, path: str) -> int:
        siblings, name = self._place(path)
        self.volume.check_writable()
        del siblings[name]
        self.volume.dirty = True
        return 0

    def rename(self, old: str, new: str) -> int:
        self.volume.check_writable()
        (former, name), (siblings, new_name) = self._place(old), self._place(new)
        if new_name in siblings and siblings[new_name].children:
            raise OSError(errno.ENOTEMPTY, "it is not empty", new)
        siblings[new_name] = former.pop(name)
        self.volume.dirty = True
        return 0

    def link(self, target: str, source: str) -> int:
        raise OSError(errno.EPERM, "there are no hard links", target)

    def chmod(self, path: str, mode: int) -> int:
        self.volume.check_writable()
        self._node(path).writable = bool(mode & 0o222)
        self.volume.dirty = True
        return 0

    def chown(self, path: str, uid: int, gid: int) -> int:
        self.volume.check_writable()
        return 0

    def utimens(self, path: str, times: tuple[int, int] | None = None) -> int:
        self.volume.check_writable()
        self._node(path).mtime_ns = time.time_ns() if times is None else times[1]
        self.volume.dirty = True
        return 0

    # --- contents ---

    def create(self, path: str, mode: int, fi: Any = None) -> int:
        self.volume.step("create")
        self.volume.check_room()
        return self._open(Handle(self._new(path, None), path, writes=True))

    def open(self, path: str, flags: int) -> int:
        node = self._node(path)
        writes = bool(flags & (os.O_WRONLY | os.O_RDWR))
        if writes:
            self.volume.check_writable()
            if flags & os.O_APPEND:
                self.volume.check_room()
        return self._open(Handle(node, path, writes=writes))

    def _open(self, handle: Handle) -> int:
        number, self._next_handle = self._next_handle, self._next_handle + 1
        self._handles[number] = handle
        return number

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        return self.volume.read(self._handles[fh], size, offset)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        return self.volume.write(self._handles[fh], data, offset)

    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        self.volume.truncate(self._handles[fh].node if fh in self._handles else self._node(path), length)
        return 0

    def flush(self, path: str, fh: int) -> int:
        self.volume.settle(self._handles[fh], "close")
        return 0

    def fsync(self, path: str, datasync: int, fh: int) -> int:
        self.volume.settle(self._handles[fh], "fsync")
        return 0

    def release(self, path: str, fh: int) -> int:
        content = self._handles.pop(fh).node.content
        if all(handle.node.content != content for handle in self._handles.values()):
            self.volume.release(content)
        return 0


def _kind(node: Node) -> int:
    return stat.S_IFREG if node.children is None else stat.S_IFDIR

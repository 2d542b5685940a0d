"""The extended attributes of a volume: virtual ones, which a listing hides, and everybody's own."""

import errno
import os
from collections.abc import Callable
from datetime import UTC, datetime

from tests.support.ltfs.faults import FAULTS_ATTRIBUTE, Faults
from tests.support.ltfs.medium import BLOCK
from tests.support.ltfs.tree import Node
from tests.support.ltfs.volume import Volume

LONGEST_VALUE = 4096
_VIRTUAL = "user.ltfs."
#: Reserved for sums of contents, kept like everybody's own.
_HASH = "user.ltfs.hash."
_MIB = 1 << 20

_ANYWHERE: dict[str, Callable[[Volume], str]] = {
    "volumeUUID": lambda volume: volume.medium.label.uuid,
    "volumeName": lambda volume: volume.medium.label.name,
    "mamBarcode": lambda volume: f"{volume.medium.label.barcode:<32}",
    "volumeLockState": lambda volume: volume.index.lock_state,
}
_ON_ROOT: dict[str, Callable[[Volume], str]] = {
    "volumeSerial": lambda volume: volume.medium.label.barcode[:6],
    "indexGeneration": lambda volume: str(volume.index.generation),
    "indexLocation": lambda volume: f"b:{volume.index.next_block}",
    "indexTime": lambda volume: datetime.fromtimestamp(volume.index.time_ns / 1e9, UTC).isoformat(),
    "volumeBlocksize": lambda _: str(BLOCK),
    "mediaLoads": lambda _: "1",
    "mediaDataPartitionTotalCapacity": lambda volume: str(volume.medium.label.capacity_bytes // _MIB),
    "mediaDataPartitionAvailableSpace": lambda volume: str(volume.free_bytes // _MIB),
    "commitMessage": lambda volume: volume.index.message,
}
_ON_CONTENT: dict[str, Callable[[Node], str]] = {
    "partition": lambda _: "b",
    "startblock": lambda node: str(node.start_block),
}


def get_attribute(volume: Volume, node: Node, name: str) -> bytes:
    """One attribute; OSError (ENODATA) if there is none. Reading ``user.ltfs.sync`` writes an index."""
    if not name.startswith(_VIRTUAL) or name.startswith(_HASH):
        if name not in node.attributes:
            raise OSError(errno.ENODATA, "there is no such attribute", name)
        return node.attributes[name]
    return _virtual(volume, node, name.removeprefix(_VIRTUAL)).encode()


def _virtual(volume: Volume, node: Node, name: str) -> str:
    is_root = node is volume.index.root
    if name == "sync":
        if not is_root:
            raise OSError(errno.EACCES, "only on the root", name)
        volume.sync()
        return ""
    if name in _ANYWHERE:
        return _ANYWHERE[name](volume)
    if name == "fileUID":
        return str(node.uid)
    if is_root and name in _ON_ROOT:
        return _ON_ROOT[name](volume)
    if node.content is not None and name in _ON_CONTENT:
        return _ON_CONTENT[name](node)
    raise OSError(errno.ENODATA, "there is no such attribute", name)


def set_attribute(volume: Volume, node: Node, name: str, value: bytes, options: int) -> None:
    """Set one; ``user.ltfs.sync`` on the root writes an index.

    Raises
    ------
    OSError
        EROFS, ENOSPC for more than 4096 bytes, EEXIST and ENODATA as the options ask, EACCES off the root.
    """
    is_root = node is volume.index.root
    if name == FAULTS_ATTRIBUTE and is_root:
        volume.set_faults(Faults.from_json(value.decode()))
    elif name.startswith(_VIRTUAL) and not name.startswith(_HASH):
        if not is_root:
            raise OSError(errno.EACCES, "only on the root", name)
        _set_virtual(volume, name.removeprefix(_VIRTUAL), value)
    else:
        volume.check_writable()
        if len(value) > LONGEST_VALUE:
            raise OSError(errno.ENOSPC, "too long", name)
        if options & os.XATTR_CREATE and name in node.attributes:
            raise OSError(errno.EEXIST, "it is there", name)
        if options & os.XATTR_REPLACE and name not in node.attributes:
            raise OSError(errno.ENODATA, "it is not there", name)
        node.attributes[name] = value
        volume.dirty = True


def _set_virtual(volume: Volume, name: str, value: bytes) -> None:
    if name == "sync":
        volume.sync()
    elif name == "commitMessage":
        volume.check_writable()
        volume.index.message, volume.dirty = value.decode(), True
    elif name == "volumeLockState" and value in {b"0", b"1"}:
        if volume.broken:
            raise OSError(errno.EROFS, "the cartridge takes no writing")
        volume.index.lock_state, volume.dirty = value.decode(), True
    else:
        raise OSError(errno.EACCES, "it can't be set", name)


def remove_attribute(volume: Volume, node: Node, name: str) -> None:
    """Remove one; OSError (ENODATA) if there is none."""
    volume.check_writable()
    if name not in node.attributes:
        raise OSError(errno.ENODATA, "there is no such attribute", name)
    del node.attributes[name]
    volume.dirty = True


def own_attributes(node: Node) -> list[str]:
    """What a listing shows: nothing virtual."""
    return sorted(node.attributes)

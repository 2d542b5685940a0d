"""Files and folders of a volume, and how an index writes them down."""

import errno
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self

#: Longest name, in characters.
LONGEST_NAME = 255


@dataclass
class Node:
    """A file, or a folder when it has ``children``."""

    uid: int
    mtime_ns: int
    children: dict[str, "Node"] | None = None
    #: Number of the stored content; None for an empty file.
    content: int | None = None
    size: int = 0
    start_block: int = 0
    writable: bool = True
    attributes: dict[str, bytes] = field(default_factory=dict)
    #: The tape has lost it, and nobody was told.
    lost: bool = False

    def files(self) -> Iterator["Node"]:
        """Of all files at and below it."""
        if self.children is None:
            yield self
        else:
            for child in self.children.values():
                yield from child.files()

    def named_files(self, name: str = "") -> Iterator[tuple[str, "Node"]]:
        """Of all files at and below it, with their own names."""
        if self.children is None:
            yield name, self
        else:
            for own, child in self.children.items():
                yield from child.named_files(own)

    def to_index(self) -> dict[str, Any]:
        """As JSON values; what is lost is not in it."""
        document: dict[str, Any] = {
            "uid": self.uid,
            "mtime_ns": self.mtime_ns,
            "writable": self.writable,
            "attributes": {name: value.hex() for name, value in self.attributes.items()},
        }
        if self.children is None:
            return document | {"content": self.content, "size": self.size, "start_block": self.start_block}
        children = {name: child.to_index() for name, child in self.children.items() if not child.lost}
        return document | {"children": children}

    @classmethod
    def from_index(cls, document: dict[str, Any]) -> Self:
        """What ``to_index`` made."""
        values = dict(document)
        values["attributes"] = {name: bytes.fromhex(value) for name, value in values["attributes"].items()}
        if "children" in values:
            values["children"] = {name: cls.from_index(child) for name, child in values["children"].items()}
        return cls(**values)


def parts_of(path: str) -> list[str]:
    """The names of a path, as the tape keeps them: NFC.

    Raises
    ------
    OSError
        EINVAL for invalid UTF-8, ENAMETOOLONG.
    """
    names = [unicodedata.normalize("NFC", name) for name in path.split("/") if name]
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError:
            raise OSError(errno.EINVAL, "invalid UTF-8", path) from None
        if len(name) > LONGEST_NAME:
            raise OSError(errno.ENAMETOOLONG, "name too long", path)
    return names


def find(root: Node, parts: list[str]) -> Node:
    """The node of a path's names; OSError (ENOENT, ENOTDIR) if there is none."""
    node = root
    for name in parts:
        if node.children is None:
            raise OSError(errno.ENOTDIR, "not a folder", name)
        if name not in node.children:
            raise OSError(errno.ENOENT, "there is no such file", name)
        node = node.children[name]
    return node

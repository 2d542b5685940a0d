"""A cartridge as it lies in a folder: what survives when it is in no drive, and what is done to it then."""

import errno
import fcntl
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from tests.support.ltfs.tree import Node, find, parts_of

#: Of a volume, bytes.
BLOCK = 524_288
#: What an index takes: of itself, and of each file.
INDEX_BYTES, INDEX_FILE_BYTES = 4096, 580


@dataclass(frozen=True, kw_only=True)
class Label:
    """What is written on a cartridge for good."""

    uuid: str
    name: str
    barcode: str
    capacity_bytes: int
    reserve_bytes: int
    write_protected: bool = False


@dataclass
class Index:
    """What the last index on the tape says."""

    root: Node
    generation: int = 1
    next_uid: int = 2
    next_content: int = 1
    next_block: int = 7
    used_bytes: int = INDEX_BYTES
    lock_state: str = "0"
    message: str = ""
    time_ns: int = 0


class Medium:
    """The folder of a cartridge.

    Parameters
    ----------
    folder
        ``label.json``, ``index.json`` and ``contents/``; made by ``format``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.label = Label(**json.loads((folder / "label.json").read_text()))

    @classmethod
    def format(
        cls, folder: Path, *, name: str = "", barcode: str = "", capacity_bytes: int, reserve_bytes: int
    ) -> Self:
        """A cartridge with an empty volume."""
        (folder / "contents").mkdir(parents=True)
        label = Label(
            uuid=str(uuid.uuid4()),
            name=name,
            barcode=barcode,
            capacity_bytes=capacity_bytes,
            reserve_bytes=reserve_bytes,
        )
        (folder / "label.json").write_text(json.dumps(asdict(label)))
        medium = cls(folder)
        medium.write_index(Index(root=Node(uid=1, mtime_ns=0, children={})))
        return medium

    def protect(self, *, on: bool = True) -> None:
        """Slide the write-protect tab; it is looked at when the cartridge is mounted."""
        document = asdict(self.label) | {"write_protected": on}
        (self.folder / "label.json").write_text(json.dumps(document))
        self.label = Label(**document)

    @property
    def inconsistent(self) -> bool:
        """Whether whoever mounted it never unmounted it in order."""
        return (self.folder / "in-use").exists()

    def set_in_use(self, *, on: bool) -> None:
        """Note that it is mounted, or that it was unmounted in order."""
        if on:
            (self.folder / "in-use").touch()
        else:
            (self.folder / "in-use").unlink(missing_ok=True)

    @contextmanager
    def in_a_drive(self) -> Iterator[None]:
        """Held as long as a drive has it: OSError (EBUSY) when another one has."""
        with (self.folder / "lock").open("wb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise OSError(errno.EBUSY, "the cartridge is still in a drive") from error
            yield

    def hold(self, *, on: bool = True) -> None:
        """Let the drive wind on after an unmount, until it is told otherwise."""
        if on:
            (self.folder / "hold").touch()
        else:
            (self.folder / "hold").unlink(missing_ok=True)

    @property
    def held(self) -> bool:
        """Whether the drive has to wind on."""
        return (self.folder / "hold").exists()

    def read_index(self) -> Index:
        """The last one."""
        document: dict[str, Any] = json.loads((self.folder / "index.json").read_text())
        return Index(**(document | {"root": Node.from_index(document["root"])}))

    def write_index(self, index: Index) -> None:
        """In one step: an index is there or it is not."""
        document = vars(index) | {"root": index.root.to_index()}
        aside = self.folder / "index.json.new"
        aside.write_text(json.dumps(document))
        aside.replace(self.folder / "index.json")

    def content(self, number: int) -> Path:
        """Where a content lies."""
        return self.folder / "contents" / str(number)

    def forget_all_but(self, index: Index) -> int:
        """Remove what an index does not name, in bytes: the tape keeps it, but nobody can get at it."""
        known = {str(node.content) for node in index.root.files()}
        forgotten = 0
        for path in (self.folder / "contents").iterdir():
            if path.name not in known:
                forgotten += path.stat().st_size
                path.unlink()
        return forgotten

    def ltfsck(self) -> None:
        """Go back to the last index: what came after it is lost, and its room as well."""
        index = self.read_index()
        index.used_bytes += self.forget_all_but(index)
        index.generation += 1
        self.write_index(index)
        self.set_in_use(on=False)

    def rot(self, path: str, offset: int = -1) -> None:
        """Change one byte of a file that an index names; whoever has it in memory does not see it.

        Parameters
        ----------
        path
            Below the root.
        offset
            Of the byte; from the end when negative.
        """
        node = find(self.read_index().root, parts_of(path))
        assert node.content is not None, f"{path} is empty"
        spoil(self.content(node.content), offset % node.size)

    def content_of(self, path: str) -> bytes | None:
        """What the tape would give of a file after the last index; None when that does not name it."""
        try:
            node = find(self.read_index().root, parts_of(path))
        except OSError:
            return None
        return b"" if node.content is None else self.content(node.content).read_bytes()[: node.size]

    def stored(self) -> dict[str, int]:
        """Size of each file that the last index names, by its path."""
        return dict(_sizes("", self.read_index().root))


def spoil(content: Path, offset: int) -> None:
    """Turn one byte over."""
    with content.open("r+b") as file:
        (byte,) = os.pread(file.fileno(), 1, offset)
        os.pwrite(file.fileno(), bytes([byte ^ 0xFF]), offset)


def _sizes(path: str, node: Node) -> Iterator[tuple[str, int]]:
    if node.children is None:
        yield path, node.size
    for name, child in (node.children or {}).items():
        yield from _sizes(f"{path}/{name}" if path else name, child)

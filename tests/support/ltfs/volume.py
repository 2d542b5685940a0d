"""A cartridge in a drive: what is in the drive's memory, what has reached the tape, and what goes wrong on the way."""

import errno
import os
import shutil
import signal
import time
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from tests.support.ltfs.faults import Faults
from tests.support.ltfs.medium import BLOCK, INDEX_BYTES, INDEX_FILE_BYTES, Medium, spoil
from tests.support.ltfs.tree import Node


@dataclass
class Handle:
    """An open file."""

    node: Node
    path: str
    writes: bool
    #: Something that was written did not fit, and nobody was told yet.
    overflowed: bool = False


@dataclass
class Volume:
    """The drive's view of its cartridge.

    Parameters
    ----------
    medium
        The cartridge.
    faults
        What goes wrong; may be set anew at any time (``set_faults``).
    """

    medium: Medium
    faults: Faults = field(default_factory=Faults)
    #: A write has failed for good: nothing is written any more.
    broken: bool = False
    dirty: bool = False

    def __post_init__(self) -> None:
        self.index = self.medium.read_index()
        self._written = 0  # since the faults were set
        self._committed = {node.content for node in self.index.root.files()}
        self._descriptors: dict[int, int] = {}

    def set_faults(self, faults: Faults) -> None:
        """Other ones, counted from now on."""
        self.faults, self._written = faults, 0

    # --- space ---

    @property
    def free_bytes(self) -> int:
        """For data: a reserve is kept back for indexes."""
        return max(self.medium.label.capacity_bytes - self.medium.label.reserve_bytes - self.index.used_bytes, 0)

    @property
    def full(self) -> bool:
        """Whether no data fits any more."""
        return self.free_bytes == 0

    def _take(self, wanted: int) -> int:
        fits = min(wanted, self.free_bytes)
        if self.faults.full_after_bytes is not None:
            fits = min(fits, max(self.faults.full_after_bytes - self._written, 0))
        self.index.used_bytes += fits if fits == wanted else self.free_bytes
        self._written += fits
        return fits

    # --- what may be changed ---

    def check_writable(self) -> None:
        """OSError (EROFS) when nothing may be changed."""
        if self.broken or self.index.lock_state != "0" or self.medium.label.write_protected:
            raise OSError(errno.EROFS, "the cartridge takes no writing")

    def check_room(self) -> None:
        """OSError (ENOSPC) when nothing new fits."""
        self.check_writable()
        if self.full:
            raise OSError(errno.ENOSPC, "the cartridge is full")

    def step(self, call: str) -> None:
        """A call begins: its fault comes now."""
        faults = self.faults
        if faults.dies_at == call and self._written >= faults.dies_after_bytes:
            os.kill(os.getpid(), signal.SIGKILL)
        if faults.error_at == call and self._written >= faults.error_after_bytes and not self.broken:
            self.broken = True
            raise OSError(errno.EIO, "the tape can't be written")

    # --- contents ---

    def write(self, handle: Handle, data: bytes, offset: int) -> int:
        """Append or overwrite; each byte written takes room anew.

        Returns
        -------
        int
            All of them, even where the drive only has them in its memory and can't get rid of them.
        """
        self.check_writable()
        self.step("write")
        if handle.overflowed:
            return len(data)
        fits = self._take(len(data))
        if self.faults.full_at == "open":  # the file that fills it is still whole
            fits = len(data)
        elif not fits:
            raise OSError(errno.ENOSPC, "the cartridge is full")
        node = handle.node
        self.dirty = True
        os.pwrite(self._for_writing(node), data[:fits], offset)
        node.size = max(node.size, offset + fits)
        node.mtime_ns = time.time_ns()
        if fits < len(data):
            if self.faults.full_at == "write":
                raise OSError(errno.ENOSPC, "the cartridge is full")
            handle.overflowed = True
        return len(data)

    def settle(self, handle: Handle, call: str) -> None:
        """``fsync`` or ``close``: the drive's memory is emptied, and only now it says what did not fit."""
        if not handle.writes:
            return
        if self.broken:
            raise OSError(errno.EROFS, "the cartridge takes no writing")
        self.step(call)
        if handle.overflowed and (call == "close" or self.faults.full_at == "fsync"):
            handle.overflowed = False
            raise OSError(errno.ENOSPC, "the cartridge is full")

    def read(self, handle: Handle, size: int, offset: int) -> bytes:
        """What is on the tape."""
        name = handle.path.rpartition("/")[2]
        if self.faults.unreadable and fnmatchcase(name, self.faults.unreadable):
            raise OSError(errno.EIO, "the tape can't be read")
        node = handle.node
        if node.content is None:
            return b""
        return os.pread(self._descriptor(node.content), min(size, max(node.size - offset, 0)), offset)

    def truncate(self, node: Node, length: int) -> None:
        """Cut or lengthen a file; it frees nothing."""
        self.check_writable()
        if length == node.size:
            return
        if length > node.size:
            self.check_room()
            self._take(length - node.size)
        self.dirty = True
        if length == 0:
            node.content = None
        else:
            os.ftruncate(self._for_writing(node), length)
        node.size, node.mtime_ns = length, time.time_ns()

    def release(self, content: int | None) -> None:
        """Nobody has that content open any more."""
        if content is not None and content in self._descriptors:
            os.close(self._descriptors.pop(content))

    def _descriptor(self, content: int) -> int:
        if content not in self._descriptors:
            self._descriptors[content] = os.open(self.medium.content(content), os.O_RDWR | os.O_CREAT, 0o600)
        return self._descriptors[content]

    def _for_writing(self, node: Node) -> int:
        """Of a content that no index names: what an index names is never changed."""
        if node.content is None or node.content in self._committed:
            former, node.content = node.content, self.index.next_content
            self.index.next_content += 1
            if former is None:
                # Where the last content ended at the latest: blocks are counted on by what was written since.
                node.start_block = self.index.next_block
            else:
                shutil.copyfile(self.medium.content(former), self.medium.content(node.content))
            self.index.next_block += 1
        descriptor = self._descriptor(node.content)
        self.index.next_block = max(self.index.next_block, node.start_block + 1 + node.size // BLOCK)
        return descriptor

    # --- the index ---

    def sync(self) -> None:
        """Write an index, if there is anything new to write."""
        if not self.dirty:
            return
        if self.broken:
            raise OSError(errno.EROFS, "the cartridge takes no writing")
        self.step("sync")
        self._write_index()

    def end(self) -> None:
        """Unmount: the last index."""
        self.step("end")
        if self.dirty and not self.broken and not self.faults.no_index_at_unmount:
            self._write_index()
        self.medium.set_in_use(on=False)

    def _write_index(self) -> None:
        self._lie()
        index = self.index
        index.generation += 1
        index.next_block += 1
        index.time_ns = time.time_ns()
        files = sum(1 for _ in index.root.files())
        wanted = INDEX_BYTES + INDEX_FILE_BYTES * files
        index.used_bytes = min(index.used_bytes + wanted, self.medium.label.capacity_bytes)
        self.medium.write_index(index)
        self._committed = {node.content for node in index.root.files() if not node.lost}
        self.dirty = False

    def _lie(self) -> None:
        """Lose what ``faults`` names, of what is new."""
        for name, node in self.index.root.named_files():
            if node.content is None or node.content in self._committed:
                continue
            if self.faults.sync_loses and fnmatchcase(name, self.faults.sync_loses):
                node.lost = True
            if self.faults.sync_tears and fnmatchcase(name, self.faults.sync_tears):
                spoil(self.medium.content(node.content), node.size - 1)

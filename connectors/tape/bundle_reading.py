"""Reads all of a bundle in one pass, and compares every content with its SHA-256."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from connectors.tape.bounded_wait import Step
from connectors.tape.side_hash import SideHash, new_blocks
from models.archive.copies import BundleMember


class Readable(Protocol):
    """A file that is read from its beginning."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Fill the buffer, or a part of it; 0 at the end."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleReading:
    """What was read.

    Attributes
    ----------
    sha256, size_bytes
        Of all of it.
    damaged
        The files whose content was another one, or not there.
    """

    sha256: str
    size_bytes: int
    damaged: tuple[BundleMember, ...]


def read_through(stream: Readable, members: Sequence[BundleMember], step: Step) -> BundleReading:
    """Read to the end in blocks of 4 MiB.

    Parameters
    ----------
    members
        In their order in the tar.
    step
        Called after each block.
    """
    contents = _Contents(members)
    size_bytes = 0
    blocks = new_blocks()
    with SideHash() as whole:
        while filled := fill(stream, blocks[0]):
            block = blocks[0][:filled]
            whole.update(block)
            contents.update(size_bytes, block)
            size_bytes += filled
            blocks.rotate(-1)
            step()
        return BundleReading(sha256=whole.hexdigest(), size_bytes=size_bytes, damaged=contents.damaged())


def fill(stream: Readable, block: memoryview) -> int:
    """Fill a block as far as the file goes; how many bytes."""
    filled = 0
    while filled < len(block) and (count := stream.readinto(block[filled:])):
        filled += count
    return filled


class _Contents:
    """The SHA-256 of each content, of blocks that come one behind the other."""

    def __init__(self, members: Sequence[BundleMember]) -> None:
        self._members = members
        self._number = 0
        self._hash = hashlib.sha256()
        self._damaged: list[BundleMember] = []

    def update(self, position: int, block: memoryview) -> None:
        """Take a block that begins at this place of the tar."""
        end = position + len(block)
        while self._number < len(self._members):
            member = self._members[self._number]
            first, last = member.offset, member.offset + member.size_bytes
            self._hash.update(block[max(first - position, 0) : max(last - position, 0)])
            if end < last:
                return
            if self._hash.hexdigest() != member.sha256:
                self._damaged.append(member)
            self._number += 1
            self._hash = hashlib.sha256()

    def damaged(self) -> tuple[BundleMember, ...]:
        """Those with another content, and those that never came."""
        return (*self._damaged, *self._members[self._number :])

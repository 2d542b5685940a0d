"""The walk over the groups of a production file of HDF5's classic layout: which records it holds, and where.

A file that is not understood here as a whole is left to HDF5. A file that is cut off, which HDF5 refuses to open, is
walked with tolerance: what still lies inside is taken, and what is known to be lost is counted.
"""

from dataclasses import dataclass
from datetime import tzinfo

import numpy as np
from numpy.typing import NDArray

from connectors.snapshots.classic_groups import (
    FULL,
    GROUP_COLUMNS,
    GROUP_FIRST,
    GROUP_STATUS,
    GROUP_STOP,
    IS_HARD,
    LINK_COLUMNS,
    NAME_AT,
    NAME_LENGTH,
    OK,
    TARGET,
    walk_production,
)
from connectors.snapshots.content import SIGNATURE
from connectors.snapshots.limits import ReadLimits
from connectors.snapshots.manifest import DeadLetterBox, DeadReason, DeviceTable, RecordIndex
from connectors.snapshots.production import NOT_FOLLOWED, RecordList, is_path
from connectors.snapshots.test_period import is_test_period
from models.snapshot_names import SnapshotName

#: So much of a file's beginning holds every version of the superblock.
SUPERBLOCK_BYTES = 104
_FIRST_CAPACITY = 4096
# Steps of a walk: more than one per eight bytes can't be had without going in circles.
_STEPS, _BYTES_PER_STEP = 4096, 4


@dataclass(frozen=True, slots=True)
class Superblock:
    """What a superblock of version 0 or 1 says: the root group's header, and where the file ends."""

    root: int
    end: int


@dataclass(frozen=True, slots=True)
class WalkedFile:
    """The records of a walked file.

    Attributes
    ----------
    data
        The bytes that belong to the file.
    header
        int64, shape (n,): where the object header of each record's group stands, -1 where it is not followed.
    lost
        Parts of the file could not be listed.
    """

    data: NDArray[np.uint8]
    records: RecordList
    index: RecordIndex
    header: NDArray[np.int64]
    lost: bool


def declared_end(head: bytes) -> int | None:
    """The end-of-file address in a superblock of any version at the beginning; None when there is none."""
    if len(head) < SUPERBLOCK_BYTES or not head.startswith(SIGNATURE):
        return None
    version = head[8]
    if version in {0, 1} and head[13] == head[14] == 8:
        return int.from_bytes(head[40 + 4 * version :][:8], "little")
    if version in {2, 3} and head[9] == head[10] == 8:
        return int.from_bytes(head[28:36], "little")
    return None


def read_superblock(data: NDArray[np.uint8]) -> Superblock | None:
    """Read a classic superblock; None when it is another one, or has a feature that the walk does not know."""
    head = data[:SUPERBLOCK_BYTES].tobytes()
    end = declared_end(head)
    if end is None or head[8] not in {0, 1}:
        return None
    shift = 4 * head[8]
    base, driver = (int.from_bytes(head[at + shift :][:8], "little") for at in (24, 48))
    root = int.from_bytes(head[64 + shift :][:8], "little")
    return Superblock(root, end) if base == 0 and driver == 2**64 - 1 and root < len(data) else None


def walk_classic(
    data: NDArray[np.uint8],
    name: SnapshotName,
    zone: tzinfo,
    limits: ReadLimits,
    dead: DeadLetterBox,
    *,
    tolerant: bool = False,
) -> WalkedFile | None:
    """Walk a production file; None when it is not understood, or of the other dialect.

    Parameters
    ----------
    dead
        Takes what is no record; untouched when None is returned.
    tolerant
        Take what can be read of a file that is cut off or damaged.

    Raises
    ------
    RecordError
        ``too_many_records``.
    """
    superblock = read_superblock(data)
    if superblock is None:
        return None
    data = data[: superblock.end]
    listed = _list_all(data, superblock.root, limits, tolerant)
    if listed is None:
        return None
    groups, members, lost = listed
    names = [_name(data, group) for group in groups]
    if is_test_period(names, name):
        return None
    records = RecordList(limits, dead, DeviceTable(limits))
    for group_name, group in zip(names, groups.tolist(), strict=True):
        if not group[IS_HARD] or is_path(group_name):
            records.add_unreadable(group_name, DeadReason.LINK_NOT_FOLLOWED)
        elif group[GROUP_STATUS] != OK:
            records.add_unreadable(group_name, DeadReason.UNREADABLE_GROUP)
        else:
            inside = members[group[GROUP_FIRST] : group[GROUP_STOP]].tolist()
            records.add_group(
                group_name, [(_name(data, link), link[TARGET] if link[IS_HARD] else NOT_FOLLOWED) for link in inside]
            )
    header = np.array(records.target, dtype=np.int64)
    return WalkedFile(data, records, records.index(name, zone), header, lost)


def _list_all(
    data: NDArray[np.uint8], root: int, limits: ReadLimits, tolerant: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64], bool] | None:
    """The groups of the first level, their members, and whether parts were lost; None when not understood."""
    capacity = _FIRST_CAPACITY
    while True:
        groups = np.empty((capacity, GROUP_COLUMNS), dtype=np.int64)
        members = np.empty((capacity, LINK_COLUMNS), dtype=np.int64)
        budget = np.array([_STEPS + len(data) // _BYTES_PER_STEP], dtype=np.int64)
        count, stop, status, lost = walk_production(data, root, budget, groups, members, tolerant)
        if status == OK:
            return groups[:count], members[:stop], lost
        if status != FULL or capacity > 2 * limits.max_records:
            return None
        capacity *= 4


def _name(data: NDArray[np.uint8], link: NDArray[np.int64] | list[int]) -> bytes:
    at = link[NAME_AT]
    return data[at : at + link[NAME_LENGTH]].tobytes()

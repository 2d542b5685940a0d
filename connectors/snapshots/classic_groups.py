"""Bounded walks over the bytes of HDF5's classic layout (superblock 0 and 1), compiled and without the GIL.

Source: HDF5 File Format Specification 3.0, sections II.A (superblock), III.A (B-trees v1, symbol nodes, local and
global heaps) and IV.A (object header v1 and its messages). Every position is checked before it is read, a budget
bounds the number of steps over a whole file, and levels must fall by one on the way down, so that cycles end.
"""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.compilation import kernel

Bytes: TypeAlias = NDArray[np.uint8]
Table: TypeAlias = NDArray[np.int64]
#: An ``int`` to Python, an int64 to the compiler.
Integer: TypeAlias = Any
Truth: TypeAlias = Any

#: What a walk found. ODD: not understood here, HDF5 itself is to judge. FULL: the output array is too small.
OK, MISSING, BEYOND, ODD, FULL = 0, 1, 2, 3, 4

#: Columns of a listed link.
NAME_AT, NAME_LENGTH, TARGET, IS_HARD = range(4)
LINK_COLUMNS = 4
#: Columns of a listed group of the first level: as a link, then where its members stand and whether it was listed.
GROUP_FIRST, GROUP_STOP, GROUP_STATUS = range(4, 7)
GROUP_COLUMNS = 7
#: Rows of the messages that ``scan_header`` finds.
SYMBOL_TABLE, DATASPACE, DATATYPE, STORAGE, PIPELINE, EXTERNAL = range(6)
MESSAGES = 6
_CONTINUATION, _LATER_LAYOUT, _OTHER = 6, 7, 8
#: By the format's number of a message: its row, or what else it is.
_MESSAGE_SLOT = np.full(0x19, _OTHER)
_MESSAGE_SLOT[[0x11, 0x01, 0x03, 0x08, 0x0B, 0x07]] = range(MESSAGES)
_MESSAGE_SLOT[0x10] = _CONTINUATION
_MESSAGE_SLOT[[0x02, 0x06]] = _LATER_LAYOUT
_MAX_HEADER_BLOCKS = 64
MAX_LEVELS = 16
_MAX_NAME = 1024


@kernel()
def u16(data: Bytes, at: Integer) -> Integer:
    """Two bytes as an unsigned number."""
    return np.int64(data[at]) | np.int64(data[at + 1]) << 8


@kernel()
def u32(data: Bytes, at: Integer) -> Integer:
    """Four bytes as an unsigned number."""
    return u16(data, at) | u16(data, at + 2) << 16


@kernel()
def u64(data: Bytes, at: Integer) -> Integer:
    """Eight bytes; -1 for what is beyond every file, as undefined addresses are."""
    if data[at + 7] >= 0x40:
        return np.int64(-1)
    return u32(data, at) | u32(data, at + 4) << 32


@kernel()
def starts_with(data: Bytes, at: Integer, a: int, b: int, c: int, d: int) -> Truth:
    """Whether four bytes stand there."""
    return data[at] == a and data[at + 1] == b and data[at + 2] == c and data[at + 3] == d


@kernel()
def _add_block(data: Bytes, body: Integer, length: Integer, blocks: Table, count: Integer) -> Integer:
    """Take a continuation message's block into the list of a header's blocks; a status."""
    if length < 16 or count == len(blocks):
        return ODD
    begin, size = u64(data, body), u64(data, body + 8)
    if begin < 0 or size < 0:
        return ODD
    if size > len(data) or begin > len(data) - size:
        return BEYOND
    blocks[count, 0] = begin
    blocks[count, 1] = begin + size
    return OK


@kernel()
def _scan_block(
    data: Bytes, budget: Table, found: Table, blocks: Table, block: Integer, count: Integer
) -> tuple[Integer, Integer]:
    """Note the messages of one block of a header. Returns the number of blocks known now, and a status."""
    at, end = blocks[block, 0], blocks[block, 1]
    while at <= end - 8:
        budget[0] -= 1
        kind, length, body = u16(data, at), u16(data, at + 2), at + 8
        if budget[0] < 0 or length > end - body:
            return count, ODD
        slot = _MESSAGE_SLOT[kind] if kind < len(_MESSAGE_SLOT) else _OTHER
        if slot == _LATER_LAYOUT:
            return count, ODD
        if slot == _CONTINUATION:
            status = _add_block(data, body, length, blocks, count)
            if status != OK:
                return count, status
            count += 1
        elif slot != _OTHER:
            if found[slot, 0] >= 0 or data[at + 4] & 2 != 0:  # twice, or shared and so somewhere else
                return count, ODD
            found[slot, 0] = body
            found[slot, 1] = length
        at = body + length
    return count, OK


@kernel()
def scan_header(data: Bytes, header: Integer, budget: Table, found: Table) -> Integer:
    """Find the messages of an object header v1: their positions and lengths, -1 for those that are not there."""
    found[:] = -1
    if header < 0 or header > len(data) - 16:
        return BEYOND
    if data[header] != 1:
        return ODD
    blocks = np.empty((_MAX_HEADER_BLOCKS, 2), dtype=np.int64)
    blocks[0, 0] = header + 16
    blocks[0, 1] = header + 16 + u32(data, header + 8)
    if blocks[0, 1] > len(data):
        return BEYOND
    count, block = 1, 0
    while block < count:
        count, status = _scan_block(data, budget, found, blocks, block, count)
        if status != OK:
            return status
        block += 1
    return OK


@kernel()
def _name_length(data: Bytes, at: Integer, end: Integer) -> Integer:
    """Length of a name that ends with a zero byte before ``end``; -1 when it does not."""
    for position in range(at, min(end, at + _MAX_NAME)):
        if data[position] == 0:
            return position - at
    return np.int64(-1)


@kernel()
def _ascends(data: Bytes, first: Table, second: Table) -> Truth:
    """Whether the second of two names stands strictly behind the first, byte by byte."""
    common = min(first[NAME_LENGTH], second[NAME_LENGTH])
    for position in range(common):
        a, b = data[first[NAME_AT] + position], data[second[NAME_AT] + position]
        if a != b:
            return a < b
    return first[NAME_LENGTH] < second[NAME_LENGTH]


@kernel()
def _list_node(
    data: Bytes,
    node: Integer,
    heap_at: Integer,
    heap_end: Integer,
    budget: Table,
    links: Table,
    start: Integer,
    first: Integer,
) -> tuple[Integer, Integer]:
    """List one symbol node; ``first`` is where the group's links begin. Returns where they stop, and a status."""
    size, stop = len(data), start
    if node < 0 or node > size - 8:
        return stop, BEYOND
    if not starts_with(data, node, 83, 78, 79, 68) or data[node + 4] != 1:  # SNOD
        return stop, ODD
    count = u16(data, node + 6)
    status = OK
    for entry in range(count):
        at = node + 8 + 40 * entry
        budget[0] -= 1
        if budget[0] < 0:
            return stop, ODD
        if at > size - 40:
            return stop, BEYOND
        if stop == len(links):
            return stop, FULL
        name, target, cached = u64(data, at), u64(data, at + 8), u32(data, at + 16)
        if name < 0 or name > heap_end - heap_at:
            status = BEYOND
            continue
        length = _name_length(data, heap_at + name, heap_end)
        if length <= 0 or cached > 2:
            status = ODD
            continue
        budget[0] -= length >> 3
        links[stop, NAME_AT] = heap_at + name
        links[stop, NAME_LENGTH] = length
        links[stop, TARGET] = target
        links[stop, IS_HARD] = cached != 2
        if stop > first and not _ascends(data, links[stop - 1], links[stop]):
            status = ODD
            continue
        stop += 1
    return stop, status


@kernel()
def check_tree_node(
    data: Bytes, node: Integer, kind: int, level: Integer, key_bytes: Integer, budget: Table
) -> Integer:
    """Whether a B-tree node v1 of a kind and level (-1: any up to the limit) stands there, whole."""
    size = len(data)
    budget[0] -= 1
    if node < 0 or node > size - 24:
        return BEYOND
    if budget[0] < 0 or not starts_with(data, node, 84, 82, 69, 69) or data[node + 4] != kind:  # TREE
        return ODD
    if data[node + 5] >= MAX_LEVELS or (level >= 0 and data[node + 5] != level):
        return ODD
    return BEYOND if node > size - 24 - u16(data, node + 6) * (key_bytes + 8) - key_bytes else OK


@kernel()
def _open_group(
    data: Bytes, header: Integer, budget: Table, tolerant: bool
) -> tuple[Integer, Integer, Integer, Integer]:
    """The B-tree of a classic group, where its names begin and end, and a status."""
    size = len(data)
    found = np.empty((MESSAGES, 2), dtype=np.int64)
    tree, heap_at, heap_end = np.int64(-1), np.int64(0), np.int64(0)
    status = scan_header(data, header, budget, found)
    if status != OK:
        return tree, heap_at, heap_end, status
    if found[SYMBOL_TABLE, 0] < 0 or found[SYMBOL_TABLE, 1] < 16:
        return tree, heap_at, heap_end, ODD
    tree, heap = u64(data, found[SYMBOL_TABLE, 0]), u64(data, found[SYMBOL_TABLE, 0] + 8)
    if heap < 0 or heap > size - 32:
        return tree, heap_at, heap_end, BEYOND
    if not starts_with(data, heap, 72, 69, 65, 80) or data[heap + 4] != 0:  # HEAP
        return tree, heap_at, heap_end, ODD
    heap_bytes, heap_at = u64(data, heap + 8), u64(data, heap + 24)
    if heap_bytes < 0 or heap_at < 0 or heap_at > size or (heap_bytes > size - heap_at and not tolerant):
        return tree, heap_at, heap_end, BEYOND
    return tree, heap_at, heap_at + min(heap_bytes, size - heap_at), check_tree_node(data, tree, 0, -1, 8, budget)


@kernel()
def list_group(
    data: Bytes, header: Integer, budget: Table, links: Table, start: Integer, tolerant: bool
) -> tuple[Integer, Integer, bool]:
    """List the links of a classic group in their order.

    Returns where they stop in ``links``, a status, and whether parts were lost (only when ``tolerant``).
    """
    stop, lost = start, False
    tree, heap_at, heap_end, status = _open_group(data, header, budget, tolerant)
    if status != OK:
        return stop, status, lost
    nodes = np.empty(MAX_LEVELS + 1, dtype=np.int64)
    nexts = np.zeros(MAX_LEVELS + 1, dtype=np.int64)
    nodes[0], depth = tree, 0
    while depth >= 0:
        node = nodes[depth]
        if nexts[depth] == u16(data, node + 6):
            depth -= 1
            continue
        child, level = u64(data, node + 32 + 16 * nexts[depth]), np.int64(data[node + 5])
        nexts[depth] += 1
        if level == 0:
            stop, status = _list_node(data, child, heap_at, heap_end, budget, links, stop, start)
        else:
            status = check_tree_node(data, child, 0, level - 1, 8, budget)
            if status == OK:
                depth += 1
                nodes[depth], nexts[depth] = child, 0
        if status != OK:
            if not tolerant or status == FULL or budget[0] < 0:
                return stop, status, lost
            lost = True
    return stop, OK, lost


@kernel()
def walk_production(
    data: Bytes, root: int, budget: Table, groups: Table, members: Table, tolerant: bool
) -> tuple[int, int, int, bool]:
    """List the groups of the first level and their members.

    Returns the numbers of both, a status, and whether parts were lost.
    """
    count, status, lost = list_group(data, root, budget, groups, 0, tolerant)
    stop = 0
    if status != OK:
        return count, stop, status, lost
    for number in range(count):
        group = groups[number]
        group[GROUP_FIRST] = group[GROUP_STOP] = stop
        group[GROUP_STATUS] = OK
        if not group[IS_HARD]:
            group[GROUP_STATUS] = ODD
            continue
        stop, status, part = list_group(data, group[TARGET], budget, members, stop, tolerant)
        if status == FULL or (status != OK and not tolerant):
            return count, stop, status, lost
        if status != OK:
            stop = group[GROUP_FIRST]
        group[GROUP_STATUS] = status
        group[GROUP_STOP] = stop
        lost = lost or part or status != OK
    return count, stop, OK, lost

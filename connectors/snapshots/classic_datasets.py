"""What datasets of HDF5's classic layout are and where their data stand: compiled, bounds-checked, without the GIL.

Source: HDF5 File Format Specification 3.0, sections III.A.1 (B-trees of chunks), III.E (global heap) and IV.A.2
(dataspace, datatype, data layout and filter pipeline messages). What is not the plain case is left to HDF5 itself.
"""

import numpy as np

from connectors.snapshots.classic_groups import (
    BEYOND,
    DATASPACE,
    DATATYPE,
    EXTERNAL,
    FULL,
    IS_HARD,
    LINK_COLUMNS,
    MAX_LEVELS,
    MESSAGES,
    MISSING,
    NAME_AT,
    NAME_LENGTH,
    ODD,
    OK,
    PIPELINE,
    STORAGE,
    SYMBOL_TABLE,
    TARGET,
    Bytes,
    Integer,
    Table,
    Truth,
    check_tree_node,
    list_group,
    scan_header,
    starts_with,
    u16,
    u32,
    u64,
)
from models.compilation import kernel

#: Columns of a described dataset. ADDRESS and BYTES are those of the data, or of the chunks' B-tree.
(
    STATUS,
    TYPE_CLASS,
    ITEM_BYTES,
    SIGNED,
    RANK,
    ROWS,
    COLUMNS,
    LAYOUT,
    ADDRESS,
    BYTES,
    FILTERS,
    CHUNK_ROWS,
    CHUNK_COLUMNS,
) = range(13)
DATASET_COLUMNS = 13
#: Columns of a listed chunk.
CHUNK_ROW, CHUNK_COLUMN, CHUNK_ADDRESS, CHUNK_BYTES, CHUNK_MASK = range(5)
CHUNK_ENTRY_COLUMNS = 5
#: Classes of types and layouts as the format numbers them.
FIXED_POINT, FLOATING_POINT, TEXT, VARIABLE_LENGTH = 0, 1, 3, 9
COMPACT, CONTIGUOUS, CHUNKED = 0, 1, 2
#: Filters are written as decimal digits in the order in which they were applied, behind a leading 1.
NO_FILTERS = 1
#: A state that is not decided here.
UNDECIDED_STATE = 255

_MAX_MEMBERS = 256
_MAX_TEXT = 64


@kernel()
def _describe_space(data: Bytes, at: Integer, length: Integer, out: Table) -> Truth:
    """Rank and extents of a dataspace message; False when it is not understood or of more than two dimensions."""
    if length < 4:
        return False
    version, rank = data[at], np.int64(data[at + 1])
    if version == 1:
        first = at + 8
    elif version == 2 and data[at + 3] <= 1 and (data[at + 3] == 1) == (rank > 0):
        first = at + 4
    else:
        return False
    if rank > 2 or first + 8 * rank > at + length:
        return False
    out[RANK], out[ROWS], out[COLUMNS] = rank, 1, 1
    for axis in range(rank):
        extent = u64(data, first + 8 * axis)
        if extent < 0 or extent > 0x7FFFFFFF:
            return False
        out[ROWS + axis] = extent
    return True


@kernel()
def _describe_type(data: Bytes, at: Integer, length: Integer, out: Table) -> Truth:
    """A little-endian integer or IEEE float that fills its bytes, a text, or a text in the heap."""
    if length < 8 or data[at] >> 4 < 1 or data[at] >> 4 > 3:
        return False
    kind, flags, item = np.int64(data[at] & 15), np.int64(data[at + 1]), u32(data, at + 4)
    out[TYPE_CLASS], out[ITEM_BYTES], out[SIGNED] = kind, item, 0
    if kind == FIXED_POINT:
        out[SIGNED] = flags >> 3 & 1
        known = item in (1, 2, 4, 8)
        return known and length >= 12 and flags & 1 == 0 and u16(data, at + 8) == 0 and u16(data, at + 10) == 8 * item
    if kind == FLOATING_POINT:
        if length < 20 or item not in (4, 8):
            return False
        exponent, mantissa, bias = (8, 23, 127) if item == 4 else (11, 52, 1023)
        return (
            flags & 0x71 == 0x20
            and data[at + 2] == 8 * item - 1
            and u16(data, at + 8) == 0
            and u16(data, at + 10) == 8 * item
            and data[at + 12] == mantissa
            and data[at + 13] == exponent
            and data[at + 14] == 0
            and data[at + 15] == mantissa
            and u32(data, at + 16) == bias
        )
    if kind == TEXT:
        return item >= 1
    return kind == VARIABLE_LENGTH and flags & 15 == 1 and item == 16


@kernel()
def _describe_filters(data: Bytes, at: Integer, length: Integer) -> Integer:
    """The filters as decimal digits behind a leading 1; 0 when they are not understood."""
    if length < 2 or data[at] < 1 or data[at] > 2 or data[at + 1] > 4:
        return 0
    version, count, end = data[at], np.int64(data[at + 1]), at + length
    position = at + (8 if version == 1 else 2)
    digits = NO_FILTERS
    for _ in range(count):
        if position > end - 8:
            return 0
        number = u16(data, position)
        if number < 1 or number > 2:
            return 0
        if version == 1:
            name, values = u16(data, position + 2), u16(data, position + 6)
            position += 8 + (name + 7 & ~7) + 4 * (values + (values & 1))
        else:
            values = u16(data, position + 4)
            position += 6 + 4 * values
        if position > end:
            return 0
        digits = digits * 10 + number
    return digits


@kernel()
def _describe_layout(data: Bytes, at: Integer, length: Integer, out: Table) -> Integer:
    """Where the data stand; layout message version 3."""
    kind = np.int64(data[at + 1]) if length >= 4 and data[at] == 3 else np.int64(-1)
    out[LAYOUT] = kind
    if kind == CHUNKED:
        return _describe_chunks(data, at, length, out)
    size, wanted = len(data), out[ROWS] * out[COLUMNS]
    if out[ITEM_BYTES] > size or wanted > size // out[ITEM_BYTES]:
        return ODD
    wanted *= out[ITEM_BYTES]
    if kind == COMPACT:
        out[ADDRESS], out[BYTES] = at + 4, u16(data, at + 2)
        return OK if out[BYTES] == wanted and wanted <= length - 4 else ODD
    if kind != CONTIGUOUS or length < 18:
        return ODD
    out[ADDRESS], out[BYTES] = u64(data, at + 2), u64(data, at + 10)
    if out[ADDRESS] < 0 or out[BYTES] != wanted:
        return ODD
    return BEYOND if out[ADDRESS] > size - wanted else OK


@kernel()
def _describe_chunks(data: Bytes, at: Integer, length: Integer, out: Table) -> Integer:
    """Where the chunks' B-tree stands, and their shape."""
    rank = out[RANK]
    if rank < 1 or length < 11 + 4 * (rank + 1) or data[at + 2] != rank + 1:
        return ODD
    out[ADDRESS], out[BYTES] = u64(data, at + 3), 0
    out[CHUNK_ROWS], out[CHUNK_COLUMNS] = 1, 1
    for axis in range(rank):
        out[CHUNK_ROWS + axis] = u32(data, at + 11 + 4 * axis)
    whole = out[CHUNK_ROWS] > 0 and out[CHUNK_COLUMNS] > 0 and u32(data, at + 11 + 4 * rank) == out[ITEM_BYTES]
    return OK if whole and out[ADDRESS] >= 0 else ODD


@kernel()
def _describe_dataset(data: Bytes, header: Integer, budget: Table, found: Table, out: Table) -> Integer:
    """Fill one row of a table of datasets; its status."""
    status = scan_header(data, header, budget, found)
    if status != OK:
        return status
    there = found[DATASPACE, 0] >= 0 and found[DATATYPE, 0] >= 0 and found[STORAGE, 0] >= 0
    if not there or found[EXTERNAL, 0] >= 0 or found[SYMBOL_TABLE, 0] >= 0:
        return ODD
    out[FILTERS] = NO_FILTERS
    if found[PIPELINE, 0] >= 0:
        out[FILTERS] = _describe_filters(data, found[PIPELINE, 0], found[PIPELINE, 1])
    if (
        out[FILTERS] == 0
        or not _describe_space(data, found[DATASPACE, 0], found[DATASPACE, 1], out)
        or not _describe_type(data, found[DATATYPE, 0], found[DATATYPE, 1], out)
    ):
        return ODD
    return _describe_layout(data, found[STORAGE, 0], found[STORAGE, 1], out)


@kernel()
def _is_name(data: Bytes, link: Table, name: Bytes, length: Integer) -> Truth:
    if link[NAME_LENGTH] != length:
        return False
    same = True
    for position in range(length):
        same = same and data[link[NAME_AT] + position] == name[position]
    return same


@kernel()
def describe_records(data: Bytes, headers: Table, budget: Table, names: Bytes, lengths: Table, out: Table) -> None:
    """Describe the datasets of some names in each device's group.

    Parameters: ``headers`` (n,), -1 for a group that is not followed; ``names`` (m, longest) bytes, ``lengths`` (m,);
    ``out`` (m, n, DATASET_COLUMNS).
    """
    links = np.empty((_MAX_MEMBERS, LINK_COLUMNS), dtype=np.int64)
    found = np.empty((MESSAGES, 2), dtype=np.int64)
    for record in range(len(headers)):
        if headers[record] < 0:
            out[:, record, STATUS] = ODD
            continue
        stop, status, _ = list_group(data, headers[record], budget, links, 0, False)
        if status != OK:
            out[:, record, STATUS] = BEYOND if status == BEYOND else ODD
            continue
        out[:, record, STATUS] = MISSING
        for number in range(stop):
            link = links[number]
            for field in range(len(lengths)):
                if not _is_name(data, link, names[field], lengths[field]):
                    continue
                row = out[field, record]
                row[STATUS] = _describe_dataset(data, link[TARGET], budget, found, row) if link[IS_HARD] else ODD


@kernel()
def heap_object(data: Bytes, address: Integer, number: Integer, budget: Table) -> tuple[Integer, Integer]:
    """Position and length of an object in a global heap collection; position -1 when it is not found."""
    size = len(data)
    nowhere = (np.int64(-1), np.int64(0))
    if address < 0 or address > size - 16 or not starts_with(data, address, 71, 67, 79, 76):  # GCOL
        return nowhere
    count = u64(data, address + 8)
    if data[address + 4] != 1 or count < 0 or count > size - address:
        return nowhere
    at, end = address + 16, address + count
    while at <= end - 16:
        budget[0] -= 1
        found, length = u16(data, at), u64(data, at + 8)
        if budget[0] < 0 or found == 0 or length < 0 or length > end - at - 16:
            return nowhere
        if found == number:
            return at + 16, length
        at += 16 + (length + 7 & ~7)
    return nowhere


@kernel()
def _match_state(data: Bytes, at: Integer, length: Integer, words: Bytes, word_lengths: Table) -> Integer:
    """Number of the known word that a text is, whatever its case and padding; the number of words if none."""
    end = at
    while end < at + length and data[end] != 0:
        end += 1
    while at < end and (data[at] == 32 or 9 <= data[at] <= 13):
        at += 1
    while at < end and (data[end - 1] == 32 or 9 <= data[end - 1] <= 13):
        end -= 1
    for word in range(len(word_lengths)):
        same = word_lengths[word] == end - at
        for position in range(end - at if same else 0):
            letter = np.int64(data[at + position])
            same = same and letter - 32 * (97 <= letter <= 122) == words[word, position]
        if same:
            return word
    return len(word_lengths)


@kernel()
def read_states(
    data: Bytes,
    described: Table,
    budget: Table,
    words: Bytes,
    word_lengths: Table,
    codes: Bytes,
    missing: int,
    out: Bytes,
) -> None:
    """States of some records from their described texts: ``codes`` by word, the last one for other texts."""
    for record in range(len(described)):
        row = described[record]
        out[record] = UNDECIDED_STATE
        if row[STATUS] == MISSING:
            out[record] = missing
        if row[STATUS] != OK or row[LAYOUT] == CHUNKED or row[RANK] > 1 or row[ROWS] != 1:
            continue
        at, length = row[ADDRESS], row[ITEM_BYTES]
        if row[TYPE_CLASS] == VARIABLE_LENGTH:
            length = u32(data, at)
            if length < 1 or length > _MAX_TEXT:
                continue
            at, held = heap_object(data, u64(data, at + 4), u32(data, at + 12), budget)
            if at < 0 or held < length:
                continue
        elif row[TYPE_CLASS] != TEXT or length > _MAX_TEXT:
            continue
        out[record] = codes[_match_state(data, at, length, words, word_lengths)]


@kernel()
def gather_bytes(data: Bytes, addresses: Table, out: Bytes) -> None:
    """Copy equally long pieces: ``out`` uint8, shape (n, bytes); addresses were checked when they were described."""
    length = out.shape[1]
    for row in range(len(addresses)):
        at = addresses[row]
        out[row, :] = data[at : at + length]


@kernel()
def list_chunks(data: Bytes, dataset: Table, budget: Table, chunks: Table) -> tuple[int, int]:
    """List the chunks of a described dataset in their order. Returns their number and a status."""
    rank, stop = dataset[RANK], 0
    key_bytes = 8 + 8 * (rank + 1)
    nodes = np.empty(MAX_LEVELS + 1, dtype=np.int64)
    nexts = np.zeros(MAX_LEVELS + 1, dtype=np.int64)
    nodes[0], depth = dataset[ADDRESS], 0
    status = check_tree_node(data, dataset[ADDRESS], 1, -1, key_bytes, budget)
    if status != OK:
        return stop, status
    while depth >= 0:
        node = nodes[depth]
        if nexts[depth] == u16(data, node + 6):
            depth -= 1
            continue
        key = node + 24 + nexts[depth] * (key_bytes + 8)
        nexts[depth] += 1
        child, level = u64(data, key + key_bytes), np.int64(data[node + 5])
        if level > 0:
            status = check_tree_node(data, child, 1, level - 1, key_bytes, budget)
            if status != OK:
                return stop, status
            depth += 1
            nodes[depth], nexts[depth] = child, 0
            continue
        if stop == len(chunks):
            return stop, FULL
        chunk = chunks[stop]
        chunk[CHUNK_BYTES], chunk[CHUNK_MASK], chunk[CHUNK_ADDRESS] = u32(data, key), u32(data, key + 4), child
        chunk[CHUNK_COLUMN] = 0
        for axis in range(rank):
            chunk[CHUNK_ROW + axis] = u64(data, key + 8 + 8 * axis)
        if child < 0 or child > len(data) - chunk[CHUNK_BYTES]:
            return stop, BEYOND
        if not _chunk_in_place(dataset, chunks, stop):
            return stop, ODD
        stop += 1
    return stop, OK


@kernel()
def _chunk_in_place(dataset: Table, chunks: Table, number: Integer) -> Truth:
    """Whether a chunk is the next one of the dataset's grid, row by row: then none is missing or twice there."""
    across = (dataset[COLUMNS] + dataset[CHUNK_COLUMNS] - 1) // dataset[CHUNK_COLUMNS]
    row, column = number // across * dataset[CHUNK_ROWS], number % across * dataset[CHUNK_COLUMNS]
    chunk = chunks[number]
    return chunk[CHUNK_ROW] == row and chunk[CHUNK_COLUMN] == column and row < dataset[ROWS]

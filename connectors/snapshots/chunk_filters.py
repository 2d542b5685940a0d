"""Chunks of datasets, decoded with a bound on what comes out: a few bytes of deflate can stand for gigabytes."""

import zlib
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

DEFLATE, SHUFFLE = 1, 2
#: Datasets in more chunks are refused: each costs as much as a record.
MAX_CHUNKS = 1024


class ChunkError(Exception):
    """A chunk is damaged, or stored in a way that is not decoded here."""


def decode_chunk(stored: bytes | memoryview, filters: Sequence[int], mask: int, size: int, item_bytes: int) -> bytes:
    """Undo the filters of one chunk.

    Parameters
    ----------
    stored
        The bytes in the file.
    filters
        HDF5's numbers of the filters, in the order in which they were applied.
    mask
        Bit i is set when filter i was left out for this chunk.
    size
        The exact number of bytes that must come out; no more is ever allocated.
    item_bytes
        Bytes of one element, for the shuffle filter.

    Raises
    ------
    ChunkError
        For damaged data and unknown filters.
    """
    data: bytes | memoryview = stored
    for position in reversed(range(len(filters))):
        if mask >> position & 1:
            continue
        if filters[position] == DEFLATE:
            data = _inflate(data, size)
        elif filters[position] == SHUFFLE:
            data = _unshuffle(data, item_bytes)
        else:
            raise ChunkError(f"filter {filters[position]} is not decoded here")
    if len(data) != size:
        raise ChunkError(f"a chunk holds {len(data)} instead of {size} bytes")
    return bytes(data)


def chunk_grid(shape: Sequence[int], chunk: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Offsets of all chunks of a dataset, in elements."""
    return product(*(range(0, extent, step) for extent, step in zip(shape, chunk, strict=True)))


def place_chunk(values: NDArray[Any], offset: Sequence[int], chunk: Sequence[int], data: bytes) -> None:
    """Copy one decoded chunk to its place; the part of an edge chunk beyond the dataset is left out."""
    block = np.frombuffer(data, dtype=values.dtype).reshape(chunk)
    target = tuple(slice(start, start + step) for start, step in zip(offset, chunk, strict=True))
    inside = values[target]
    inside[...] = block[tuple(slice(0, extent) for extent in inside.shape)]


def _inflate(data: bytes | memoryview, size: int) -> bytes:
    inflater = zlib.decompressobj()
    try:
        out = inflater.decompress(data, size + 1)
    except zlib.error as error:
        raise ChunkError("a compressed chunk is damaged") from error
    if len(out) > size or not inflater.eof:
        raise ChunkError("a compressed chunk has another size than its dataset declares")
    return out


def _unshuffle(data: bytes | memoryview, item_bytes: int) -> bytes:
    """Bytes of equal significance stand together; a rest that fills no element stands behind them unchanged."""
    count = len(data) // item_bytes
    if item_bytes <= 1 or count <= 1:
        return bytes(data)
    planes = np.frombuffer(data, dtype=np.uint8, count=count * item_bytes).reshape(item_bytes, count)
    return planes.T.tobytes() + bytes(data[count * item_bytes :])

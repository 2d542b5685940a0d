"""Single datasets through HDF5's low-level calls: nothing is followed out of the file or believed unchecked."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from h5py import h5d, h5f, h5g, h5l, h5p, h5s, h5t, h5z

from connectors.snapshots.chunk_filters import (
    DEFLATE,
    MAX_CHUNKS,
    SHUFFLE,
    ChunkError,
    chunk_grid,
    decode_chunk,
    place_chunk,
)
from connectors.snapshots.classic_datasets import heap_object
from connectors.snapshots.content import SnapshotContent
from connectors.snapshots.limits import MEBIBYTE, ReadLimits
from connectors.snapshots.payloads import MAX_STATE_BYTES, STATE, Values, check_energy_shape, parse_state
from models.errors import RecordError
from models.records import DeviceState, Refusal

#: What h5py turns HDF5's errors into.
HDF5_ERRORS = (
    OSError,
    KeyError,
    ValueError,
    RuntimeError,
    TypeError,
    AttributeError,
    IndexError,
    NotImplementedError,
    OverflowError,
    ZeroDivisionError,
    MemoryError,
)
ShapeCheck = Callable[[tuple[int, ...]], Refusal]

_MEMORY_TYPES = {
    (h5t.INTEGER, size, sign): np.dtype(f"{letter}{size}")
    for size in (1, 2, 4, 8)
    for sign, letter in ((h5t.SGN_NONE, "u"), (h5t.SGN_2, "i"))
}
_COLLECTION_HEAD = 16
_MAX_COLLECTION_BYTES = MEBIBYTE
# HDF5 reads the held bytes where they are: neither copied, nor written, nor freed by it.
_IN_PLACE = 0x0002 | 0x0004
_FLOAT = np.dtype(np.float64)
_FLOAT_BYTES = (2, 4, 8)
_HEAP_REFERENCE = np.dtype([("length", "<u4"), ("address", "<u8"), ("number", "<u4")])


def open_hdf5(content: SnapshotContent) -> h5f.FileID:
    """Open a file for reading only: from memory where its bytes are held, else from the disk, without locking it.

    Raises
    ------
    RecordError
        ``damaged_hdf5``, or ``changed_while_read`` when another file has taken its name.
    """
    try:
        if content.data is not None:
            return h5f.open_file_image(content.data, _IN_PLACE)
        access = h5p.create(h5p.FILE_ACCESS)
        access.set_fapl_sec2()
        access.set_file_locking(False, True)
        file = h5f.open(bytes(content.path), h5f.ACC_RDONLY, access)
        content.check_unchanged(file.get_vfd_handle())
    except HDF5_ERRORS as error:
        raise RecordError(
            f"{content.path} is damaged: HDF5 can't open it; transfer it again", reason="damaged_hdf5"
        ) from error
    return file


def list_links(group: h5g.GroupID, most: int) -> list[tuple[bytes, bool]]:
    """Names of a group's members in their order, and whether each is stored in the group itself (a hard link).

    Raises
    ------
    RecordError
        ``too_many_records`` when there are more than ``most``.
    """
    members: list[tuple[bytes, bool]] = []

    def note(name: bytes, info: h5l.LinkInfo) -> bool | None:
        members.append((name, info.type == h5l.TYPE_HARD))
        return True if len(members) > most else None

    group.links.iterate(note, info=True)
    if len(members) > most:
        raise RecordError(f"it holds more than max_records = {most} groups", reason="too_many_records")
    return members


class DatasetReader:
    """Reads the datasets of one file.

    Parameters
    ----------
    content
        The file's bytes, for texts whose declared length must be seen before they are read.
    """

    def __init__(self, content: SnapshotContent, limits: ReadLimits) -> None:
        self._content = content
        self._limits = limits
        self._types: dict[np.dtype[Any], h5t.TypeID] = {}

    def state(self, group: h5g.GroupID) -> tuple[DeviceState, bool]:
        """The state of a device, and whether it is there but can't be read (then it is ``MISSING``)."""
        try:
            dataset = open_dataset(group, STATE)
            if isinstance(dataset, Refusal):
                return DeviceState.MISSING, dataset is not Refusal.PAYLOAD_MISSING
            if dataset.shape not in {(), (1,)}:
                return DeviceState.OTHER, False
            texts = self._texts(dataset)
        except (*HDF5_ERRORS, ChunkError):
            return DeviceState.MISSING, True
        return (parse_state(texts[0]) if texts else DeviceState.OTHER), False

    def values(self, group: h5g.GroupID, name: bytes, check: ShapeCheck) -> Values:
        """All elements of a dataset of numbers whose declared shape is accepted; floats as float64."""
        try:
            opened = _open_numbers(group, name, check)
            if isinstance(opened, Refusal):
                return opened
            dataset, shape, dtype = opened
            return self._read(dataset, shape, dtype, self._memory_type(dtype))
        except (*HDF5_ERRORS, ChunkError):
            return Refusal.UNREADABLE

    def element_0(self, group: h5g.GroupID, name: bytes) -> Values:
        """Element 0 of a scalar or one-dimensional dataset of numbers, as an array without axes."""
        try:
            opened = _open_numbers(group, name, check_energy_shape)
            if isinstance(opened, Refusal):
                return opened
            dataset, shape, dtype = opened
            if shape not in {(), (1,)} and dataset.get_offset() is not None:
                return self._read_first(dataset, dtype)
            if math.prod(shape) > self._limits.max_spectrum_samples:
                return Refusal.WRONG_SHAPE
            values = self._read(dataset, shape, dtype, self._memory_type(dtype))
            return values if isinstance(values, Refusal) else values.reshape(-1)[0]
        except (*HDF5_ERRORS, ChunkError):
            return Refusal.UNREADABLE

    def texts(self, group: h5g.GroupID, name: bytes, most: int) -> list[bytes] | None:
        """A scalar or one-dimensional dataset of short texts; None when it can't be read as such."""
        try:
            dataset = open_dataset(group, name)
            if isinstance(dataset, Refusal) or len(dataset.shape) > 1 or math.prod(dataset.shape) > most:
                return None
            return self._texts(dataset)
        except (*HDF5_ERRORS, ChunkError):
            return None

    def _memory_type(self, dtype: np.dtype[Any]) -> h5t.TypeID:
        if dtype not in self._types:
            self._types[dtype] = h5t.py_create(dtype)
        return self._types[dtype]

    def _read(
        self, dataset: h5d.DatasetID, shape: tuple[int, ...], dtype: np.dtype[Any], memory_type: h5t.TypeID
    ) -> Values:
        if dataset.get_offset() is None:  # not in one piece: only then may it be chunked, virtual or stored elsewhere
            refusal, plist = _check_storage(dataset)
            if refusal is not Refusal.NONE:
                return refusal
            if plist.get_layout() == h5d.CHUNKED:
                return self._read_chunked(dataset, plist, dtype)
        values = np.empty(shape, dtype=dtype)
        dataset.read(h5s.ALL, h5s.ALL, values, memory_type)
        return values

    def _read_first(self, dataset: h5d.DatasetID, dtype: np.dtype[Any]) -> Values:
        """Only the first element of a long array that stands in one piece."""
        space = dataset.get_space()
        space.select_hyperslab((0,), (1,))
        first = np.empty((1,), dtype=dtype)
        dataset.read(h5s.create_simple((1,)), space, first, self._memory_type(dtype))
        return first.reshape(())

    def _read_chunked(self, dataset: h5d.DatasetID, plist: h5p.PropDCID, dtype: np.dtype[Any]) -> Values:
        """Read a chunked dataset; the usual filters are undone here, since HDF5 would inflate without a bound."""
        filters = [plist.get_filter(position)[0] for position in range(plist.get_nfilters())]
        chunk, shape, stored = plist.get_chunk(), dataset.shape, dataset.dtype
        chunk_bytes = math.prod(chunk) * stored.itemsize
        chunks = math.prod(-(-extent // step) for extent, step in zip(shape, chunk, strict=True))
        if chunk_bytes > self._limits.max_chunk_mib * MEBIBYTE or chunks > MAX_CHUNKS:
            return Refusal.UNREADABLE
        if h5z.FILTER_DEFLATE not in filters and filters:
            values = np.empty(shape, dtype=dtype)
            dataset.read(h5s.ALL, h5s.ALL, values, self._memory_type(dtype))
            return values
        plain = stored.kind == "S" or dataset.get_type().equal(h5t.py_create(stored))
        if not plain or not set(filters) <= {DEFLATE, SHUFFLE}:
            return Refusal.UNREADABLE
        values = np.empty(shape, dtype=stored)
        for offset in chunk_grid(shape, chunk):
            if dataset.get_chunk_info_by_coord(offset).size > 2 * chunk_bytes + MEBIBYTE:
                return Refusal.UNREADABLE
            mask, data = dataset.read_direct_chunk(offset)
            place_chunk(values, offset, chunk, decode_chunk(data, filters, mask, chunk_bytes, stored.itemsize))
        return values.astype(dtype, copy=False)

    def _texts(self, dataset: h5d.DatasetID) -> list[bytes] | None:
        """All elements of a dataset of texts; None for other types and texts that are too long to be a state."""
        kind = dataset.get_type()
        if kind.get_class() != h5t.STRING:
            return None
        if kind.is_variable_str():
            return self._variable_texts(dataset)
        if kind.get_size() > MAX_STATE_BYTES:
            return None
        # Texts are taken as they stand, whatever their padding and character set.
        values = self._read(dataset, dataset.shape, np.dtype(f"S{kind.get_size()}"), kind)
        if isinstance(values, Refusal):
            raise OSError("the texts are not in the file")
        return [bytes(text) for text in values.ravel()]

    def _variable_texts(self, dataset: h5d.DatasetID) -> list[bytes] | None:
        """Texts in the file's heap: the length of each stands at its place, and is seen before it is allocated."""
        offset, count = dataset.get_offset(), math.prod(dataset.shape)
        if offset is None:
            return None
        declared = self._content.piece(offset, count * _HEAP_REFERENCE.itemsize)
        if len(declared) < count * _HEAP_REFERENCE.itemsize:
            return None
        references = np.frombuffer(declared, dtype=_HEAP_REFERENCE)
        if count and references["length"].max() > MAX_STATE_BYTES:
            return None
        return [self._heap_text(*reference) for reference in references.tolist()]

    def _heap_text(self, length: int, address: int, number: int) -> bytes:
        """One text of a heap collection, found here: HDF5 2.0 never returns from some damaged collections."""
        if length == 0:
            return b""
        begin = address + self._content.base
        head = self._content.piece(begin, _COLLECTION_HEAD) if begin < self._content.size else b""
        size = int.from_bytes(head[8:], "little")
        if len(head) < _COLLECTION_HEAD or size > _MAX_COLLECTION_BYTES:
            raise OSError("a collection of texts is damaged")
        collection = np.frombuffer(self._content.piece(begin, size), dtype=np.uint8)
        budget = np.array([_MAX_COLLECTION_BYTES], dtype=np.int64)
        at, held = heap_object(collection, 0, number, budget)
        if at < 0 or held < length:
            raise OSError("a text is not in its collection")
        return collection[at : at + length].tobytes()


def open_dataset(group: h5g.GroupID, name: bytes) -> h5d.DatasetID | Refusal:
    """A dataset that is stored in its group itself; soft and external links are not followed."""
    try:
        info = group.links.get_info(name)
    except HDF5_ERRORS:  # their type depends on HDF5's version
        return Refusal.UNREADABLE if group.links.exists(name) else Refusal.PAYLOAD_MISSING
    if info.type != h5l.TYPE_HARD:
        return Refusal.UNREADABLE
    return h5d.open(group, name)


def _check_storage(dataset: h5d.DatasetID) -> tuple[Refusal, h5p.PropDCID]:
    """Whether data without a place of their own in the file are in the file at all."""
    plist = dataset.get_create_plist()
    layout = plist.get_layout()
    if layout == h5d.VIRTUAL or plist.get_external_count():
        return Refusal.UNREADABLE, plist
    never_written = layout != h5d.COMPACT and dataset.get_space_status() == h5d.SPACE_STATUS_NOT_ALLOCATED
    return (Refusal.PAYLOAD_MISSING if never_written and 0 not in dataset.shape else Refusal.NONE), plist


def _open_numbers(
    group: h5g.GroupID, name: bytes, check: ShapeCheck
) -> tuple[h5d.DatasetID, tuple[int, ...], np.dtype[Any]] | Refusal:
    """A dataset of numbers with its shape, which is accepted, and its type in memory."""
    dataset = open_dataset(group, name)
    if isinstance(dataset, Refusal):
        return dataset
    shape = dataset.shape
    refusal = Refusal.WRONG_SHAPE if shape is None else check(shape)
    if refusal is not Refusal.NONE:
        return refusal
    dtype = _native_type(dataset.get_type())
    return Refusal.WRONG_TYPE if dtype is None else (dataset, shape, dtype)


def _native_type(stored: h5t.TypeID) -> np.dtype[Any] | None:
    kind, size = stored.get_class(), stored.get_size()
    if kind == h5t.INTEGER:
        return _MEMORY_TYPES.get((kind, size, stored.get_sign()))
    return _FLOAT if kind == h5t.FLOAT and size in _FLOAT_BYTES else None

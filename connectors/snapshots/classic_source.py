"""The records of a walked file, read from its bytes without HDF5 and without the GIL.

What is positively understood is copied from where it stands; every other record is judged by HDF5, one by one, so that
both ways of reading say the same.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from h5py import h5g
from numpy.typing import NDArray

from connectors.snapshots.chunk_filters import MAX_CHUNKS, ChunkError, decode_chunk, place_chunk
from connectors.snapshots.classic_datasets import (
    ADDRESS,
    CHUNK_ADDRESS,
    CHUNK_BYTES,
    CHUNK_COLUMN,
    CHUNK_COLUMNS,
    CHUNK_ENTRY_COLUMNS,
    CHUNK_MASK,
    CHUNK_ROW,
    CHUNK_ROWS,
    CHUNKED,
    COLUMNS,
    DATASET_COLUMNS,
    FILTERS,
    FIXED_POINT,
    FLOATING_POINT,
    ITEM_BYTES,
    LAYOUT,
    NO_FILTERS,
    RANK,
    ROWS,
    SIGNED,
    STATUS,
    TYPE_CLASS,
    UNDECIDED_STATE,
    describe_records,
    gather_bytes,
    list_chunks,
    read_states,
)
from connectors.snapshots.classic_groups import MISSING, OK
from connectors.snapshots.classic_layout import WalkedFile
from connectors.snapshots.hdf5_datasets import HDF5_ERRORS, DatasetReader, ShapeCheck
from connectors.snapshots.limits import MEBIBYTE, ReadLimits
from connectors.snapshots.manifest import RecordIndex
from connectors.snapshots.payloads import (
    ENERGIES,
    IMAGE,
    KNOWN_STATES,
    SPECTRUM,
    STATE,
    Reading,
    Values,
    assemble_energies,
    assemble_images,
    assemble_spectra,
    check_energy_shape,
    check_image_shape,
    check_spectrum_shape,
    finish_reading,
)
from models.devices import Device, RecordKind
from models.errors import RecordError
from models.records import DeviceState, Refusal

Table = NDArray[np.int64]
OpenGroup = Callable[[], h5g.GroupID | None]

_FIELDS = {
    RecordKind.CAMERA: (STATE, IMAGE),
    RecordKind.ENERGY_METER: (STATE, *ENERGIES),
    RecordKind.SPECTROMETER: (STATE, SPECTRUM),
    RecordKind.OTHER: (STATE,),
}
# A record's groups, headers and heap take some hundred steps; with big attributes some thousand.
_STEPS, _STEPS_PER_RECORD = 65_536, 4096


def _padded(words: Sequence[bytes]) -> tuple[NDArray[np.uint8], Table]:
    """Words as rows of bytes, and their lengths."""
    longest = max(len(word) for word in words)
    rows = np.array([list(word.ljust(longest, b"\0")) for word in words], dtype=np.uint8)
    return rows, np.array([len(word) for word in words], dtype=np.int64)


_PADDED_FIELDS = {kind: _padded(fields) for kind, fields in _FIELDS.items()}
_STATE_WORDS, _STATE_LENGTHS = _padded(list(KNOWN_STATES))
_STATE_CODES = np.array([*KNOWN_STATES.values(), DeviceState.OTHER], dtype=np.uint8)


class ClassicSource:
    """A production file whose groups were walked without HDF5.

    Parameters
    ----------
    open_root
        Opens the file through HDF5, once, when a record is not understood; None for a file that HDF5 can't open.
    """

    def __init__(
        self,
        walked: WalkedFile,
        datasets: DatasetReader,
        limits: ReadLimits,
        open_root: Callable[[], h5g.GroupID] | None,
    ) -> None:
        self._walked = walked
        self._data = walked.data
        self._datasets = datasets
        self._limits = limits
        self._open_root = open_root
        self._root: h5g.GroupID | None = None

    @property
    def index(self) -> RecordIndex:
        """All records."""
        return self._walked.index

    def places(self, records: NDArray[np.intp]) -> tuple[str, ...]:
        """``HH-MM-SS-mmm/DEVICE`` of each record."""
        return self._walked.records.places(records)

    def read(self, device: Device, records: NDArray[np.intp]) -> Reading:
        """States and payloads of some records of one device."""
        budget = _budget(records)
        described = self._describe(records, budget, _PADDED_FIELDS[device.kind])
        groups = [partial(self._open_group, record) for record in records.tolist()]
        state, unreadable = self._states(described[0], budget, groups)
        refusal = np.zeros(len(records), dtype=np.uint8)
        parts: Sequence[NDArray[Any]] = [np.empty((len(records), 0))]
        if device.kind is RecordKind.CAMERA:
            refusal, pixels = self._images(described[1], groups)
            parts = [pixels]
        elif device.kind is RecordKind.ENERGY_METER:
            refusal, joules = self._energies(described[1:], groups)
            parts = [joules]
        elif device.kind is RecordKind.SPECTROMETER:
            refusal, parts = self._spectra(described[1], groups)
        return finish_reading(state, refusal, parts, unreadable)

    def states(self, records: NDArray[np.intp]) -> NDArray[np.uint8]:
        """States of some records of any devices."""
        budget = _budget(records)
        described = self._describe(records, budget, _PADDED_FIELDS[RecordKind.OTHER])
        groups = [partial(self._open_group, record) for record in records.tolist()]
        return self._states(described[0], budget, groups)[0]

    def _describe(self, records: NDArray[np.intp], budget: Table, fields: tuple[NDArray[np.uint8], Table]) -> Table:
        """Where the datasets of these names stand in each record, shape (fields, n, columns)."""
        names, lengths = fields
        described = np.zeros((len(lengths), len(records), DATASET_COLUMNS), dtype=np.int64)
        describe_records(self._data, self._walked.header[records], budget, names, lengths, described)
        return described

    def _states(
        self, described: Table, budget: Table, groups: Sequence[OpenGroup]
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        state = np.empty(len(described), dtype=np.uint8)
        missing = int(DeviceState.MISSING)
        read_states(self._data, described, budget, _STATE_WORDS, _STATE_LENGTHS, _STATE_CODES, missing, state)
        unreadable = np.zeros(len(described), dtype=np.bool_)
        for row in np.flatnonzero(state == UNDECIDED_STATE).tolist():
            group = groups[row]()
            state[row], unreadable[row] = (missing, True) if group is None else self._datasets.state(group)
        return state, unreadable

    def _images(self, described: Table, groups: Sequence[OpenGroup]) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
        shape = self._limits.image_shape
        plain = _is_plain(described, FIXED_POINT, 2) & (described[:, SIGNED] == 0) & (described[:, RANK] == 2)
        if (plain & (described[:, ROWS] == shape[0]) & (described[:, COLUMNS] == shape[1])).all():
            return np.zeros(len(described), dtype=np.uint8), self._gather(described, np.dtype(np.uint16), shape)
        check = partial(check_image_shape, expected=shape)
        rows = zip(described, groups, strict=True)
        return assemble_images([self._values(row, group, IMAGE, check) for row, group in rows], shape)

    def _energies(self, described: Table, groups: Sequence[OpenGroup]) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
        joules = np.full((described.shape[1], 2), np.nan)
        plain = np.empty(joules.shape, dtype=np.bool_)
        for column, rows in enumerate(described):
            good = _is_plain(rows, FLOATING_POINT, 8) & (rows[:, RANK] <= 1) & (rows[:, ROWS] >= 1)
            joules[good, column] = self._gather(rows[good], np.dtype(np.float64), ())
            plain[:, column] = good
        refusal = np.zeros(len(joules), dtype=np.uint8)
        refusal[~np.isfinite(joules).all(axis=1, where=plain)] = Refusal.NOT_FINITE
        refusal[~plain.any(axis=1)] = Refusal.PAYLOAD_MISSING
        left = ~(plain | (described[:, :, STATUS] == MISSING).T).all(axis=1)
        for row in np.flatnonzero(left).tolist():
            first, second = (
                self._element_0(rows[row], groups[row], name) for rows, name in zip(described, ENERGIES, strict=True)
            )
            refusal[row : row + 1], joules[row : row + 1] = assemble_energies([first], [second])
        return refusal, joules

    def _spectra(
        self, described: Table, groups: Sequence[OpenGroup]
    ) -> tuple[NDArray[np.uint8], list[NDArray[np.float64]]]:
        samples, most = int(described[0, ROWS]), self._limits.max_spectrum_samples
        plain = _is_plain(described, FLOATING_POINT, 8) & (described[:, RANK] == 1) & (described[:, ROWS] == samples)
        if plain.all() and samples <= most:
            part = self._gather(described, np.dtype(np.float64), (samples,))
            finite = np.isfinite(part).all(axis=1)
            return np.where(finite, Refusal.NONE, Refusal.NOT_FINITE).astype(np.uint8), [part]
        check = partial(check_spectrum_shape, max_samples=most)
        rows = zip(described, groups, strict=True)
        return assemble_spectra([self._values(row, group, SPECTRUM, check) for row, group in rows])

    def _gather(self, described: Table, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        """The values of plain datasets, from their beginnings, stacked."""
        out = np.empty((len(described), *shape), dtype=dtype)
        flat = out.reshape(-1).view(np.uint8).reshape(len(described), out[:1].nbytes)
        gather_bytes(self._data, np.ascontiguousarray(described[:, ADDRESS]), flat)
        return out

    def _values(self, row: Table, group: OpenGroup, name: bytes, check: ShapeCheck) -> Values:
        """As ``DatasetReader.values``."""
        if row[STATUS] == MISSING:
            return Refusal.PAYLOAD_MISSING
        if _is_number(row):
            refusal = check(_shape(row))
            values = read_stored(self._data, row, self._limits) if refusal is Refusal.NONE else None
            if refusal is not Refusal.NONE or values is not None:
                return refusal if values is None else values
        opened = group()
        return Refusal.UNREADABLE if opened is None else self._datasets.values(opened, name, check)

    def _element_0(self, row: Table, group: OpenGroup, name: bytes) -> Values:
        """As ``DatasetReader.element_0``."""
        if row[STATUS] == MISSING:
            return Refusal.PAYLOAD_MISSING
        if _is_number(row) and _shape(row) in {(), (1,)}:
            refusal = check_energy_shape(_shape(row))
            values = read_stored(self._data, row, self._limits) if refusal is Refusal.NONE else None
            if values is not None:
                return values.reshape(())
        opened = group()
        return Refusal.UNREADABLE if opened is None else self._datasets.element_0(opened, name)

    def _open_group(self, record: int) -> h5g.GroupID | None:
        """The group of a record through HDF5; None when it can't be opened or must not be followed."""
        if self._open_root is None or self._walked.header[record] < 0:
            return None
        try:
            if self._root is None:
                self._root = self._open_root()
            return h5g.open(self._root, self.places(np.array([record]))[0].encode())
        except RecordError:
            self._open_root = None
        except HDF5_ERRORS:
            pass
        return None


def read_stored(data: NDArray[np.uint8], row: Table, limits: ReadLimits) -> NDArray[Any] | None:
    """All elements of a described dataset of numbers, floats as float64; None when HDF5 is to judge."""
    letter = "f" if row[TYPE_CLASS] == FLOATING_POINT else "i" if row[SIGNED] else "u"
    dtype, shape = np.dtype(f"<{letter}{row[ITEM_BYTES]}"), _shape(row)
    if row[LAYOUT] == CHUNKED:
        values = _read_chunks(data, row, dtype, limits)
    elif row[FILTERS] == NO_FILTERS:
        values = np.frombuffer(data, dtype, math.prod(shape), int(row[ADDRESS])).reshape(shape)
    else:
        return None
    return values.astype(np.float64) if values is not None and letter == "f" else values


def _read_chunks(data: NDArray[np.uint8], row: Table, dtype: np.dtype[Any], limits: ReadLimits) -> NDArray[Any] | None:
    shape = _shape(row)
    chunk = (int(row[CHUNK_ROWS]), int(row[CHUNK_COLUMNS]))[: len(shape)]
    size = math.prod(chunk) * dtype.itemsize
    wanted = math.prod(-(-extent // step) for extent, step in zip(shape, chunk, strict=True))
    if size > limits.max_chunk_mib * MEBIBYTE or not 0 < wanted <= MAX_CHUNKS:
        return None
    entries = np.empty((wanted, CHUNK_ENTRY_COLUMNS), dtype=np.int64)
    count, status = list_chunks(data, row, np.array([_STEPS], dtype=np.int64), entries)
    if status != OK or count != wanted:
        return None
    filters = [int(digit) for digit in str(row[FILTERS])[1:]]
    values = np.empty(shape, dtype=dtype)
    for entry in entries.tolist():
        stored = data[entry[CHUNK_ADDRESS] : entry[CHUNK_ADDRESS] + entry[CHUNK_BYTES]].data
        try:
            decoded = decode_chunk(stored, filters, entry[CHUNK_MASK], size, dtype.itemsize)
        except ChunkError:
            return None
        place_chunk(values, (entry[CHUNK_ROW], entry[CHUNK_COLUMN])[: len(shape)], chunk, decoded)
    return values


def _budget(records: NDArray[np.intp]) -> Table:
    """The steps that may be taken to describe some records."""
    return np.array([_STEPS + _STEPS_PER_RECORD * len(records)], dtype=np.int64)


def _is_plain(described: Table, type_class: int, item_bytes: int) -> NDArray[np.bool_]:
    """Whether the values stand as they are, in one piece, and are of a type."""
    good = (described[:, STATUS] == OK) & (described[:, LAYOUT] != CHUNKED) & (described[:, FILTERS] == NO_FILTERS)
    plain: NDArray[np.bool_] = (
        good & (described[:, TYPE_CLASS] == type_class) & (described[:, ITEM_BYTES] == item_bytes)
    )
    return plain


def _is_number(row: Table) -> bool:
    return bool(row[STATUS] == OK and row[TYPE_CLASS] in {FIXED_POINT, FLOATING_POINT})


def _shape(row: Table) -> tuple[int, ...]:
    return (int(row[ROWS]), int(row[COLUMNS]))[: int(row[RANK])]

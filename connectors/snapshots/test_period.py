"""The dialect of the test period (the reference, section 2.2): one file per day, images without times, long series."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import tzinfo
from functools import partial

import numpy as np
from h5py import h5g
from numpy.typing import NDArray

from connectors.snapshots.content import SnapshotContent
from connectors.snapshots.hdf5_datasets import HDF5_ERRORS, DatasetReader, list_links
from connectors.snapshots.limits import ReadLimits
from connectors.snapshots.manifest import DeadLetterBox, DeadReason, DeviceTable, RecordIndex
from connectors.snapshots.payloads import (
    ENERGIES,
    Reading,
    Values,
    assemble_images,
    check_image_shape,
    check_spectrum_shape,
    finish_reading,
    parse_state,
)
from connectors.snapshots.production import device_name, is_path, printable
from models.devices import NO_STAGE, Device, RecordKind
from models.errors import RecordError
from models.event_time import DAY_NS, MILLISECOND_NS
from models.records import DeviceState, Refusal
from models.snapshot_names import SnapshotName, midnight_ns, parse_acquisition_time

IMAGES = b"IMAGES"
#: Images were taken at 10 Hz; their numbers count on by one.
IMAGE_STEP_NS = 100 * MILLISECOND_NS
#: The nominal step of a series' time index is 1000 time units: a second at 1 Hz.
TIME_UNIT_NS = MILLISECOND_NS

_NUMBER = re.compile(rb"(\d{1,18})(?=\D*$)")
_PUMP = re.compile(r"gaia|saga|atlas|pump", re.IGNORECASE)
_TIME_NAMES = re.compile(rb"time|index", re.IGNORECASE)
_STATE_NAMES = re.compile(rb"state", re.IGNORECASE)
_MAX_DEPTH = 4
# A daily file holds a day; times further from it are garbage, and each hour of theirs would make a file of results.
_SPAN_NS = 31 * DAY_NS
# Time indices from here on are milliseconds since 1970, smaller ones count from the beginning of the file.
_ABSOLUTE_MS = 10**11


def is_test_period(members: Iterable[bytes], name: SnapshotName) -> bool:
    """Whether the first level of a file is of this dialect: images, or a daily file without any acquisition time."""
    names = list(members)
    untimed = name.test_period and not any(parse_acquisition_time(printable(member)) is not None for member in names)
    return untimed or IMAGES in names


@dataclass(slots=True)
class _Part:
    """The records of one device: its event times, and a series' values or the names of images."""

    device: Device
    event_time_ns: NDArray[np.int64]
    names: list[bytes] | None = None
    rows: NDArray[np.intp] | None = None
    state: NDArray[np.uint8] | None = None
    unreadable: bool = False
    joules: NDArray[np.float64] | None = None


class TestPeriodSource:
    """A daily file of the test period, read through HDF5; images are read when they are asked for.

    Raises
    ------
    RecordError
        ``damaged_hdf5`` when the first level or ``IMAGES`` can't be listed, ``too_many_records``.
    """

    __test__ = False  # pytest: this is no test

    def __init__(
        self,
        root: h5g.GroupID,
        content: SnapshotContent,
        name: SnapshotName,
        zone: tzinfo,
        limits: ReadLimits,
        dead: DeadLetterBox,
    ) -> None:
        self._root = root
        self._limits = limits
        self._dead = dead
        self._start_ns = midnight_ns(name.date, zone)
        self._datasets = DatasetReader(content, limits)
        self._table = DeviceTable(limits)
        self._left = limits.max_records
        self._groups_left = limits.max_devices * _MAX_DEPTH
        self._paths: list[str] = []
        self._parts: list[_Part] = []
        try:
            self._add_images()
            self._add_series(root, "", 0)
        except HDF5_ERRORS as error:
            raise RecordError("its list of groups is damaged; transfer it again", reason="damaged_hdf5") from error
        counts = [len(part.event_time_ns) for part in self._parts]
        self._first = np.cumsum([0, *counts])
        self.index = RecordIndex(
            devices=tuple(self._table.devices),
            device=np.repeat(np.arange(len(counts), dtype=np.int32), counts),
            event_time_ns=np.concatenate([np.empty(0, np.int64), *(part.event_time_ns for part in self._parts)]),
        )

    def places(self, records: NDArray[np.intp]) -> tuple[str, ...]:
        """``IMAGES/<data group>/<image>``, or the path of a series and the position in it."""
        found = []
        for record in records.tolist():
            number = int(self.index.device[record])
            part, row = self._parts[number], record - int(self._first[number])
            inner = (
                printable(part.names[row])
                if part.names is not None
                else f"{0 if part.rows is None else part.rows[row]}"
            )
            found.append(f"{self._paths[number]}/{inner}")
        return tuple(found)

    def states(self, records: NDArray[np.intp]) -> NDArray[np.uint8]:
        """States of some records of any devices; images have none and count as ON."""
        states = np.full(len(records), DeviceState.ON, dtype=np.uint8)
        for number, part in enumerate(self._parts):
            if part.state is not None:
                rows = self.index.device[records] == number
                states[rows] = part.state[records[rows] - self._first[number]]
        return states

    def read(self, device: Device, records: NDArray[np.intp]) -> Reading:
        """States and payloads of some records of one device."""
        number = self._table.numbers[device.name]
        part, rows = self._parts[number], records - self._first[number]
        n = len(rows)
        if part.names is not None:
            refusal, pixels = self._read_images(number, [part.names[row] for row in rows.tolist()])
            return finish_reading(np.zeros(n, np.uint8), refusal, [pixels], np.zeros(n, np.bool_))
        state = np.full(n, DeviceState.ON, dtype=np.uint8) if part.state is None else part.state[rows]
        refusal, payload = np.zeros(n, dtype=np.uint8), np.empty((n, 0))
        if part.joules is not None:
            payload = part.joules[rows]
            refusal[np.isinf(payload).any(axis=1) | np.isnan(payload).all(axis=1)] = Refusal.NOT_FINITE
        return finish_reading(state, refusal, [payload], np.full(n, part.unreadable))

    def _read_images(self, number: int, names: list[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
        shape = self._limits.image_shape
        check = partial(check_image_shape, expected=shape)
        images: list[Values] = []
        try:
            group = h5g.open(self._root, self._paths[number].encode())
            images = [self._datasets.values(group, name, check) for name in names]
        except HDF5_ERRORS:
            images = [Refusal.UNREADABLE] * len(names)
        return assemble_images(images, shape)

    def _take(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise RecordError(
                f"it holds more than max_records = {self._limits.max_records} records", reason="too_many_records"
            )

    def _new_device(self, path: str, kind: RecordKind) -> Device | None:
        """The device of a group, None when there are too many; a name that is taken makes it go by its whole path."""
        name = path.rpartition("/")[2]
        device = Device(path if name in self._table.numbers else name, NO_STAGE, kind)
        if self._table.number_of(device) is None:
            return None
        self._paths.append(path)
        return device

    def _add_images(self) -> None:
        if not self._root.links.exists(IMAGES):
            return
        listed: list[tuple[str, list[bytes], NDArray[np.int64]]] = []
        for name, stored_here in list_links(h5g.open(self._root, IMAGES), self._limits.max_records):
            place = f"{IMAGES.decode()}/{printable(name)}"
            if not stored_here or device_name(name) is None:
                self._dead.add(place, DeadReason.LINK_NOT_FOLLOWED if not stored_here else DeadReason.DEVICE_NAME)
                continue
            try:
                members = list_links(h5g.open(self._root, IMAGES + b"/" + name), self._limits.max_records)
            except HDF5_ERRORS:
                self._dead.add(place, DeadReason.UNREADABLE_GROUP)
                continue
            self._take(len(members))
            listed.append((name.decode(), *self._numbered(place, [member for member, _ in members])))
        first = min((int(numbers.min()) for _, _, numbers in listed if len(numbers)), default=0)
        for group_name, names, numbers in listed:
            self._add_image_group(group_name, names, numbers - first)

    def _numbered(self, place: str, names: list[bytes]) -> tuple[list[bytes], NDArray[np.int64]]:
        """The images whose names hold a number, and the numbers."""
        found = [(name, match) for name in names if (match := _NUMBER.search(name)) and not is_path(name)]
        if len(found) < len(names):
            good = {name for name, _ in found}
            for name in names:
                if name not in good:
                    self._dead.add(f"{place}/{printable(name)}", DeadReason.IMAGE_NUMBER)
        return [name for name, _ in found], np.array([int(match[1]) for _, match in found], dtype=np.int64)

    def _add_image_group(self, name: str, names: list[bytes], steps: NDArray[np.int64]) -> None:
        path = f"{IMAGES.decode()}/{name}"
        device = self._new_device(path, RecordKind.CAMERA)
        near = steps <= _SPAN_NS // IMAGE_STEP_NS
        for place, inside in zip(names, near.tolist(), strict=True):
            if device is None or not inside:
                reason = DeadReason.TOO_MANY_DEVICES if device is None else DeadReason.IMAGE_NUMBER
                self._dead.add(f"{path}/{printable(place)}", reason)
        if device is not None:
            kept = [place for place, inside in zip(names, near.tolist(), strict=True) if inside]
            self._parts.append(_Part(device, self._start_ns + steps[near] * IMAGE_STEP_NS, names=kept))

    def _add_series(self, group: h5g.GroupID, path: str, depth: int) -> None:
        """Take every group that holds a series, down to a fixed depth (links may lead back up)."""
        members = list_links(group, self._limits.max_records)
        names = [name for name, stored_here in members if stored_here and device_name(name) is not None]
        if path and self._add_one_series(group, path, names):
            return
        for name in names:
            if depth == _MAX_DEPTH or (not path and name == IMAGES):
                continue
            self._groups_left -= 1
            if self._groups_left < 0:
                raise RecordError("it holds too many groups", reason="too_many_records")
            try:
                inner = h5g.open(group, name)
            except HDF5_ERRORS:  # a dataset beside the groups, such as a note
                continue
            self._add_series(inner, f"{path}/{name.decode()}".lstrip("/"), depth + 1)

    def _add_one_series(self, group: h5g.GroupID, path: str, names: list[bytes]) -> bool:
        """Take the datasets of one group as the series of a device; False when they are none."""
        check = partial(check_spectrum_shape, max_samples=self._limits.max_records)
        energies = [self._datasets.values(group, name, check) for name in ENERGIES]
        time_name = next((name for name in names if _TIME_NAMES.search(name)), None)
        times = Refusal.PAYLOAD_MISSING if time_name is None else self._datasets.values(group, time_name, check)
        count = next((len(values) for values in (times, *energies) if not isinstance(values, Refusal)), None)
        if count is None:
            return False
        self._take(count)
        steps = np.arange(count, dtype=np.float64) * 1000.0 if isinstance(times, Refusal) else _padded(times, count)
        kind = RecordKind.OTHER
        if not _PUMP.search(path) and not all(isinstance(values, Refusal) for values in energies):
            kind = RecordKind.ENERGY_METER
        event_time_ns, good = _series_times(steps, self._start_ns)
        for row in np.flatnonzero(~good).tolist():
            self._dead.add(f"{path}/{row}", DeadReason.TIME_INDEX)
        device = self._new_device(path, kind)
        if device is None:
            for row in np.flatnonzero(good).tolist():
                self._dead.add(f"{path}/{row}", DeadReason.TOO_MANY_DEVICES)
            return True
        state, unreadable = self._series_states(group, names, count)
        joules = np.stack([_padded(values, count) for values in energies], axis=1)[good]
        self._parts.append(
            _Part(
                device,
                event_time_ns,
                rows=np.flatnonzero(good),
                state=None if state is None else state[good],
                unreadable=unreadable,
                joules=joules if kind is RecordKind.ENERGY_METER else None,
            )
        )
        return True

    def _series_states(
        self, group: h5g.GroupID, names: list[bytes], count: int
    ) -> tuple[NDArray[np.uint8] | None, bool]:
        """States of a series: None where it has none; MISSING, and True, where they can't be read."""
        name = next((name for name in names if _STATE_NAMES.search(name)), None)
        if name is None:
            return None, False
        texts = self._datasets.texts(group, name, self._limits.max_records)
        if texts is None or len(texts) not in {1, count}:
            return np.full(count, DeviceState.MISSING, dtype=np.uint8), True
        known = {text: parse_state(text) for text in set(texts)}
        states = np.array([known[text] for text in texts], dtype=np.uint8)
        return np.broadcast_to(states, count), False


def _padded(values: Values, count: int) -> NDArray[np.float64]:
    """A series' readings, NaN where it is shorter than its time index or missing."""
    padded = np.full(count, np.nan)
    if not isinstance(values, Refusal):
        padded[: len(values)] = values[:count]
    return padded


def _series_times(steps: NDArray[np.float64], day_ns: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Event times of the readings whose time index can be one, and which those are."""
    good = np.isfinite(steps)
    first = float(steps[good].min()) if good.any() else 0.0
    start_ns, first = (0, 0.0) if first >= _ABSOLUTE_MS else (day_ns, first)
    since_ns = (np.where(good, steps, first) - first) * TIME_UNIT_NS
    good &= np.abs(start_ns + since_ns - day_ns) <= _SPAN_NS
    return start_ns + np.rint(since_ns[good]).astype(np.int64), good

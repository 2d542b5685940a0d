"""The production dialect (the reference, section 2.1) through HDF5: ``HH-MM-SS-mmm/DEVICE/dataset``."""

from collections.abc import Callable
from dataclasses import dataclass, field
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
    IMAGE,
    SPECTRUM,
    Reading,
    Values,
    assemble_energies,
    assemble_images,
    assemble_spectra,
    check_image_shape,
    check_spectrum_shape,
    finish_reading,
)
from models.devices import Device, RecordKind, parse_device
from models.errors import RecordError
from models.records import DeviceState, Refusal
from models.snapshot_names import SnapshotName, acquisition_times_ns, parse_acquisition_time

_MAX_NAME_BYTES = 255
NOT_FOLLOWED = -1
_FOLLOWED = 0


@dataclass(slots=True)
class RecordList:
    """The records of a file while its groups are listed.

    Attributes
    ----------
    group, device
        Of each record: position in ``group_names``, and of its device in ``table``.
    target
        Of each record: where its group stands, if the way of listing knows; ``NOT_FOLLOWED`` for a link that is not
        stored in the group itself.
    """

    limits: ReadLimits
    dead: DeadLetterBox
    table: DeviceTable
    group_names: list[str] = field(default_factory=list)
    group_ms: list[int] = field(default_factory=list)
    group: list[int] = field(default_factory=list)
    device: list[int] = field(default_factory=list)
    target: list[int] = field(default_factory=list)
    _known: dict[bytes, int] = field(default_factory=dict)

    def add_group(self, name: bytes, members: list[tuple[bytes, int]]) -> None:
        """Take one group of the first level: its devices are records if its name is a time."""
        text = printable(name)
        ms = parse_acquisition_time(text)
        if ms is None:
            for member, _ in members or [(b"", NOT_FOLLOWED)]:
                self.dead.add(f"{text}/{printable(member)}".rstrip("/"), DeadReason.TIME_SYNTAX)
        else:
            self.group_names.append(text)
            self.group_ms.append(ms)
            for member, target in members:
                self._add_record(text, member, target)
        if len(self.group) + self.dead.counts.total() > self.limits.max_records:
            raise RecordError(
                f"it holds more than max_records = {self.limits.max_records} records", reason="too_many_records"
            )

    def add_unreadable(self, name: bytes, reason: DeadReason) -> None:
        """Take a member of the first level that is no group: no device in it can be known."""
        text = printable(name)
        self.dead.add(text, DeadReason.TIME_SYNTAX if parse_acquisition_time(text) is None else reason)

    def index(self, name: SnapshotName, zone: tzinfo) -> RecordIndex:
        """The records listed so far."""
        group_ns = acquisition_times_ns(name, np.array(self.group_ms, dtype=np.int64), zone)
        return RecordIndex(
            devices=tuple(self.table.devices),
            device=np.array(self.device, dtype=np.int32),
            event_time_ns=group_ns[np.array(self.group, dtype=np.intp)],
        )

    def places(self, records: NDArray[np.intp]) -> tuple[str, ...]:
        """``HH-MM-SS-mmm/DEVICE`` of each record."""
        names, devices = self.group_names, self.table.devices
        return tuple(f"{names[self.group[record]]}/{devices[self.device[record]].name}" for record in records.tolist())

    def _add_record(self, group: str, member: bytes, target: int) -> None:
        number = self._known.get(member)
        if number is None:
            name = device_name(member)
            number = None if name is None else self.table.number_of(parse_device(name))
            if number is None:
                reason = DeadReason.DEVICE_NAME if name is None else DeadReason.TOO_MANY_DEVICES
                self.dead.add(f"{group}/{printable(member)}", reason)
                return
            self._known[member] = number
        self.group.append(len(self.group_names) - 1)
        self.device.append(number)
        self.target.append(target)


class ProductionSource:
    """A production file that is read through HDF5.

    Raises
    ------
    RecordError
        ``damaged_hdf5`` when not even the first level can be listed, ``too_many_records``.
    """

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
        self._datasets = DatasetReader(content, limits)
        self._records = _list_records(root, RecordList(limits, dead, DeviceTable(limits)))
        self.index = self._records.index(name, zone)

    def places(self, records: NDArray[np.intp]) -> tuple[str, ...]:
        """``HH-MM-SS-mmm/DEVICE`` of each record."""
        return self._records.places(records)

    def states(self, records: NDArray[np.intp]) -> NDArray[np.uint8]:
        """States of some records of any devices."""
        return np.array([read_state(self._datasets, group)[0] for group in self._open_all(records)], dtype=np.uint8)

    def read(self, device: Device, records: NDArray[np.intp]) -> Reading:
        """States and payloads of some records of one device."""
        return read_devices(self._datasets, device.kind, self._open_all(records), self._limits)

    def _open_all(self, records: NDArray[np.intp]) -> list[h5g.GroupID | None]:
        return [self._open(place, record) for place, record in zip(self.places(records), records.tolist(), strict=True)]

    def _open(self, place: str, record: int) -> h5g.GroupID | None:
        if self._records.target[record] == NOT_FOLLOWED:
            return None
        try:
            return h5g.open(self._root, place.encode())
        except HDF5_ERRORS:
            return None


def read_devices(
    datasets: DatasetReader, kind: RecordKind, groups: list[h5g.GroupID | None], limits: ReadLimits
) -> Reading:
    """States and payloads of the same device in some groups; None is a group that can't be opened."""
    states = [read_state(datasets, group) for group in groups]
    state = np.array([value for value, _ in states], dtype=np.uint8)
    unreadable = np.array([bad for _, bad in states], dtype=np.bool_)

    def each(read: Callable[[h5g.GroupID], Values]) -> list[Values]:
        return [Refusal.UNREADABLE if group is None else read(group) for group in groups]

    refusal, parts = np.zeros(len(groups), dtype=np.uint8), [np.empty((len(groups), 0))]
    if kind is RecordKind.CAMERA:
        check = partial(check_image_shape, expected=limits.image_shape)
        refusal, pixels = assemble_images(each(partial(datasets.values, name=IMAGE, check=check)), limits.image_shape)
        return finish_reading(state, refusal, [pixels], unreadable)
    if kind is RecordKind.ENERGY_METER:
        first, second = (each(partial(datasets.element_0, name=name)) for name in ENERGIES)
        refusal, joules = assemble_energies(first, second)
        parts = [joules]
    elif kind is RecordKind.SPECTROMETER:
        check = partial(check_spectrum_shape, max_samples=limits.max_spectrum_samples)
        refusal, parts = assemble_spectra(each(partial(datasets.values, name=SPECTRUM, check=check)))
    return finish_reading(state, refusal, parts, unreadable)


def read_state(datasets: DatasetReader, group: h5g.GroupID | None) -> tuple[DeviceState, bool]:
    """The state of a device in a group, and whether it is there but can't be read; None can't be opened."""
    return (DeviceState.MISSING, True) if group is None else datasets.state(group)


def device_name(member: bytes) -> str | None:
    """A device's name, None for one that can't be: no UTF-8, overlong, or a path."""
    if is_path(member) or len(member) > _MAX_NAME_BYTES:
        return None
    try:
        return member.decode()
    except UnicodeDecodeError:
        return None


def printable(name: bytes) -> str:
    """A name for the eye and for storage: bytes that are no UTF-8 are written as escapes, and it is cut."""
    return name[:_MAX_NAME_BYTES].decode("utf-8", "backslashreplace")


def is_path(name: bytes) -> bool:
    """Whether HDF5 would take a name for a way through several links: such a one is never opened."""
    return not name or b"/" in name or name == b"."


def _list_records(root: h5g.GroupID, records: RecordList) -> RecordList:
    most = records.limits.max_records
    try:
        members = list_links(root, most)
    except HDF5_ERRORS as error:
        raise RecordError("its list of groups is damaged; transfer it again", reason="damaged_hdf5") from error
    for name, stored_here in members:
        if not stored_here or is_path(name):
            records.add_unreadable(name, DeadReason.LINK_NOT_FOLLOWED)
            continue
        try:
            links = list_links(h5g.open(root, name), most)
        except HDF5_ERRORS:
            records.add_unreadable(name, DeadReason.UNREADABLE_GROUP)
        else:
            records.add_group(name, [(link, _FOLLOWED if here else NOT_FOLLOWED) for link, here in links])
    return records

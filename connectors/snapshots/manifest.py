"""What a snapshot holds: its manifest, the index of its records, and the parts that are no records."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from connectors.snapshots.limits import ReadLimits
from connectors.snapshots.payloads import Reading
from models.devices import Device
from models.records import DeadLetter, SourceReference


class Dialect(StrEnum):
    """How a file is laid out (the reference, sections 2.1 and 2.2)."""

    PRODUCTION = "production"
    TEST_PERIOD = "test_period"


class DeadReason(StrEnum):
    """Why a part of a file is no record of anyone."""

    TIME_SYNTAX = "time_syntax"
    DEVICE_NAME = "device_name"
    IMAGE_NUMBER = "image_number"
    TIME_INDEX = "time_index"
    LINK_NOT_FOLLOWED = "link_not_followed"
    UNREADABLE_GROUP = "unreadable_group"
    TOO_MANY_DEVICES = "too_many_devices"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What one snapshot holds.

    Attributes
    ----------
    source
        The file's path below the watched root, and the sha256 of the very bytes that were read.
    size_bytes
        Size of the file.
    interval_hz
        Acquisition rate, NaN when no folder names it.
    series
        Files of one series follow each other in time.
    first_ns, last_ns
        Smallest and largest event time; None without records.
    records
        Number of records of each device, by its name. With the dead letters they are all that the file holds.
    dead_letters
        The first few of each reason.
    dead_letter_counts
        How many there are of each reason.
    truncated
        The file ends before its own end-of-file address: only a part of it could be read.
    """

    dialect: Dialect
    source: SourceReference
    size_bytes: int
    interval_hz: float
    series: str
    first_ns: int | None
    last_ns: int | None
    records: Mapping[str, int]
    dead_letters: tuple[DeadLetter, ...]
    dead_letter_counts: Mapping[str, int]
    truncated: bool

    @property
    def record_count(self) -> int:
        """Number of records of all devices."""
        return sum(self.records.values())

    @property
    def dead_letter_count(self) -> int:
        """Number of dead letters of all reasons."""
        return sum(self.dead_letter_counts.values())


@dataclass(slots=True)
class DeadLetterBox:
    """Counts every dead letter and keeps the first few of each reason."""

    kept_per_reason: int
    places: list[tuple[str, DeadReason]] = field(default_factory=list)
    counts: Counter[DeadReason] = field(default_factory=Counter)

    def add(self, place: str, reason: DeadReason) -> None:
        """Count one part of the file that is no record."""
        if self.counts[reason] < self.kept_per_reason:
            self.places.append((place, reason))
        self.counts[reason] += 1


@dataclass(slots=True)
class DeviceTable:
    """The devices of one file by their names, up to a limit."""

    limits: ReadLimits
    devices: list[Device] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)

    def number_of(self, device: Device) -> int | None:
        """Position of the device in ``devices``, None when there are too many."""
        number = self.numbers.get(device.name)
        if number is None and len(self.devices) < self.limits.max_devices:
            number = self.numbers[device.name] = len(self.devices)
            self.devices.append(device)
        return number


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordIndex:
    """All records of a file in file order: whose they are and when they were taken.

    Attributes
    ----------
    devices
        The devices of the file.
    device
        int32, shape (n,): position in ``devices``.
    event_time_ns
        int64, shape (n,).
    """

    devices: tuple[Device, ...]
    device: NDArray[np.int32]
    event_time_ns: NDArray[np.int64]


class RecordSource(Protocol):
    """An opened file of one dialect: where the records of an index are read from."""

    @property
    def index(self) -> RecordIndex:
        """All records."""
        ...

    def places(self, records: NDArray[np.intp]) -> tuple[str, ...]:
        """The paths inside the file of some records, by their position in the index."""
        ...

    def states(self, records: NDArray[np.intp]) -> NDArray[np.uint8]:
        """``DeviceState`` of some records of any devices, without their payloads; as ``read`` gives them."""
        ...

    def read(self, device: Device, records: NDArray[np.intp]) -> Reading:
        """States and payloads of some records of one device."""
        ...

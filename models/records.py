"""What the readers hand over: blocks of consecutive records of one device."""

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.devices import Device

#: Shape of a camera image, rows by columns, in pixels (the reference, section 2.3).
IMAGE_SHAPE = (102, 128)
#: Largest value of a pixel of a 12-bit camera (the reference, section 2.1).
FULL_SCALE_COUNTS = 4092


class DeviceState(IntEnum):
    """The control system's state of a device at a shot (the reference, section 2.1)."""

    ON = 0
    STANDBY = 1
    UNREACHABLE = 2
    RUNNING = 3
    FAULT = 4
    OFF = 5
    OTHER = 6
    MISSING = 7


class Refusal(IntEnum):
    """Why a record does not count; ``NONE`` when it does. The names in lower case are the metric labels."""

    NONE = 0
    STATE_NOT_ON = 1
    STATE_MISSING = 2
    PAYLOAD_MISSING = 3
    WRONG_SHAPE = 4
    WRONG_TYPE = 5
    NOT_FINITE = 6
    OUT_OF_RANGE = 7
    NO_ENERGY = 8
    EMPTY_SPECTRUM = 9
    UNREADABLE = 10

    @property
    def label(self) -> str:
        """The bounded reason as it is shown."""
        return self.name.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceReference:
    """Where records came from: the file's path below the watched root and the sha256 of its content."""

    file: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordBlock:
    """Consecutive records of one device, in the order of their event times (equal times in file order).

    Attributes
    ----------
    event_time_ns
        int64, shape (n,): when each shot was taken.
    state
        uint8, shape (n,): ``DeviceState``.
    refusal
        uint8, shape (n,): what the reader itself found wrong (``Refusal``); such a record's payload row is zero.
    payload
        Read-only. Camera: uint16, shape (n, 102, 128), counts. Energy meter: float64, shape (n, 2), joules.
        Spectrometer: float64, shape (n, samples), arbitrary units >= 0. Other devices: shape (n, 0).
    hdf5_group
        n paths inside the file, for the lineage.
    interval_hz
        The acquisition rate that the folder names, NaN when none does.
    replacement
        The file replaces one that was read before: score without learning, and supersede.
    """

    device: Device
    source: SourceReference
    event_time_ns: NDArray[np.int64]
    state: NDArray[np.uint8]
    refusal: NDArray[np.uint8]
    payload: NDArray[Any]
    hdf5_group: tuple[str, ...]
    interval_hz: float
    replacement: bool = False

    def __len__(self) -> int:
        return len(self.event_time_ns)


def rows_of(block: RecordBlock, start: int, stop: int) -> RecordBlock:
    """A part of a block, as views of the same arrays."""
    if (start, stop) == (0, len(block)):
        return block
    rows = slice(start, stop)
    return replace(
        block,
        event_time_ns=block.event_time_ns[rows],
        state=block.state[rows],
        refusal=block.refusal[rows],
        payload=block.payload[rows],
        hdf5_group=block.hdf5_group[rows],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A part of a file that is no record of anyone: it has no readable time or device."""

    source: SourceReference
    hdf5_group: str
    reason: str

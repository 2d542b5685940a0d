"""The live board: a file of slots in which a watch shows the latest reading of each device, for whoever looks.

One process writes, any number read; nobody waits for anybody. The file has a bounded number of slots of one size, each
with a sequence number that is odd while it is written, and a checksum, so that a reader never takes half a reading for
a whole one. Its pages lie in the system's memory, which the processes share. It is read and written by position rather
than mapped: on a full or failing disk that is an error that is told, and not the end of the process.

The file is no record of anything: each writer begins with an empty board.
"""

import itertools
import os
import struct
import threading
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from connectors.clock import Clock
from connectors.disk_failures import disk_failures
from models.devices import Device, RecordKind, parse_device
from models.live_reading import SHOWN_FEATURES, LiveReading
from models.records import IMAGE_SHAPE, Refusal
from models.results import Scoring

__all__ = ["BOARD_NAME", "LiveBoardReader", "LiveBoardWriter", "LiveReading"]

#: The board's name below the state directory.
BOARD_NAME = "live.board"
#: Most devices on a board; with one more, the one that was shown longest ago leaves.
SLOTS = 1_000

FORMAT_VERSION = 1
_MAGIC = b"PWBOARD\n"
# Magic, format version, slots, bytes of a slot, the writer's start in nanoseconds since 1970.
_HEADER = struct.Struct("<8sIIQq")
# From here on the numbers of the readings in the slots, so that one look tells which have changed.
_NUMBERS_AT = 64
_SLOTS_AT = _NUMBERS_AT + 8 * SLOTS
# A slot: the sequence number; a checksum of all behind it; the reading; the device's name; the picture.
_SEQUENCE = struct.Struct("<Q")
_CHECKSUM = struct.Struct("<I")
_READING = struct.Struct("<Qqqd2dBBBBBxH")
_CHECKED_AT = _SEQUENCE.size + _CHECKSUM.size
_NAME_AT = _CHECKED_AT + _READING.size
_NAME_BYTES = 255
_PICTURE_AT = 512
_PICTURE_BYTES = IMAGE_SHAPE[0] * IMAGE_SHAPE[1]
_SLOT_BYTES = _PICTURE_AT + _PICTURE_BYTES

_KINDS = tuple(SHOWN_FEATURES)
_TRIES = 8
_US = 1_000


class LiveBoardWriter:
    """The one writer of a board; for one thread.

    A board that is there already, whoever it is of, is replaced: its readers find the new one.

    Raises
    ------
    RetryableError
        ``disk_full``, ``disk_failed``; as ``show`` does.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._slots: dict[Device, int] = {}  # the device that was shown longest ago comes first
        self._sequences = [0] * SLOTS
        start_ns = clock.now_ns()
        # In microseconds, so that a browser's numbers hold it; after the clock was set back it goes on as before.
        last = max((reading.number for reading in _readings_of_before(path)), default=0)
        self._numbers = itertools.count(max(start_ns // _US, last + 1))
        with disk_failures(path.parent):
            self._file = _new_board(path, start_ns)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def show(self, reading: LiveReading) -> None:
        """Show a reading in the place of the device's last one; a device whose name is too long is left out."""
        name = reading.device.name.encode(errors="replace")
        if len(name) > _NAME_BYTES:
            return
        slot = self._slot_of(reading.device)
        shown = replace(reading, number=next(self._numbers), shown_ns=self._clock.now_ns())
        content = _encode(shown, name)
        sequence = self._sequences[slot]
        place = _SLOTS_AT + slot * _SLOT_BYTES
        with disk_failures(self._path.parent):
            self._write(_SEQUENCE.pack(sequence + 1), place)
            self._write(_CHECKSUM.pack(zlib.crc32(content)) + content, place + _SEQUENCE.size)
            self._write(_SEQUENCE.pack(sequence + 2), place)
            self._write(_SEQUENCE.pack(shown.number), _NUMBERS_AT + 8 * slot)
        self._sequences[slot] = sequence + 2

    def close(self) -> None:
        """Let the file go; it stays as it is."""
        os.close(self._file)

    def _slot_of(self, device: Device) -> int:
        slot = self._slots.pop(device, None)
        if slot is None:
            slot = len(self._slots) if len(self._slots) < SLOTS else self._slots.pop(next(iter(self._slots)))
        self._slots[device] = slot
        return slot

    def _write(self, data: bytes, place: int) -> None:
        os.pwrite(self._file, data, place)


@dataclass(frozen=True, slots=True)
class _Board:
    """An open board; as long as it is open no other file gets its number."""

    file: int
    identity: tuple[int, int]
    start_ns: int


class LiveBoardReader:
    """Reads a board, and the one that takes its place; where there is none yet, nothing is shown. For any thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._board: _Board | None = None
        self._readings: dict[int, LiveReading] = {}  # by slot

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def writer_start_ns(self) -> int | None:
        """When the writer of the board that is there has begun; None without one."""
        with self._lock:
            self._look()
            return None if self._board is None else self._board.start_ns

    def readings(self) -> list[LiveReading]:
        """The latest reading of each device, by name."""
        return sorted(self._looked(), key=lambda reading: reading.device)

    def frames_since(self, number: int) -> list[LiveReading]:
        """The latest readings of the devices that were shown after a number, in the order of their numbers."""
        newer = (reading for reading in self._looked() if reading.number > number)
        return sorted(newer, key=lambda reading: reading.number)

    def close(self) -> None:
        """Let the file go."""
        with self._lock:
            self._leave()

    def _looked(self) -> list[LiveReading]:
        with self._lock:
            self._look()
            return list(self._readings.values())

    def _look(self) -> None:
        """Read what has changed; a slot that is just being written keeps what it showed before."""
        self._find_board()
        if self._board is None:
            return
        try:
            numbers = np.frombuffer(os.pread(self._board.file, 8 * SLOTS, _NUMBERS_AT), "<u8")
            for slot in np.flatnonzero(numbers):
                known = self._readings.get(int(slot))
                if known is None or known.number != numbers[slot]:
                    reading = _whole_slot(self._board.file, int(slot))
                    if reading is not None:
                        self._readings[int(slot)] = reading
        except OSError:  # the disk fails: what was read stays, with its time beside it
            return

    def _find_board(self) -> None:
        try:
            found = self._path.stat()
        except OSError:
            self._leave()
            return
        if self._board is None or self._board.identity != (found.st_dev, found.st_ino):
            self._leave()
            self._board = _opened(self._path)

    def _leave(self) -> None:
        if self._board is not None:
            os.close(self._board.file)
        self._board = None
        self._readings.clear()


def _new_board(path: Path, start_ns: int) -> int:
    """An empty board in the place of whatever is there, open for writing; slots take room with their first reading."""
    aside = path.with_name(f".{path.name}.new")
    file = os.open(aside, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        os.ftruncate(file, _SLOTS_AT + SLOTS * _SLOT_BYTES)
        os.pwrite(file, _HEADER.pack(_MAGIC, FORMAT_VERSION, SLOTS, _SLOT_BYTES, start_ns), 0)
        aside.replace(path)
    except BaseException:
        os.close(file)
        with suppress(OSError):
            aside.unlink(missing_ok=True)
        raise
    return file


def _opened(path: Path) -> _Board | None:
    """The board of this name; None where it is none, or one of another format."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    with suppress(OSError, struct.error):
        found = os.fstat(file)
        magic, version, slots, slot_bytes, start_ns = _HEADER.unpack(os.pread(file, _HEADER.size, 0))
        ours = (magic, version, slots, slot_bytes) == (_MAGIC, FORMAT_VERSION, SLOTS, _SLOT_BYTES)
        if ours and found.st_size == _SLOTS_AT + SLOTS * _SLOT_BYTES:
            return _Board(file, (found.st_dev, found.st_ino), start_ns)
    os.close(file)
    return None


def _readings_of_before(path: Path) -> Sequence[LiveReading]:
    with LiveBoardReader(path) as before:
        return before.readings()


def _whole_slot(file: int, slot: int) -> LiveReading | None:
    """What stands in a slot; None where it is being written again and again, or was left half written."""
    place = _SLOTS_AT + slot * _SLOT_BYTES
    for _ in range(_TRIES):
        data = os.pread(file, _SLOT_BYTES, place)
        after = os.pread(file, _SEQUENCE.size, place)
        content = data[_CHECKED_AT:]
        settled = data[: _SEQUENCE.size] == after and not _SEQUENCE.unpack(after)[0] % 2
        # The system promises no order among the parts of a write: the checksum tells what the number does not.
        if settled and _CHECKSUM.unpack_from(data, _SEQUENCE.size)[0] == zlib.crc32(content):
            return _decode(data)
    return None


def _encode(reading: LiveReading, name: bytes) -> bytes:
    """All behind the checksum."""
    values = [reading.values[feature] for feature in SHOWN_FEATURES[reading.device.kind]]
    fields = _READING.pack(
        reading.number,
        reading.event_time_ns,
        reading.shown_ns,
        reading.score,
        *(values + [float("nan")] * (2 - len(values))),
        _KINDS.index(reading.device.kind),
        reading.scoring,
        reading.refusal,
        reading.anomalous,
        reading.thumbnail is not None,
        len(name),
    )
    head = (fields + name).ljust(_PICTURE_AT - _CHECKED_AT, b"\0")
    return head + (bytes(_PICTURE_BYTES) if reading.thumbnail is None else reading.thumbnail.tobytes())


def _decode(data: bytes) -> LiveReading:
    (number, event_ns, shown_ns, score, *values, kind, scoring, refusal, anomalous, has_picture, length) = (
        _READING.unpack_from(data, _CHECKED_AT)
    )
    name = data[_NAME_AT : _NAME_AT + length].decode(errors="replace")
    record_kind: RecordKind = _KINDS[kind]
    return LiveReading(
        device=Device(name, parse_device(name).stage, record_kind),
        event_time_ns=event_ns,
        scoring=Scoring(scoring),
        refusal=Refusal(refusal),
        score=score,
        anomalous=bool(anomalous),
        values=dict(zip(SHOWN_FEATURES[record_kind], values, strict=False)),
        thumbnail=np.frombuffer(data, np.uint8, _PICTURE_BYTES, _PICTURE_AT).reshape(IMAGE_SHAPE)
        if has_picture
        else None,
        number=number,
        shown_ns=shown_ns,
    )

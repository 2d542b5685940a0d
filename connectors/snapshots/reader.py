"""Opens snapshots of both dialects and yields their records as blocks, in time order and within limits."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, tzinfo
from functools import partial
from pathlib import Path

import numpy as np
from h5py import h5g
from numpy.typing import NDArray

from connectors.snapshots.classic_layout import SUPERBLOCK_BYTES, declared_end, walk_classic
from connectors.snapshots.classic_source import ClassicSource
from connectors.snapshots.content import SnapshotContent, open_content
from connectors.snapshots.hdf5_datasets import HDF5_ERRORS, DatasetReader, list_links, open_hdf5
from connectors.snapshots.limits import ReadLimits
from connectors.snapshots.manifest import DeadLetterBox, Dialect, Manifest, RecordSource
from connectors.snapshots.production import ProductionSource
from connectors.snapshots.test_period import TestPeriodSource, is_test_period
from models.devices import Device
from models.errors import RecordError
from models.event_time import format_iso
from models.records import DeadLetter, DeviceState, RecordBlock, SourceReference
from models.snapshot_names import SnapshotName, parse_snapshot_name


@dataclass(slots=True)
class _Opened:
    """A file for whose records a way of reading was found."""

    dialect: Dialect
    source: RecordSource
    dead: DeadLetterBox
    truncated: bool = False


class Snapshot:
    """An opened snapshot: its manifest, and its records as blocks."""

    def __init__(self, content: SnapshotContent, name: SnapshotName, opened: _Opened) -> None:
        self._content = content
        self._source = opened.source
        self.manifest = _manifest(content, name, opened)

    @property
    def devices(self) -> tuple[Device, ...]:
        """The devices of the file, those without records, too."""
        return self._source.index.devices

    def states(self) -> tuple[DeviceState, ...]:
        """The states that occur among all records, in their order; no payload is read.

        Raises
        ------
        RecordError
            ``changed_while_read``, as ``blocks``.
        """
        found = np.unique(self._source.states(np.arange(len(self._source.index.device))))
        if self._content.data is None:
            self._content.check_unchanged()
        return tuple(map(DeviceState, found.tolist()))

    def blocks(self, block_records: int, *, replacement: bool = False) -> Iterator[RecordBlock]:
        """All records, per device in time order and interleaved between the devices by the blocks' first times.

        Parameters
        ----------
        block_records
            At most so many records in a block; spectra of different lengths never share one.
        replacement
            Marks the blocks: the file replaces one that was read before.

        Raises
        ------
        RecordError
            ``changed_while_read`` when a file that is too large to be held changed meanwhile.
        """
        if block_records < 1:
            raise ValueError(f"block_records must be 1 or more, got {block_records}")
        for number, records in plan_blocks(self._source.index.device, self._source.index.event_time_ns, block_records):
            yield from self._read(number, records, replacement)
            if self._content.data is None:
                self._content.check_unchanged()

    def _read(self, number: int, records: NDArray[np.intp], replacement: bool) -> Iterator[RecordBlock]:
        index = self._source.index
        device, places = index.devices[number], self._source.places(records)
        reading = self._source.read(device, records)
        event_time_ns = index.event_time_ns[records]
        for array in (event_time_ns, reading.state, reading.refusal):
            array.setflags(write=False)
        start = 0
        for payload in reading.parts:
            rows = slice(start, start + len(payload))
            start = rows.stop
            yield RecordBlock(
                device=device,
                source=self.manifest.source,
                event_time_ns=event_time_ns[rows],
                state=reading.state[rows],
                refusal=reading.refusal[rows],
                payload=payload,
                hdf5_group=places[rows],
                interval_hz=self.manifest.interval_hz,
                replacement=replacement,
            )


@contextmanager
def open_snapshot(
    path: Path, *, root: Path, limits: ReadLimits | None = None, zone: tzinfo = UTC, latest_ns: int | None = None
) -> Iterator[Snapshot]:
    """Open a snapshot for reading; its dialect is chosen by its content.

    Parameters
    ----------
    path
        The file, below ``root``.
    root
        The watched root: the path below it is the file's identity.
    zone
        The time zone of the recorders.
    latest_ns
        A file of which all records are later (ns since 1970) is refused: believed, it would make everything that is
        recorded from now on look late. None: whatever its times are.

    Raises
    ------
    RecordError
        When nothing of the file can be used: ``vanished``, ``permission``, ``symlink``, ``is_directory``,
        ``not_a_file``, ``empty``, ``too_large``, ``not_hdf5``, ``no_date``, ``ambiguous_date``, ``damaged_hdf5``,
        ``truncated``, ``too_many_records``, ``no_records``, ``in_the_future`` or ``changed_while_read``.
    RetryableError
        ``storage`` when the disk or the network file system fails.
    """
    limits = limits or ReadLimits()
    with open_content(path, limits) as content:
        snapshot = read_content(content, root=root, limits=limits, zone=zone)
        first_ns, file = snapshot.manifest.first_ns, snapshot.manifest.source.file
        if latest_ns is not None and first_ns is not None and first_ns > latest_ns:
            raise RecordError(
                f"{file} begins in the future, at {format_iso(first_ns)}; correct the recorder's clock and the "
                "file's name and times, or this computer's clock",
                reason="in_the_future",
            )
        yield snapshot


def read_content(content: SnapshotContent, *, root: Path, limits: ReadLimits, zone: tzinfo = UTC) -> Snapshot:
    """The snapshot in an opened file, of which it reads on.

    Raises
    ------
    RecordError
        As ``open_snapshot`` for all that is not said by the file's status.
    """
    name = parse_snapshot_name(content.path.relative_to(root), root=root)
    try:
        opened = _open_source(content, name, zone, limits)
    except RecordError as error:
        raise RecordError(f"{name.file}: {error}", reason=error.reason) from error
    if not len(opened.source.index.device) and not opened.dead.counts:
        raise RecordError(f"{name.file} holds no records", reason="no_records")
    return Snapshot(content, name, opened)


def plan_blocks(
    device: NDArray[np.int32], event_time_ns: NDArray[np.int64], block_records: int
) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Cut the records of each device, in time order, into blocks; blocks are ordered by their first times.

    Parameters
    ----------
    device, event_time_ns
        Device number and time of each record in file order, shape (n,); equal times of a device stay in that order.

    Yields
    ------
    tuple[int, NDArray[np.intp]]
        Device number, and positions of the records.
    """
    order = np.lexsort((event_time_ns, device))
    borders = np.flatnonzero(np.diff(device[order])) + 1
    starts: list[int] = []
    stops: list[int] = []
    for first, last in zip([0, *borders.tolist()], [*borders.tolist(), len(order)], strict=True):
        begins = range(first, last, block_records)
        starts.extend(begins)
        stops.extend(min(begin + block_records, last) for begin in begins)
    begin_records = order[np.array(starts, dtype=np.intp)]
    for block in np.lexsort((device[begin_records], event_time_ns[begin_records])).tolist():
        yield int(device[begin_records[block]]), order[starts[block] : stops[block]]


def _open_source(content: SnapshotContent, name: SnapshotName, zone: tzinfo, limits: ReadLimits) -> _Opened:
    """Choose the dialect and the way of reading: the fast walk, HDF5 itself, at last what a damaged file still has."""
    end = declared_end(content.piece(0, SUPERBLOCK_BYTES))
    cut_off = content.size < SUPERBLOCK_BYTES or (end is not None and end > content.size)
    opened = _walk(content, name, zone, limits, tolerant=False)
    if opened is None:
        try:
            opened = _open_through_hdf5(content, name, zone, limits)
        except RecordError as error:
            if error.reason != "damaged_hdf5":
                raise
            opened = _walk(content, name, zone, limits, tolerant=True)
            if opened is None or not len(opened.source.index.device):
                reason = "truncated" if cut_off else error.reason
                raise RecordError(f"it can't be read ({reason}); transfer it again", reason=reason) from error
    opened.truncated |= cut_off
    return opened


def _walk(
    content: SnapshotContent, name: SnapshotName, zone: tzinfo, limits: ReadLimits, *, tolerant: bool
) -> _Opened | None:
    dead = DeadLetterBox(limits.dead_letters_kept)
    walked = None
    if content.data is not None:
        walked = walk_classic(content.data, name, zone, limits, dead, tolerant=tolerant)
    if walked is None:
        return None
    open_root = None if tolerant else partial(_open_root, content)
    source = ClassicSource(walked, DatasetReader(content, limits), limits, open_root)
    return _Opened(Dialect.PRODUCTION, source, dead, walked.lost)


def _open_through_hdf5(content: SnapshotContent, name: SnapshotName, zone: tzinfo, limits: ReadLimits) -> _Opened:
    root, dead = _open_root(content), DeadLetterBox(limits.dead_letters_kept)
    try:
        names = [member for member, _ in list_links(root, limits.max_records)]
    except HDF5_ERRORS as error:
        raise RecordError("its list of groups is damaged; transfer it again", reason="damaged_hdf5") from error
    if is_test_period(names, name):
        return _Opened(Dialect.TEST_PERIOD, TestPeriodSource(root, content, name, zone, limits, dead), dead)
    return _Opened(Dialect.PRODUCTION, ProductionSource(root, content, name, zone, limits, dead), dead)


def _open_root(content: SnapshotContent) -> h5g.GroupID:
    try:
        return h5g.open(open_hdf5(content), b"/")
    except HDF5_ERRORS as error:
        raise RecordError("its first group is damaged; transfer it again", reason="damaged_hdf5") from error


def _manifest(content: SnapshotContent, name: SnapshotName, opened: _Opened) -> Manifest:
    index, dead, reference = opened.source.index, opened.dead, SourceReference(file=name.file, sha256=content.sha256)
    counts: Sequence[int] = np.bincount(index.device, minlength=len(index.devices)).tolist()
    times = index.event_time_ns
    return Manifest(
        dialect=opened.dialect,
        source=reference,
        size_bytes=content.size,
        interval_hz=name.interval_hz,
        series=name.series,
        first_ns=int(times.min()) if len(times) else None,
        last_ns=int(times.max()) if len(times) else None,
        records={device.name: count for device, count in zip(index.devices, counts, strict=True)},
        dead_letters=tuple(
            DeadLetter(source=reference, hdf5_group=place, reason=str(reason)) for place, reason in dead.places
        ),
        dead_letter_counts={str(reason): count for reason, count in dead.counts.items()},
        truncated=opened.truncated,
    )

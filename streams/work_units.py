"""Snapshots cut into units of work: what is read, processed and committed together."""

from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import ClassVar

from connectors.snapshots.limits import ReadLimits
from connectors.snapshots.manifest import Manifest
from connectors.snapshots.reader import open_snapshot
from connectors.spool_listing import SpoolFile
from models.devices import Device
from models.errors import RecordError, RetryableError
from models.event_time import HOUR_NS
from models.records import RecordBlock


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitSettings:
    """How files are cut.

    Attributes
    ----------
    block_records
        Most records of one device in one block.
    unit_bytes
        Payload after which a unit ends: bounds the memory, and the work that a crash costs.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    block_records: int = 256
    unit_bytes: int = 64 << 20

    def __post_init__(self) -> None:
        if self.block_records < 1 or self.unit_bytes < 1:
            raise ValueError("block_records and unit_bytes are at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedFile:
    """How far an earlier run came with a file in the middle of which it ended.

    Attributes
    ----------
    units_done
        Units that are committed.
    cut
        How they were cut: the rest is cut in the same way, also when the settings have changed since.
    replaced_sha256
        What the content replaces.
    """

    units_done: int
    cut: UnitSettings
    replaced_sha256: str | None


# Recorders' clocks may be ahead of this computer's by so much.
_CLOCKS_APART_NS = HOUR_NS


@dataclass(frozen=True, slots=True, kw_only=True)
class FileHistory:
    """What earlier work knows about a file's path.

    Attributes
    ----------
    sha256
        The content that came last, empty when it could not be read at all; None when the path is new.
    counted_sha256
        The content whose records count: an earlier one than ``sha256`` when that was refused; None without any.
    counted_whole
        Whether all of that content could be read.
    started
        With it, the content ``sha256`` is not wholly committed yet.
    """

    sha256: str | None = None
    counted_sha256: str | None = None
    counted_whole: bool = False
    started: StartedFile | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkUnit:
    """A part of a snapshot, usually the whole of it.

    Attributes
    ----------
    manifest
        What the whole file holds; None when it was refused.
    refused
        Why the file could not be read; with ``records``, why it could not be read on behind them.
    unchanged
        The file's content is the one that counts already: there is nothing to do.
    replaced_sha256
        The content that this one replaces, None when the path is new. Replacing records are scored without learning.
    index
        Number of the unit in its file.
    records
        Records in this unit's blocks and in all units of the file before it.
    cut
        How the file is cut into units.
    """

    file: SpoolFile
    manifest: Manifest | None
    refused: RecordError | RetryableError | None = None
    unchanged: bool = False
    replaced_sha256: str | None = None
    index: int = 0
    last: bool = True
    blocks: dict[Device, list[RecordBlock]] = field(default_factory=dict)
    records: int = 0
    cut: UnitSettings = field(default_factory=UnitSettings)

    @property
    def replaces(self) -> bool:
        """Whether its records supersede others."""
        return self.replaced_sha256 is not None and self.refused is None


def read_units(
    file: SpoolFile, history: FileHistory, limits: ReadLimits, zone: tzinfo, settings: UnitSettings
) -> Iterator[WorkUnit]:
    """Read a snapshot once, as units in order; a file that can't be read gives one unit that says why.

    What is left of a snapshot that was cut off counts, but not in the place of content that was whole.
    """
    manifest: Manifest | None = None
    position = records = 0
    try:
        with open_snapshot(
            file.path, root=file.root, limits=limits, zone=zone, latest_ns=file.closed_ns + _CLOCKS_APART_NS
        ) as snapshot:
            manifest = snapshot.manifest
            sha256 = manifest.source.sha256
            started = history.started if history.sha256 == sha256 else None
            if started is None and history.counted_sha256 == sha256:
                yield WorkUnit(file=file, manifest=manifest, unchanged=True)
                return
            if started is None and manifest.truncated and history.counted_whole:
                raise RecordError(f"{file.relative} is cut off; transfer it again", reason="truncated")
            replaced = history.sha256 if started is None else started.replaced_sha256
            cut = settings if started is None else started.cut
            blocks = snapshot.blocks(cut.block_records, replacement=replaced is not None)
            for position, unit in enumerate(_cut(blocks, cut.unit_bytes)):
                if started is None or position >= started.units_done:
                    yield WorkUnit(
                        file=file,
                        manifest=manifest,
                        replaced_sha256=replaced,
                        index=position,
                        last=unit.last,
                        blocks=unit.blocks,
                        records=unit.records,
                        cut=cut,
                    )
                records = unit.records
    except (RecordError, RetryableError) as error:
        yield WorkUnit(file=file, manifest=manifest, refused=error, index=position, records=records)


def read_ahead(reader: ThreadPoolExecutor, units: Iterator[WorkUnit]) -> Generator[WorkUnit, None, None]:
    """The same units, one of them always being read by a thread while the others are worked on.

    When the caller closes it early, nothing is being read any more, and no file is open.
    """
    future = reader.submit(next, units, None)
    try:
        while (unit := future.result()) is not None:
            future = reader.submit(next, units, None)
            yield unit
    finally:
        wait([future])
        if isinstance(units, Generator):
            units.close()


@dataclass(slots=True)
class _Cut:
    blocks: dict[Device, list[RecordBlock]] = field(default_factory=dict)
    unit_bytes: int = 0
    records: int = 0
    last: bool = False

    def add(self, block: RecordBlock) -> None:
        self.blocks.setdefault(block.device, []).append(block)
        self.unit_bytes += block.payload.nbytes
        self.records += len(block)


def _cut(blocks: Iterable[RecordBlock], unit_bytes: int) -> Iterator[_Cut]:
    """Gather blocks until a unit is full; there is always a last one, also of no blocks."""
    unit = _Cut()
    for block in blocks:
        if unit.unit_bytes >= unit_bytes:
            yield unit
            unit = _Cut(records=unit.records)
        unit.add(block)
    unit.last = True
    yield unit

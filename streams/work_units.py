"""Snapshots cut into units of work: what is read, processed and committed together."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import tzinfo

from connectors.snapshots.limits import ReadLimits
from connectors.snapshots.manifest import Manifest
from connectors.snapshots.reader import open_snapshot
from connectors.spool_listing import SpoolFile
from models.devices import Device
from models.errors import RecordError, RetryableError
from models.records import RecordBlock


@dataclass(frozen=True, slots=True, kw_only=True)
class FileHistory:
    """What earlier work knows about a file's path.

    Attributes
    ----------
    sha256
        The content that was read before, empty when it was unreadable; None when the path is new.
    units_done
        Units of that content that are committed already, when an earlier run ended in the middle of it; else 0.
    replaced_sha256
        What that content itself had replaced, when an earlier run ended in the middle of it.
    """

    sha256: str | None = None
    units_done: int = 0
    replaced_sha256: str | None = None


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
        The file's content is the known one: there is nothing to do.
    replaced_sha256
        The content that this one replaces, None when the path is new. Replacing records are scored without learning.
    index
        Number of the unit in its file.
    records
        Records in this unit's blocks and in all units of the file before it.
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

    block_records: int = 256
    unit_bytes: int = 64 << 20


def read_units(
    file: SpoolFile, history: FileHistory, limits: ReadLimits, zone: tzinfo, settings: UnitSettings
) -> Iterator[WorkUnit]:
    """Read a snapshot once, as units in order; a file that can't be read gives one unit that says why."""
    manifest: Manifest | None = None
    position = records = 0
    try:
        with open_snapshot(file.path, root=file.root, limits=limits, zone=zone) as snapshot:
            manifest = snapshot.manifest
            known = history.sha256 == manifest.source.sha256
            if known and not history.units_done:
                yield WorkUnit(file=file, manifest=manifest, unchanged=True)
                return
            replaced = history.replaced_sha256 if known else history.sha256
            blocks = snapshot.blocks(settings.block_records, replacement=replaced is not None)
            for position, unit in enumerate(_cut(blocks, settings.unit_bytes)):
                if position >= (history.units_done if known else 0):
                    yield WorkUnit(
                        file=file,
                        manifest=manifest,
                        replaced_sha256=replaced,
                        index=position,
                        last=unit.last,
                        blocks=unit.blocks,
                        records=unit.records,
                    )
                records = unit.records
    except (RecordError, RetryableError) as error:
        # A disk that can't be read now may be readable later: the file is refused, and taken when it changes.
        yield WorkUnit(file=file, manifest=manifest, refused=error, index=position, records=records)


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

"""`petawatch tfrecord export`: the triplets of snapshots as sharded TFRecords, found by the watch's own join."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from connectors.clock import SystemClock
from connectors.record_shards import ShardTarget
from connectors.spool_listing import NoticeReason, SpoolFile, scan
from connectors.tfrecord.schema import RecordCounts, RecordSchema, write_schema
from connectors.tfrecord.shard_writer import ShardSettings, ShardWriter
from connectors.tfrecord.triplet_record import TripletRecord, date_of, encode_triplet
from connectors.waiting_payloads import WaitingPayloads
from models.device_stage import DeviceOutput
from models.devices import Device, RecordKind
from models.energies.meter_stage import MeterStage
from models.errors import FatalError, RecordError
from models.images.light_stage import LightStage
from models.records import RecordBlock, Refusal
from models.results import Admission, ScoredBlock
from models.snapshot_sequence import SnapshotSequence
from models.spectra.spectrometer_stage import SpectrometerStage
from models.triplets.shot_members import ShotMember, ShotMembers, shot_members
from models.triplets.stage_join import JoinOutput
from streams.series_progress import SeriesProgress
from streams.settings import Settings
from streams.shard_places import Place, shard_target
from streams.stage_joins import StageJoins
from streams.work_units import FileHistory, WorkUnit, read_ahead, read_units

#: Told how many files are done, and how many there are.
Progress = Callable[[int, int], None]

# The processing of one device's next block.
_Process = Callable[[RecordBlock], DeviceOutput]

_WITH_PAYLOAD = (RecordKind.CAMERA, RecordKind.SPECTROMETER)
_LIBRARIES = ("petawatch", "h5py", "numpy")


@dataclass(frozen=True, slots=True, kw_only=True)
class TfrecordSettings:
    """What is written.

    Attributes
    ----------
    idle_frames
        Of each pause without beam so many images of a camera are written, from its beginning: the cleaning learns its
        dark profile from them. 256 are as many as it ever takes at once. 0: none.
    shards
        When a shard is full.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    idle_frames: int = 256
    shards: ShardSettings = field(default_factory=ShardSettings)

    def __post_init__(self) -> None:
        if self.idle_frames < 0:
            raise ValueError("idle_frames must not be negative")


def export_tfrecords(
    paths: Sequence[Path],
    into: Place,
    settings: Settings,
    options: TfrecordSettings | None = None,
    progress: Progress | None = None,
) -> RecordSchema:
    """Write all whole triplets of snapshots, and some shots without beam, one record for each camera of a shot.

    The shots, and which of them are whole, are those of a watch of these folders that begins anew. The same snapshots,
    options and versions give the same bytes.

    Parameters
    ----------
    paths
        Folders with snapshots.
    into
        An empty folder, made if absent, or a prefix of an object store below which nothing is. If anything fails
        nothing is left there.

    Raises
    ------
    FatalError
        With one sentence: no snapshots, nothing in them, the folder is not empty or can't be written.
    RetryableError
        ``storage`` when the disk or the network file system fails, or as ``one_sentence`` of the object store says.
    """
    options, progress = options or TfrecordSettings(), progress or _ignore
    files = _in_order(paths, settings)
    target = shard_target(into, settings.object_store)
    writer = ShardWriter(target, options.shards)
    try:
        with _scratch(into) as scratch, WaitingPayloads(scratch) as waiting:
            export = _Export(writer, waiting, settings, options)
            for done, file in enumerate(files):
                progress(done, len(files))
                export.read(file)
            export.finish()
        schema = _completed(target, writer, export, settings, options)
    except BaseException:
        writer.abort()
        raise
    progress(len(files), len(files))
    return schema


@contextmanager
def _scratch(into: Place) -> Iterator[Path]:
    """A folder for what waits: that of the shards, or a temporary one when they lie elsewhere."""
    if isinstance(into, Path):
        into.mkdir(parents=True, exist_ok=True)
        yield into
        return
    with TemporaryDirectory() as scratch:
        yield Path(scratch)


def _completed(
    target: ShardTarget, writer: ShardWriter, export: "_Export", settings: Settings, options: TfrecordSettings
) -> RecordSchema:
    if not export.counts.records:
        raise FatalError(
            "there is no whole triplet with an image in these snapshots; name a day on which cameras, meters and "
            "spectrometers were ON",
            reason="tfrecord_empty",
        )
    schema = RecordSchema(
        shards=writer.close(),
        counts=export.counts,
        sources=tuple(export.sources),
        unread=tuple(export.unread),
        made_with={
            "versions": {name: version(name) for name in _LIBRARIES},
            "time_zone": settings.time_zone,
            "join_jitter_ms": settings.join.join_jitter_ms,
            "idle_frames": options.idle_frames,
            **asdict(options.shards),
        },
    )
    write_schema(target, schema)
    return schema


class _Export:
    """Reads snapshots, joins their records, and writes the shots that leave the join."""

    def __init__(
        self, writer: ShardWriter, waiting: WaitingPayloads, settings: Settings, options: TfrecordSettings
    ) -> None:
        self._writer = writer
        self._waiting = waiting
        self._settings = settings
        self._idle_frames = options.idle_frames
        self._idle_of: dict[Device, int] = {}
        self._stages: dict[Device, _Process] = {}
        self._joins = StageJoins(settings.join)
        self._progress = SeriesProgress(settings.zone)
        self.counts = RecordCounts()
        self.sources: list[dict[str, str]] = []
        self.unread: list[dict[str, str]] = []

    def read(self, file: SpoolFile) -> None:
        """Take in a snapshot, and write what is decided by it."""
        settings = self._settings
        units = read_units(file, FileHistory(), settings.reading, settings.zone, settings.units)
        with ThreadPoolExecutor(1, thread_name_prefix="reader") as reader, closing(read_ahead(reader, units)) as ahead:
            for unit in ahead:
                self._take(unit)

    def finish(self) -> None:
        """The input has ended: write what still waits."""
        for stage in self._joins.stages:
            self._write(self._joins.of(stage).finish())

    def _take(self, unit: WorkUnit) -> None:
        if unit.manifest is not None and (unit.index == 0 or unit.refused is not None):
            source = unit.manifest.source
            if not self.sources or self.sources[-1]["file"] != source.file:
                self.sources.append({"file": source.file, "sha256": source.sha256})
        if isinstance(unit.refused, RecordError):
            self.unread.append({"file": unit.file.relative, "reason": unit.refused.reason})
            return
        if unit.refused is not None:
            raise unit.refused
        for device in sorted(unit.blocks):
            blocks = unit.blocks.pop(device)
            for block in blocks if device.joins else ():
                self._joins.add(self._scored(block))
        if unit.last and unit.manifest is not None:
            devices, until_ns = self._progress.snapshot_read(unit.file, unit.manifest)
            for device in devices:
                self._joins.advance(device, until_ns)
        for stage in self._joins.stages:
            self._write(self._joins.of(stage).decide())

    def _scored(self, block: RecordBlock) -> ScoredBlock:
        device = block.device
        if device not in self._stages:
            self._stages[device] = _stage_of(device, self._settings)
        scored = self._stages[device](block).scored
        if device.kind in _WITH_PAYLOAD:
            counts = (scored.admission == Admission.ACCEPTED) & (scored.refusal == Refusal.NONE)
            self._waiting.add(block, np.flatnonzero(counts).tolist())
        return scored

    def _write(self, output: JoinOutput) -> None:
        """Write the shots that a stage's join let go, and forget the payloads of all else that left with them."""
        for shot in shot_members(output.triplets, output.decided):
            self._write_shot(shot)
        for block in output.decided:
            scored = block.scored
            if scored.device.kind in _WITH_PAYLOAD:
                for row in np.flatnonzero(scored.admission == Admission.ACCEPTED).tolist():
                    self._waiting.drop(scored.source.file, scored.hdf5_group[row])

    def _write_shot(self, shot: ShotMembers) -> None:
        cameras = [member for member in shot.members if member.device.kind is RecordKind.CAMERA]
        wanted = [camera for camera in cameras if self._is_wanted(camera.device, idle=shot.idle)]
        if not wanted:
            return
        spectrometer = next((one for one in shot.members if one.device.kind is RecordKind.SPECTROMETER), None)
        spectrum = np.zeros(0) if spectrometer is None else self._payload(spectrometer)
        for camera in wanted:
            record = TripletRecord(
                camera=camera.device,
                image=self._payload(camera),
                spectrum=spectrum,
                spectrometer="" if spectrometer is None else spectrometer.device.name,
                energy_j=shot.energy_j,
                event_time_ns=camera.event_time_ns,
                shot_ns=shot.event_time_ns,
                interval_hz=shot.interval_hz,
                idle=shot.idle,
            )
            self._writer.write(encode_triplet(record, self._settings.zone))
            self._count(record)

    def _is_wanted(self, camera: Device, *, idle: bool) -> bool:
        """Of a pause only the beginning."""
        self._idle_of[camera] = self._idle_of.get(camera, 0) + 1 if idle else 0
        return self._idle_of[camera] <= self._idle_frames

    def _payload(self, member: ShotMember) -> NDArray[Any]:
        return self._waiting.take(member.file, member.hdf5_group)

    def _count(self, record: TripletRecord) -> None:
        self.counts.add(
            stage=str(record.camera.stage),
            camera=record.camera.name,
            date=date_of(record.event_time_ns, self._settings.zone),
            event_time_ns=record.event_time_ns,
            idle=record.idle,
        )


def _in_order(paths: Sequence[Path], settings: Settings) -> list[SpoolFile]:
    """The snapshots in the order in which a watch takes them."""
    clock = SystemClock()
    files, notices = scan(paths, clock)
    for notice in notices:
        if notice.reason is NoticeReason.ROOT_MISSING:
            raise FatalError(
                f"{notice.sentence.partition(';')[0]}; name a folder that holds *.h5 files", reason="tfrecord_files"
            )
    if not files:
        raise FatalError(
            f"there are no snapshots in {', '.join(map(str, paths))}; name a folder that holds *.h5 files",
            reason="tfrecord_files",
        )
    sequence: SnapshotSequence[SpoolFile] = SnapshotSequence(settings.sequence, settings.zone)
    for file in files:
        sequence.offer(file, file.relative, clock.now_ns())
    return [snapshot.item for snapshot in sequence.flush()]


def _stage_of(device: Device, settings: Settings) -> _Process:
    """As the watch has it, but no image is scored: which shots are whole does not depend on that."""
    if device.kind is RecordKind.CAMERA:
        camera = settings.camera
        return LightStage(camera.admission, camera.validity, camera.cleaning).process
    if device.kind is RecordKind.ENERGY_METER:
        return MeterStage(device, settings.meter).process
    return SpectrometerStage(device, settings.spectrometer).process


def _ignore(done: int, total: int) -> None:
    """Nobody wants to know."""

"""What the connector says about devices beside their records: a snapshot has ended, a recorder is silent, the end."""

from collections.abc import Iterable, Mapping

from connectors.snapshots.manifest import Manifest
from connectors.spool_listing import SpoolFile
from models.devices import Device, Stage, parse_device
from models.messages import DeviceNotice, FileMoment, NoticeKind
from models.records import SourceReference
from streams.series_progress import SeriesProgress

_NO_SOURCE = SourceReference(file="", sha256="")


def snapshot_notices(
    file: SpoolFile, manifest: Manifest, progress: SeriesProgress, moment: FileMoment, *, replaces: bool
) -> list[DeviceNotice]:
    """A whole snapshot has been sent: the word to every device of its recorder, also to those that it lacks.

    A file that replaces another says nothing about the recorder's time, nor about who its devices are.
    """
    if replaces:
        known, until_ns = progress.devices(manifest.series), 0
    else:
        known, until_ns = progress.snapshot_read(file, manifest)
    devices = {*known, *map(parse_device, manifest.records)}
    # What is beyond the bound of a series' devices is not advanced, as in one process.
    moving = set() if replaces else set(known)
    until = {device: (until_ns if device in moving else None) for device in devices}
    return _end_of_file(manifest.source, until, manifest.records, moment, progress, replaces=replaces)


def broken_off_notices(
    source: SourceReference,
    records: Mapping[str, int],
    progress: SeriesProgress,
    moment: FileMoment,
    *,
    replaces: bool,
) -> list[DeviceNotice]:
    """A snapshot could not be read to its end: the word to the devices of which something was sent."""
    until_ns = {parse_device(name): None for name in records}
    return _end_of_file(source, until_ns, records, moment, progress, replaces=replaces)


def plain_notices(
    kind: NoticeKind, series: Iterable[str], progress: SeriesProgress, moment: FileMoment
) -> list[DeviceNotice]:
    """``SILENT`` or ``INPUT_END`` to the devices of some recorders."""
    ordered = sorted({device for name in series for device in progress.devices(name)})
    stages, known = _by_stage(ordered), _known_by_stage(ordered, progress)
    return [
        DeviceNotice(
            kind=kind,
            device=device,
            source=_NO_SOURCE,
            moment=moment,
            stage_devices=stages[device.stage],
            known_devices=known[device.stage],
        )
        for device in ordered
    ]


def _end_of_file(
    source: SourceReference,
    until_ns: Mapping[Device, int | None],
    records: Mapping[str, int],
    moment: FileMoment,
    progress: SeriesProgress,
    *,
    replaces: bool,
) -> list[DeviceNotice]:
    ordered = sorted(until_ns)
    stages, known = _by_stage(ordered), _known_by_stage(ordered, progress)
    return [
        DeviceNotice(
            kind=NoticeKind.SNAPSHOT_END,
            device=device,
            source=source,
            moment=moment,
            until_ns=until_ns[device],
            records=records.get(device.name, 0),
            replaces=replaces,
            stage_devices=stages[device.stage],
            known_devices=known[device.stage],
        )
        for device in ordered
    ]


def _by_stage(devices: Iterable[Device]) -> dict[Stage, tuple[str, ...]]:
    """Names of the devices of each laser stage."""
    stages: dict[Stage, tuple[str, ...]] = {}
    for device in devices:
        stages[device.stage] = (*stages.get(device.stage, ()), device.name)
    return stages


def _known_by_stage(told: Iterable[Device], progress: SeriesProgress) -> dict[Stage, tuple[str, ...]]:
    """The same of all recorders; empty for stages where these are no more than those that are told."""
    stages = _by_stage(told)
    everyone = {device for name in progress.series for device in progress.devices(name)}
    known = _by_stage(sorted(everyone.union(told)))
    return {stage: known[stage] if known[stage] != names else () for stage, names in stages.items()}

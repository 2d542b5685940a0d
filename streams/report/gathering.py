"""A shift report out of a state directory, also while a watch writes to it."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from connectors.control_room.rooms import ControlRooms
from connectors.state.reader import StateReader
from connectors.state.triplet_minutes import TripletMinute
from dashboards.shift_report import (
    ArchiveStanding,
    CameraPointing,
    DeviceAvailability,
    MeterEnergy,
    ShiftReport,
    StageShots,
)
from models.devices import RecordKind, Stage, parse_device
from models.stability import energy_stability, pointing_stability
from streams.control_rooms import control_rooms
from streams.report.archive_standing import archive_standing
from streams.report.missed_shots import MissedShots, sum_missed
from streams.report.reported_stretch import ReportedStretch
from streams.report.room_shares import share_of_all
from streams.report.row_sums import DeviceSums, sum_rows
from streams.settings import Settings

_NOTHING_MISSED = MissedShots()


def gather_report(state: Path, settings: Settings, stretch: ReportedStretch, now_ns: int) -> ShiftReport:
    """The report of a stretch, as it stands now.

    Raises
    ------
    FatalError
        ``state_missing``, ``state_too_new``, ``state_damaged`` or ``state_unusable``.
    RetryableError
        ``state_busy`` or ``disk_error``.
    """
    rooms = control_rooms(state, settings)
    with StateReader.open(state) as reader:
        minutes = reader.triplet_minutes(stretch.from_ns, stretch.to_ns)
        files = Counter(file.status.value for file in reader.files_between(stretch.from_ns, stretch.to_ns))
        ledger = reader.ledger()
    share = share_of_all(rooms, stretch)
    found = share.found
    sums, missed = sum_rows(state, stretch), sum_missed(state, stretch)
    outcomes: Counter[str] = sum((each.outcomes for each in sums.values()), Counter())
    return ShiftReport(
        from_ns=stretch.from_ns,
        to_ns=stretch.to_ns,
        made_ns=now_ns,
        slot_ns=stretch.slot_ns,
        incidents=found.incidents,
        more_incidents=found.more_incidents,
        ungrouped=found.ungrouped,
        more_ungrouped=found.more_ungrouped,
        stages=_stages(minutes, stretch),
        devices=_availability(sums, missed),
        energies=_energies(sums),
        pointing=_pointing(sums),
        drifts=found.drifts,
        files=dict(sorted(files.items())),
        outcomes=dict(sorted(outcomes.items())),
        ledger=ledger,
        archive=_archive(rooms, lambda: archive_standing(state, settings, stretch, now_ns)),
        open_points=share.open_points,
        audit=share.audit,
        audit_names=share.audit_names,
        more_audit=share.more_audit,
    )


def _stages(minutes: Sequence[TripletMinute], stretch: ReportedStretch) -> list[StageShots]:
    by_stage: dict[Stage, list[TripletMinute]] = {}
    for minute in minutes:
        by_stage.setdefault(minute.stage, []).append(minute)
    return [_stage(stage, by_stage[stage], stretch) for stage in sorted(by_stage)]


def _stage(stage: Stage, minutes: Sequence[TripletMinute], stretch: ReportedStretch) -> StageShots:
    slot = stretch.slots_of(np.array([minute.minute_ns for minute in minutes], np.int64))
    complete = np.bincount(slot, [minute.complete for minute in minutes], stretch.slots)
    fired = complete + np.bincount(slot, [minute.incomplete for minute in minutes], stretch.slots)
    return StageShots(
        stage=stage,
        complete=int(complete.sum()),
        incomplete=int(fired.sum() - complete.sum()),
        idle=sum(minute.idle for minute in minutes),
        complete_percent=np.divide(100 * complete, fired, out=np.full(stretch.slots, np.nan), where=fired > 0),
    )


def _availability(sums: Mapping[str, DeviceSums], missed: Mapping[str, MissedShots]) -> list[DeviceAvailability]:
    found = []
    for name in sorted({*sums, *missed}):
        own, gone = sums.get(name, DeviceSums(parse_device(name))), missed.get(name, _NOTHING_MISSED)
        joins = own.device.joins
        came = own.in_shots if joins else own.valid
        found.append(
            DeviceAvailability(
                device=own.device,
                expected=came + gone.shots if joins else own.outcomes.total(),
                came=came,
                odd=own.anomalous,
                longest_shots=gone.longest.shots,
                longest_from_ns=gone.longest.first_ns,
                longest_to_ns=gone.longest.last_ns,
            )
        )
    return found


def _energies(sums: Mapping[str, DeviceSums]) -> list[MeterEnergy]:
    return [
        MeterEnergy(
            device=own.device,
            stability=energy_stability(own.measured),
            slot_means_j=own.measured.slot_means()[:, 0],
        )
        for own in sums.values()
        if own.device.kind is RecordKind.ENERGY_METER and own.measured is not None and own.measured.total
    ]


def _pointing(sums: Mapping[str, DeviceSums]) -> list[CameraPointing]:
    return [
        CameraPointing(
            device=own.device,
            stability=pointing_stability(own.measured),
            diameter_px=float(own.diameter.mean()[0]),
            slot_means_px=own.measured.slot_means(),
        )
        for own in sums.values()
        if own.measured is not None and own.diameter is not None and own.measured.total
    ]


def _archive(rooms: ControlRooms, standing: Callable[[], ArchiveStanding]) -> ArchiveStanding:
    """How the archive stands; its folder is on the disk of the tapes' control room, and nobody should wait for that."""
    hanging = rooms.hanging()
    if hanging:
        return ArchiveStanding(sentences=[f"how it stands can't be told: the disk under {hanging[0]} does not answer"])
    return standing()

"""Which records make up each shot that has left a stage's join."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from models.devices import Device
from models.records import Refusal
from models.results import Outcome
from models.triplets.decided import OUTCOME_CODES, DecidedBlock, TripletTable

_MEMBERS = (OUTCOME_CODES[Outcome.TRIPLET], OUTCOME_CODES[Outcome.IDLE])


@dataclass(frozen=True, slots=True)
class ShotMember:
    """One valid record of a shot: its device, when it was recorded, and where (file and path in it)."""

    device: Device
    event_time_ns: int
    file: str
    hdf5_group: str


@dataclass(slots=True)
class ShotMembers:
    """A whole triplet or an idle shot, with its valid records by the names of their devices.

    Attributes
    ----------
    event_time_ns, idle, energy_j, interval_hz
        As in ``TripletTable``.
    """

    event_time_ns: int
    idle: bool
    energy_j: float
    interval_hz: float
    members: list[ShotMember] = field(default_factory=list)


def shot_members(table: TripletTable, decided: Iterable[DecidedBlock]) -> Iterator[ShotMembers]:
    """The shots of a table that are whole triplets or idle, with their records, in the order of event time.

    Parameters
    ----------
    table
        The shots that a stage's join let go at once.
    decided
        The records that left with them; those of other stages are not looked at.
    """
    members: dict[int, list[ShotMember]] = {}
    starts = table.event_time_ns
    for block in decided:
        scored = block.scored
        if scored.device.stage != table.stage or not scored.device.joins:
            continue
        rows = np.flatnonzero(np.isin(block.outcome, _MEMBERS) & (scored.refusal == Refusal.NONE))
        times = scored.event_time_ns[rows]
        shots = np.searchsorted(starts, times, side="right") - 1
        for row, shot, time in zip(rows.tolist(), shots.tolist(), times.tolist(), strict=True):
            member = ShotMember(scored.device, time, scored.source.file, scored.hdf5_group[row])
            members.setdefault(shot, []).append(member)
    for shot in np.flatnonzero(table.complete | table.idle).tolist():
        yield ShotMembers(
            event_time_ns=int(starts[shot]),
            idle=bool(table.idle[shot]),
            energy_j=float(table.energy_j[shot]),
            interval_hz=float(table.interval_hz[shot]),
            members=sorted(members.get(shot, []), key=lambda member: member.device.name),
        )

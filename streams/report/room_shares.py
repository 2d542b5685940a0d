"""What each control room has for a report: that of the watch, and those that keep their own alarms; and all as one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from connectors.control_room.database import reading
from connectors.control_room.incident_search import IncidentQuestion
from connectors.control_room.reader import ControlRoomReader
from connectors.control_room.receivers import FailingReceiver, failing_receivers
from connectors.control_room.room_entries import OWN_ROOM, in_order
from connectors.control_room.rooms import ControlRooms, one_each
from connectors.state.reader import StateReader
from dashboards.shift_report import OpenPoints
from models.alarms.audit_chain import AuditEntry
from models.alarms.life_cycle import AlarmState
from streams.alarms.audited_subjects import names_in
from streams.report.found_incidents import FoundIncidents, PicturesLeft, all_found, find_incidents
from streams.report.reported_stretch import ReportedStretch

_MOST_UNACKNOWLEDGED = 100
_MOST_AUDIT = 500
_AUDIT_PAGE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomShare:
    """What one control room, or all of them, have for a report; see ``ShiftReport``."""

    found: FoundIncidents
    open_points: OpenPoints
    audit: Sequence[AuditEntry]
    audit_names: Mapping[str, str]
    more_audit: int


def share_of_all(rooms: ControlRooms, stretch: ReportedStretch) -> RoomShare:
    """What all have that can be read; the open points say why others can't be.

    Raises
    ------
    FatalError, RetryableError
        As the readers: the watch's own can't be read.
    """
    pictures = PicturesLeft()

    def share_of(room: ControlRoomReader) -> tuple[str, RoomShare]:
        name = rooms.name_of(room.state)
        return name, _share_of(room, stretch, pictures, is_own=name == OWN_ROOM)

    named, troubles = rooms.look(share_of)
    shares = [share for _, share in named]
    entries = in_order((name, share.audit) for name, share in named)
    return RoomShare(
        found=all_found(share.found for share in shares),
        open_points=_all_points([share.open_points for share in shares], troubles),
        audit=[each.entry for each in entries[:_MOST_AUDIT]],
        audit_names={id_: name for share in shares for id_, name in share.audit_names.items()},
        more_audit=sum(share.more_audit for share in shares) + len(entries[_MOST_AUDIT:]),
    )


def _share_of(room: ControlRoomReader, stretch: ReportedStretch, pictures: PicturesLeft, *, is_own: bool) -> RoomShare:
    audit, more_audit = _audit(room, stretch)
    with StateReader.open(room.state) as reader:
        return RoomShare(
            found=find_incidents(room, reader, stretch, pictures),
            open_points=_open_points(room, is_own=is_own),
            audit=audit,
            audit_names=names_in(audit, room, reader),
            more_audit=more_audit,
        )


def _open_points(room: ControlRoomReader, *, is_own: bool) -> OpenPoints:
    with reading(room.state) as connection:
        receivers = failing_receivers(connection)
    unacknowledged = room.incidents(IncidentQuestion(unacknowledged=True), limit=_MOST_UNACKNOWLEDGED)
    return OpenPoints(
        unacknowledged=unacknowledged,
        worst_alerts=room.worst_alerts(unacknowledged),
        shelved=room.alarms(states=[AlarmState.SHELVED]),
        out_of_service=room.alarms(states=[AlarmState.OUT_OF_SERVICE]),
        maintenance=room.maintenance() if is_own else [],
        receivers=list(receivers.values()),
        audit_breaks=[each if is_own else f"{each} (in {room.state})" for each in room.audit_breaks()],
    )


def _all_points(points: Sequence[OpenPoints], troubles: Sequence[str]) -> OpenPoints:
    """Those of several rooms as one."""
    unacknowledged = sorted(
        (incident for each in points for incident in each.unacknowledged),
        key=lambda incident: (incident.first_shot_ns, incident.id),
    )
    return OpenPoints(
        unacknowledged=unacknowledged[-_MOST_UNACKNOWLEDGED:],
        worst_alerts={id_: alert for each in points for id_, alert in each.worst_alerts.items()},
        shelved=one_each(alarm for each in points for alarm in each.shelved),
        out_of_service=one_each(alarm for each in points for alarm in each.out_of_service),
        maintenance=[stage for each in points for stage in each.maintenance],
        receivers=_receivers(receiver for each in points for receiver in each.receivers),
        audit_breaks=[sentence for each in points for sentence in each.audit_breaks],
        troubles=troubles,
    )


def _receivers(failing: Iterable[FailingReceiver]) -> list[FailingReceiver]:
    """By their names; of one that takes no messages of several rooms the worst: suspended, then for the longest."""
    by_urgency = sorted(failing, key=lambda each: (each.name, each.suspension is None, each.failing_since_ns))
    return list({each.name: each for each in reversed(by_urgency)}.values())[::-1]


def _audit(room: ControlRoomReader, stretch: ReportedStretch) -> tuple[list[AuditEntry], int]:
    """The entries of the stretch, and how many more than those there are."""
    found: list[AuditEntry] = []
    more = after = 0
    while page := room.audit(after, _AUDIT_PAGE):
        after = page[-1].number
        own = [entry for entry in page if stretch.from_ns <= entry.at_ns < stretch.to_ns]
        room_left = _MOST_AUDIT - len(found)
        found += own[:room_left]
        more += len(own[room_left:])
    return found, more

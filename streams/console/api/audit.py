"""The audit logs: who did what, when and why, each entry bound to the one before in its log."""

from typing import Any

from fastapi import APIRouter, Request
from pydantic import Field

from connectors.control_room.documents import audit_document
from connectors.control_room.reader import ControlRoomReader
from connectors.control_room.room_entries import in_order
from models.alarms.audit_chain import AuditEntry
from streams.console.api.answers import USUAL_PAGE, Answer, Cursor, Limit, Page, cursor_to, place_of
from streams.console.api.route import ApiRoute
from streams.console.api.validators import unless_known, untagged_if_any
from streams.console.parts import parts

router = APIRouter(prefix="/api/v1", route_class=ApiRoute, tags=["alarms"])


class Entry(Answer):
    """One entry."""

    room: str = Field(description="Whose log it is: `own`, or `tape` of what is about tapes.", examples=["own"])
    number: int = Field(description="In that log 1, 2, 3 ...: one that is missing is an entry that was removed.", ge=1)
    at: str = Field(description="By the clock, ISO 8601 in UTC.")
    at_ns: int = Field(description="The same in nanoseconds since 1970, as the hash covers it.")
    who: str = Field(description="The user.")
    action: str = Field(description="`acknowledge`, `shelve`, `verdict` ...")
    subject: str = Field(description="Id of an alarm, incident or alert; a stage, a device, a version of the model.")
    why: str = Field(description="In words; may be empty.")
    details: dict[str, Any] = Field(description="What it was exactly.")
    previous: str = Field(description="SHA-256 of the entry before in that log, hex.")
    hash: str = Field(description="SHA-256 of this entry and the one before, hex.")


class Entries(Page[Entry]):
    """Some entries."""

    troubles: list[str] = Field(description="Why some are missing here, one sentence each; usually none.")


@router.get("/audit")
def audit(request: Request, cursor: Cursor = None, limit: Limit = USUAL_PAGE) -> Entries:
    """Entries of all logs by their times, of each log in its order. `petawatch audit verify` checks the chains."""
    rooms = parts(request).control_room.for_one_answer()
    names = rooms.names
    place = place_of(request, cursor, *[int for _ in names])
    unless_known(request, rooms.change_number(), rooms.troubles())
    reached = dict(zip(names, place or [0] * len(names), strict=True))

    def entries_of(room: ControlRoomReader) -> tuple[str, list[AuditEntry]]:
        name = rooms.name_of(room.state)
        return name, room.audit(reached[name], limit + 1)

    logs, _ = rooms.look(entries_of)
    found = in_order(logs)
    for each in found[:limit]:
        reached[each.room] = each.entry.number
    return Entries(
        items=[Entry.model_validate(audit_document(each)) for each in found[:limit]],
        next=cursor_to(request, *reached.values()) if len(found) > limit else None,
        troubles=untagged_if_any(request, rooms.troubles()),
    )

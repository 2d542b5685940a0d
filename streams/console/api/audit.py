"""The audit log: who did what, when and why, each entry bound to the one before."""

from typing import Any

from fastapi import APIRouter, Request
from pydantic import Field

from connectors.control_room.documents import audit_document
from streams.console.api.answers import USUAL_PAGE, Answer, Cursor, Limit, Page, page_of, place_of
from streams.console.api.route import ApiRoute
from streams.console.api.validators import unless_known
from streams.console.parts import parts

router = APIRouter(prefix="/api/v1", route_class=ApiRoute, tags=["alarms"])


class Entry(Answer):
    """One entry."""

    number: int = Field(description="1, 2, 3 ...: a number that is missing is an entry that was removed.", ge=1)
    at: str = Field(description="By the clock, ISO 8601 in UTC.")
    at_ns: int = Field(description="The same in nanoseconds since 1970, as the hash covers it.")
    who: str = Field(description="The user.")
    action: str = Field(description="`acknowledge`, `shelve`, `verdict` ...")
    subject: str = Field(description="Id of an alarm, incident or alert; a stage, a device, a version of the model.")
    why: str = Field(description="In words; may be empty.")
    details: dict[str, Any] = Field(description="What it was exactly.")
    previous: str = Field(description="SHA-256 of the entry before, hex.")
    hash: str = Field(description="SHA-256 of this entry and the one before, hex.")


class Entries(Page[Entry]):
    """Some entries."""


@router.get("/audit")
def audit(request: Request, cursor: Cursor = None, limit: Limit = USUAL_PAGE) -> Entries:
    """Entries in their order. `petawatch audit verify` checks the chain."""
    room = parts(request).control_room
    place = place_of(request, cursor, int)
    unless_known(request, room.change_number())
    found = room.audit(after=place[0] if place else 0, limit=limit + 1)
    page, behind = page_of(request, found, limit, lambda entry: entry.number)
    return Entries(
        items=[Entry.model_validate(audit_document(entry)) for entry in page],
        next=behind,
    )

"""Who was told of an alert or an incident, and with what answer."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import Field

from models.event_time import format_iso
from streams.console.api.answers import Answer
from streams.console.api.questions import ID_PATTERN
from streams.console.api.route import ApiRoute
from streams.console.api.validators import tag_answer, tag_of_answer
from streams.console.parts import parts

router = APIRouter(prefix="/api/v1", route_class=ApiRoute, tags=["receivers"])

_MOST_SUBJECTS = 100


class DeliveryReceipt(Answer):
    """A message that somebody got, or that was dropped."""

    receiver: str = Field(description="Name of the receiver.")
    subject_id: str = Field(description="The alert or incident that it is about.")
    event_id: str = Field(description="Of the message: the same when it is told again.")
    type: str = Field(description="What happened.")
    created: str = Field(description="When the message was written, ISO 8601 in UTC.")
    delivered: str = Field(description="When the receiver had it.")
    status: str = Field(description="What the receiver answered: a number of HTTP, `sent`, or `dropped`.")
    attempts: int = Field(description="How many it took.", ge=0)


class DeliveryReceipts(Answer):
    """Receipts of some alerts and incidents."""

    items: list[DeliveryReceipt] = Field(description="In the order in which they were delivered.")


@router.get("/receipts")
def receipts(
    request: Request,
    subject: Annotated[
        list[Annotated[str, Query(pattern=ID_PATTERN)]],
        Query(min_length=1, max_length=_MOST_SUBJECTS, description="Ids of alerts and incidents."),
    ],
) -> DeliveryReceipts:
    """Who was told of these alerts and incidents."""
    found = parts(request).control_room.receipts_of(sorted(set(subject)))
    answer = DeliveryReceipts(
        items=[
            DeliveryReceipt(
                receiver=receipt.receiver,
                subject_id=receipt.subject_id,
                event_id=receipt.event_id,
                type=receipt.type,
                created=format_iso(receipt.created_ns),
                delivered=format_iso(receipt.delivered_ns),
                status=receipt.status,
                attempts=receipt.attempts,
            )
            for receipt in found
        ]
    )
    tag_answer(request, tag_of_answer(answer))
    return answer

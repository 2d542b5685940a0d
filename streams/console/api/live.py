"""What the watch worked on last: readings, and thumbnails of cameras."""

import math
from http import HTTPStatus
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Path, Request
from fastapi.responses import Response
from pydantic import Field

from connectors.evidence_picture import encode_png
from models.devices import RecordKind
from models.event_time import format_iso, iso_or_none
from models.live_reading import LiveReading
from streams.console.api.answers import Answer
from streams.console.api.evidence import PNG_TYPE
from streams.console.api.route import ApiRoute, offering
from streams.console.api.validators import tag_answer, tag_of, unless_known
from streams.console.parts import parts
from streams.console.problems import RefusedError

router = APIRouter(prefix="/api/v1", route_class=ApiRoute, tags=["live"])


_GRAYS = np.repeat(np.arange(256, dtype=np.uint8)[:, np.newaxis], 3, axis=1)


class Reading(Answer):
    """The latest reading of a device that was worth a look."""

    device: str = Field(description="Name as the control system writes it.")
    kind: RecordKind = Field(description="What it records.")
    stage: str | None = Field(description="`LA-A3-31`; null for a device whose name says none.")
    event_time: str = Field(description="When the shot was taken, ISO 8601 in UTC.")
    shown: str = Field(description="When it was worked on, by the clock.")
    scoring: str = Field(description="`none`, `learning`, `scored`, `dark` or `thinned`.")
    score: float | None = Field(description="-log10 of the corrected tail probability; null: not scored.")
    anomalous: bool = Field(description="Whether it is odd.")
    valid: bool = Field(description="Whether the record counts.")
    refusal: str | None = Field(description="Why it does not count.")
    values: dict[str, float | None] = Field(description="Main values by name, with their units; null: not known.")
    picture: str | None = Field(description="Path of the thumbnail; null without one.")
    number: int = Field(description="Grows with every reading that is shown.")


class Readings(Answer):
    """The latest readings of all devices."""

    items: list[Reading] = Field(description="By the device's name.")
    writer_start: str | None = Field(description="When the program that shows them was started; null: none runs.")


@router.get("/live")
def live(request: Request) -> Readings:
    """The latest reading of every device; at most two a second and device."""
    board = parts(request).board
    readings, start_ns = board.readings(), board.writer_start_ns
    unless_known(request, start_ns, max((reading.number for reading in readings), default=0), len(readings))
    return Readings(
        items=[_reading(reading) for reading in readings],
        writer_start=iso_or_none(start_ns),
    )


@router.get(
    "/live/{device}.png",
    response_class=Response,
    responses={
        200: {"description": "The picture.", "content": {PNG_TYPE: {"schema": {"type": "string", "format": "binary"}}}}
    },
)
@offering(PNG_TYPE)
def live_picture(
    request: Request, device: Annotated[str, Path(max_length=255, description="A camera's name.")]
) -> Response:
    """A camera's latest image, 128 x 102 pixels, on an absolute scale that is the same for all cameras.

    A gray of v stands for 4092 (v / 255)² counts: black is none, white is full scale or more.
    """
    found = next((each for each in parts(request).board.readings() if each.device.name == device), None)
    if found is None or found.thumbnail is None:
        raise RefusedError(HTTPStatus.NOT_FOUND, "There is no live image of such a camera.", "unknown_device")
    tag_answer(request, tag_of(device, found.number))
    return Response(encode_png(found.thumbnail, _GRAYS), media_type=PNG_TYPE)


def _reading(reading: LiveReading) -> Reading:
    device = reading.device
    return Reading(
        device=device.name,
        kind=device.kind,
        stage=device.stage.name or None,
        event_time=format_iso(reading.event_time_ns),
        shown=format_iso(reading.shown_ns),
        scoring=reading.scoring.label,
        score=reading.known_score,
        anomalous=reading.anomalous,
        valid=reading.valid,
        refusal=reading.refusal.label if reading.refusal else None,
        values={name: value if math.isfinite(value) else None for name, value in reading.values.items()},
        picture=None if reading.thumbnail is None else f"/api/v1/live/{device.name}.png",
        number=reading.number,
    )

"""Triplets: image, energy and spectrum of one stage at one shot."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import Field

from connectors.state.row_columns import Rows
from connectors.state.row_stream import RowQuestion
from streams.console.api.answers import USUAL_PAGE, Answer, Cursor, Limit
from streams.console.api.questions import AnomalousAsked, StagePattern, StretchAsked, fits
from streams.console.api.route import JSON_TYPE, ApiRoute, offering
from streams.console.api.rows import (
    ARROW_TYPE,
    ROW_RESPONSES,
    Fields,
    Format,
    RowPage,
    chosen_columns,
    rows_answer,
)

router = APIRouter(prefix="/api/v1", route_class=ApiRoute, tags=["rows"])


class Triplet(Answer):
    """One shot of one stage. With `fields` only these are there; what is not known is null."""

    event_time: str | None = Field(None, description="When the shot was taken: ISO 8601 in UTC, to the nanosecond.")
    front_end: str | None = Field(None, description="`LA` or `LB`.")
    amp: str | None = Field(None, description="`FE`, `A1`, `A2` or `A3`, or two letters of diagnostics behind them.")
    arm: str | None = Field(None, description="`00`, `11`, `12`, `31` or `32`.")
    complete: bool | None = Field(None, description="Whether all of the stage's devices have recorded.")
    idle: bool | None = Field(None, description="Whether the stage did not fire.")
    missing: list[str] | None = Field(None, description="What it lacks: `image`, `energy`, `spectrum`.")
    missing_devices: list[str] | None = Field(None, description="Whose record it lacks.")
    devices: int | None = Field(None, description="How many devices have recorded.", ge=0)
    score: float | None = Field(None, description="The greatest of its records and its own; 0: none was scored.")
    anomalous: bool | None = Field(None, description="Whether it, or one of its records, is odd.")
    reasons: list[str] | None = Field(None, description="What is odd about it.")
    energy_j: float | None = Field(None, description="Measured, J.")
    interval_hz: float | None = Field(None, description="Rate by the snapshot's folder, Hz.")


class Triplets(RowPage[Triplet]):
    """Some triplets."""


@router.get(
    "/triplets",
    response_model=Triplets,
    responses=ROW_RESPONSES,
)
@offering(JSON_TYPE, ARROW_TYPE)
def triplets(
    request: Request,
    stretch: StretchAsked,
    stage: StagePattern = "",
    complete: Annotated[bool | None, Query(description="With image, energy and spectrum, or lacking one.")] = None,
    idle: Annotated[bool | None, Query(description="At which the stage did not fire, or did.")] = None,
    anomalous: AnomalousAsked = None,
    fields: Fields = None,
    format: Format = None,  # noqa: A002 - the parameter's name
    cursor: Cursor = None,
    limit: Limit = USUAL_PAGE,
) -> Answer | Response:
    """Triplets by event time, then stage; incomplete and idle ones too.

    As Arrow the answer is what `petawatch export --what triplets` writes, in batches.
    """
    flags = {"complete": complete, "idle": idle, "anomalous": anomalous}
    question = RowQuestion(
        what=Rows.TRIPLETS,
        from_ns=stretch.from_ns,
        to_ns=stretch.to_ns,
        columns=chosen_columns(fields, Rows.TRIPLETS),
        subject=lambda name: fits(name, stage),
        flags={name: flag for name, flag in flags.items() if flag is not None},
    )
    return rows_answer(request, question, (Triplets, Triplet), form=format, cursor=cursor, limit=limit)

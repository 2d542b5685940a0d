"""The series that drawings ask for."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import JSONResponse

from models.devices import parse_device
from models.event_time import EARLIEST_NS, LATEST_NS, SECOND_NS
from streams.console.pages.series_document import completeness_document, series_document
from streams.console.pages.stage import parsed_stage
from streams.console.parts import parts
from streams.history.series import MOST_POINTS
from streams.history.series_columns import series_columns

router = APIRouter()

# Seconds since 1970.
_Seconds = Annotated[float, Query(ge=EARLIEST_NS / SECOND_NS, le=LATEST_NS / SECOND_NS)]
_Points = Annotated[int, Query(ge=10, le=MOST_POINTS)]


@router.get("/devices/{name}/series")
def device_series(
    request: Request,
    name: str,
    from_s: _Seconds,
    to_s: _Seconds,
    columns: Annotated[str, Query(max_length=500)] = "score",
    points: _Points = MOST_POINTS,
) -> JSONResponse:
    """Columns (names with commas between) of a device's records, summed up in at most so many points."""
    device = parse_device(name)
    wanted = tuple(dict.fromkeys(columns.split(",")))
    known = series_columns(device)
    if not known.keys() >= set(wanted):
        raise HTTPException(422, f"{name} has the columns {', '.join(sorted(known))}.")
    from_ns, to_ns = _stretch(from_s, to_s)
    return JSONResponse(series_document(parts(request).history.read(device, wanted, from_ns, to_ns, points=points)))


@router.get("/stages/{name}/series")
def stage_series(
    request: Request, name: str, from_s: _Seconds, to_s: _Seconds, points: _Points = MOST_POINTS
) -> JSONResponse:
    """How many of a stage's shots were complete, and their energy."""
    from_ns, to_ns = _stretch(from_s, to_s)
    stage = parsed_stage(name)
    series = parts(request).history.read(stage, tuple(series_columns(stage)), from_ns, to_ns, points=points)
    return JSONResponse(completeness_document(series))


def _stretch(from_s: float, to_s: float) -> tuple[int, int]:
    from_ns, to_ns = round(from_s * SECOND_NS), round(to_s * SECOND_NS)
    if from_ns >= to_ns:
        raise HTTPException(422, "A stretch begins before its end.")
    return from_ns, to_ns

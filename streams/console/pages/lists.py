"""The lists of stages and cameras: each one that is known, what is open of it, and whether somebody works there."""

from collections.abc import Callable, Sequence

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from connectors.state.reader import StateReader
from dashboards.console.stage_view import CameraRow, StageRow, camera_rows, stage_rows
from models.alarms.suppression import Suppression
from models.errors import PetawatchError
from models.event_time import HOUR_NS
from streams.console.parts import parts
from streams.console.problems import sentence_of
from streams.console.rendering import render
from streams.history.known_devices import known_devices, latest_minute_end, stages_of

router = APIRouter()

_RowsOf = Callable[[StateReader, Sequence[Suppression]], Sequence[StageRow] | Sequence[CameraRow]]


@router.get("/stages")
def stages(request: Request) -> HTMLResponse:
    """All stages that are known, with the latest hour of each."""

    def rows(reader: StateReader, maintenance: Sequence[Suppression]) -> list[StageRow]:
        end_ns = latest_minute_end(reader)
        minutes = [] if end_ns is None else reader.triplet_minutes(end_ns - HOUR_NS, end_ns)
        return stage_rows(stages_of(known_devices(reader)), minutes, reader.open_alerts(), maintenance)

    return _list(request, "stages.html", rows)


@router.get("/cameras")
def cameras(request: Request) -> HTMLResponse:
    """All cameras that are known."""

    def rows(reader: StateReader, maintenance: Sequence[Suppression]) -> list[CameraRow]:
        return camera_rows(known_devices(reader), reader.open_alerts(), maintenance)

    return _list(request, "cameras.html", rows)


def _list(request: Request, template: str, rows_of: _RowsOf) -> HTMLResponse:
    console = parts(request)
    troubles: list[str] = []
    maintenance: Sequence[Suppression] = ()
    rows: Sequence[StageRow] | Sequence[CameraRow] = ()
    try:
        maintenance = console.control_room.maintenance()
    except PetawatchError as error:
        troubles.append(sentence_of(error))
    try:
        with StateReader.open(console.state) as reader:
            rows = rows_of(reader, maintenance)
    except PetawatchError as error:
        if sentence_of(error) not in troubles:
            troubles.append(sentence_of(error))
    return render(request, template, troubles=troubles, rows=rows)

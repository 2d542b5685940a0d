"""The lists of stages and cameras: each one that is known, how it stands, and whether somebody works there."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from connectors.control_room.incident_search import IncidentQuestion
from connectors.state.reader import StateReader
from dashboards.console.stage_view import CameraRow, Known, StageRow, camera_rows, stage_rows
from models.errors import PetawatchError
from models.event_time import HOUR_NS, SECOND_NS
from streams.console.events import MOST_COUNTED
from streams.console.parts import ConsoleParts, parts
from streams.console.problems import sentence_of
from streams.console.rendering import render
from streams.history.known_devices import known_devices, latest_minute_end, stages_of

router = APIRouter()

_RowsOf = Callable[[StateReader, Known], Sequence[StageRow] | Sequence[CameraRow]]


@router.get("/stages")
def stages(request: Request) -> HTMLResponse:
    """All stages that are known, with the latest hour of each."""

    def rows(reader: StateReader, known: Known) -> list[StageRow]:
        end_ns = latest_minute_end(reader)
        minutes = [] if end_ns is None else reader.triplet_minutes(end_ns - HOUR_NS, end_ns)
        return stage_rows(stages_of(known_devices(reader)), minutes, known)

    return _list(request, "stages.html", rows)


@router.get("/cameras")
def cameras(request: Request) -> HTMLResponse:
    """All cameras that are known."""
    return _list(request, "cameras.html", lambda reader, known: camera_rows(known_devices(reader), known))


def _list(request: Request, template: str, rows_of: _RowsOf) -> HTMLResponse:
    console = parts(request)
    troubles: list[str] = []
    known = Known()
    rows: Sequence[StageRow] | Sequence[CameraRow] = ()
    try:
        known = _known(console)
    except PetawatchError as error:
        troubles.append(sentence_of(error))
    try:
        with StateReader.open(console.state) as reader:
            rows = rows_of(reader, replace(known, open_alerts=reader.open_alerts()))
    except PetawatchError as error:
        if sentence_of(error) not in troubles:
            troubles.append(sentence_of(error))
    return render(request, template, troubles=troubles, rows=rows)


def _known(console: ConsoleParts) -> Known:
    """What the control room and the live board know."""
    room, now_ns = console.control_room, console.clock.now_ns()
    unacknowledged = room.incidents(IncidentQuestion(unacknowledged=True), limit=MOST_COUNTED)
    since_ns = now_ns - round(console.settings.console.stale_after_s * SECOND_NS)
    current = [reading.device for reading in console.board.readings() if reading.event_time_ns >= since_ns]
    return Known(
        unseen=room.unseen_alarms(unacknowledged),
        maintenance=room.maintenance(),
        current={device.name for device in current} | {str(device.stage) for device in current},
        now_ns=now_ns,
    )

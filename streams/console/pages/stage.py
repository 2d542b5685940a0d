"""One of the laser's stages: its history, and its maintenance."""

from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, Response

from connectors.state.reader import StateReader
from dashboards.console.history_view import device_link, stage_charts
from dashboards.console.stage_view import maintenance_words
from dashboards.words import time_words
from models.devices import Device, RecordKind, Stage
from models.errors import PetawatchError
from streams.alarms.alarm_desk import LONGEST_WHY
from streams.console.desk import desk_of
from streams.console.guards import Operator
from streams.console.pages.history_page import history_context
from streams.console.pages.steps import LENGTH_CHOICES, NO_STEP, StepTold, answered, end_of
from streams.console.parts import ConsoleParts, parts
from streams.console.problems import sentence_of
from streams.console.rendering import render
from streams.history.known_devices import known_devices, stages_of

router = APIRouter()

_Why = Annotated[str, Form(max_length=LONGEST_WHY)]


@router.get("/stages/{name}")
def stage(
    request: Request,
    name: str,
    from_: Annotated[str, Query(alias="from", max_length=40)] = "",
    to: Annotated[str, Query(max_length=40)] = "",
) -> HTMLResponse:
    """One stage over time."""
    return _stage_page(request, parsed_stage(name), from_, to)


@router.post("/stages/{name}/maintenance/start")
def start_maintenance(
    request: Request,
    name: str,
    who: Operator,
    length: Annotated[str, Form(max_length=10)] = "",
    until: Annotated[str, Form(max_length=40)] = "",
    why: _Why = "",
) -> Response:
    """Cover all alarms of a stage, until an end; of one under maintenance change the end."""
    wanted = parsed_stage(name)

    def step() -> str:
        until_ns = end_of(parts(request), length, until)
        with desk_of(request) as desk:
            desk.start_maintenance(wanted, until_ns=until_ns, by=who.name, why=why)
        return f"Under maintenance by {who.name} until {time_words(until_ns, seconds=True)} UTC."

    return answered(request, step, lambda told: _stage_page(request, wanted, told=told))


@router.post("/stages/{name}/maintenance/end")
def end_maintenance(request: Request, name: str, who: Operator, why: _Why = "") -> Response:
    """Cover the alarms of a stage no longer."""
    wanted = parsed_stage(name)

    def step() -> str:
        with desk_of(request) as desk:
            desk.end_maintenance(wanted, by=who.name, why=why)
        return f"{who.name} ended the maintenance."

    return answered(request, step, lambda told: _stage_page(request, wanted, told=told))


def _stage_page(
    request: Request, wanted: Stage, from_: str = "", to: str = "", *, told: StepTold = NO_STEP
) -> HTMLResponse:
    console = parts(request)
    devices, trouble = _devices(console, wanted)
    context = history_context(
        console, f"/stages/{wanted}", from_, to, lambda alert: alert.stage == wanted, stage_charts(wanted, devices)
    )
    cameras = [
        (device.name, device_link(device, from_=from_, to=to)) for device in devices if device.kind is RecordKind.CAMERA
    ]
    maintenance, more_trouble = _maintenance(console, wanted)
    context["troubles"] += [each for each in (trouble, more_trouble) if each]
    return render(
        request,
        "stage.html",
        status=told.status,
        outcome=told,
        name=str(wanted),
        cameras=cameras,
        maintenance=maintenance,
        length_choices=LENGTH_CHOICES,
        **context,
    )


def parsed_stage(name: str) -> Stage:
    """The stage of this name.

    Raises
    ------
    HTTPException
        404 when it can be none's.
    """
    try:
        return Stage.parse(name)
    except ValueError as error:
        raise HTTPException(404, sentence_of(error)) from error


def _maintenance(console: ConsoleParts, wanted: Stage) -> tuple[str, str]:
    """What is said of it, empty without one; and why it is not known."""
    try:
        found = [each for each in console.control_room.maintenance() if each.stage == str(wanted)]
    except PetawatchError as error:
        return "", sentence_of(error)
    return maintenance_words(found[0]) if found else "", ""


def _devices(console: ConsoleParts, wanted: Stage) -> tuple[list[Device], str]:
    try:
        with StateReader.open(console.state) as reader:
            found = stages_of(known_devices(reader)).get(wanted, [])
    except PetawatchError as error:
        return [], sentence_of(error)
    return found, "" if found else f"Nothing is known of the stage {wanted}."

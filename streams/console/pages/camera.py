"""One camera: its history, its dark profile and what it has learned."""

from typing import Annotated

import numpy as np
from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, Response

from connectors.state.reader import StateReader
from dashboards.console.camera_view import MAPS, camera_facts, map_rows
from dashboards.console.history_view import device_charts
from models.devices import Device, RecordKind, parse_device
from models.errors import PetawatchError
from models.images.camera_maps import CameraMaps, camera_maps
from models.state import decode_state
from streams.console.pages.history_page import history_context
from streams.console.parts import ConsoleParts, parts
from streams.console.problems import sentence_of
from streams.console.rendering import render
from streams.device_stages import device_key

router = APIRouter()


@router.get("/cameras/{name}")
def camera(
    request: Request,
    name: str,
    from_: Annotated[str, Query(alias="from", max_length=40)] = "",
    to: Annotated[str, Query(max_length=40)] = "",
) -> HTMLResponse:
    """One camera over time, and its maps."""
    console, device = parts(request), _camera(name)
    context = history_context(
        console, f"/cameras/{name}", from_, to, lambda alert: alert.device == name, device_charts(device)
    )
    maps: CameraMaps | None = None
    try:
        maps = _maps(console, device)
    except PetawatchError as error:
        if sentence_of(error) not in context["troubles"]:
            context["troubles"].append(sentence_of(error))
    return render(
        request,
        "camera.html",
        name=name,
        stage=device.stage.name,
        facts=[] if maps is None else camera_facts(maps),
        maps=[] if maps is None else map_rows(name, maps),
        **context,
    )


@router.get("/cameras/{name}/maps/{kind}")
def map_values(request: Request, name: str, kind: str) -> Response:
    """One of its maps: 102 rows of 128 float32, little-endian."""
    maps = _maps(parts(request), _camera(name)) if kind in MAPS else None
    values = None if maps is None else getattr(maps, kind)
    if values is None:
        raise HTTPException(404, "The camera has no such map, or none yet.")
    return Response(np.asarray(values, "<f4").tobytes(), media_type="application/octet-stream")


def _camera(name: str) -> Device:
    device = parse_device(name)
    if device.kind is not RecordKind.CAMERA:
        raise HTTPException(404, f"{name} is no camera.")
    return device


def _maps(console: ConsoleParts, device: Device) -> CameraMaps | None:
    """What is known of its pixels; None without a state of it, as in the directory of a facility's recorder."""
    with StateReader.open(console.state) as reader:
        saved = reader.load_state(device_key(device))
    return None if saved is None else camera_maps(decode_state(saved))

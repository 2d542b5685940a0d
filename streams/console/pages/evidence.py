"""The pictures behind an episode: as arrays that the page draws, as a PNG, and the shots around it."""

import asyncio
import threading
from io import BytesIO
from pathlib import Path
from typing import Annotated
from zipfile import BadZipFile

import numpy as np
from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, Response

from connectors.evidence_store import EvidenceLink
from connectors.kept_evidence import read_evidence
from connectors.links import ALERT_PATH
from connectors.state.reader import StateReader
from dashboards.html_page import PAGE_POLICY
from models.errors import FatalError, RetryableError
from models.records import IMAGE_SHAPE
from streams.console.parts import parts

router = APIRouter()

_ALERT = "/incidents/alert/{alert_id}"
# What was kept of a shot stays as it is; whoever may see it is asked for each time.
_KEPT = {"Cache-Control": "private, max-age=60"}
_ARRAYS = (("raw", "<u2"), ("cleaned", "<f4"), ("reconstruction", "<f4"), ("residual_z", "<f4"))


@router.get(_ALERT + "/evidence/{role}.png")
def picture(request: Request, alert_id: str, role: str) -> Response:
    """The picture of a shot: raw, cleaned, reconstruction and residual beside each other."""
    state = parts(request).state
    data = read_evidence(state, _link(state, alert_id, role).png)
    return Response(data, media_type="image/png", headers=_KEPT)


@router.get(_ALERT + "/evidence/{role}")
def arrays(request: Request, alert_id: str, role: str) -> Response:
    """The arrays of a shot, one behind the other, little-endian: raw (uint16), cleaned, reconstruction, residual.

    The last three are float32. Each has 102 rows of 128 pixels; counts, and sigmas for the residual.
    """
    state = parts(request).state
    data = read_evidence(state, _link(state, alert_id, role).npz)
    try:
        with np.load(BytesIO(data)) as kept:
            found = [np.asarray(kept[name], dtype) for name, dtype in _ARRAYS]
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise HTTPException(410, "The evidence is damaged.") from error
    if any(array.shape != IMAGE_SHAPE for array in found):
        raise HTTPException(410, "The evidence is damaged: its pictures have another size.")
    return Response(b"".join(array.tobytes() for array in found), media_type="application/octet-stream", headers=_KEPT)


@router.get(_ALERT + "/around")
async def around(request: Request, alert_id: str, at: Annotated[int, Query(ge=-(2**63), lt=2**63)]) -> Response:
    """What the stage recorded around a shot: ``kept_shot_document``.

    Who has turned the page meanwhile waits no longer: it is not made, unless it is being made already.
    """
    gone = threading.Event()
    looking = asyncio.create_task(_told_when_gone(request, gone))
    try:
        document = await run_in_threadpool(parts(request).alert_pages.document, alert_id, at, gone.is_set)
    except FatalError as error:
        if error.reason != "alert_missing":
            raise
        raise HTTPException(404, f"There is no alert {alert_id}.") from error
    except RetryableError as error:
        if error.reason != "shot_away":
            raise
        raise HTTPException(503, f"The shots around it can't be shown now: {error}.") from error
    finally:
        looking.cancel()
    return Response(document, media_type="application/json")


async def _told_when_gone(request: Request, gone: threading.Event) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    gone.set()


@router.get(_ALERT + "/shot")
def shot(request: Request, alert_id: str) -> HTMLResponse:
    """The same as one page with all pictures in it, for whoever has no scripts or wants to keep it."""
    page = parts(request).alert_pages.page(f"{ALERT_PATH}{alert_id}")
    return HTMLResponse(page.html, page.status, headers={"Content-Security-Policy": PAGE_POLICY})


def _link(state: Path, alert_id: str, role: str) -> EvidenceLink:
    with StateReader.open(state) as reader:
        found = [each for each in reader.evidence(alert_id) if each.role == role]
    if not found:
        raise HTTPException(404, "There is no such evidence of this alert.")
    return found[0]

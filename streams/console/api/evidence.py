"""Evidence of odd shots: the picture to look at, and the arrays to compute with."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from connectors.kept_evidence import EvidenceRole, read_evidence
from connectors.state.reader import StateReader
from models.alerts.alert import AlertStatus
from streams.console.api.questions import Id
from streams.console.api.route import PROBLEM_CONTENT, ApiRoute, offering
from streams.console.api.validators import tag_answer, tag_of
from streams.console.parts import parts
from streams.console.problems import RefusedError

router = APIRouter(prefix="/api/v1", route_class=ApiRoute, tags=["alerts"])

PNG_TYPE, NPZ_TYPE = "image/png", "application/zip"
_FOREVER = "private, max-age=31536000, immutable"


RolePath = Annotated[EvidenceRole, Path(description="Which shot of the alert.")]


def _binary(media_type: str) -> dict[int | str, dict[str, object]]:
    return {
        200: {"description": "The file.", "content": {media_type: {"schema": {"type": "string", "format": "binary"}}}},
        410: {"description": "It is no longer kept.", "content": PROBLEM_CONTENT},
    }


@router.get("/evidence/{alert_id}/{role}.png", response_class=Response, responses=_binary(PNG_TYPE))
@offering(PNG_TYPE)
def evidence_picture(request: Request, alert_id: Id, role: RolePath) -> Response:
    """Raw image, cleaned image, reconstruction and residual of one shot, as a picture."""
    response = _file(request, alert_id, role, PNG_TYPE)
    # Grafana's dashboards, at another port, show it. same-site would not do: here two ports of an address are two sites
    # to browsers. Where people sign in only pages of the same host can show it, as the cookie goes nowhere else.
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@router.get("/evidence/{alert_id}/{role}.npz", response_class=Response, responses=_binary(NPZ_TYPE))
@offering(NPZ_TYPE)
def evidence_arrays(request: Request, alert_id: Id, role: RolePath) -> Response:
    """The same as NumPy arrays: `raw`, `cleaned`, `reconstruction`, `residual_z`, and `metadata` as JSON."""
    return _file(request, alert_id, role, NPZ_TYPE)


def _file(request: Request, alert_id: str, role: EvidenceRole, media_type: str) -> Response:
    state = parts(request).state
    with StateReader.open(state) as reader:
        alert = reader.alert(alert_id)
        link = next((link for link in reader.evidence(alert_id) if link.role == role), None)
    if alert is None or link is None:
        raise RefusedError(
            HTTPStatus.NOT_FOUND, f"There is no evidence of the {role} shot of an alert {alert_id}.", "unknown_evidence"
        )
    data = read_evidence(state, link.png if media_type == PNG_TYPE else link.npz)
    # The same shot again is the same file again; while the episode goes on another shot may take its place.
    response = Response(data, media_type=media_type)
    if alert.status is AlertStatus.CLOSED or role is EvidenceRole.FIRST:
        response.headers["Cache-Control"] = _FOREVER
    tag_answer(request, tag_of(alert_id, role, media_type, link.event_time_ns, len(data)))
    return response

"""The API's own description: an OpenAPI document, made from the resources as they are."""

import importlib.metadata
import itertools
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse

from streams.console.access.own_pages import CSRF_HEADER, SAFE_METHODS, cookie_name
from streams.console.api.route import ApiRoute
from streams.console.api.validators import tag_answer, tag_of
from streams.console.problems import Problem

router = APIRouter(prefix="/api/v1", route_class=ApiRoute)

_DESCRIPTION = """What Petawatch knows of a laser's shots, and what operators do about its alarms.

Programs show a token (`petawatch tokens create`) as `Authorization: Bearer TOKEN`; browsers their session, and with
what changes something the CSRF token of their page. Answers have entity tags: ask again with `If-None-Match`, and 304
says that nothing has changed. Steps of alarms, incidents and alerts take the tag of what was read as `If-Match`: 412
says that it has changed since. Long lists come in pages: the `next` of one is the `cursor` of the page behind it. What
is refused or fails is told as a problem document (RFC 9457) with one sentence and a `reason` for programs.
"""
_TAGS = {
    "alerts": "Episodes of odd shots, with their evidence.",
    "alarms": "Incidents, alarms after ISA-18.2, maintenance, the audit log.",
    "receivers": "Who was told.",
    "rows": "Every record and every triplet: pages of JSON, or whole stretches as Arrow.",
    "installation": "Stages and devices.",
    "live": "What is worked on now.",
    "files": "Snapshots, their accounts and their copies.",
    "models": "Versions of the model.",
    "replays": "Archived stretches through the pipeline again.",
}


def openapi_document(resources: Sequence[APIRouter], cookie: str) -> dict[str, Any]:
    """The document.

    Parameters
    ----------
    cookie
        Name of the session's cookie.
    """
    document = get_openapi(
        title="Petawatch",
        version=importlib.metadata.version("petawatch"),
        description=_DESCRIPTION,
        routes=list(itertools.chain.from_iterable(resource.routes for resource in resources)),
        tags=[{"name": name, "description": words} for name, words in _TAGS.items()],
        separate_input_output_schemas=False,
    )
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas["Problem"] = Problem.model_json_schema()
    components["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "Of a program: `petawatch tokens create`."},
        "session": {"type": "apiKey", "in": "cookie", "name": cookie, "description": "Of a browser that signed in."},
        "csrf": {"type": "apiKey", "in": "header", "name": CSRF_HEADER, "description": "Stands in every page."},
    }
    for path in document["paths"].values():
        for method, operation in path.items():
            safe = method.upper() in SAFE_METHODS
            session: dict[str, list[str]] = {"session": []} if safe else {"session": [], "csrf": []}
            operation["security"] = [{"token": []}, session]
            if safe:
                ok = operation["responses"]["200"].setdefault("headers", {})
                ok["ETag"] = {"description": "Of this answer, for `If-None-Match`.", "schema": {"type": "string"}}
                operation["responses"]["304"] = {"description": "Nothing has changed since (`If-None-Match`)."}
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    return document


@router.get("/openapi.json", include_in_schema=False, response_model=None)
def openapi(request: Request) -> JSONResponse:
    """The description."""
    document = api_document(request)
    tag_answer(request, tag_of(document["info"]["version"], document["paths"]))
    return JSONResponse(document)


def api_document(request: Request) -> dict[str, Any]:
    """The document of the console that answers."""
    state = request.app.state
    if not hasattr(state, "api_document"):
        from streams.console.api import RESOURCES  # noqa: PLC0415 - that table has this module's router, too

        state.api_document = openapi_document(RESOURCES, cookie_name(request))
    found: dict[str, Any] = state.api_document
    return found

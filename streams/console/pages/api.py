"""The REST API for people: every path, parameter and field, from the API's own document."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from dashboards.console.api_view import document_entries, operation_groups, pieces
from streams.console.api.openapi import api_document
from streams.console.rendering import render

router = APIRouter()


@router.get("/api")
def api(request: Request) -> HTMLResponse:
    """All of it."""
    document = api_document(request)
    return render(
        request,
        "api.html",
        about=[pieces(paragraph) for paragraph in document["info"]["description"].split("\n\n")],
        groups=operation_groups(document),
        documents=document_entries(document),
    )

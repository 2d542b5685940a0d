"""The wall: all stages and cameras at a glance."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from streams.console.rendering import render

router = APIRouter()


@router.get("/")
def wall(request: Request) -> HTMLResponse:
    """All of it."""
    return render(request, "wall.html")

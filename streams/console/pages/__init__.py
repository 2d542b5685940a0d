"""The console's pages: a module each, with a ``router``; every one is in these tables."""

from fastapi import APIRouter

from streams.console.pages import (
    api,
    archive,
    camera,
    evidence,
    incident,
    incidents,
    lists,
    live,
    metrics,
    pipeline,
    replay,
    series,
    settings,
    sign_in,
    stage,
    wall,
)

#: Each is asked for ``viewer`` at least; what changes something depends on ``operator`` or ``admin`` besides.
PAGES: tuple[APIRouter, ...] = (
    wall.router,
    live.router,
    metrics.router,
    archive.router,
    pipeline.router,
    settings.router,
    incidents.router,
    incident.router,
    evidence.router,
    lists.router,
    stage.router,
    camera.router,
    series.router,
    api.router,
    replay.router,
)
#: What somebody sees who has not signed in.
FOR_EVERYBODY: tuple[APIRouter, ...] = (sign_in.router,)

"""The REST API: a module for each resource, with a ``router``; every one is in this table."""

from fastapi import APIRouter

from streams.console.api import (
    alarms,
    audit,
    episodes,
    evidence,
    files,
    incidents,
    ledger,
    live,
    maintenance,
    models,
    openapi,
    receipts,
    replays,
    shots,
    stages,
    triplets,
)

#: Each is asked for ``viewer`` at least; what changes something depends on ``operator`` or ``admin`` besides.
RESOURCES: tuple[APIRouter, ...] = (
    episodes.router,
    evidence.router,
    incidents.router,
    alarms.router,
    maintenance.router,
    audit.router,
    receipts.router,
    shots.router,
    triplets.router,
    stages.router,
    live.router,
    files.router,
    ledger.router,
    models.router,
    replays.router,
    openapi.router,
)

"""The console's application: pages, resources, static files, and what guards them."""

from fastapi import Depends, FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.types import ASGIApp

from dashboards.console import STATIC
from streams.console.access.headers import BodyLimit, SecurityHeaders
from streams.console.access.hosts import AllowedHosts, HostCheck
from streams.console.api import RESOURCES
from streams.console.failures import add_failure_handlers
from streams.console.guards import viewer
from streams.console.pages import FOR_EVERYBODY, PAGES
from streams.console.parts import ConsoleParts
from streams.console.rendering import NAVIGATION

__all__ = ["ConsoleParts", "create_app"]


def create_app(parts: ConsoleParts, *, host: str = "127.0.0.1", port: int = 80) -> FastAPI:
    """The application that a server runs, or a test calls.

    Parameters
    ----------
    host, port
        That it is served at.
    """
    allowed = AllowedHosts(host, parts.settings.console.hosts, parts.settings.links.address)
    # Its own documentation pages would fetch scripts from elsewhere.
    app = _Guarded(allowed, title="Petawatch", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.parts = parts
    app.state.port = port
    for router in (*PAGES, *RESOURCES):
        app.include_router(router, dependencies=[Depends(viewer)])
    for router in FOR_EVERYBODY:
        app.include_router(router)
    paths = {getattr(route, "path", "") for router in PAGES for route in router.routes}
    app.state.navigation = [entry for entry in NAVIGATION if entry.path in paths]
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    add_failure_handlers(app)
    return app


class _Guarded(FastAPI):
    """What guards all answers stands around everything, answers to its own mistakes included."""

    def __init__(self, allowed: AllowedHosts, **options: str | None) -> None:
        self._allowed = allowed
        super().__init__(**options)  # type: ignore[arg-type]

    def build_middleware_stack(self) -> ASGIApp:
        """Guards outside, then what FastAPI has."""
        return SecurityHeaders(HostCheck(BodyLimit(super().build_middleware_stack()), self._allowed))

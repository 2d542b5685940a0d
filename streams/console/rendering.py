"""Pages from templates: everything in them is escaped, and a name that is not there is a mistake."""

from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from connectors.access.role import Role
from connectors.state.database import missing_state
from dashboards.console import TEMPLATES
from streams.console.access.own_pages import CSRF_FIELD, cookie_of, csrf_token, give_cookie
from streams.console.access.signed_in import Means, SignedIn
from streams.console.parts import parts
from streams.console.problems import sentence_of


@dataclass(frozen=True, slots=True)
class NavigationEntry:
    """A page that every other one leads to."""

    label: str
    path: str


#: In this order; one without a page is left out.
NAVIGATION = (
    NavigationEntry("Wall", "/"),
    NavigationEntry("Incidents", "/incidents"),
    NavigationEntry("Stages", "/stages"),
    NavigationEntry("Cameras", "/cameras"),
    NavigationEntry("Replay", "/replay"),
    NavigationEntry("Archive", "/archive"),
    NavigationEntry("Pipeline", "/pipeline"),
    NavigationEntry("Settings", "/settings"),
    NavigationEntry("API", "/api"),
)

_ENVIRONMENT = Environment(
    loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)


def prepare_templates() -> None:
    """Translate all of them now, so that nobody waits for it later."""
    for name in _ENVIRONMENT.list_templates():
        _ENVIRONMENT.get_template(name)


def render(request: Request, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
    """A page.

    Besides ``context``, templates have ``signed_in`` (None on pages for everybody), ``may_operate``, ``navigation``,
    ``path``, ``no_state`` (why nothing is known), ``csrf_token`` (for scripts) and ``csrf_field()`` (for forms).
    """
    console = parts(request)
    missing = missing_state(console.state)
    who: SignedIn | None = getattr(request.state, "signed_in", None)
    token = csrf_token(request)
    html = _ENVIRONMENT.get_template(template).render(
        signed_in=who,
        may_operate=who is not None and who.role.may(Role.OPERATOR),
        can_sign_out=who is not None and who.means is Means.SESSION,
        navigation=request.app.state.navigation,
        path=request.url.path,
        no_state="" if missing is None else sentence_of(missing),
        stale_after_s=console.settings.console.stale_after_s,
        csrf_token=token,
        csrf_field=lambda: Markup('<input type="hidden" name="{}" value="{}">').format(CSRF_FIELD, token),
        **context,
    )
    response = HTMLResponse(html, status)
    if getattr(request.state, "cookie", ""):
        give_cookie(request, response, cookie_of(request))
    return response

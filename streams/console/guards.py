"""The dependencies that guard pages and resources: ``viewer``, ``operator`` and ``admin``."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, HTTPException, Request
from fastapi.concurrency import run_in_threadpool

from connectors.access.role import Role
from streams.console.access.access import is_loopback
from streams.console.access.hosts import host_of
from streams.console.access.own_pages import SAFE_METHODS, cookie_of, require_own_page
from streams.console.access.signed_in import Means, SignedIn
from streams.console.parts import parts

_BEARER = "bearer "
# What proxies add; who asks a console on this computer by one may be anywhere.
_PASSED_ON = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")
# No browser speaks it any more. nginx does unless it is told otherwise, and then adds no header that shows it.
_OLD_HTTP = "1.0"


async def signed_in(request: Request) -> SignedIn:
    """Who asks; whatever changes something must come from the console's own pages, or with a token.

    Raises
    ------
    HTTPException
        401 for somebody who has to sign in first, 403 for what another page has sent.
    """
    who = await run_in_threadpool(who_asks, request)
    if who is None:
        raise HTTPException(401, _how_to_ask(request), {"WWW-Authenticate": "Bearer"})
    if request.method not in SAFE_METHODS and who.means is not Means.TOKEN:
        await require_own_page(request)
    request.state.signed_in = who
    return who


def _how_to_ask(request: Request) -> str:
    if "Authorization" in request.headers:
        return "This token is not valid (any more): `petawatch tokens list` shows those that are."
    return 'Sign in first; a program sends "Authorization: Bearer TOKEN", which `petawatch tokens create` makes.'


def who_asks(request: Request) -> SignedIn | None:
    """Whose token or cookie a request shows; without one whoever may ask without."""
    access = parts(request).access
    authorization = request.headers.get("Authorization", "")
    if authorization:
        bearer = authorization[: len(_BEARER)].lower() == _BEARER
        return access.by_token(authorization[len(_BEARER) :].strip()) if bearer else None
    return access.by_session(cookie_of(request), active=_somebody_is_there(request)) or access.stranger(
        on_this_computer=is_loopback(host_of(request.headers.get("Host", ""))) and not _passed_on(request)
    )


def _passed_on(request: Request) -> bool:
    """Whether a proxy shows that it has sent the request for somebody else."""
    return request.scope.get("http_version") == _OLD_HTTP or any(name in request.headers for name in _PASSED_ON)


def _somebody_is_there(request: Request) -> bool:
    """Whether a person has asked: a page that renews itself does not show that. Browsers mark what they go to."""
    goes_there = "Upgrade-Insecure-Requests" in request.headers or request.headers.get("Sec-Fetch-Mode") == "navigate"
    return goes_there or request.method not in SAFE_METHODS


def _at_least(needed: Role) -> Callable[[SignedIn], Awaitable[SignedIn]]:
    async def guard(who: Annotated[SignedIn, Depends(signed_in)]) -> SignedIn:
        if not who.role.may(needed):
            raise HTTPException(403, f"This needs the role {needed}; {who.name} is {who.role}.")
        return who

    return guard


#: ``Depends(viewer)`` and so on: a parameter that is somebody who may, or an answer that they may not.
viewer = _at_least(Role.VIEWER)
operator = _at_least(Role.OPERATOR)
admin = _at_least(Role.ADMIN)

#: Who makes a step.
Operator = Annotated[SignedIn, Depends(operator)]

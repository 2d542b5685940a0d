"""Whatever changes something has to come from the console's own pages (against cross-site request forgery).

Every browser gets a random cookie; what is computed from it stands in the console's pages, and no other page can know
it. A session's cookie is such a one, too. That the browser names no foreign origin is asked besides.
"""

import hashlib
import hmac
import secrets
from urllib.parse import urlsplit

from fastapi import HTTPException, Request
from fastapi.responses import Response

#: The field of forms; a script sends the same in the header.
CSRF_FIELD = "csrf"
CSRF_HEADER = "X-CSRF-Token"

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_VISITOR_BYTES = 32
# Sent along with a request for a form that was not shown by these pages; "none" is a person who typed the address.
_OWN_SITES = frozenset({"same-origin", "none"})


def cookie_name(request: Request) -> str:
    """Cookies are a computer's, not a port's: several consoles on one do not take each other's."""
    port = request.app.state.port
    # Browsers take the prefix as a promise that no other host has set it; they want TLS for it.
    return f"__Host-petawatch-{port}" if request.url.scheme == "https" else f"petawatch-{port}"


def cookie_of(request: Request) -> str:
    """What the browser shows; empty when it has nothing yet. One that is just being given counts already."""
    given: str = getattr(request.state, "cookie", "")
    return given or request.cookies.get(cookie_name(request), "")


def give_cookie(request: Request, response: Response, value: str) -> None:
    """Let the browser show this from now on, to this console alone and to no script."""
    response.set_cookie(
        cookie_name(request),
        value,
        path="/",
        httponly=True,
        secure=request.url.scheme == "https",
        # Not strict: an alert's link in a chat must find who is signed in.
        samesite="lax",
    )


def visitor_cookie() -> str:
    """For somebody who has not signed in."""
    return secrets.token_urlsafe(_VISITOR_BYTES)


def csrf_token(request: Request) -> str:
    """What the forms of this browser's pages carry; a browser without a cookie gets one with the answer."""
    cookie = cookie_of(request)
    if not cookie:
        cookie = request.state.cookie = visitor_cookie()
    return _token_of(cookie)


async def require_own_page(request: Request) -> None:
    """Refuse what another page has sent, or may have sent.

    Raises
    ------
    HTTPException
        403.
    """
    if not (_own_origin(request) and hmac.compare_digest(await _shown_token(request), _token_of(cookie_of(request)))):
        raise HTTPException(403, "This did not come from the console's own page, or it is too old: load it again.")


def _own_origin(request: Request) -> bool:
    if request.headers.get("Sec-Fetch-Site", "none") not in _OWN_SITES:
        return False
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("Host")


async def _shown_token(request: Request) -> str:
    in_header = request.headers.get(CSRF_HEADER)
    shown = (await request.form()).get(CSRF_FIELD) if in_header is None else in_header
    return shown if isinstance(shown, str) and shown.isascii() else ""


def _token_of(cookie: str) -> str:
    # Without a cookie nothing is right: what is compared is random.
    key = cookie or visitor_cookie()
    return hmac.new(key.encode(), b"petawatch forms", hashlib.sha256).hexdigest()

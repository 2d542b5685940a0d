"""What every answer says to the browser about what it may do with it, and how large a question may be."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streams.console.problems import refusal

#: Scripts and styles are files of the console's own; nothing is fetched from, sent to or shown in another place.
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer, with which browsers don't say that a form comes from here.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}
_STATIC = "/static/"
_TLS_HEADER = ("Strict-Transport-Security", "max-age=31536000")
#: Forms and documents are small.
MOST_BYTES = 1 << 20


class SecurityHeaders:
    """Adds them to every answer that does not say otherwise itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with them."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if scope["path"].startswith(_STATIC):
                    headers.setdefault("Cache-Control", "no-cache")  # kept, and asked whether it is still the same
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if scope["scheme"] == "https":
                    headers.setdefault(*_TLS_HEADER)
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)


class BodyLimit:
    """Refuses questions that are too large, before they are read; none comes without its size."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer unless it is too large."""
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            size = headers.get("content-length", "0")
            if "transfer-encoding" in headers:
                answer = refusal(scope["path"], 411, "Say how long it is.", "length_required")
                await answer(scope, receive, send)
                return
            if not size.isdecimal() or int(size) > MOST_BYTES:
                answer = refusal(scope["path"], 413, "That is too large.", "too_large")
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)

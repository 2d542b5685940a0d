"""By which names browsers may ask for the console.

A page from elsewhere can let its own name point to this computer, and would then count as the console's own (DNS
rebinding); so a request that names another host is refused.
"""

import ipaddress
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from streams.console.problems import refusal

_LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
_WILDCARDS = ("0.0.0.0", "::")  # noqa: S104 - to tell them from others


class AllowedHosts:
    """The names, from where the console is bound to, the settings, and the address in alerts' links."""

    def __init__(self, host: str, hosts: Iterable[str], link: str) -> None:
        self._every_address = host in _WILDCARDS
        names = {host, *hosts, urlsplit(link).hostname or ""} - {""}
        if self._every_address:
            names |= {socket.gethostname(), *_LOCAL_NAMES}
        elif host in _LOCAL_NAMES:
            names |= set(_LOCAL_NAMES)
        self._names = {name.lower().rstrip(".") for name in names}

    def allow(self, header: str) -> bool:
        """Whether this ``Host`` may be asked for; an address in digits is no name that somebody else could own."""
        name = host_of(header)
        return name in self._names or (self._every_address and _is_address(name))


def host_of(header: str) -> str:
    """The name in a ``Host`` header, without port, in small letters; empty when it is none."""
    try:
        return (urlsplit(f"//{header}").hostname or "").rstrip(".")
    except ValueError:
        return ""


class HostCheck:
    """Refuses requests for other hosts."""

    def __init__(self, app: ASGIApp, allowed: AllowedHosts) -> None:
        self._app = app
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse."""
        if scope["type"] == "http" and not self._allowed.allow(Headers(scope=scope).get("host", "")):
            words = "The console has another name than this; its operator may add it to console.hosts."
            await refusal(scope["path"], 421, words, "misdirected_request")(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True

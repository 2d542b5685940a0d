"""One HTTP POST to a webhook's receiver, that can be broken off."""

import base64
import contextlib
import http.client
import socket
import ssl
from functools import cache
from urllib.parse import SplitResult, unquote, urlsplit

_ANSWER_BYTES = 65_536
_ERROR_LENGTH = 500


class WebhookPost:
    """One message to one receiver. Redirections are not followed, and no environment is asked for proxies."""

    def __init__(self, url: str, timeout_s: float) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._connection: http.client.HTTPConnection | None = None

    def send(self, event_id: str, body: bytes) -> str | None:
        """Send a JSON body; gives one line that says what went wrong, or None when the answer was 2xx."""
        try:
            address = split_address(self._url)
            self._connection = _connection(address, self._timeout_s)
            with contextlib.closing(self._connection) as connection:
                connection.request("POST", _target(address), body, _headers(address, event_id))
                answer = connection.getresponse()
                answer.read(_ANSWER_BYTES)
        except (OSError, http.client.HTTPException, ValueError) as error:
            return f"{type(error).__name__}: {error}"[:_ERROR_LENGTH]
        if 200 <= answer.status < 300:
            return None
        redirected = "; redirections are not followed, give the final address" if 300 <= answer.status < 400 else ""
        return f"answered {answer.status} {answer.reason}{redirected}"[:_ERROR_LENGTH]

    def abort(self) -> None:
        """Let a waiting ``send`` come back, from another thread."""
        sock = None if self._connection is None else self._connection.sock
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


def split_address(url: str) -> SplitResult:
    """The parts of a webhook's address.

    Raises
    ------
    ValueError
        With one sentence when it is no ``http`` or ``https`` address.
    """
    try:
        address = urlsplit(url)
        valid = address.scheme in {"http", "https"} and bool(address.hostname) and address.port != 0
    except ValueError:
        valid = False
    if not valid or not url.isascii() or any(character <= " " for character in url):
        raise ValueError(f"{url!r} is no http or https address; write for example https://example.org/petawatch")
    return address


def checked_addresses(urls: tuple[str, ...]) -> tuple[str, ...]:
    """The same addresses.

    Raises
    ------
    ValueError
        With one sentence when one is no ``http`` or ``https`` address, or is given twice.
    """
    for position, url in enumerate(urls):
        split_address(url)
        if url in urls[:position]:
            raise ValueError(f"the webhook address {url!r} is given twice")
    return urls


def receiver_name(url: str) -> str:
    """A webhook's scheme, host and port: its path and password may be secrets."""
    address = urlsplit(url)
    return f"{address.scheme}://{address.netloc.rpartition('@')[2]}"


def _connection(address: SplitResult, timeout_s: float) -> http.client.HTTPConnection:
    host = address.hostname or ""
    if address.scheme == "https":
        return http.client.HTTPSConnection(host, address.port, timeout=timeout_s, context=_tls())
    return http.client.HTTPConnection(host, address.port, timeout=timeout_s)


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _target(address: SplitResult) -> str:
    return (address.path or "/") + (f"?{address.query}" if address.query else "")


def _headers(address: SplitResult, event_id: str) -> dict[str, str]:
    headers = {"Content-Type": "application/json", "User-Agent": "petawatch", "Idempotency-Key": event_id}
    if address.username is not None:
        secret = f"{unquote(address.username)}:{unquote(address.password or '')}"
        headers["Authorization"] = "Basic " + base64.b64encode(secret.encode()).decode()
    return headers

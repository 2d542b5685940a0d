"""One HTTP POST of a JSON body, that can be broken off; and addresses that are posted to."""

import base64
import contextlib
import http.client
import socket
import ssl
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache
from http import HTTPStatus
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from connectors.webhooks.channel import Answer, Outcome
from models.errors import FatalError

_ANSWER_BYTES = 65_536
_ERROR_LENGTH = 500
# These are about the message and not about the receiver: others may be taken all the same.
_OF_THE_MESSAGE = {
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.NOT_ACCEPTABLE,
    HTTPStatus.CONFLICT,
    HTTPStatus.LENGTH_REQUIRED,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
}


class JsonPost:
    """One message to one receiver. Redirections are not followed, and no environment is asked for proxies.

    Parameters
    ----------
    tls
        Which certificates an ``https`` address is checked against, as ``trusting`` made it; None: the system's.
    """

    def __init__(self, url: str, timeout_s: float, tls: ssl.SSLContext | None = None) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._tls = tls
        self._connection: http.client.HTTPConnection | None = None

    def send(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send a JSON body."""
        try:
            address = split_address(self._url)
            self._connection = _connection(address, self._timeout_s, self._tls)
            with contextlib.closing(self._connection) as connection:
                connection.request("POST", _target(address), body, {**_headers(address), **headers})
                answer = connection.getresponse()
                answer.read(_ANSWER_BYTES)
        except (OSError, http.client.HTTPException, ValueError) as error:
            return Answer(outcome=Outcome.LATER, error=f"{type(error).__name__}: {error}"[:_ERROR_LENGTH])
        return _judged(answer)

    def abort(self) -> None:
        """Let a waiting ``send`` come back, from another thread."""
        sock = None if self._connection is None else self._connection.sock
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


def trusting(ca_file: Path | None, option: str) -> ssl.SSLContext | None:
    """What trusts the authorities of a PEM file, and no others; None without a file.

    Parameters
    ----------
    option
        The setting that names the file, for the sentence.

    Raises
    ------
    FatalError
        ``tls``: it can't be read, or holds no certificate.
    """
    if ca_file is None:
        return None
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError, too
        what = "it holds no certificate" if isinstance(error, ssl.SSLError) else getattr(error, "strerror", "") or error
        raise FatalError(
            f"{option}: {ca_file} can't be used ({what}); give a PEM file that this user may read", reason="tls"
        ) from error
    if not context.get_ca_certs():
        raise FatalError(
            f"{option}: {ca_file} holds no authority's certificate; give that of who signed the server's", reason="tls"
        )
    return context


def check_ca_file(ca_file: Path | None, url: str, whose: str) -> None:
    """See that authorities are given only where there is a certificate to be checked.

    Raises
    ------
    ValueError
        With one sentence when the address is no ``https`` one.
    """
    if ca_file is not None and urlsplit(url).scheme != "https":
        raise ValueError(f"{whose} has a ca_file, so its url must be an https address")


def split_address(url: str) -> SplitResult:
    """The parts of an address.

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
        # It may hold a password: it is not repeated.
        raise ValueError("what is given is no http or https address; write for example https://example.org/petawatch")
    return address


def checked_base_address(url: str, name: str) -> str:
    """An address below which paths are asked for, as it is written in the setting ``name``.

    Raises
    ------
    ValueError
        With one sentence when it is no ``http`` or ``https`` address, or has a login, a query or a slash at its end.
    """
    parts = split_address(url)
    if parts.query or parts.fragment or "@" in parts.netloc or url.endswith("/"):
        raise ValueError(
            f"{name} must be http://HOST:PORT or https://HOST:PORT, perhaps with a path, and no slash, login or query "
            "at its end"
        )
    return url


def receiver_name(url: str) -> str:
    """The scheme, host and port of an address: its path and password may be secrets."""
    address = urlsplit(url)
    return f"{address.scheme}://{address.netloc.rpartition('@')[2]}"


def _judged(answer: http.client.HTTPResponse) -> Answer:
    status = str(answer.status)
    if 200 <= answer.status < 300:
        return Answer(outcome=Outcome.TAKEN, status=status)
    redirected = "; redirections are not followed, give the final address" if 300 <= answer.status < 400 else ""
    outcome = Outcome.REFUSED if answer.status in _OF_THE_MESSAGE else Outcome.LATER
    return Answer(
        outcome=Outcome.GONE if answer.status == HTTPStatus.GONE else outcome,
        status=status,
        error=f"answered {answer.status} {answer.reason}{redirected}"[:_ERROR_LENGTH],
        retry_after_s=_retry_after_s(answer),
    )


def _retry_after_s(answer: http.client.HTTPResponse) -> float | None:
    """How long the receiver asks to wait: seconds, or a date that counts from the answer's own one."""
    text = answer.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    then, now = _date(text), _date(answer.headers.get("Date", ""))
    return None if then is None or now is None else max(0.0, (then - now).total_seconds())


def _date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _connection(address: SplitResult, timeout_s: float, tls: ssl.SSLContext | None) -> http.client.HTTPConnection:
    host = address.hostname or ""
    if address.scheme == "https":
        return http.client.HTTPSConnection(host, address.port, timeout=timeout_s, context=tls or _tls())
    return http.client.HTTPConnection(host, address.port, timeout=timeout_s)


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _target(address: SplitResult) -> str:
    return (address.path or "/") + (f"?{address.query}" if address.query else "")


def _headers(address: SplitResult) -> dict[str, str]:
    headers = {"Content-Type": "application/json", "User-Agent": "petawatch"}
    if address.username is not None:
        secret = f"{unquote(address.username)}:{unquote(address.password or '')}"
        headers["Authorization"] = "Basic " + base64.b64encode(secret.encode()).decode()
    return headers

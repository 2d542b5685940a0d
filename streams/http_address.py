"""Addresses that this program listens at by HTTP: read, shown, and what is wrong with one."""

import errno
import re

from models.errors import FatalError

_ADDRESS = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.%a-z]+)\]|(?P<host>[^\s:/\[\]]+)):(?P<port>\d{1,5})")


def parse_http_address(text: str) -> tuple[str, int]:
    """Host and port of ``HOST:PORT``; an IPv6 address stands in brackets, port 0 takes a free one.

    Raises
    ------
    FatalError
        With one sentence when it is no such address.
    """
    match = _ADDRESS.fullmatch(text.strip())
    if match is None or int(match["port"]) > 65_535:
        raise FatalError(
            f"{text!r} is no HOST:PORT; write for example 127.0.0.1:9464, or off for none", reason="http_address"
        )
    return match["v6"] or match["host"], int(match["port"])


def host_and_port(host: str, port: int) -> str:
    """As it stands in an address: that of IPv6 in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def http_address_failure(host: str, port: int, purpose: str, error: OSError) -> FatalError:
    """Why an address can't be listened at, in one sentence; ``purpose`` is what was to be served there."""
    name = host_and_port(host, port)
    if error.errno == errno.EADDRINUSE:
        text = f"{name} is in use by another program; choose another port for {purpose}"
    elif error.errno == errno.EACCES:
        text = f"{name} is not allowed; choose a port of 1024 or more for {purpose}"
    else:
        text = f"{name} can't be listened on ({error.strerror or error}); give an address of this computer"
    return FatalError(text, reason="http_address")

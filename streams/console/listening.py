"""The address that the console listens at."""

import socket

from streams.http_address import http_address_failure

_BACKLOG = 128


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises
    ------
    FatalError
        ``http_address``.
    """
    listener: socket.socket | None = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        if listener is not None:
            listener.close()
        raise http_address_failure(host, port, "the console", error) from error
    return listener

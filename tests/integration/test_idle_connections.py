"""Connections that ask for nothing are closed: they make the console dark for nobody."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

import pytest
import uvicorn

from streams.console.prompt_connection import PromptConnection
from tests.support.watching import wait_until


async def _app(scope: dict[str, object], receive: object, send: object) -> None:
    """Answers at once, but at /slow as a stream of events: only after a while."""
    if scope["path"] == "/slow":
        await asyncio.sleep(2.5)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})  # type: ignore[operator]
    await send({"type": "http.response.body", "body": b"ok"})  # type: ignore[operator]


@contextmanager
def _serving(*, proxied: bool = False) -> Iterator[int]:
    config = uvicorn.Config(
        _app,
        port=0,
        http=PromptConnection,
        lifespan="off",
        log_config=None,
        proxy_headers=proxied,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


def _connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=30)


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET / HTTP/1.1\r\nHost: a", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab"],
    ids=["nothing", "part of a head", "part of a form"],
)
def test_one_without_a_whole_request_is_closed(monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr("streams.console.prompt_connection._REQUEST_WITHIN_S", 0.3)
    # It may be closed while this is on its way.
    with _serving() as port, closing(_connected(port)) as idle, suppress(ConnectionError):
        idle.sendall(sent)
        while idle.recv(1000):  # an answer may come; then the end
            pass


def test_who_is_being_answered_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    # Less than an answer takes, and more than a busy machine lets this thread wait before it asks.
    monkeypatch.setattr("streams.console.prompt_connection._REQUEST_WITHIN_S", 2.0)
    with _serving() as port, closing(_connected(port)) as one:
        for path in (b"/slow", b"/", b"/slow"):
            one.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: a\r\n\r\n")
            answer = b""
            while not answer.endswith(b"ok"):
                part = one.recv(1000)
                assert part, answer
                answer += part


def test_a_computer_has_so_many_at_once_and_a_proxy_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.console.prompt_connection._MOST_BY_ADDRESS", 2)
    for proxied in (False, True):
        with _serving(proxied=proxied) as port:
            connections = [_connected(port) for _ in range(3)]
            last = connections[-1]
            try:
                if proxied:
                    last.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                    assert last.recv(1000).startswith(b"HTTP/1.1 200")
                else:
                    assert last.recv(1000) == b""
            finally:
                for connection in connections:
                    connection.close()

"""Over HTTP: ``/metrics`` for Prometheus, ``/healthz`` and ``/readyz`` for supervisors, ``/alerts/ID`` for people."""

import json
import socket
import socketserver
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import TracebackType
from typing import Any, Protocol, Self

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from connectors.clock import Clock
from connectors.links import ALERT_PATH
from dashboards.html_page import PAGE_POLICY
from streams.alert_pages.pages import AlertPages
from streams.http_address import host_and_port, http_address_failure, parse_http_address

#: The processing loop has hung when it has not moved for so long: the slowest step (a huge file) takes a few seconds.
STALLED_AFTER_S = 120.0

_REQUEST_TIMEOUT_S = 10.0
_MAX_REQUESTS = 16
_POLL_S = 0.1
_PAGE_HEADERS = {"Content-Security-Policy": PAGE_POLICY, "Referrer-Policy": "no-referrer"}


class ReadyPart(StrEnum):
    """What has to be there before the watch can work."""

    MODEL = "model"
    STATE = "state"
    WATCHING = "watching"


class Signs(Protocol):
    """What a process tells of itself."""

    @property
    def registry(self) -> CollectorRegistry:
        """Its metrics."""
        ...

    @property
    def stalled(self) -> str:
        """Why the work waits; empty when it does not."""
        ...

    @property
    def loop_age_s(self) -> float:
        """Seconds since the processing loop last moved."""
        ...


@dataclass(frozen=True, slots=True)
class _Answer:
    status: HTTPStatus
    content_type: str
    body: bytes
    #: Besides those that every answer has.
    headers: Mapping[str, str] = field(default_factory=dict)


class HealthServer:
    """Serves metrics and health from threads of its own until it is closed.

    Parameters
    ----------
    address
        ``HOST:PORT``; with port 0 a free one is taken, see ``port``.
    stalled_after_s
        ``/healthz`` says 503 when the processing loop has not moved for so long.
    pages
        Of alerts; closed with it. None: there are none here.

    Raises
    ------
    FatalError
        With one sentence when the address is none, is not of this computer, or the port is taken.
    """

    def __init__(
        self,
        address: str,
        metrics: Signs,
        clock: Clock,
        *,
        stalled_after_s: float = STALLED_AFTER_S,
        pages: AlertPages | None = None,
    ) -> None:
        self._metrics = metrics
        self._clock = clock
        self._started_s = clock.monotonic_s()
        self._stalled_after_s = stalled_after_s
        self._pages = pages
        self._ready: set[ReadyPart] = set()
        host, port = parse_http_address(address)
        self._server = _listen(host, port, self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL_S,), name="http-health", daemon=True
        )
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Where to look, for example ``http://127.0.0.1:9464``."""
        host = str(self._server.server_address[0])
        return f"http://{host_and_port(host, self.port)}"

    def ready(self, *parts: ReadyPart) -> None:
        """These parts are there now; without any named, all of them."""
        self._ready.update(parts or ReadyPart)

    def close(self) -> None:
        """Stop serving and give the port back."""
        if self._pages is not None:
            self._pages.close()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, path: str, accept: str) -> _Answer:
        """What a path gives."""
        if path == "/metrics":
            encoder, content_type = choose_encoder(accept)
            return _Answer(HTTPStatus.OK, content_type, encoder(self._metrics.registry))
        if path == "/healthz":
            return self._health()
        if path == "/readyz":
            return self._readiness()
        if self._pages is not None and path.startswith(ALERT_PATH):
            page = self._pages.page(path)
            return _Answer(page.status, "text/html; charset=utf-8", page.html.encode(), _PAGE_HEADERS)
        pages = "" if self._pages is None else f" and {ALERT_PATH}ID"
        return _json(HTTPStatus.NOT_FOUND, {"error": f"there are /metrics, /healthz, /readyz{pages}"})

    def _health(self) -> _Answer:
        age_s = self._metrics.loop_age_s
        up_s = self._clock.monotonic_s() - self._started_s
        document: dict[str, Any] = {"status": "alive", "up_s": round(up_s, 3), "loop_age_s": round(age_s, 3)}
        if self._metrics.stalled:
            document["waits_for"] = self._metrics.stalled
        if age_s <= self._stalled_after_s:
            return _json(HTTPStatus.OK, document)
        reason = f"the processing loop has not moved for {age_s:.0f} s (limit {self._stalled_after_s:g} s)"
        return _json(HTTPStatus.SERVICE_UNAVAILABLE, document | {"status": "hangs", "reason": reason})

    def _readiness(self) -> _Answer:
        parts = {part.value: part in self._ready for part in ReadyPart}
        missing = [name for name, there in parts.items() if not there]
        stalled = self._metrics.stalled
        if not missing and not stalled:
            return _json(HTTPStatus.OK, {"status": "ready", "parts": parts})
        reason = f"not there yet: {', '.join(missing)}" if missing else f"the work waits: {stalled}"
        return _json(HTTPStatus.SERVICE_UNAVAILABLE, {"status": "not ready", "parts": parts, "reason": reason})


def _json(status: HTTPStatus, document: dict[str, Any]) -> _Answer:
    return _Answer(status, "application/json", json.dumps(document).encode() + b"\n")


class _Server(socketserver.ThreadingMixIn, HTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 32

    def __init__(self, address: tuple[str, int], family: socket.AddressFamily, health: HealthServer) -> None:
        self.address_family = family
        self.health = health
        self._free = threading.BoundedSemaphore(_MAX_REQUESTS)
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Bind without asking the name service for the host's name."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve on a thread of its own, or hang up when too many are being served."""
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve, and make place for the next one."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is no trouble of ours; anything else is shown as an unhandled error."""
        error = sys.exception()
        if not isinstance(error, OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    server_version = "petawatch"
    sys_version = ""
    timeout = _REQUEST_TIMEOUT_S

    def do_GET(self) -> None:
        """Answer with a body."""
        self._send(with_body=True)

    def do_HEAD(self) -> None:
        """Answer without one."""
        self._send(with_body=False)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """Tell of a request that can't be served, as JSON like all else."""
        status = HTTPStatus(code)
        self._write(_json(status, {"error": message or status.phrase}), with_body=True)

    def _send(self, *, with_body: bool) -> None:
        path = self.path.partition("?")[0]
        self._write(self.server.health.answer(path, self.headers.get("Accept", "")), with_body=with_body)

    def _write(self, answer: _Answer, *, with_body: bool) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        self.send_header("X-Content-Type-Options", "nosniff")
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(answer.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Probes every few seconds are not worth a line."""


def _listen(host: str, port: int, health: HealthServer) -> _Server:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return _Server((str(address[0]), int(address[1])), family, health)
    except OSError as error:
        raise http_address_failure(host, port, "metrics and health", error) from error

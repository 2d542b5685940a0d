"""A receiver of webhooks on a port of this computer."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from servers.certificates import Identity


class Delivery(NamedTuple):
    """One POST that was taken."""

    headers: dict[str, str]
    body: bytes

    @property
    def event_id(self) -> str:
        return self.headers["webhook-id"]


class Reply(NamedTuple):
    """How a receiver answers."""

    status: int
    headers: dict[str, str]


@dataclass(slots=True)
class Receiver:
    """What was received, in order.

    Attributes
    ----------
    replies
        What is answered to the next POSTs instead of ``usual``.
    hold
        While it is not set, nobody gets an answer.
    asked
        All POSTs, those that were refused too.
    """

    port: int
    deliveries: list[Delivery] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    hold: threading.Event = field(default_factory=threading.Event)
    asked: list[Delivery] = field(default_factory=list)
    usual: Reply = field(default_factory=lambda: Reply(204, {}))
    scheme: str = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/alerts"

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The data of the messages."""
        return [json.loads(delivery.body)["data"] for delivery in self.deliveries]

    def events(self) -> list[tuple[str, str]]:
        return [(message["id"], message["event"]) for message in self.messages]

    def event_ids(self) -> list[str]:
        return [delivery.event_id for delivery in self.deliveries]

    def refuse(self, status: int, times: int = 1, **headers: str) -> None:
        """Answer the next POSTs so; underscores in names of headers stand for hyphens."""
        self.replies += [Reply(status, {name.replace("_", "-"): value for name, value in headers.items()})] * times


@contextmanager
def receiving(port: int = 0, identity: Identity | None = None) -> Iterator[Receiver]:
    """Take messages while the block runs; before and after it nobody listens there. With an identity it speaks TLS."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            delivery = Delivery({name.lower(): value for name, value in self.headers.items()}, body)
            receiver.asked.append(delivery)
            receiver.hold.wait(60)
            reply = receiver.replies.pop(0) if receiver.replies else receiver.usual
            if reply.status < 300:
                receiver.deliveries.append(delivery)
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.status != 204:
                self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """The sender may hang up."""

    server = Server(("127.0.0.1", port), Handler)
    receiver = Receiver(server.server_address[1])
    if identity is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(identity.certificate, identity.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        receiver.scheme = "https"
    receiver.hold.set()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield receiver
    finally:
        receiver.hold.set()
        server.shutdown()
        thread.join()
        server.server_close()

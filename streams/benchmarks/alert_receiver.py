"""A receiver of webhooks that notes when the first alert about each file came."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from models.errors import FatalError


class AlertReceiver:
    """Listens on loopback while it is entered."""

    def __init__(self) -> None:
        self._heard_s: dict[str, float] = {}
        self._news = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.hear(json.loads(body)["data"])
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Where alerts are to be sent."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/"

    def hear(self, document: dict[str, Any]) -> None:
        """Note an alert."""
        now_s = time.perf_counter()
        with self._news:
            self._heard_s.setdefault(document["source"]["file"], now_s)
            self._news.notify_all()

    def wait_for(self, file: str, within_s: float) -> float:
        """When the first alert about a file came, by ``time.perf_counter``."""
        with self._news:
            if not self._news.wait_for(lambda: file in self._heard_s, within_s):
                raise FatalError(f"no alert about {file} within {within_s:g} s", reason="benchmark")
            return self._heard_s[file]

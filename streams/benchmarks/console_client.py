"""A console as a process, and a window of it: hears what is new, asks for pages, and notes when."""

import http.client
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

from models.errors import FatalError
from streams.processes.command_process import CommandProcess

GIVE_UP_S = 120.0
_LOOK_EVERY_S = 0.05


@contextmanager
def console_process(arguments: Sequence[str | Path], log: Path) -> Iterator[tuple[CommandProcess, int]]:
    """A command that serves a console on a free port of this computer while the block runs, and that port."""
    with CommandProcess(arguments, log=log) as process:
        give_up_s = time.perf_counter() + GIVE_UP_S
        while (told := re.search(r"console listens at http://[^\s:]+:(\d+)", process.tail())) is None:
            if not process.running or time.perf_counter() > give_up_s:
                raise FatalError(f"no console has come up: {process.tail()}", reason="benchmark")
            time.sleep(_LOOK_EVERY_S)
        yield process, int(told[1])
        process.stop()


class Page:
    """One connection of a browser."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=GIVE_UP_S)
        self._cookie = ""

    def get(self, path: str) -> bytes:
        """The answer."""
        return self._asked("GET", path, None, {"Accept": "text/html, */*"})

    def post(self, path: str, page: bytes) -> bytes:
        """The answer to a form without fields of ``page``, as a script sends it."""
        token = re.search(rb'name="csrf" value="([^"]*)"', page)
        body = urlencode({"csrf": b"" if token is None else token[1]})
        form = "application/x-www-form-urlencoded"
        return self._asked("POST", path, body, {"Accept": "application/json", "Content-Type": form})

    def _asked(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> bytes:
        self._connection.request(method, path, body, {**headers, "Cookie": self._cookie} if self._cookie else headers)
        answer = self._connection.getresponse()
        found = answer.read()
        if answer.status != http.client.OK:
            raise FatalError(f"{path} was answered with {answer.status}", reason="benchmark")
        self._cookie = answer.getheader("Set-Cookie", "").partition(";")[0] or self._cookie
        return found

    def close(self) -> None:
        """End it."""
        self._connection.close()


class Window:
    """Follows the console's events while it is entered, on a thread of its own.

    Parameters
    ----------
    on_event
        Gets each event's name and data, and a connection to ask more by.
    """

    def __init__(self, port: int, on_event: Callable[[str, Any, Page], None]) -> None:
        self._port = port
        self._on_event = on_event
        self._ended = False
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=GIVE_UP_S)
        self._thread = threading.Thread(target=self._run, name="window", daemon=True)

    def __enter__(self) -> Self:
        self._connection.request("GET", "/events")
        self._answer = self._connection.getresponse()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended = True
        # The next event, a second later at most, ends the thread.
        self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        name = ""
        with closing(Page(self._port)) as page:
            while not self._ended and (line := self._answer.readline()):
                word, _, rest = line.decode().strip().partition(": ")
                if word == "event":
                    name = rest
                elif word == "data":
                    self._on_event(name, json.loads(rest), page)

"""A line to a server that breaks at the worst moments: the server goes on, and the client hears nothing of it."""

import select
import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

_PIECE_BYTES = 1 << 16


class BreakingLine:
    """Passes connections on to a server on this computer.

    Attributes
    ----------
    endpoint
        ``HOST:PORT`` of its beginning.
    lost_answers
        Requests whose next answer gets lost, by how they begin: ``b"PUT /bucket/key"``. Each breaks once.
    cut_after_bytes
        The next connection that has carried so much to the server is cut, once; None for never.
    broken
        How often it broke.
    """

    def __init__(self, server: str) -> None:
        host, port = server.split(":")
        self._server = (host, int(port))
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self.lost_answers: list[bytes] = []
        self.cut_after_bytes: int | None = None
        self.broken = 0
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client = self._listening.accept()[0]
                thread = threading.Thread(target=self._carry, args=(client,))
                self._threads.append(thread)
                thread.start()

    def _carry(self, client: socket.socket) -> None:
        carried, losing = 0, False
        with suppress(OSError), client, socket.create_connection(self._server) as server:
            while self._listening.fileno() != -1:
                for end in select.select([client, server], [], [], 0.05)[0]:
                    data = end.recv(_PIECE_BYTES)
                    if not data:
                        return
                    if end is client:
                        carried += len(data)
                        losing = losing or self._is_lost(data)
                        if self.cut_after_bytes is not None and carried > self.cut_after_bytes:
                            self.cut_after_bytes = None
                            self.broken += 1
                            return
                        server.sendall(data)
                    elif losing:
                        self.broken += 1
                        return
                    else:
                        client.sendall(data)

    def _is_lost(self, data: bytes) -> bool:
        lost = next((start for start in self.lost_answers if data.startswith(start)), None)
        if lost is not None:
            self.lost_answers.remove(lost)
        return lost is not None

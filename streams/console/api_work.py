"""Where resources of the API work: on a few threads of their own, so that nothing asked for here holds up a page."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from http import HTTPStatus
from typing import TypeVar

import anyio
from anyio import CapacityLimiter, to_thread
from fastapi.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from streams.console.problems import RefusedError, problem

#: Requests that are worked on at once, and those that wait for that.
MOST_AT_WORK, MOST_WAITING = 6, 24
#: Streams that are open at once; of these so many are worked on.
MOST_STREAMS, STREAMS_AT_WORK = 8, 2
#: A request that takes longer is answered with a sentence; its thread is let go when it has come to its end.
LIMIT_S = 30.0

#: A stream of which nothing is taken for so long is ended.
STALL_S = 60.0

Result = TypeVar("Result")


class ApiWork:
    """The places of one console; requests are asked for in the thread of its event loop."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(MOST_AT_WORK, thread_name_prefix="api")
        self._asked = threading.BoundedSemaphore(MOST_AT_WORK + MOST_WAITING)
        self.stream_places = CapacityLimiter(STREAMS_AT_WORK)
        self.open_streams = threading.BoundedSemaphore(MOST_STREAMS)

    async def do(self, work: Callable[[], Result], *, limit_s: float = LIMIT_S) -> Result:
        """Do something on one of the threads.

        What takes too long is answered, and keeps its thread until it ends: there are never more at work.

        Raises
        ------
        RefusedError
            429 when too many wait, 503 when it takes too long.
        """
        if not self._asked.acquire(blocking=False):
            raise RefusedError(
                HTTPStatus.TOO_MANY_REQUESTS,
                "Too many requests are being worked on; ask again in some seconds.",
                "busy",
            )
        running = self._threads.submit(copy_context().run, work)
        running.add_done_callback(lambda _: self._asked.release())
        try:
            return await asyncio.wait_for(asyncio.wrap_future(running), limit_s)
        except TimeoutError as error:
            raise RefusedError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"This takes longer than {limit_s:g} s; ask for a shorter stretch, or for less at a time.",
                "too_slow",
            ) from error


class BoundedStream(StreamingResponse):
    """Chunks that are made one by one, each when the client has taken the one before; a slow client keeps no thread.

    When too many are open it is a refusal (429).
    """

    def __init__(self, work: ApiWork, chunks: Iterator[bytes], media_type: str) -> None:
        self._work = work
        self._made = _made(work, chunks)
        super().__init__(self._made, media_type=media_type)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        if not self._work.open_streams.acquire(blocking=False):
            sentence = "Too many exports are running; ask again when one has ended."
            await problem(HTTPStatus.TOO_MANY_REQUESTS, sentence, "busy")(scope, receive, send)
            return

        async def patient(message: Message) -> None:
            with anyio.fail_after(STALL_S):
                await send(message)

        try:
            await super().__call__(scope, receive, patient)
        except TimeoutError:  # it takes nothing any more: the server closes the connection, in the middle
            return
        finally:
            with anyio.CancelScope(shield=True):
                await self._made.aclose()
            self._work.open_streams.release()


async def _made(work: ApiWork, chunks: Iterator[bytes]) -> AsyncGenerator[bytes]:
    while (chunk := await to_thread.run_sync(next, chunks, None, limiter=work.stream_places)) is not None:
        yield chunk

"""What pages that are shown ask again and again: events, the frames of the wall, the incidents on it."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from dashboards.console.wall_view import frames_message, wall_incidents
from streams.console.events import EventHub, Follower
from streams.console.guards import who_asks
from streams.console.parts import parts

router = APIRouter()

# So long a browser may take for what it is sent: then it is given up.
_SEND_S = 10.0
# So often it is looked whether somebody is still signed in.
_CHECK_S = 30.0
_RETRY_MS = 1000
_MOST_INCIDENTS = 200


@router.get("/events")
async def events(request: Request) -> Response:
    """Server-sent events, until one of both ends it."""
    hub = parts(request).hub
    return _EventStream(request, hub, hub.follow(request.state.signed_in.name))


@router.get("/live/frames")
def frames(request: Request, since: Annotated[int, Query(ge=0)] = 0) -> Response:
    """The readings that the live board has shown after a number, with their pictures, as ``frames_message`` packs."""
    return Response(frames_message(parts(request).board.frames_since(since)), media_type="application/octet-stream")


@router.get("/live/incidents")
def incidents(request: Request) -> JSONResponse:
    """The incidents that people were told of and that go on or wait for somebody, and the stages that are covered."""
    console = parts(request)
    reader, now_ns = console.control_room.for_one_answer(), console.clock.now_ns()
    found, more = reader.most_urgent(_MOST_INCIDENTS)
    suppressed = [*reader.idle_stages(), *reader.maintenance()]
    worst, of_stages = reader.worst_alerts(found), reader.worst_alerts_of_stages(found, now_ns)
    shown = wall_incidents(found, worst, of_stages, suppressed, reader.put_aside(found, now_ns))
    return JSONResponse(shown | {"more": more, "unread": bool(reader.troubles())})


class _EventStream(Response):
    """Sends what a follower is told, until the browser is gone or too slow, is signed out, or the console ends."""

    media_type = "text/event-stream"

    def __init__(self, request: Request, hub: EventHub, follower: Follower) -> None:
        super().__init__()
        del self.headers["content-length"]
        self._request = request
        self._hub = hub
        self._follower = follower

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - the signature is ASGI's
        """Answer."""
        gone = asyncio.create_task(_until_gone(receive))
        gone.add_done_callback(lambda _: self._follower.end("the browser is gone"))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await _send_text(send, f"retry: {_RETRY_MS}\n\n")
            await self._pass_on(send)
            await send({"type": "http.response.body", "body": b""})
        except TimeoutError:  # it does not take what it is sent: the server closes the connection
            return
        finally:
            self._hub.leave(self._follower)
            gone.cancel()

    async def _pass_on(self, send: Send) -> None:
        loop = asyncio.get_running_loop()
        check_s = loop.time() + _CHECK_S
        while not self._follower.ended:
            told = await self._follower.next(_CHECK_S)
            await _send_text(send, "".join(f"event: {event}\ndata: {data}\n\n" for event, data in told))
            if loop.time() >= check_s:
                check_s = loop.time() + _CHECK_S
                if await run_in_threadpool(who_asks, self._request) is None:
                    self._follower.end("you are signed out")


async def _send_text(send: Send, text: str) -> None:
    async with asyncio.timeout(_SEND_S):
        await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass

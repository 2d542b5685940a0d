"""What pages ask again and again."""

import asyncio
import json
import threading
from collections.abc import MutableMapping
from pathlib import Path

import pytest

from connectors.access.role import Role
from connectors.access.users import Users
from connectors.control_room.reader import ControlRoomReader
from connectors.live_board import BOARD_NAME, LiveBoardWriter
from streams.console.events import EventHub
from tests.support.console_state import write_alerts
from tests.support.consoles import QUICK_PASSWORDS, console_client
from tests.support.manual_clock import ManualClock
from tests.support.signing_in import add_user, sign_in
from tests.support.watching import wait_until
from tests.unit.dashboards.console.test_wall_view import camera_reading


def test_frames_are_those_that_were_shown_since(tmp_path: Path) -> None:
    client = console_client(tmp_path)
    assert client.get("/live/frames").content[4:] == b"[]"
    with LiveBoardWriter(tmp_path / BOARD_NAME, ManualClock()) as board:
        board.show(camera_reading(3))
        message = client.get("/live/frames").content
        [first] = json.loads(message[4 : 4 + int.from_bytes(message[:4], "little")])
        assert client.get(f"/live/frames?since={first['number']}").content[4:] == b"[]"
        assert client.get("/live/frames?since=never").status_code == 422


def test_incidents_are_those_of_the_control_room(tmp_path: Path) -> None:
    client = console_client(tmp_path)
    assert client.get("/live/incidents").json() == {"incidents": [], "suppressed": {}, "more": 0, "unread": False}
    write_alerts(tmp_path, 3, every_s=3_600)
    shown = client.get("/live/incidents").json()["incidents"]
    known = ControlRoomReader(tmp_path).incidents()
    assert {each["id"] for each in shown} == {incident.id for incident in known}
    assert known


def test_who_is_signed_out_is_told_and_follows_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.console.pages.live._CHECK_S", 0.05)
    for name in ("anna", "berta"):
        add_user(tmp_path, name, Role.VIEWER)
    client = console_client(tmp_path)
    sign_in(client, "anna")
    hub: EventHub = client.app.state.parts.hub  # type: ignore[attr-defined]

    def remove_who_follows() -> None:
        wait_until(lambda: bool(hub._followers))
        Users(tmp_path, ManualClock(), QUICK_PASSWORDS).remove("anna")

    remove = threading.Thread(target=remove_who_follows)
    remove.start()
    answer = client.get("/events")
    remove.join()
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.text.endswith('event: end\ndata: {"reason": "you are signed out"}\n\n')
    assert client.get("/events").status_code == 401


def test_one_that_takes_nothing_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.console.pages.live._SEND_S", 0.05)
    app = console_client(tmp_path).app
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/events",
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1")],
        "scheme": "http",
        "client": ("127.0.0.1", 1),
    }
    began: list[str] = []

    async def receive() -> dict[str, object]:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: MutableMapping[str, object]) -> None:
        began.append(str(message["type"]))
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    asyncio.run(asyncio.wait_for(app(scope, receive, send), 60))
    assert began == ["http.response.start", "http.response.body"]

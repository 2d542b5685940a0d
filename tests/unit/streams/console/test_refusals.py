"""Every path and method of the console's application, and whom it refuses: a new one fails until it has a row here."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient

from connectors.access.role import Role
from connectors.access.sessions import SessionLimits, Sessions
from connectors.access.tokens import ApiTokens
from connectors.state.directory import StateDirectory
from streams.console.events import Follower
from tests.support.consoles import HTML, console_client
from tests.support.manual_clock import ManualClock
from tests.support.signing_in import add_user, csrf_token
from tests.unit.connectors.state.examples import CAMERA, STAGE, commit_of

_ID = "0123456789abcdef"
_SHELVED = (("length", "1h"), ("why", "test"))
_EVERYBODY = None
_VIEWER, _OPERATOR = Role.VIEWER, Role.OPERATOR


@dataclass(frozen=True, slots=True)
class _Row:
    """A path with a method.

    Attributes
    ----------
    needed
        The least role that may; None: everybody, without any sign-in.
    status
        Of the answer to who may: what is asked for is not there, or makes no sense, so that nothing changes.
    url
        Without it the path itself.
    body
        Sent as JSON to the API, as a form to pages.
    """

    method: str
    path: str
    needed: Role | None
    status: int
    url: str = ""
    body: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> str:
        return f"{self.method} {self.path}"


_TABLE = (
    # Pages
    _Row("GET", "/", _VIEWER, 200),
    _Row("GET", "/events", _VIEWER, 200),
    _Row("GET", "/live/frames", _VIEWER, 200),
    _Row("GET", "/live/incidents", _VIEWER, 200),
    _Row("GET", "/metrics", _VIEWER, 200),
    _Row("GET", "/archive", _VIEWER, 200),
    _Row("GET", "/pipeline", _VIEWER, 200),
    _Row("GET", "/settings", _VIEWER, 200),
    _Row("GET", "/api", _VIEWER, 200),
    _Row("GET", "/incidents", _VIEWER, 200),
    _Row("GET", "/incidents/{incident_id}", _VIEWER, 404, f"/incidents/{_ID}"),
    _Row("POST", "/incidents/{incident_id}/acknowledge", _OPERATOR, 404, f"/incidents/{_ID}/acknowledge"),
    _Row("GET", "/incidents/alert/{alert_id}", _VIEWER, 404, f"/incidents/alert/{_ID}"),
    _Row("GET", "/alerts/{alert_id}", _VIEWER, 404, f"/alerts/{_ID}"),
    _Row(
        *("POST", "/incidents/alert/{alert_id}/verdict", _OPERATOR, 404, f"/incidents/alert/{_ID}/verdict"),
        body=(("verdict", "true"),),
    ),
    _Row(
        *("GET", "/incidents/alert/{alert_id}/evidence/{role}.png", _VIEWER, 404),
        url=f"/incidents/alert/{_ID}/evidence/first.png",
    ),
    _Row(
        *("GET", "/incidents/alert/{alert_id}/evidence/{role}", _VIEWER, 404),
        url=f"/incidents/alert/{_ID}/evidence/first",
    ),
    _Row("GET", "/incidents/alert/{alert_id}/around", _VIEWER, 404, f"/incidents/alert/{_ID}/around?at=0"),
    _Row("GET", "/incidents/alert/{alert_id}/shot", _VIEWER, 404, f"/incidents/alert/{_ID}/shot"),
    _Row("POST", "/alarms/{alarm_id}/shelve", _OPERATOR, 404, f"/alarms/{_ID}/shelve", _SHELVED),
    _Row("POST", "/alarms/{alarm_id}/unshelve", _OPERATOR, 404, f"/alarms/{_ID}/unshelve"),
    _Row("POST", "/alarms/{alarm_id}/take-out", _OPERATOR, 404, f"/alarms/{_ID}/take-out", (("why", "test"),)),
    _Row("POST", "/alarms/{alarm_id}/put-back", _OPERATOR, 404, f"/alarms/{_ID}/put-back"),
    _Row("POST", "/alarms/{alarm_id}/reset", _OPERATOR, 404, f"/alarms/{_ID}/reset"),
    _Row("GET", "/stages", _VIEWER, 200),
    _Row("GET", "/stages/{name}", _VIEWER, 200, f"/stages/{STAGE}"),
    _Row(
        *("POST", "/stages/{name}/maintenance/start", _OPERATOR, 409, f"/stages/{STAGE}/maintenance/start"),
        body=(("until", "2000-01-01"), ("why", "test")),
    ),
    _Row("POST", "/stages/{name}/maintenance/end", _OPERATOR, 409, f"/stages/{STAGE}/maintenance/end"),
    _Row("GET", "/stages/{name}/series", _VIEWER, 200, f"/stages/{STAGE}/series?from_s=1656668000&to_s=1656669000"),
    _Row("GET", "/cameras", _VIEWER, 200),
    _Row("GET", "/cameras/{name}", _VIEWER, 200, f"/cameras/{CAMERA}"),
    _Row("GET", "/cameras/{name}/maps/{kind}", _VIEWER, 404, f"/cameras/{CAMERA}/maps/dark"),
    _Row("GET", "/devices/{name}/series", _VIEWER, 200, f"/devices/{CAMERA}/series?from_s=1656668000&to_s=1656669000"),
    _Row("GET", "/replay", _VIEWER, 200),
    _Row("POST", "/replay", _OPERATOR, 422, body=(("from", "yesterday"), ("to", "today"))),
    _Row("GET", "/replay/{run_id}", _VIEWER, 404, f"/replay/{_ID}"),
    _Row("GET", "/replay/{run_id}/page", _VIEWER, 404, f"/replay/{_ID}/page"),
    _Row("POST", "/replay/{run_id}/cancel", _OPERATOR, 404, f"/replay/{_ID}/cancel"),
    # For everybody
    _Row("GET", "/sign-in", _EVERYBODY, 200),
    _Row("POST", "/sign-in", _EVERYBODY, 401),
    _Row("POST", "/sign-out", _EVERYBODY, 303),
    _Row("GET", "/static", _EVERYBODY, 200, "/static/console.css"),
    # The API
    _Row("GET", "/api/v1/openapi.json", _VIEWER, 200),
    _Row("GET", "/api/v1/episodes", _VIEWER, 200),
    _Row("GET", "/api/v1/episodes/{alert_id}", _VIEWER, 404, f"/api/v1/episodes/{_ID}"),
    _Row(
        *("POST", "/api/v1/episodes/{alert_id}/verdict", _OPERATOR, 404, f"/api/v1/episodes/{_ID}/verdict"),
        body=(("verdict", "true"),),
    ),
    _Row("GET", "/api/v1/evidence/{alert_id}/{role}.png", _VIEWER, 404, f"/api/v1/evidence/{_ID}/first.png"),
    _Row("GET", "/api/v1/evidence/{alert_id}/{role}.npz", _VIEWER, 404, f"/api/v1/evidence/{_ID}/worst.npz"),
    _Row("GET", "/api/v1/incidents", _VIEWER, 200),
    _Row("GET", "/api/v1/incidents/{incident_id}", _VIEWER, 404, f"/api/v1/incidents/{_ID}"),
    _Row(
        *("POST", "/api/v1/incidents/{incident_id}/acknowledge", _OPERATOR, 404),
        url=f"/api/v1/incidents/{_ID}/acknowledge",
    ),
    _Row("GET", "/api/v1/alarms", _VIEWER, 200),
    _Row("GET", "/api/v1/alarms/{alarm_id}", _VIEWER, 404, f"/api/v1/alarms/{_ID}"),
    _Row("POST", "/api/v1/alarms/{alarm_id}/acknowledge", _OPERATOR, 404, f"/api/v1/alarms/{_ID}/acknowledge"),
    _Row(
        *("POST", "/api/v1/alarms/{alarm_id}/shelve", _OPERATOR, 404, f"/api/v1/alarms/{_ID}/shelve"),
        body=(("until", "2022-07-02"), ("why", "test")),
    ),
    _Row("POST", "/api/v1/alarms/{alarm_id}/unshelve", _OPERATOR, 404, f"/api/v1/alarms/{_ID}/unshelve"),
    _Row(
        *("POST", "/api/v1/alarms/{alarm_id}/take-out", _OPERATOR, 404, f"/api/v1/alarms/{_ID}/take-out"),
        body=(("why", "test"),),
    ),
    _Row("POST", "/api/v1/alarms/{alarm_id}/put-back", _OPERATOR, 404, f"/api/v1/alarms/{_ID}/put-back"),
    _Row("POST", "/api/v1/alarms/{alarm_id}/reset", _OPERATOR, 404, f"/api/v1/alarms/{_ID}/reset"),
    _Row("GET", "/api/v1/maintenance", _VIEWER, 200),
    _Row(
        *("POST", "/api/v1/maintenance/{stage}/start", _OPERATOR, 409, "/api/v1/maintenance/LA-A3-31/start"),
        body=(("until", "2000-01-01"), ("why", "test")),
    ),
    _Row("POST", "/api/v1/maintenance/{stage}/end", _OPERATOR, 409, "/api/v1/maintenance/LA-A3-31/end"),
    _Row("GET", "/api/v1/audit", _VIEWER, 200),
    _Row("GET", "/api/v1/receipts", _VIEWER, 200, f"/api/v1/receipts?subject={_ID}"),
    _Row("GET", "/api/v1/shots", _VIEWER, 200, "/api/v1/shots?limit=1"),
    _Row("GET", "/api/v1/triplets", _VIEWER, 200, "/api/v1/triplets?limit=1"),
    _Row("GET", "/api/v1/stages", _VIEWER, 200),
    _Row("GET", "/api/v1/devices", _VIEWER, 200),
    _Row("GET", "/api/v1/live", _VIEWER, 200),
    _Row("GET", "/api/v1/live/{device}.png", _VIEWER, 404, f"/api/v1/live/{CAMERA}.png"),
    _Row("GET", "/api/v1/files", _VIEWER, 200),
    _Row("GET", "/api/v1/ledger", _VIEWER, 200),
    _Row("GET", "/api/v1/models", _VIEWER, 200),
    _Row("GET", "/api/v1/replays", _VIEWER, 200),
    _Row("POST", "/api/v1/replays", _OPERATOR, 422, body=(("from", "2022-07-02"), ("to", "2022-07-01"))),
    _Row("GET", "/api/v1/replays/{replay_id}", _VIEWER, 404, f"/api/v1/replays/{_ID}"),
    _Row("GET", "/api/v1/replays/{replay_id}/result", _VIEWER, 404, f"/api/v1/replays/{_ID}/result"),
    _Row("POST", "/api/v1/replays/{replay_id}/cancel", _OPERATOR, 404, f"/api/v1/replays/{_ID}/cancel"),
)


class _Who(Enum):
    """Who asks, and how."""

    NOBODY = "nobody"
    VIEWER = "a viewer who has signed in"
    OPERATOR = "an operator who has signed in"
    ADMIN = "an admin who has signed in"
    VIEWERS_TOKEN = "a viewer's token"  # noqa: S105
    OPERATORS_TOKEN = "an operator's token"  # noqa: S105
    NO_CSRF = "an admin's session, sent by another page"
    WRONG_CSRF = "an admin's session, with a wrong token of the page"
    OTHERS_CSRF = "an admin's session, with another session's token of the page"
    FOREIGN_ORIGIN = "an admin's session, from a foreign page that knows the token"
    EXPIRED = "a session that has ended"
    SIGNED_OUT = "a session that was signed out"
    REVOKED = "a token that was revoked"
    ENDED_TOKEN = "a token that has ended"  # noqa: S105
    NO_TOKEN = "what is no token"  # noqa: S105


_ROLES = {
    _Who.VIEWER: Role.VIEWER,
    _Who.OPERATOR: Role.OPERATOR,
    _Who.VIEWERS_TOKEN: Role.VIEWER,
    _Who.OPERATORS_TOKEN: Role.OPERATOR,
}
_UNKNOWN = {_Who.NOBODY, _Who.EXPIRED, _Who.SIGNED_OUT, _Who.REVOKED, _Who.ENDED_TOKEN, _Who.NO_TOKEN}
_NOT_OWN_PAGE = {_Who.NO_CSRF, _Who.WRONG_CSRF, _Who.OTHERS_CSRF, _Who.FOREIGN_ORIGIN}
_BY_TOKEN = {_Who.VIEWERS_TOKEN, _Who.OPERATORS_TOKEN, _Who.REVOKED, _Who.ENDED_TOKEN, _Who.NO_TOKEN}


def _expected(row: _Row, who: _Who) -> int:
    changes = row.method != "GET"
    if row.needed is None:
        # Signing in and out goes by the page's token alone, which those who have none can't show.
        return 403 if changes and (who in _NOT_OWN_PAGE or who in _BY_TOKEN) else row.status
    if who in _UNKNOWN:
        return 401
    if changes and who in _NOT_OWN_PAGE:
        return 403
    return row.status if _ROLES.get(who, Role.ADMIN).may(row.needed) else 403


class _Asking:
    """Asks as each of them."""

    def __init__(self, client: TestClient, state: Path, clock: ManualClock) -> None:
        self.client = client
        self._sessions = Sessions(
            state, clock, SessionLimits(idle_s=7_200, longest_s=57_600, longest_of_viewers_s=2_592_000)
        )
        self._tokens = ApiTokens(state, clock)
        for role in Role:
            add_user(state, role.value, role, clock)
        self._shown = {_Who.EXPIRED: self._sessions.begin("admin"), _Who.ENDED_TOKEN: self._token(Role.ADMIN, days=1)}
        clock.advance(40 * 86_400)
        self._shown |= {
            _Who.VIEWERS_TOKEN: self._token(Role.VIEWER),
            _Who.OPERATORS_TOKEN: self._token(Role.OPERATOR),
            _Who.REVOKED: self._token(Role.ADMIN),
            _Who.NO_TOKEN: "petawatch_x",
            _Who.SIGNED_OUT: self._sessions.begin("admin"),
        }
        self._sessions.end(self._shown[_Who.SIGNED_OUT])
        for token in self._tokens.all():
            if token.user == "admin" and token.ends_ns > clock.now_ns():
                self._tokens.revoke(token.id)
        self._visitor = str(client.get("/sign-in", headers=HTML).cookies["petawatch-80"])
        self._of_roles: dict[Role, str] = {}
        self._of_pages: dict[str, dict[str, str]] = {}

    def status(self, row: _Row, who: _Who) -> int:
        if row.path == "/sign-out":
            self._of_roles.clear()  # that session has ended
        headers = self._headers(who)
        self.client.cookies.clear()
        body = {"json": dict(row.body)} if row.path.startswith("/api/") and row.body else {"data": dict(row.body)}
        answer = self.client.request(row.method, row.url or row.path, headers=headers, **body)
        if answer.status_code in {401, 403} and row.path.startswith("/api/"):
            problem = json.loads(answer.content)
            assert answer.headers["content-type"] == "application/problem+json"
            assert problem["status"] == answer.status_code
        return int(answer.status_code)

    def _headers(self, who: _Who) -> dict[str, str]:
        if who in _BY_TOKEN:
            return {"Authorization": f"Bearer {self._shown[who]}"}
        headers = self._of_own_page(self._cookie(who))
        match who:
            case _Who.NO_CSRF:
                del headers["X-CSRF-Token"]
            case _Who.WRONG_CSRF:
                headers["X-CSRF-Token"] = "0" * 64
            case _Who.OTHERS_CSRF:
                headers["X-CSRF-Token"] = self._of_own_page(self._session(Role.OPERATOR))["X-CSRF-Token"]
            case _Who.FOREIGN_ORIGIN:
                headers["Origin"] = "http://evil.example"
        return headers

    def _cookie(self, who: _Who) -> str:
        if who is _Who.NOBODY:
            return self._visitor
        return self._shown.get(who) or self._session(_ROLES.get(who, Role.ADMIN))

    def _of_own_page(self, cookie: str) -> dict[str, str]:
        """What a page of the console sends along."""
        if cookie not in self._of_pages:
            self._of_pages[cookie] = self._asked_page(cookie)
        return dict(self._of_pages[cookie])

    def _asked_page(self, cookie: str) -> dict[str, str]:
        shown = {"Cookie": f"petawatch-80={cookie}"}
        self.client.cookies.clear()
        page = self.client.get("/sign-in", headers=HTML | shown).text
        own = {"Origin": "http://127.0.0.1", "Sec-Fetch-Site": "same-origin"}
        return shown | own | {"X-CSRF-Token": csrf_token(page)}

    def _session(self, role: Role) -> str:
        if role not in self._of_roles:
            self._of_roles[role] = self._sessions.begin(role.value)
        return self._of_roles[role]

    def _token(self, role: Role, *, days: int = 365) -> str:
        return self._tokens.create(role.value, role, purpose="test", days=days)


@pytest.fixture(scope="module")
def asking(session_folder: Path) -> Iterator[_Asking]:
    state, clock = session_folder / "refusals", ManualClock()
    with StateDirectory.open(state) as directory:
        directory.commit(commit_of(0))
    client = console_client(state, clock=clock)
    application = client.app
    assert isinstance(application, FastAPI)
    hub = application.state.parts.hub
    follow = hub.follow

    def follow_and_end(who: str) -> Follower:
        follower: Follower = follow(who)
        follower.end("the test has seen it")
        return follower

    hub.follow = follow_and_end  # live events go on for ever
    yield _Asking(client, state, clock)
    application.state.parts.close()


def test_every_path_and_method_has_its_row(asking: _Asking) -> None:
    application = asking.client.app
    assert isinstance(application, FastAPI)
    found = {
        f"{method} {route.path}"
        for route in iter_route_contexts(application.routes)
        for method in sorted(route.methods or {"GET"})
    }
    assert found == {row.key for row in _TABLE}
    assert len(_TABLE) == len(found)


@pytest.mark.parametrize("row", _TABLE, ids=[row.key for row in _TABLE])
def test_who_may_and_who_may_not(row: _Row, asking: _Asking) -> None:
    found = {who: asking.status(row, who) for who in _Who}
    assert found == {who: _expected(row, who) for who in _Who}


@pytest.mark.parametrize("row", _TABLE, ids=[row.key for row in _TABLE])
def test_no_path_takes_another_method(row: _Row, asking: _Asking) -> None:
    taken = {each.method for each in _TABLE if each.path == row.path}
    for method in {"POST", "PUT", "PATCH", "DELETE", "TRACE"} - taken:
        other = _Row(method, row.path, row.needed, 405, row.url)
        assert asking.status(other, _Who.OPERATORS_TOKEN) in {404, 405}, method


def test_what_changes_something_needs_an_operator() -> None:
    changing = [row for row in _TABLE if row.method != "GET" and row.needed is not None]
    assert len(changing) > 10
    assert {row.needed for row in changing} == {_OPERATOR}
    assert {row.method for row in _TABLE} == {"GET", "POST"}

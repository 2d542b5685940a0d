"""Who gets in, and what keeps others out."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from starlette.types import Receive, Scope, Send

from connectors.access.role import Role
from connectors.access.tokens import ApiTokens
from connectors.control_room.decisions import operating_user
from models.errors import FatalError
from streams.console.access.headers import CONTENT_POLICY, MOST_BYTES
from streams.console.access.hosts import AllowedHosts
from streams.console.access.sign_in_limit import SignInLimit
from streams.console.problems import PROBLEM_TYPE
from tests.support.consoles import HTML, console_client
from tests.support.manual_clock import ManualClock
from tests.support.signing_in import PASSWORD, add_user, csrf_token, sign_in

EVERYWHERE = "0.0.0.0"  # noqa: S104 - nothing is bound


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    """A browser at a console that has a user."""
    add_user(tmp_path, "anna", Role.OPERATOR)
    return console_client(tmp_path)


def test_on_this_computer_it_is_open_until_there_is_a_user(tmp_path: Path) -> None:
    client = console_client(tmp_path)
    assert f"{operating_user()}, operator" in client.get("/", headers=HTML).text
    add_user(tmp_path, "anna", Role.VIEWER)
    assert client.get("/", headers=HTML).headers["location"] == "/sign-in?next=%2F"


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"])
def test_what_a_proxy_passes_on_is_not_of_this_computer(tmp_path: Path, header: str) -> None:
    assert console_client(tmp_path).get("/", headers={header: "192.0.2.1"}).status_code == 401


def test_with_proxies_or_under_another_name_it_is_not_open(tmp_path: Path) -> None:
    add_user(tmp_path, "anna", Role.VIEWER)
    behind_a_proxy = console_client(tmp_path, console={"proxies": ("127.0.0.1",)})
    assert behind_a_proxy.get("/").status_code == 401
    named = console_client(tmp_path, console={"hosts": ("laser.example",)})
    assert named.get("/", headers={"Host": "laser.example"}).status_code == 401


@pytest.mark.parametrize("host", ["192.0.2.7", EVERYWHERE])
def test_where_others_reach_it_somebody_must_be_able_to_sign_in(tmp_path: Path, host: str) -> None:
    with pytest.raises(FatalError) as raised:
        console_client(tmp_path, host=host)
    assert raised.value.reason == "nobody_can_sign_in"
    add_user(tmp_path, "anna", Role.VIEWER)
    assert console_client(tmp_path, host=host).get("/").status_code == 401


def test_open_to_everyone_shows_all_and_lets_users_act(tmp_path: Path) -> None:
    client = console_client(tmp_path, host="192.0.2.7", open_to_everyone=True)
    assert "everyone, viewer" in client.get("/", headers=HTML).text
    add_user(tmp_path, "anna", Role.ADMIN)
    assert sign_in(client, "anna").status_code == 303
    assert "anna, admin" in client.get("/", headers=HTML).text


def test_signing_in_and_out(client: TestClient) -> None:
    answer = sign_in(client, " Anna ", then="/incidents?stage=LA-A3-31")
    assert (answer.status_code, answer.headers["location"]) == (303, "/incidents?stage=LA-A3-31")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    page = client.get("/", headers=HTML)
    assert "anna, operator" in page.text
    secret = dict(client.cookies)
    assert client.post("/sign-out", data={"csrf": csrf_token(page.text)}).status_code == 303
    assert client.get("/").status_code == 401
    client.cookies.update(secret)
    assert client.get("/").status_code == 401


def test_a_session_has_another_cookie_than_the_visitor(client: TestClient) -> None:
    client.get("/sign-in")
    before = dict(client.cookies)
    sign_in(client, "anna")
    assert before
    assert set(before.values()).isdisjoint(dict(client.cookies).values())


def test_over_tls_the_cookie_is_secure_and_the_hosts_own(tmp_path: Path) -> None:
    client = console_client(tmp_path)
    client.base_url = client.base_url.copy_with(scheme="https")
    answer = client.get("/sign-in")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-petawatch-")
    assert "Secure" in cookie
    assert "Strict-Transport-Security" in answer.headers


@pytest.mark.parametrize(("name", "password"), [("anna", "wrong password"), ("berta", PASSWORD), ("", "")])
def test_a_wrong_name_or_password_tells_not_which(client: TestClient, name: str, password: str) -> None:
    answer = sign_in(client, name, password)
    assert answer.status_code == 401
    assert "That is not the name and the password of a user." in answer.text
    assert client.get("/").status_code == 401


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example/", "/\\evil.example", "evil", "/a\nb"])
def test_nobody_is_sent_elsewhere_after_signing_in(client: TestClient, target: str) -> None:
    assert sign_in(client, "anna", then=target).headers["location"] == "/"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_forms_of_other_pages_are_refused(client: TestClient, headers: dict[str, str]) -> None:
    token = csrf_token(client.get("/sign-in").text)
    form = {"csrf": token, "name": "anna", "password": PASSWORD}
    assert client.post("/sign-in", data=form, headers=headers).status_code == 403
    assert client.post("/sign-in", data=form, headers={"Origin": "http://127.0.0.1"}).status_code == 303


@pytest.mark.parametrize("token", [None, "", "0" * 64, "ä"])
def test_a_form_without_the_browsers_token_is_refused(client: TestClient, token: str | None) -> None:
    client.get("/sign-in")
    form = {"name": "anna", "password": PASSWORD} | ({} if token is None else {"csrf": token})
    assert client.post("/sign-in", data=form).status_code == 403
    client.cookies.clear()
    assert client.post("/sign-in", data=form).status_code == 403


def test_a_token_of_a_program_needs_no_form_and_no_cookie(client: TestClient, tmp_path: Path) -> None:
    token = ApiTokens(tmp_path, ManualClock()).create("anna", Role.VIEWER, purpose="", days=1)
    assert client.get("/", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    for wrong in (f"Bearer {token}x", f"Basic {token}", "Bearer ", "Bearer"):
        assert client.get("/", headers={"Authorization": wrong}).status_code == 401
    refused = client.get("/api/v1/incidents", headers={"Authorization": f"Bearer {token}x"})
    assert "petawatch tokens list" in refused.json()["detail"]
    assert "petawatch tokens create" in client.get("/api/v1/incidents").json()["detail"]


def test_attempts_are_limited_by_user_and_by_address(tmp_path: Path) -> None:
    clock = ManualClock()
    add_user(tmp_path, "anna", Role.VIEWER)
    client = console_client(tmp_path, clock=clock)
    answers = [sign_in(client, "anna", "wrong password").status_code for _ in range(21)]
    assert answers == [401] * 20 + [429]
    assert sign_in(client, "anna").status_code == 429
    clock.advance(15.0)
    assert sign_in(client, "anna").status_code == 303


def test_one_address_keeps_nobody_out_who_signs_in_at_another() -> None:
    clock = ManualClock()
    limit = SignInLimit(clock)
    for _ in range(3600):
        limit.take("anna", "192.0.2.66")
        assert limit.take("anna", "192.0.2.1") == 0
        limit.give_back("anna", "192.0.2.1")
        clock.advance(1.0)
    assert limit.take("anna", "192.0.2.66") > 0


def test_a_user_is_not_tried_from_any_number_of_addresses() -> None:
    limit = SignInLimit(ManualClock())
    waits = [limit.take("anna", f"192.0.2.{number % 250}") for number in range(301)]
    assert waits[:300] == [0.0] * 300
    assert waits[300] > 0


def test_the_limit_counts_unknown_users_and_forgets_what_was_right() -> None:
    clock = ManualClock()
    limit = SignInLimit(clock)
    for number in range(30):
        assert limit.take(f"user-{number}", "192.0.2.1") == 0
    assert limit.take("user-30", "192.0.2.1") > 0
    assert limit.take("user-30", "192.0.2.2") == 0
    for _ in range(100):
        assert limit.take("anna", "192.0.2.3") == 0
        limit.give_back("anna", "192.0.2.3")


@pytest.mark.parametrize(
    ("bound", "asked", "allowed"),
    [
        ("127.0.0.1", "127.0.0.1:8080", True),
        ("127.0.0.1", "localhost:9000", True),
        ("127.0.0.1", "LOCALHOST.", True),
        ("127.0.0.1", "[::1]:8080", True),
        ("127.0.0.1", "evil.example", False),
        ("127.0.0.1", "192.0.2.7", False),
        ("127.0.0.1", "", False),
        ("127.0.0.1", "127.0.0.1.evil.example", False),
        ("127.0.0.1", "console.example:443", True),
        ("127.0.0.1", "links.example", True),
        ("192.0.2.7", "192.0.2.7:8080", True),
        ("192.0.2.7", "localhost", False),
        (EVERYWHERE, "192.0.2.9:8080", True),
        (EVERYWHERE, "[2001:db8::1]", True),
        (EVERYWHERE, "evil.example", False),
        ("::", "localhost", True),
    ],
)
def test_only_own_names_are_answered(bound: str, asked: str, allowed: bool) -> None:
    hosts = AllowedHosts(bound, ("console.example",), "https://links.example:9464")
    assert hosts.allow(asked) is allowed


def test_a_foreign_name_is_refused(client: TestClient) -> None:
    answer = client.get("/sign-in", headers={"Host": "evil.example"})
    assert answer.status_code == 421
    assert "Content-Security-Policy" in answer.headers


def test_what_is_refused_first_is_a_problem_document_below_the_api(client: TestClient) -> None:
    too_long, no_length = {"Content-Length": str(MOST_BYTES + 1)}, {"Transfer-Encoding": "chunked"}
    for headers, status in ((too_long, 413), (no_length, 411), ({"Host": "evil.example"}, 421)):
        answer = client.post("/api/v1/replays", headers=headers)
        assert (answer.status_code, answer.json()["status"]) == (status, status)
        assert answer.headers["Content-Type"] == PROBLEM_TYPE
        assert answer.json()["type"] == f"urn:petawatch:problem:{answer.json()['reason']}"
        assert client.post("/sign-in", headers=headers).headers["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("path", ["/sign-in", "/", "/nothing", "/static/console.css", "/static/../app.py"])
def test_every_answer_says_what_browsers_may_do(client: TestClient, path: str) -> None:
    headers = client.get(path, headers=HTML).headers
    assert headers["Content-Security-Policy"] == CONTENT_POLICY
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"


def test_an_answer_to_an_own_mistake_has_them_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = console_client(tmp_path)
    patient = TestClient(client.app, base_url="http://127.0.0.1", raise_server_exceptions=False)
    monkeypatch.setattr("streams.console.pages.wall.render", lambda *_: 1 / 0)
    answer = patient.get("/", headers=HTML)
    assert answer.status_code == 500
    assert "internal error" in answer.text.lower()
    assert answer.headers["Content-Security-Policy"] == CONTENT_POLICY


@pytest.mark.parametrize(
    ("headers", "stays"),
    [({"Sec-Fetch-Mode": "navigate"}, True), ({"Upgrade-Insecure-Requests": "1"}, True), ({}, False)],
)
def test_only_what_a_person_does_keeps_a_session_alive(tmp_path: Path, headers: dict[str, str], stays: bool) -> None:
    clock = ManualClock()
    add_user(tmp_path, "anna", Role.OPERATOR)
    client = console_client(tmp_path, clock=clock, console={"idle_h": 1.0})
    sign_in(client, "anna")
    for _ in range(2):
        clock.advance(0.7 * 3600)
        last = client.get("/", headers=headers).status_code
    assert last == (200 if stays else 401)


def test_static_files_are_kept_by_browsers_and_pages_are_not(client: TestClient) -> None:
    kept = client.get("/static/console.css")
    assert kept.headers["Cache-Control"] == "no-cache"
    again = client.get("/static/console.css", headers={"If-None-Match": kept.headers["ETag"]})
    assert again.status_code == 304
    assert client.get("/sign-in").headers["Cache-Control"] == "no-store"


def test_what_is_too_large_is_not_read(client: TestClient) -> None:
    assert client.post("/sign-in", content=b"x" * (MOST_BYTES + 1)).status_code == 413
    assert client.post("/sign-in", content=iter([b"x"])).status_code == 411
    assert client.post("/sign-in", content=b"", headers={"Content-Length": "many"}).status_code == 413


def test_no_page_has_scripts_or_styles_inside(client: TestClient) -> None:
    sign_in(client, "anna")
    for path in ("/", "/sign-in", "/nothing"):
        page = client.get(path, headers=HTML).text
        assert "<style" not in page
        assert " style=" not in page
        assert " onclick" not in page
        assert page.count("<script") == page.count("<script src=")


def test_what_a_proxy_with_nginxs_defaults_passes_on_makes_nobody_an_operator(tmp_path: Path) -> None:
    here = console_client(tmp_path)
    assert here.get("/").status_code == 200

    async def proxied(scope: Scope, receive: Receive, send: Send) -> None:
        await here.app({**scope, "http_version": "1.0"}, receive, send)

    assert TestClient(proxied, base_url="http://127.0.0.1").get("/").status_code == 401

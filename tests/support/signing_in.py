"""Signs in to a console as a person does: through the form that its page shows."""

import re
from pathlib import Path

import httpx
from fastapi.testclient import TestClient

from connectors.access.role import Role
from connectors.access.tokens import ApiTokens
from connectors.access.users import Users
from connectors.clock import Clock, SystemClock
from tests.support.consoles import HTML, QUICK_PASSWORDS, console_client
from tests.support.manual_clock import ManualClock

PASSWORD = "twelve or more characters"  # noqa: S105 - of tests


def add_user(state: Path, name: str, role: Role, clock: Clock | None = None) -> None:
    """A user with the password of tests."""
    Users(state, clock or SystemClock(), QUICK_PASSWORDS).add(name, role, PASSWORD)


def csrf_token(page: str) -> str:
    """What the forms of a page carry."""
    match = re.search(r'name="csrf-token" content="(\w+)"', page)
    assert match is not None, page
    return match[1]


def sign_in(client: TestClient, name: str, password: str = PASSWORD, then: str = "/") -> httpx.Response:
    """Ask for the form, and send it."""
    token = csrf_token(client.get("/sign-in", headers=HTML).text)
    form = {"csrf": token, "name": name, "password": password, "next": then}
    answer: httpx.Response = client.post("/sign-in", data=form, headers=HTML)
    return answer


def operating_program(state: Path) -> TestClient:
    """A program with an operator's token, at a console of this state directory."""
    clock = ManualClock()
    add_user(state, "ada", Role.OPERATOR, clock)
    token = ApiTokens(state, clock).create("ada", Role.OPERATOR, purpose="test", days=1)
    client = console_client(state, clock=clock)
    client.headers["Authorization"] = f"Bearer {token}"
    return client

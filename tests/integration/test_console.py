"""The console as a process: TLS, what it refuses to start with, and its end."""

import io
import json
import re
import socket
import ssl
from pathlib import Path

import httpx
import pytest

from connectors.access.passwords import Passwords
from connectors.access.role import Role
from connectors.access.tokens import ApiTokens
from connectors.access.users import Users
from connectors.clock import SystemClock
from servers.certificates import Authority
from servers.failures import ServerMissingError
from tests.support.commands import Run
from tests.support.live_console import console_running
from tests.support.signing_in import PASSWORD, add_user, csrf_token

_ANY = "0.0.0.0"  # noqa: S104 - it is told to listen there
EVERYWHERE = f"{_ANY}:0"


def test_over_tls_the_session_is_a_cookie_of_that_host_alone(tmp_path: Path) -> None:
    try:
        authority = Authority(tmp_path / "authority")
    except ServerMissingError as error:
        pytest.skip(str(error))
    identity = authority.identity("console")
    config = tmp_path / "petawatch.toml"
    files = f'certificate_file = "{identity.certificate}"\nkey_file = "{identity.key}"\n'
    config.write_text(f"[console]\n{files}", encoding="utf-8")
    state = tmp_path / "state"
    add_user(state, "anna", Role.OPERATOR)
    with console_running("console", "--state", state, "--http", EVERYWHERE, "--config", config) as live:
        address = live.url.replace(_ANY, "127.0.0.1")
        assert address.startswith("https://")
        context = ssl.create_default_context(cafile=str(authority.certificate))
        with httpx.Client(base_url=address, verify=context) as client:
            token = csrf_token(client.get("/sign-in").text)
            form = {"csrf": token, "name": "anna", "password": PASSWORD}
            answer = client.post("/sign-in", data=form, headers={"Origin": address})
            assert answer.status_code == 303
            assert re.match("__Host-petawatch-.*; HttpOnly; Path=/; SameSite=lax; Secure", answer.headers["set-cookie"])
            page = client.get("/", headers={"Accept": "text/html"})
            assert "anna, operator" in page.text
            assert client.get("/", headers={"Host": "evil.example"}).status_code == 421
    assert live.process.returncode == 0
    assert len(live.told) == 1, "nothing but where it listens"


def test_what_it_refuses_to_start_with_is_one_sentence(tmp_path: Path, command: Run) -> None:
    config = tmp_path / "petawatch.toml"
    config.write_text(f'[console]\ncertificate_file = "{config}"\nkey_file = "{config}"\n', encoding="utf-8")
    state, nowhere = tmp_path / "state", tmp_path / "nowhere"
    state.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused: list[tuple[tuple[str | Path, ...], str]] = [
            (("console", "--state", nowhere), f"there is no state of a watch in {nowhere}; give the --state"),
            (("console", "--http", EVERYWHERE), "nobody can sign in to it; make a user"),
            (("console", "--http", f"127.0.0.1:{port}"), "is in use by another program"),
            (("console", "--http", "127.0.0.1:0", "--config", config), "give a certificate and its key as PEM files"),
            (("watch", tmp_path, "--console", EVERYWHERE), "nobody can sign in to it; make a user"),
        ]
        for arguments, words in refused:
            code, _, told = command(*arguments, *([] if nowhere in arguments else ["--state", state]))
            assert code == 1
            assert words in told
            assert told.count("\n") == 1, told


def test_users_and_tokens_by_commands(tmp_path: Path, command: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    state, file = tmp_path / "state", tmp_path / "password"
    file.write_text(f"{PASSWORD}\n", encoding="utf-8")

    def run(*arguments: str | Path) -> str:
        code, shown, told = command(*arguments, "--state", state)
        assert code == 0, told
        return shown

    run("users", "add", "anna", "--role", "operator", "--password-file", file)
    run("users", "set-role", "anna", "admin")
    run("users", "set-password", "anna", "--password-file", file)
    monkeypatch.setattr("sys.stdin", io.StringIO(f"other {PASSWORD}\n"))
    run("users", "set-password", "anna")
    users = Users(state, SystemClock(), Passwords())
    assert users.with_password("anna", f"other {PASSWORD}") is not None
    assert users.with_password("anna", PASSWORD) is None
    heads, anna = (line.split("\t") for line in run("users", "list").splitlines())
    assert (heads, anna[:2]) == (["name", "role", "changed"], ["anna", "admin"])
    assert json.loads(run("users", "list", "--json")) == dict(zip(heads, anna, strict=True))
    token = run("tokens", "create", "anna", "--role", "operator", "--purpose", "report").strip()
    heads, row = (line.split("\t") for line in run("tokens", "list").splitlines())
    assert json.loads(run("tokens", "list", "--json")) == dict(zip(heads, row, strict=True)) | {"ended": False}
    id_, user, role, *_, purpose = row
    assert (user, role, purpose) == ("anna", "operator", "report")
    tokens = ApiTokens(state, SystemClock())
    assert tokens.holder_of(token) is not None
    run("tokens", "revoke", id_)
    assert tokens.holder_of(token) is None
    run("users", "remove", "anna")
    assert run("users", "list") == "no users\n"
    assert command("users", "add", "anna", "--role", "boss", "--state", state)[0] == 2

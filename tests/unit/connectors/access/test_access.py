"""Users, sessions and tokens in a database of the state directory."""

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from types import SimpleNamespace

import pytest

from connectors.access.database import DATABASE_NAME
from connectors.access.passwords import LONGEST_PASSWORD, Passwords
from connectors.access.role import Role
from connectors.access.sessions import SessionLimits, Sessions
from connectors.access.tokens import ApiTokens
from connectors.access.users import Users
from connectors.control_room.database import DECISIONS_NAME
from connectors.control_room.decisions import operating_user
from connectors.control_room.reader import ControlRoomReader
from models.errors import FatalError, RecordError, RetryableError
from tests.support.consoles import QUICK_PASSWORDS
from tests.support.manual_clock import ManualClock
from tests.support.signing_in import PASSWORD
from tests.support.watching import wait_until

LIMITS = SessionLimits(idle_s=60.0 * 60, longest_s=8.0 * 3600, longest_of_viewers_s=24.0 * 3600)
H = 3600.0


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def users(tmp_path: Path, clock: ManualClock) -> Users:
    users = Users(tmp_path, clock, QUICK_PASSWORDS)
    users.add("anna", Role.OPERATOR, PASSWORD)
    return users


def reason_of(raised: "pytest.ExceptionInfo[RecordError]") -> str:
    return raised.value.reason


def test_the_database_is_its_owners_alone_and_holds_no_secret(tmp_path: Path, users: Users, clock: ManualClock) -> None:
    file = tmp_path / DATABASE_NAME
    session = Sessions(tmp_path, clock, LIMITS).begin("anna")
    token = ApiTokens(tmp_path, clock).create("anna", Role.VIEWER, purpose="", days=1)
    assert file.stat().st_mode & 0o077 == 0
    content = file.read_bytes()
    assert not any(secret.encode() in content for secret in (PASSWORD, session, token))
    assert b"$argon2id$" in content


def test_only_the_right_password_of_a_user_is_right(users: Users) -> None:
    found = users.with_password("anna", PASSWORD)
    assert found is not None
    assert (found.name, found.role) == ("anna", Role.OPERATOR)
    for name, password in (("anna", PASSWORD + "."), ("anna", ""), ("berta", PASSWORD), ("anna", "x" * 10_000)):
        assert users.with_password(name, password) is None


def test_an_unknown_user_costs_a_check_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    passwords = Passwords(passes=1, memory_kib=8)
    checked: list[str | None] = []

    def fits(password: str, kept: str | None) -> bool:
        checked.append(kept)
        return False

    monkeypatch.setattr(passwords, "fits", fits)
    assert Users(tmp_path, ManualClock(), passwords).with_password("nobody", PASSWORD) is None
    assert checked == [None]
    assert not QUICK_PASSWORDS.fits("nobody has this password", None)


@pytest.mark.parametrize("name", ["", "Anna", "an na", "-anna", "ä", "a" * 65, "a\n"])
def test_odd_names_are_refused(users: Users, name: str) -> None:
    with pytest.raises(RecordError) as raised:
        users.add(name, Role.VIEWER, PASSWORD)
    assert reason_of(raised) == "bad_user_name"


@pytest.mark.parametrize("password", ["", "eleven char", "x" * (LONGEST_PASSWORD + 1)])
def test_short_and_endless_passwords_are_refused(users: Users, password: str) -> None:
    with pytest.raises(RecordError) as raised:
        users.add("berta", Role.VIEWER, password)
    assert reason_of(raised) == "bad_password"
    assert [user.name for user in users.all()] == ["anna"]


def test_a_name_is_one_users(users: Users) -> None:
    with pytest.raises(RecordError) as raised:
        users.add("anna", Role.ADMIN, PASSWORD)
    assert reason_of(raised) == "user_exists"


def test_who_does_not_exist_can_not_be_changed(users: Users) -> None:
    changes: list[Callable[[], None]] = [
        lambda: users.remove("berta"),
        lambda: users.set_role("berta", Role.ADMIN),
        lambda: users.set_password("berta", PASSWORD),
    ]
    for change in changes:
        with pytest.raises(RecordError) as raised:
            change()
        assert reason_of(raised) == "no_such_user"


@pytest.mark.parametrize(
    ("role", "asked_every_h", "ends_after_h"),
    [(Role.OPERATOR, 0.5, 8.0), (Role.OPERATOR, 1.5, 1.5), (Role.ADMIN, 0.9, 8.1), (Role.VIEWER, 5.0, 25.0)],
)
def test_sessions_end(
    tmp_path: Path, users: Users, clock: ManualClock, role: Role, asked_every_h: float, ends_after_h: float
) -> None:
    users.set_role("anna", role)
    sessions = Sessions(tmp_path, clock, LIMITS)
    secret = sessions.begin("anna")
    lasted_h = 0.0
    while True:
        clock.advance(asked_every_h * H)
        lasted_h += asked_every_h
        if sessions.user_of(secret, active=True) is None:
            break
    assert lasted_h == pytest.approx(ends_after_h)


def test_a_page_that_renews_itself_keeps_no_session_alive(tmp_path: Path, users: Users, clock: ManualClock) -> None:
    sessions = Sessions(tmp_path, clock, LIMITS)
    secret = sessions.begin("anna")
    for _ in range(5):
        clock.advance(0.19 * H)
        assert sessions.user_of(secret, active=False) is not None
    clock.advance(0.19 * H)
    assert sessions.user_of(secret, active=False) is None


def test_sessions_outlast_a_restart_and_end_with_password_or_user(
    tmp_path: Path, users: Users, clock: ManualClock
) -> None:
    def sessions() -> Sessions:
        return Sessions(tmp_path, clock, LIMITS)

    first = sessions().begin("anna")
    assert sessions().user_of(first, active=True) is not None
    users.set_password("anna", PASSWORD + " new")
    assert sessions().user_of(first, active=True) is None
    second = sessions().begin("anna")
    users.remove("anna")
    assert sessions().user_of(second, active=True) is None
    third_party = sessions().user_of("guessed", active=True)
    assert third_party is None


def test_sessions_of_a_user_are_bounded(tmp_path: Path, users: Users, clock: ManualClock) -> None:
    sessions = Sessions(tmp_path, clock, LIMITS)
    secrets = []
    for _ in range(33):
        secrets.append(sessions.begin("anna"))
        clock.advance(1.0)
    assert [sessions.user_of(secret, active=False) is not None for secret in secrets] == [False] + [True] * 32


def test_a_token_may_what_its_user_may_until_it_ends_or_is_revoked(
    tmp_path: Path, users: Users, clock: ManualClock
) -> None:
    tokens = ApiTokens(tmp_path, clock)
    token = tokens.create("anna", Role.OPERATOR, purpose="report", days=2)
    held = tokens.holder_of(token)
    assert held is not None
    assert (held.user, held.role, held.purpose) == ("anna", Role.OPERATOR, "report")
    users.set_role("anna", Role.VIEWER)
    held = tokens.holder_of(token)
    assert held is not None
    assert held.role is Role.VIEWER
    clock.advance(47 * H)
    assert tokens.holder_of(token) is not None
    clock.advance(1 * H)
    assert tokens.holder_of(token) is None
    other = tokens.create("anna", Role.VIEWER, purpose="", days=1)
    tokens.revoke(tokens.all()[-1].id)
    assert tokens.holder_of(other) is None
    with pytest.raises(RecordError):
        tokens.revoke("00000000")


def test_who_changed_users_and_tokens_stands_in_the_audit_log(tmp_path: Path, users: Users, clock: ManualClock) -> None:
    tokens = ApiTokens(tmp_path, clock)
    clock.advance(1.0)
    secret = tokens.create("anna", Role.VIEWER, purpose="shift report", days=2)
    [token] = tokens.all()
    tokens.revoke(token.id)
    users.set_role("anna", Role.ADMIN)
    users.set_password("anna", "another password")
    users.remove("anna")
    entries = ControlRoomReader(tmp_path).audit(limit=10)
    assert [(each.action, each.subject, each.why, dict(each.details)) for each in entries] == [
        ("add_user", "anna", "", {"role": "operator"}),
        ("create_token", "anna", "shift report", {"token": token.id, "role": "viewer", "days": 2}),
        ("revoke_token", "anna", "", {"token": token.id}),
        ("set_role", "anna", "", {"before": "operator", "role": "admin"}),
        ("set_password", "anna", "", {}),
        ("remove_user", "anna", "", {"tokens": 0}),
    ]
    assert {each.who for each in entries} == {operating_user()}
    assert entries[-1].at_ns - entries[0].at_ns == 10**9
    log = b"".join(file.read_bytes() for file in tmp_path.glob(f"{DECISIONS_NAME}*"))
    assert b"shift report" in log
    assert not any(each.encode() in log for each in (PASSWORD, "another password", secret))


def test_a_change_that_is_refused_or_can_not_be_noted_is_not_made(tmp_path: Path, users: Users) -> None:
    with pytest.raises(RecordError):
        users.remove("berta")
    with pytest.raises(RecordError):
        users.add("anna", Role.ADMIN, PASSWORD)
    assert len(ControlRoomReader(tmp_path).audit(limit=10)) == 1
    for file in tmp_path.glob(f"{DECISIONS_NAME}-*"):
        file.unlink()
    (tmp_path / DECISIONS_NAME).write_bytes(b"no database" * 100)
    with pytest.raises(FatalError):
        users.set_role("anna", Role.ADMIN)
    assert [user.role for user in users.all()] == [Role.OPERATOR]


@pytest.mark.parametrize(
    ("user", "role", "days", "reason"),
    [
        ("berta", Role.VIEWER, 1, "no_such_user"),
        ("anna", Role.ADMIN, 1, "bad_token"),
        ("anna", Role.VIEWER, 0, "bad_token"),
    ],
)
def test_a_token_is_no_more_than_its_user(
    tmp_path: Path, users: Users, clock: ManualClock, user: str, role: Role, days: int, reason: str
) -> None:
    with pytest.raises(RecordError) as raised:
        ApiTokens(tmp_path, clock).create(user, role, purpose="", days=days)
    assert reason_of(raised) == reason


def test_roles_are_in_order() -> None:
    may = {role: [needed for needed in Role if role.may(needed)] for role in Role}
    assert may == {
        Role.VIEWER: [Role.VIEWER],
        Role.OPERATOR: [Role.VIEWER, Role.OPERATOR],
        Role.ADMIN: [Role.VIEWER, Role.OPERATOR, Role.ADMIN],
    }


def test_a_database_of_others_is_told(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / DATABASE_NAME) as connection:
        connection.execute("CREATE TABLE other (x)")
    connection.close()
    with pytest.raises(FatalError) as raised:
        Users(tmp_path, ManualClock(), QUICK_PASSWORDS).all()
    assert raised.value.reason == "state_damaged"


def test_without_a_database_there_is_nobody(tmp_path: Path) -> None:
    assert Users(tmp_path, ManualClock(), QUICK_PASSWORDS).all() == []
    assert not (tmp_path / DATABASE_NAME).exists()


def test_checks_at_once_are_bounded_and_the_rest_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords = Passwords(passes=1, memory_kib=8)
    monkeypatch.setattr("connectors.access.passwords._WAIT_S", 60.0)
    go_on, outcomes = threading.Event(), SimpleQueue[str]()
    running: list[int] = []

    def slow(hashed: str, password: str) -> bool:
        running.append(1)
        go_on.wait(60)
        return True

    monkeypatch.setattr(passwords, "_hasher", SimpleNamespace(verify=slow))

    def check() -> None:
        try:
            outcomes.put(str(passwords.fits(PASSWORD, "kept")))
        except RetryableError as error:
            outcomes.put(error.reason)

    threads = [threading.Thread(target=check) for _ in range(10)]
    for thread in threads:
        thread.start()
    assert [outcomes.get(timeout=60) for _ in range(2)] == ["busy", "busy"]
    wait_until(lambda: len(running) == 2)
    go_on.set()
    for thread in threads:
        thread.join()
    assert [outcomes.get() for _ in range(8)] == ["True"] * 8

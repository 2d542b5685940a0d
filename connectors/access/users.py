"""The local users: their names, roles and passwords."""

import re
from dataclasses import dataclass
from pathlib import Path

from connectors.access.audit import AccessAudit
from connectors.access.database import AccessDatabase
from connectors.access.passwords import Passwords
from connectors.access.role import Role
from connectors.clock import Clock
from models.errors import RecordError

_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Somebody who can sign in; ``changed_ns``: when role or password were set last, ns since 1970."""

    name: str
    role: Role
    changed_ns: int


class Users:
    """Those of a state directory; changes stand in its audit log. Every method raises as ``AccessDatabase`` does."""

    def __init__(self, state: Path, clock: Clock, passwords: Passwords) -> None:
        self._database = AccessDatabase(state)
        self._audit = AccessAudit(state, clock)
        self._clock = clock
        self._passwords = passwords

    def add(self, name: str, role: Role, password: str) -> None:
        """Let somebody sign in.

        Raises
        ------
        RecordError
            ``bad_user_name``, ``user_exists`` or ``bad_password``.
        """
        if _NAME.fullmatch(name) is None:
            raise RecordError(
                f"{name!r} is no name of a user; it has up to 64 small letters, digits and . _ @ -, and no sign first",
                reason="bad_user_name",
            )
        kept = self._passwords.keep(password)
        with self._database.writing() as connection:
            if connection.execute("SELECT 1 FROM users WHERE name = ?", (name,)).fetchone():
                raise RecordError(f"there is a user {name} already; petawatch users list", reason="user_exists")
            connection.execute("INSERT INTO users VALUES (?, ?, ?, ?)", (name, role, kept, self._clock.now_ns()))
            self._audit.note("add_user", name, role=role)

    def remove(self, name: str) -> None:
        """Let somebody sign in no more; the sessions and tokens go, too.

        Raises
        ------
        RecordError
            ``no_such_user``, as the others do.
        """
        with self._database.writing() as connection:
            tokens = connection.execute("SELECT count(*) FROM tokens WHERE user = ?", (name,)).fetchone()[0]
            _require(connection.execute("DELETE FROM users WHERE name = ?", (name,)).rowcount, name)
            self._audit.note("remove_user", name, tokens=tokens)

    def set_role(self, name: str, role: Role) -> None:
        """Give somebody another role, at once."""
        with self._database.writing() as connection:
            before = connection.execute("SELECT role FROM users WHERE name = ?", (name,)).fetchone()
            changed = connection.execute(
                "UPDATE users SET role = ?, changed_ns = ? WHERE name = ?", (role, self._clock.now_ns(), name)
            )
            _require(changed.rowcount, name)
            self._audit.note("set_role", name, before=before[0], role=role)

    def set_password(self, name: str, password: str) -> None:
        """Give somebody another password; whoever is signed in with the earlier one is signed out.

        Raises
        ------
        RecordError
            ``no_such_user`` or ``bad_password``.
        """
        kept = self._passwords.keep(password)
        with self._database.writing() as connection:
            changed = connection.execute(
                "UPDATE users SET password = ?, changed_ns = ? WHERE name = ?", (kept, self._clock.now_ns(), name)
            )
            _require(changed.rowcount, name)
            connection.execute("DELETE FROM sessions WHERE user = ?", (name,))
            self._audit.note("set_password", name)

    def all(self) -> list[User]:
        """By name."""
        rows = self._database.rows("SELECT name, role, changed_ns FROM users ORDER BY name")
        return [User(name=name, role=Role(role), changed_ns=changed_ns) for name, role, changed_ns in rows]

    def with_password(self, name: str, password: str) -> User | None:
        """Who this is; None for a wrong name or password, which takes as long.

        Raises
        ------
        RetryableError
            ``busy``: too many at once.
        """
        rows = self._database.rows("SELECT role, changed_ns, password FROM users WHERE name = ?", name)
        kept = rows[0][2] if rows else None
        if not self._passwords.fits(password, kept):
            return None
        return User(name=name, role=Role(rows[0][0]), changed_ns=rows[0][1])


def _require(changed: int, name: str) -> None:
    if not changed:
        raise RecordError(f"there is no user {name!r}; petawatch users list", reason="no_such_user")

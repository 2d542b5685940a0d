"""Tokens for programs that ask the console: shown once, kept as a hash; each is a user's and may no more than that."""

import hashlib
import secrets
from dataclasses import dataclass
from pathlib import Path

from connectors.access.audit import AccessAudit
from connectors.access.database import AccessDatabase
from connectors.access.role import Role
from connectors.clock import Clock
from models.errors import RecordError

#: What every token begins with, so that one that was published by mistake is found.
TOKEN_PREFIX = "petawatch_"  # noqa: S105 - no secret
_SECRET_BYTES, _ID_DIGITS = 32, 8
_DAY_NS = 86_400 * 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiToken:
    """What is known of a token; times in ns since 1970."""

    id: str
    user: str
    role: Role
    purpose: str
    made_ns: int
    ends_ns: int


class ApiTokens:
    """Those of a state directory; changes stand in its audit log. Every method raises as ``AccessDatabase`` does."""

    def __init__(self, state: Path, clock: Clock) -> None:
        self._database = AccessDatabase(state)
        self._audit = AccessAudit(state, clock)
        self._clock = clock

    def create(self, user: str, role: Role, *, purpose: str, days: int) -> str:
        """A new token, which is shown this once.

        Raises
        ------
        RecordError
            ``no_such_user``, ``bad_token`` for a duration of 0 or a role above the user's.
        """
        if days < 1:
            raise RecordError("a token lasts a day at least; give more --days", reason="bad_token")
        token = TOKEN_PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
        digest, now_ns = _hash(token), self._clock.now_ns()
        with self._database.writing() as connection:
            found = connection.execute("SELECT role FROM users WHERE name = ?", (user,)).fetchone()
            if found is None:
                raise RecordError(f"there is no user {user!r}; petawatch users list", reason="no_such_user")
            if not Role(found[0]).may(role):
                raise RecordError(
                    f"{user} is {found[0]}, and a token may no more than its user; give a lower --role",
                    reason="bad_token",
                )
            token_id = digest.hex()[:_ID_DIGITS]
            values = (token_id, digest, user, role, purpose, now_ns, now_ns + days * _DAY_NS)
            connection.execute("INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, ?)", values)
            self._audit.note("create_token", user, why=purpose, token=token_id, role=role, days=days)
        return token

    def all(self) -> list[ApiToken]:
        """As they were made, those that have ended included."""
        rows = self._database.rows("SELECT id, user, role, purpose, made_ns, ends_ns FROM tokens ORDER BY made_ns, id")
        return [
            ApiToken(id=id_, user=user, role=Role(role), purpose=purpose, made_ns=made_ns, ends_ns=ends_ns)
            for id_, user, role, purpose, made_ns, ends_ns in rows
        ]

    def revoke(self, token_id: str) -> None:
        """Let nobody use a token any more.

        Raises
        ------
        RecordError
            ``no_such_token``.
        """
        with self._database.writing() as connection:
            found = connection.execute("DELETE FROM tokens WHERE id = ? RETURNING user", (token_id,)).fetchone()
            if found is None:
                raise RecordError(f"there is no token {token_id!r}; petawatch tokens list", reason="no_such_token")
            self._audit.note("revoke_token", found[0], token=token_id)

    def holder_of(self, token: str) -> ApiToken | None:
        """Whose token this is, with the role that it has now; None for one that is none, or has ended."""
        rows = self._database.rows(
            "SELECT t.id, t.user, t.role, u.role, t.purpose, t.made_ns, t.ends_ns FROM tokens t "
            "JOIN users u ON u.name = t.user WHERE t.secret = ?",
            _hash(token),
        )
        for id_, user, role, user_role, purpose, made_ns, ends_ns in rows:
            if self._clock.now_ns() < ends_ns:
                held = min(Role(role), Role(user_role), key=list(Role).index)
                return ApiToken(id=id_, user=user, role=held, purpose=purpose, made_ns=made_ns, ends_ns=ends_ns)
        return None


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()

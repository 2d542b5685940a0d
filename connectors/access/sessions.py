"""Who is signed in: kept over restarts of the console; what a browser shows stands in no file, only its hash does."""

import hashlib
import secrets
from dataclasses import dataclass
from pathlib import Path

from connectors.access.database import AccessDatabase
from connectors.access.role import Role
from connectors.access.users import User
from connectors.clock import Clock

_SECRET_BYTES = 32
# One user's at once: the oldest ends for the next one.
_MOST_SESSIONS = 32
# That somebody is active is written down at most so often.
_ACTIVE_EVERY_NS = 60 * 10**9
_S_NS = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLimits:
    """How long sessions last, in seconds; a viewer's, who can change nothing, has no idle end."""

    idle_s: float
    longest_s: float
    longest_of_viewers_s: float


class Sessions:
    """Those of a state directory. Every method raises as ``AccessDatabase`` does."""

    def __init__(self, state: Path, clock: Clock, limits: SessionLimits) -> None:
        self._database = AccessDatabase(state)
        self._clock = clock
        self._limits = limits

    def begin(self, user: str) -> str:
        """Sign somebody in: the secret that the browser shows from now on."""
        secret, now_ns = secrets.token_urlsafe(_SECRET_BYTES), self._clock.now_ns()
        with self._database.writing() as connection:
            rows = connection.execute(
                "SELECT s.secret, s.begun_ns, s.active_ns, u.name, u.role, u.changed_ns FROM sessions s "
                "JOIN users u ON u.name = s.user ORDER BY s.begun_ns DESC"
            ).fetchall()
            own = [row for row in rows if row[3] == user]
            ended = {row[0] for row in rows if not self._lasts(Role(row[4]), row[1], row[2], now_ns)}
            ended |= {row[0] for row in own[_MOST_SESSIONS - 1 :]}
            connection.executemany("DELETE FROM sessions WHERE secret = ?", [(digest,) for digest in ended])
            connection.execute("INSERT INTO sessions VALUES (?, ?, ?, ?)", (_hash(secret), user, now_ns, now_ns))
        return secret

    def user_of(self, secret: str, *, active: bool) -> User | None:
        """Who shows this secret; None when nobody is signed in with it any more.

        Parameters
        ----------
        active
            Whether a person did something: pages that renew themselves keep no session alive.
        """
        rows = self._database.rows(
            "SELECT u.name, u.role, u.changed_ns, s.begun_ns, s.active_ns FROM sessions s "
            "JOIN users u ON u.name = s.user WHERE s.secret = ?",
            _hash(secret),
        )
        now_ns = self._clock.now_ns()
        for name, role, changed_ns, begun_ns, active_ns in rows:
            if self._lasts(Role(role), begun_ns, active_ns, now_ns):
                if active and now_ns - active_ns >= _ACTIVE_EVERY_NS:
                    self._note_active(secret, now_ns)
                return User(name=name, role=Role(role), changed_ns=changed_ns)
        return None

    def end(self, secret: str) -> None:
        """Sign out."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM sessions WHERE secret = ?", (_hash(secret),))

    def _note_active(self, secret: str, now_ns: int) -> None:
        with self._database.writing() as connection:
            connection.execute("UPDATE sessions SET active_ns = ? WHERE secret = ?", (now_ns, _hash(secret)))

    def _lasts(self, role: Role, begun_ns: int, active_ns: int, now_ns: int) -> bool:
        if role is Role.VIEWER:
            return now_ns - begun_ns < self._limits.longest_of_viewers_s * _S_NS
        return now_ns - begun_ns < self._limits.longest_s * _S_NS and now_ns - active_ns < self._limits.idle_s * _S_NS


def _hash(secret: str) -> bytes:
    # It is 32 random bytes: nobody can guess it from a fast hash.
    return hashlib.sha256(secret.encode()).digest()

"""Whom a console knows, and whom it lets in without knowing them."""

import ipaddress
import math
from collections.abc import Sequence
from pathlib import Path

from connectors.access.passwords import LONGEST_PASSWORD, Passwords
from connectors.access.role import Role
from connectors.access.sessions import SessionLimits, Sessions
from connectors.access.tokens import ApiTokens
from connectors.access.users import User, Users
from connectors.clock import Clock
from connectors.control_room.decisions import operating_user
from models.errors import FatalError, RecordError, RetryableError
from streams.console.access.authenticator import Authenticator
from streams.console.access.sign_in_limit import SignInLimit
from streams.console.access.signed_in import Means, SignedIn
from streams.console.settings import ConsoleSettings

_H_S = 3600
_LONGEST_NAME = 64


class Access:
    """Tells who asks, and lets people sign in; for any threads. Every method raises as ``AccessDatabase`` does.

    Without users a console that only this computer reaches is open: whoever works there may write into the state
    directory's database as well by the commands, and is the same operator to both. As soon as there is a user, it asks
    for a sign-in.

    Parameters
    ----------
    host
        That the console is bound to.
    open_to_everyone
        Whoever has not signed in sees everything, and may change nothing.
    passwords
        How they are kept.

    Raises
    ------
    FatalError
        ``nobody_can_sign_in``: other computers reach it, and it has no users.
    """

    def __init__(
        self,
        state: Path,
        host: str,
        settings: ConsoleSettings,
        clock: Clock,
        *,
        open_to_everyone: bool = False,
        passwords: Passwords | None = None,
    ) -> None:
        limits = SessionLimits(
            idle_s=settings.idle_h * _H_S,
            longest_s=settings.session_h * _H_S,
            longest_of_viewers_s=settings.viewer_session_h * _H_S,
        )
        self._users = Users(state, clock, passwords or Passwords())
        self._authenticator: Authenticator = self._users
        self._sessions = Sessions(state, clock, limits)
        self._tokens = ApiTokens(state, clock)
        self._limit = SignInLimit(clock)
        self._open_to_everyone = open_to_everyone
        # What a proxy passes on comes from anywhere.
        self._local = is_loopback(host) and not settings.proxies
        if not (self._local or open_to_everyone):
            require_users(self._users.all(), host)

    def by_token(self, token: str) -> SignedIn | None:
        """Whose token this is; None for one that is none, or has ended."""
        found = self._tokens.holder_of(token)
        return SignedIn(name=found.user, role=found.role, means=Means.TOKEN) if found else None

    def by_session(self, secret: str, *, active: bool) -> SignedIn | None:
        """Who has signed in with this secret; ``active`` as in ``Sessions.user_of``."""
        user = self._sessions.user_of(secret, active=active)
        return SignedIn(name=user.name, role=user.role, means=Means.SESSION) if user else None

    def stranger(self, *, on_this_computer: bool) -> SignedIn | None:
        """Who somebody is that shows nothing; None: has to sign in.

        Parameters
        ----------
        on_this_computer
            Whether the request names this computer, and nobody has passed it on.
        """
        if on_this_computer and self.is_open:
            return SignedIn(name=operating_user(), role=Role.OPERATOR, means=Means.OPEN)
        return SignedIn(name="everyone", role=Role.VIEWER, means=Means.OPEN) if self._open_to_everyone else None

    @property
    def is_open(self) -> bool:
        """Whether everybody on this computer is an operator."""
        return self._local and not self._users.all()

    def sign_in(self, name: str, password: str, address: str) -> str:
        """Sign somebody in: the secret that the browser shows from now on.

        Raises
        ------
        RecordError
            ``sign_in_refused``: wrong name or password, whichever.
        RetryableError
            ``sign_in_too_often``, ``busy``.
        """
        name = name.strip().lower()[:_LONGEST_NAME]
        wait_s = self._limit.take(name, address)
        if wait_s:
            raise RetryableError(
                f"that was too often: try again in {math.ceil(wait_s)} seconds", reason="sign_in_too_often"
            )
        user = self._authenticator.with_password(name, password[: LONGEST_PASSWORD + 1])
        if user is None:
            raise RecordError("that is not the name and the password of a user", reason="sign_in_refused")
        self._limit.give_back(name, address)
        return self._sessions.begin(user.name)

    def sign_out(self, secret: str) -> None:
        """End a session."""
        self._sessions.end(secret)


def require_users(users: Sequence[User], host: str) -> None:
    """Refuse a console that others reach, and that nobody can sign in to.

    Raises
    ------
    FatalError
        ``nobody_can_sign_in``.
    """
    if not users:
        raise FatalError(
            f"other computers reach a console at {host}, and nobody can sign in to it; make a user by petawatch users "
            "add, or let everybody look by petawatch console --open-to-everyone",
            reason="nobody_can_sign_in",
        )


def is_loopback(host: str) -> bool:
    """Whether only this computer reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

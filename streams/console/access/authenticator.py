"""Who finds out who signs in: today the local users alone; a facility's own sign-in can take this place."""

from typing import Protocol

from connectors.access.users import User


class Authenticator(Protocol):
    """Knows users by what they show. ``connectors.access.users.Users`` is one."""

    def with_password(self, name: str, password: str) -> User | None:
        """Who this is; None for a wrong name or password, which must take as long.

        Raises
        ------
        RetryableError
            It can't be found out now.
        """
        ...

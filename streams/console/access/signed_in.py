"""Somebody who may ask the console."""

from dataclasses import dataclass
from enum import StrEnum

from connectors.access.role import Role


class Means(StrEnum):
    """How the console knows who asks."""

    OPEN = "open"
    """It does not: it is open."""
    SESSION = "session"
    """A user has signed in."""
    TOKEN = "token"  # noqa: S105 - no secret
    """A program has shown a user's token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """Who asks, and what they may do.

    Attributes
    ----------
    name
        As it goes into the audit log.
    """

    name: str
    role: Role
    means: Means

"""Who may use the console, for eyes and as JSON."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console

from connectors.access.tokens import ApiToken
from connectors.access.users import User
from dashboards.printed_rows import print_rows
from models.event_time import format_iso

_USER_COLUMNS = ("name", "role", "changed")
_TOKEN_COLUMNS = ("id", "user", "role", "made", "ends", "purpose")


def print_users(users: Sequence[User], console: Console) -> None:
    """A row each."""
    rows = [(user.name, user.role.value, format_iso(user.changed_ns)) for user in users]
    print_rows("Users", _USER_COLUMNS, rows, console, none="no users")


def user_document(user: User) -> dict[str, Any]:
    """The same as JSON values; times are ISO 8601 in UTC."""
    return {"name": user.name, "role": user.role.value, "changed": format_iso(user.changed_ns)}


def print_tokens(tokens: Sequence[ApiToken], console: Console, *, now_ns: int) -> None:
    """A row each."""
    rows = [
        (
            *(token.id, token.user, token.role.value, format_iso(token.made_ns)),
            format_iso(token.ends_ns) if token.ends_ns > now_ns else "ended",
            token.purpose,
        )
        for token in tokens
    ]
    print_rows("Tokens", _TOKEN_COLUMNS, rows, console, none="no tokens")


def token_document(token: ApiToken, *, now_ns: int) -> dict[str, Any]:
    """The same as JSON values, which are no secret."""
    return {
        "id": token.id,
        "user": token.user,
        "role": token.role.value,
        "purpose": token.purpose,
        "made": format_iso(token.made_ns),
        "ends": format_iso(token.ends_ns),
        "ended": token.ends_ns <= now_ns,
    }

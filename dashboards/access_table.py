"""Who may use the console, for eyes."""

from collections.abc import Sequence

from rich.console import Console

from connectors.access.tokens import ApiToken
from connectors.access.users import User
from dashboards.blocks import print_table
from dashboards.printable import printable
from models.event_time import format_iso

_USER_COLUMNS = ("name", "role", "changed")
_TOKEN_COLUMNS = ("id", "user", "role", "made", "ends", "purpose")


def print_users(users: Sequence[User], console: Console) -> None:
    """A row each; plain lines without a terminal."""
    rows = [(user.name, user.role.value, format_iso(user.changed_ns)) for user in users]
    _print(rows, _USER_COLUMNS, "Users", "no users", console)


def print_tokens(tokens: Sequence[ApiToken], console: Console, *, now_ns: int) -> None:
    """A row each; plain lines without a terminal."""
    rows = [
        (
            *(token.id, token.user, token.role.value, format_iso(token.made_ns)),
            format_iso(token.ends_ns) if token.ends_ns > now_ns else "ended",
            printable(token.purpose),
        )
        for token in tokens
    ]
    _print(rows, _TOKEN_COLUMNS, "Tokens", "no tokens", console)


def _print(rows: Sequence[Sequence[str]], columns: Sequence[str], title: str, nothing: str, console: Console) -> None:
    if not rows:
        console.print(nothing, highlight=False)
    elif console.is_terminal:
        print_table(title, columns, rows, console)
    else:
        for row in rows:
            console.file.write("\t".join(row) + "\n")

"""`petawatch users` and `petawatch tokens`: who may use the console, and which programs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from connectors.access.role import Role
    from connectors.access.tokens import ApiTokens
    from connectors.access.users import Users

_State = Annotated[Path, typer.Option(help="State directory of the watch or of the recorder.")]
_Name = Annotated[str, typer.Argument(metavar="NAME", help="The user's name.")]
_RoleName = Annotated[str, typer.Option("--role", help="viewer, operator or admin.")]
_Json = Annotated[bool, typer.Option("--json", help="One JSON document a line.")]
_PasswordFile = Annotated[
    Path | None,
    typer.Option(
        help="File whose first line is the password; without it the terminal is asked, or standard input read."
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    users = typer.Typer(help="Say who may sign in to the console, and what they may do there.", no_args_is_help=True)
    users.command(epilog="Example: petawatch users add anna --role operator --state /var/lib/petawatch")(add)
    users.command("list", epilog="Example: petawatch users list --state /var/lib/petawatch")(list_users)
    users.command(epilog="Example: petawatch users remove anna --state /var/lib/petawatch")(remove)
    users.command("set-role", epilog="Example: petawatch users set-role anna admin --state /var/lib/petawatch")(
        set_role
    )
    users.command("set-password", epilog="Example: petawatch users set-password anna --state /var/lib/petawatch")(
        set_password
    )
    app.add_typer(users, name="users")
    tokens = typer.Typer(help="Make and revoke tokens by which programs ask the console.", no_args_is_help=True)
    tokens.command(epilog="Example: petawatch tokens create anna --purpose 'shift report' --state /var/lib/petawatch")(
        create
    )
    tokens.command("list", epilog="Example: petawatch tokens list --state /var/lib/petawatch")(list_tokens)
    tokens.command(epilog="Example: petawatch tokens revoke 3f9a07c1 --state /var/lib/petawatch")(revoke)
    app.add_typer(tokens, name="tokens")


def add(name: _Name, state: _State, role: _RoleName = "viewer", password_file: _PasswordFile = None) -> None:
    """Let somebody sign in; the password is asked for, or read from a file."""
    chosen = _role(role)
    _users(state).add(name, chosen, _password(password_file))
    typer.echo(f"{name} may sign in as {chosen}")


def list_users(state: _State, as_json: _Json = False) -> None:
    """List who may sign in, and what they may do."""
    import json

    from rich.console import Console

    from dashboards.access_table import print_users, user_document

    found = _users(state).all()
    if not as_json:
        print_users(found, Console())
        return
    for user in found:
        typer.echo(json.dumps(user_document(user)))


def remove(name: _Name, state: _State) -> None:
    """Let somebody sign in no more; whoever is signed in so is signed out, and the tokens end."""
    _users(state).remove(name)
    typer.echo(f"{name} may sign in no more")


def set_role(
    name: _Name, role: Annotated[str, typer.Argument(metavar="ROLE", help="viewer, operator or admin.")], state: _State
) -> None:
    """Give somebody another role, at once."""
    chosen = _role(role)
    _users(state).set_role(name, chosen)
    typer.echo(f"{name} is {chosen} now")


def set_password(name: _Name, state: _State, password_file: _PasswordFile = None) -> None:
    """Give somebody another password; whoever is signed in with the earlier one is signed out."""
    _users(state).set_password(name, _password(password_file))
    typer.echo(f"{name} has another password now")


def create(
    name: _Name,
    state: _State,
    role: _RoleName = "viewer",
    purpose: Annotated[str, typer.Option(help="What it is for.")] = "",
    days: Annotated[int, typer.Option(help="So long it lasts.")] = 90,
) -> None:
    """Make a token of a user and print it, this once; programs send it as "Authorization: Bearer TOKEN"."""
    typer.echo(_tokens(state).create(name, _role(role), purpose=purpose, days=days))


def list_tokens(state: _State, as_json: _Json = False) -> None:
    """List the tokens: whose they are, what for, and until when."""
    import json

    from rich.console import Console

    from connectors.clock import SystemClock
    from dashboards.access_table import print_tokens, token_document

    found, now_ns = _tokens(state).all(), SystemClock().now_ns()
    if not as_json:
        print_tokens(found, Console(), now_ns=now_ns)
        return
    for token in found:
        typer.echo(json.dumps(token_document(token, now_ns=now_ns)))


def revoke(
    id_: Annotated[str, typer.Argument(metavar="ID", help="As `list` shows it.")],
    state: _State,
) -> None:
    """Let nobody use a token any more, at once."""
    _tokens(state).revoke(id_)
    typer.echo(f"nobody can use the token {id_} any more")


def _users(state: Path) -> "Users":
    from connectors.access.passwords import Passwords
    from connectors.access.users import Users
    from connectors.clock import SystemClock

    return Users(state, SystemClock(), Passwords())


def _tokens(state: Path) -> "ApiTokens":
    from connectors.access.tokens import ApiTokens
    from connectors.clock import SystemClock

    return ApiTokens(state, SystemClock())


def _role(name: str) -> "Role":
    from connectors.access.role import Role

    if name not in {*Role}:
        raise typer.BadParameter(f"{name!r} is no role; write viewer, operator or admin")
    return Role(name)


def _password(file: Path | None) -> str:
    import sys

    from connectors.secret_file import secret_of

    if file is not None:
        return secret_of(file, "password_file", reason="password_file")
    if not sys.stdin.isatty():  # a script gives it, which nobody could read on a screen
        return sys.stdin.readline().rstrip("\r\n")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))

"""`petawatch archive`: one module a command."""

from collections.abc import Sequence
from types import ModuleType

import typer

from streams.commands.archive import free, rebuild_catalog, restore, run, states, status, tape, verify, volumes

_COMMANDS: Sequence[ModuleType] = (run, states, status, restore, tape, volumes, free, verify, rebuild_catalog)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    archive = typer.Typer(
        help="Copies of every snapshot on object store and tape: write, verify, restore, free.", no_args_is_help=True
    )
    for command in _COMMANDS:
        command.register(archive)
    app.add_typer(archive, name="archive")

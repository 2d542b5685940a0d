"""`petawatch console`: what operators look at, in a browser."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: petawatch console --state /var/lib/petawatch --http 127.0.0.1:8080")(console)


def console(
    state: Annotated[Path, typer.Option(help="State directory of the watch or of the recorder.")],
    http: Annotated[str, typer.Option(help="HOST:PORT that browsers ask.")] = "127.0.0.1:8080",
    config: Annotated[Path | None, typer.Option(help="TOML file with settings.")] = None,
    open_to_everyone: Annotated[
        bool, typer.Option("--open-to-everyone", help="Let everybody look who reaches it; who has signed in may act.")
    ] = False,
) -> None:
    """Show the console to browsers: the wall, incidents, histories, replays, the archive."""
    from connectors.clock import SystemClock
    from streams.commands.usage import tell
    from streams.console.server import serve_console
    from streams.settings import load_settings

    settings, clock = load_settings(config), SystemClock()
    serve_console(state, settings, http, clock=clock, tell=tell, config=config, open_to_everyone=open_to_everyone)

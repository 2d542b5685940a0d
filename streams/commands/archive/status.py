"""`petawatch archive status`: what waits for the archive, and how many copies it has."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: petawatch archive status --state /var/lib/petawatch --config petawatch.toml")(status)


def status(
    state: Annotated[Path, typer.Option(help="State directory of the watch, or journal of the connector.")],
    config: Annotated[Path | None, typer.Option(help="TOML file with settings.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Show what waits for store and catalog, for how long and why, what was left out, and the copies there are."""
    import json

    from rich.console import Console

    from connectors.clock import SystemClock
    from dashboards.archive_table import print_archive
    from streams.archive.uploading.archive_status import archive_status
    from streams.settings import load_settings

    document = archive_status(state, load_settings(config), SystemClock().now_ns())
    if as_json:
        typer.echo(json.dumps(document))
    else:
        print_archive(document, Console())

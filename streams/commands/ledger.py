"""`petawatch ledger`: where every record ended."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: petawatch ledger --state /var/lib/petawatch --json")(ledger)


def ledger(
    state: Annotated[Path, typer.Option(help="State directory of the watch.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Show how many files and records came, and where each ended."""
    import json

    from rich.console import Console

    from connectors.state.reader import StateReader
    from dashboards.ledger_table import print_ledger

    with StateReader.open(state) as reader:
        account = reader.ledger()
    if as_json:
        typer.echo(json.dumps(account))
    else:
        print_ledger(account, Console())

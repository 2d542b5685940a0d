"""`petawatch alerts`: what was found."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: petawatch alerts --state /var/lib/petawatch --json")(alerts)


def alerts(
    state: Annotated[Path, typer.Option(help="State directory of the watch.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document a line.")] = False,
    config: Annotated[Path | None, typer.Option(help="TOML file with settings: --json wants links.address.")] = None,
) -> None:
    """List the alerts, oldest first."""
    import json

    from rich.console import Console

    from connectors.alert_documents import alert_document
    from connectors.state.reader import StateReader
    from dashboards.alert_table import print_alerts
    from streams.settings import load_settings

    # Only documents have links: settings that are wrong keep nobody from the table.
    links = load_settings(config).links.address if as_json else ""
    with StateReader.open(state) as reader:
        found = reader.alerts()
        if as_json:
            for alert, evidence in found:
                typer.echo(json.dumps(alert_document(alert, evidence, links=links)))
        else:
            print_alerts(found, Console())

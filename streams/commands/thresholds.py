"""`petawatch thresholds`: what opens an episode of each device, and what that promises."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: petawatch thresholds --state /var/lib/petawatch")(thresholds)


def thresholds(
    state: Annotated[Path, typer.Option(help="State directory of the watch.")],
    config: Annotated[Path | None, typer.Option(help="The TOML file with the settings of the watch.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Show the thresholds of episodes by device, how far they are extrapolated, and what they promise."""
    import json

    from rich.console import Console

    from dashboards.threshold_table import print_thresholds
    from models.scoring.threshold_budget import facility_promise
    from streams.settings import load_settings
    from streams.thresholds import read_thresholds

    devices = read_thresholds(state)
    promise = facility_promise(load_settings(config).budget, devices)
    if as_json:
        by_device = {name: one.to_json() for name, one in devices.items()}
        document = {"asked": promise.asked, "bound": promise.bound, "kept": promise.kept, "devices": by_device}
        typer.echo(json.dumps(document))
    else:
        print_thresholds(devices, promise.sentence(), Console())

"""`petawatch demo`: see it work in a minute."""

from pathlib import Path
from typing import Annotated

import typer

_STAGES = 2
_MINUTES = 5
_SEED = 7


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: petawatch demo --once")(demo)


def demo(
    once: Annotated[bool, typer.Option("--once", help="End when the simulated minutes are watched.")] = False,
    folder: Annotated[
        Path, typer.Option(help="Folder for the demonstration; what an earlier one left is replaced.")
    ] = Path("petawatch-demo"),
    http: Annotated[str, typer.Option(help="HOST:PORT for metrics while it goes on watching.")] = "127.0.0.1:9464",
) -> None:
    """Simulate some minutes with faults, watch them, and show what was found."""
    import shutil
    import sys

    from rich.console import Console

    from connectors.state.reader import StateReader
    from dashboards.alert_table import print_alerts
    from dashboards.ledger_table import print_ledger
    from dashboards.progress import progress_bar
    from models.simulation.settings import SimulationSettings
    from streams.commands.usage import called_as
    from streams.settings import load_settings
    from streams.simulation.files import simulate
    from streams.watch import open_watch

    data, state = folder / "data", folder / "state"
    if folder.exists() and not (folder / "labels.json").exists() and any(folder.iterdir()):
        raise typer.BadParameter(f"--folder: {folder} holds something else; name an empty or a new folder")
    shutil.rmtree(folder, ignore_errors=True)
    with progress_bar("simulating") as advance:
        simulate(folder, SimulationSettings(minutes=_MINUTES, stages=_STAGES, seed=_SEED), advance)
    console = Console()
    with open_watch([data], state, load_settings(None), http="off" if once else http) as running:
        with progress_bar("watching") as advance:
            running.run_once(advance)
        with StateReader.open(state) as reader:
            print_alerts(reader.alerts(), console)
            print_ledger(reader.ledger(), console)
        typer.echo(f"pictures of the odd shots: {state / 'evidence'}")
        typer.echo(f"what was put in:           {folder / 'labels.json'}")
        program = called_as(sys.argv[0])
        typer.echo(f"every shot as a row:       {program} export shots.parquet --state {state}")
        typer.echo(f"all of it in a browser:    {program} console --state {state}")
        typer.echo(f"a laser that goes on:      {program} simulate petawatch-live --live --stages 2 --snapshot-s 10")
        if not once:
            typer.echo(f"metrics: http://{http}/metrics; new snapshots in {data} are watched; stop with Ctrl-C")
            running.run()

"""`petawatch train`: a model from this laser's own normal frames."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: petawatch train /data/recorders/10Hz/2022-07-01 --state /var/lib/petawatch")(train)


def train(
    paths: Annotated[list[Path], typer.Argument(help="Folders with snapshots.")],
    state: Annotated[Path, typer.Option(help="State directory that the model is installed into.")],
    config: Annotated[Path | None, typer.Option(help="TOML file with settings.")] = None,
) -> None:
    """Train the autoencoder on the normal frames of snapshots and install it."""
    from dashboards.progress import progress_bar
    from streams.settings import load_settings
    from streams.training import train_model

    with progress_bar("training") as advance:
        report = train_model(paths, state, load_settings(config), advance)
    typer.echo(report.sentence())

"""`petawatch train`: a model from this laser's own normal frames."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from streams.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: petawatch train /data/recorders/10Hz/2022-07-01 --state /var/lib/petawatch")(train)


def train(
    paths: Annotated[
        list[str], typer.Argument(help="Folders with snapshots, or exported triplets: folders or s3://BUCKET/PREFIX.")
    ],
    state: Annotated[Path, typer.Option(help="State directory that the model is installed into.")],
    config: Annotated[Path | None, typer.Option(help="TOML file with settings.")] = None,
    anew: Annotated[bool, typer.Option("--anew", help="Start from nothing, not from the model in use.")] = False,
    work: Annotated[
        Path | None, typer.Option(help="Folder for what a killed training goes on from [default: in STATE/models].")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Train on what arrives, at the lowest priority, until stopped.")
    ] = False,
) -> None:
    """Train the autoencoder on the normal frames of snapshots and install it."""
    from rich.console import Console

    from connectors.clock import SystemClock
    from connectors.object_store.address import is_address
    from dashboards.progress import progress_bar
    from dashboards.training_table import print_training
    from streams.settings import load_settings
    from streams.shard_places import place_of
    from streams.training import train_model
    from streams.training.verdicts import judged_by_operators
    from streams.training_record import record_report

    settings = load_settings(config)
    if follow:
        if anew or work is not None:
            raise typer.BadParameter("--follow goes on from the model in use and keeps nothing: no --anew, no --work")
        if any(is_address(path) for path in paths):
            raise typer.BadParameter("--follow follows folders with snapshots; an object store holds what was exported")
        _follow([Path(path) for path in paths], state, settings)
        return
    left_out, put_in = judged_by_operators(state)
    with progress_bar("training") as advance:
        report = train_model(
            [place_of(path) for path in paths],
            state,
            settings,
            advance,
            anew=anew,
            left_out=left_out,
            put_in=put_in,
            work=work,
        )
    print_training(report.cameras, Console())
    typer.echo(report.sentence())
    typer.echo(record_report(state, settings, report, SystemClock()))


def _follow(paths: list[Path], state: Path, settings: "Settings") -> None:
    import signal
    from functools import partial

    from connectors.clock import SystemClock
    from connectors.process_priority import give_way
    from streams.model_tracking import record_training
    from streams.training.follow import TrainingFollower
    from streams.training.verdicts import judged_by_operators

    judged, record = partial(judged_by_operators, state), partial(record_training, state, settings)
    follower = TrainingFollower(
        paths, state, settings, clock=SystemClock(), tell=typer.echo, judged=judged, record=record
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: follower.stop())
    give_way()
    typer.echo(f"training on what arrives in {', '.join(map(str, paths))}; stop with Ctrl-C", err=True)
    follower.run()

"""`petawatch drill`: break things on purpose, and see that nothing is lost."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: petawatch drill worker-killed --config petawatch.toml")(drill)


def drill(
    names: Annotated[
        list[str] | None, typer.Argument(help="Which; all that need no power over the broker when left out.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file with settings: the cluster and the login.")] = None,
    repeats: Annotated[int, typer.Option(min=1, help="How often something is broken in a drill that repeats.")] = 3,
    seed: Annotated[int, typer.Option(help="Chooses the moments.")] = 0,
    broker_kill: Annotated[str, typer.Option(help="Command that kills the broker, for the drills that do.")] = "",
    broker_start: Annotated[str, typer.Option(help="Command that starts it again.")] = "",
    broker_fill_disk: Annotated[str, typer.Option(help="Command after which it can't write its files on.")] = "",
    keep: Annotated[Path | None, typer.Option(help="Folder for states and logs, which stay.")] = None,
    list_them: Annotated[bool, typer.Option("--list", help="Say which there are, and end.")] = False,
) -> None:
    """Break an installation of its own on this site's cluster, and compare its results with an undisturbed run."""
    from streams.drills.broker_control import CommandBroker
    from streams.drills.catalogue import DRILLS, NEED_BROKER
    from streams.drills.run import run_drills

    if list_them:
        for name, function in DRILLS.items():
            typer.echo(f"{name:<22}{(function.__doc__ or '').strip()}")
        return
    for name in names or ():
        if name not in DRILLS:
            raise typer.BadParameter(f"there is no drill {name!r}; there are {', '.join(DRILLS)}")
    broker = CommandBroker(broker_kill, broker_start, broker_fill_disk)
    chosen = names or [name for name in DRILLS if name not in NEED_BROKER or broker.complete]
    failed = 0
    for result in run_drills(chosen, config, broker, repeats=repeats, seed=seed, keep=keep):
        failed += bool(result.failure)
        typer.echo(f"{result.name:<22}{result.seconds:6.1f} s  {result.failure or 'nothing lost, nothing doubled'}")
    if failed:
        raise typer.Exit(1)

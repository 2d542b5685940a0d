"""`petawatch simulate`: write minutes of a simulated laser, with labelled faults."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: petawatch simulate /tmp/day --minutes 12 --stages 4")(simulate)


def simulate(
    out: Annotated[Path, typer.Argument(help="Folder to write data/ and labels.json into; made if absent.")],
    minutes: Annotated[int, typer.Option(min=1, help="Minutes to write; minute 0 is without beam.")] = 5,
    stages: Annotated[int, typer.Option(min=1, help="Number of laser stages.")] = 1,
    cameras_per_stage: Annotated[int, typer.Option(min=1, help="Cameras of each stage.")] = 1,
    hz: Annotated[float, typer.Option(min=0.01, help="Shots per second.")] = 10.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same files.")] = 1,
    faults: Annotated[bool, typer.Option("--faults/--no-faults", help="Put labelled faults in.")] = True,
    gzip: Annotated[bool, typer.Option("--gzip", help="Compress the datasets.")] = False,
    dialect: Annotated[str, typer.Option(help="production or test.")] = "production",
    shapes: Annotated[str, typer.Option(help="default, or proof: shapes that no choice was made on.")] = "default",
) -> None:
    """Write snapshots of a simulated laser and labels of the faults in them."""
    from dashboards.progress import progress_bar
    from streams.simulation import Dialect, ShapeSet, SimulationSettings
    from streams.simulation import simulate as write_simulation

    if dialect not in {"production", "test"}:
        raise typer.BadParameter(f"--dialect is production or test, not {dialect!r}")
    if shapes not in {"default", "proof"}:
        raise typer.BadParameter(f"--shapes is default or proof, not {shapes!r}")
    try:
        settings = SimulationSettings(
            minutes=minutes,
            stages=stages,
            cameras_per_stage=cameras_per_stage,
            hz=hz,
            seed=seed,
            faults=faults,
            gzip=gzip,
            dialect=Dialect(dialect),
            shapes=ShapeSet(shapes),
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    with progress_bar("simulating") as advance:
        data = write_simulation(out, settings, advance)
    typer.echo(f"wrote {minutes} minutes of {stages} stages below {data} and the labels into {out / 'labels.json'}")

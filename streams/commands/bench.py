"""`petawatch bench`: speed and memory on this machine."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: petawatch bench throughput --json")(bench)


def bench(
    name: Annotated[
        str,
        typer.Argument(
            help="Which: kernels, reading, throughput, latency, memory; control-room (takes a minute), "
            "false-alarms (takes half an hour of a core), "
            "archive (needs 1 GB of disk; with --config also its object store and 4 GB of a cartridge of tape.mounts), "
            "indexing (needs 2 GB of disk), wire (needs blosc2), kafka (needs a broker). The first five when left out."
        ),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    minutes: Annotated[int, typer.Option(min=1, help="Minutes of the facility's load for memory.")] = 60,
    camera_shifts: Annotated[
        float, typer.Option(min=0.001, help="Cameras times shifts of 12 h, for false-alarms.")
    ] = 10.0,
    cameras: Annotated[int, typer.Option(min=0, help="To spread them over; 0: one a shift.")] = 0,
    kind: Annotated[
        str, typer.Option(help="Of false-alarms: camera, or energy_meter or spectrometer in their place.")
    ] = "camera",
    seed: Annotated[int, typer.Option(min=0, help="Another one makes other cameras, for false-alarms.")] = 101,
    config: Annotated[
        Path | None, typer.Option(help="TOML file with settings, for kafka, archive and false-alarms.")
    ] = None,
) -> None:
    """Measure the figures that the documentation names, with a description of the machine."""
    import json

    from rich.console import Console

    from dashboards.figure_table import print_figures
    from streams.benchmarks import BENCHMARKS, NEEDS, BenchmarkOptions
    from streams.benchmarks.false_alarms import SCORED_KINDS, FalseAlarmSize
    from streams.benchmarks.figure import Figure, machine

    if name and name not in BENCHMARKS:
        raise typer.BadParameter(f"there is no benchmark {name!r}; there are {', '.join(BENCHMARKS)}")
    if kind not in SCORED_KINDS:
        raise typer.BadParameter(f"there is no kind {kind!r} to score; there are {', '.join(SCORED_KINDS)}")
    false_alarms = FalseAlarmSize(camera_shifts=camera_shifts, cameras=cameras, seed=seed, kind=SCORED_KINDS[kind])
    options = BenchmarkOptions(minutes=minutes, false_alarms=false_alarms, config=config)
    figures: list[Figure] = []
    for key in [name] if name else [key for key in BENCHMARKS if key not in NEEDS]:
        typer.echo(f"measuring {key}", err=True)
        figures += BENCHMARKS[key](options)
    if as_json:
        typer.echo(json.dumps({"machine": machine(), "figures": [figure.to_json() for figure in figures]}))
    else:
        print_figures(machine(), figures, Console())

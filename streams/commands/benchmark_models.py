"""`petawatch benchmark-models`: the architectures side by side."""

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: petawatch benchmark-models --only strided --only moments --brief")(benchmark_models)


def benchmark_models(
    only: Annotated[
        list[str] | None, typer.Option(help="An architecture's name; may be given several times [default: all].")
    ] = None,
    cameras: Annotated[int, typer.Option(min=1, max=64, help="Simulated cameras with faults.")] = 8,
    minutes: Annotated[int, typer.Option(min=2, max=1000, help="How long each is watched.")] = 8,
    seed: Annotated[int, typer.Option(min=0, max=1_000_000, help="Another one makes other cameras.")] = 271,
    brief: Annotated[
        bool, typer.Option("--brief", help="Without the beams that drift for an hour and the faults that stay.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Train every architecture, watch the same simulated cameras with each, and show what they found."""
    import json
    from dataclasses import asdict

    from rich.console import Console

    from dashboards.architecture_table import print_architectures
    from dashboards.progress import progress_bar
    from streams.architecture_comparison import ComparisonSize, compare_architectures
    from streams.benchmarks.figure import machine

    size = ComparisonSize(cameras=cameras, minutes=minutes, seed=seed)
    if brief:
        size = size.without_long_stretches()
    with progress_bar("comparing") as advance:
        compared = compare_architectures(size, only or (), advance)
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "machine": machine(),
                    "size": asdict(size),
                    "architectures": [
                        {"name": each.name, "description": each.description, **each.figures.document()}
                        for each in compared
                    ],
                }
            )
        )
    else:
        print_architectures(compared, Console())

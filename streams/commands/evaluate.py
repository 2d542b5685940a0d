"""`petawatch evaluate`: what was found of what is known to be there."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: petawatch evaluate --labels /tmp/day/labels.json --state /tmp/state")(evaluate)


def evaluate(
    labels: Annotated[Path, typer.Option(help="labels.json as `petawatch simulate` writes it.")],
    state: Annotated[Path, typer.Option(help="State directory of the watch that saw these shots.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Compare alerts and scores with labels: found faults, false positives, false episodes, with 95 % intervals."""
    import json

    from rich.console import Console

    from dashboards.evaluation_table import print_evaluation
    from streams.evaluation import evaluate_state

    evaluation = evaluate_state(labels, state)
    if as_json:
        typer.echo(json.dumps(evaluation.to_json()))
    else:
        print_evaluation(evaluation, Console())

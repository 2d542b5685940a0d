"""`petawatch baseline`: a realigned device's new state becomes its reference."""

from pathlib import Path
from typing import Annotated

import typer

_State = Annotated[Path, typer.Option(help="State directory of the watch.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    baseline = typer.Typer(
        help="Accept what a device shows from some time on as its reference; list what was accepted.",
        no_args_is_help=True,
    )
    baseline.command(
        epilog="Example: petawatch baseline accept --device LA_A3_31-Camera_1-Camera-1 --from 2022-07-01T09:30 "
        "--reason realigned --state /var/lib/petawatch"
    )(accept)
    baseline.command("list", epilog="Example: petawatch baseline list --state /var/lib/petawatch")(list_baselines)
    app.add_typer(baseline, name="baseline")


def accept(
    state: _State,
    device: Annotated[str, typer.Option(help="The device's name.")],
    from_: Annotated[str, typer.Option("--from", help="First event time of the new state, ISO 8601; UTC if no zone.")],
    reason: Annotated[str, typer.Option(help="Why the new state is right, for those who come after.")],
) -> None:
    """Let a device learn anew from what it shows from a time on, and close what is open by the old reference."""
    from connectors.clock import SystemClock
    from models.event_time import format_iso
    from streams.commands.usage import time_option
    from streams.deciding import accept_baseline

    from_ns = time_option("--from", from_)
    if from_ns is None:
        raise typer.BadParameter("--from: name the first time of the new state, for example 2022-07-01T09:34:00Z")
    accepted = accept_baseline(state, device, from_ns, reason, SystemClock()).baseline
    typer.echo(
        f"{device} learns anew from its next records on, of {format_iso(accepted.from_ns)} at the earliest; "
        "a running watch takes this up within seconds, a stopped one when it starts"
    )


def list_baselines(
    state: _State,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document a line.")] = False,
) -> None:
    """List the accepted baselines, oldest first."""
    import json

    from rich.console import Console

    from connectors.operator_decisions import OperatorDecisions
    from connectors.state.reader import StateReader
    from dashboards.decision_tables import print_baselines
    from models.event_time import format_iso

    with StateReader.open(state):  # a directory that is none is told apart from one without baselines
        found = OperatorDecisions(state).baselines()
    if not as_json:
        print_baselines(found, Console())
        return
    for recorded in found:
        baseline = recorded.baseline
        document = {
            "accepted": format_iso(baseline.id),
            "device": baseline.device.name,
            "from": format_iso(baseline.from_ns),
            "by": recorded.by,
            "reason": recorded.reason,
        }
        typer.echo(json.dumps(document))

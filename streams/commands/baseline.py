"""`petawatch baseline`: a realigned device's new state becomes its reference."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from streams.facility.announcements import AnnouncementSender

_State = Annotated[Path, typer.Option(help="State directory of the watch, or of a facility's recorder.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    baseline = typer.Typer(
        help="Accept what a device shows from some time on as its reference; list what was accepted. It can't be "
        "withdrawn: the old reference is gone within seconds. Once the device shows again what is right, accept that.",
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
    config: Annotated[Path | None, typer.Option(help="TOML file with settings: how a facility's Kafka is reached.")] = (
        None
    ),
) -> None:
    """Let a device learn anew from what it shows from a time on, and close what is open by the old reference.

    This can't be taken back. A device that was accepted by mistake has learned again in half a minute at 10 Hz, from
    what it shows then; if that is not right, realign it, and accept the new state from then on.
    """
    from connectors.clock import SystemClock
    from models.event_time import format_iso
    from streams.commands.usage import time_option
    from streams.deciding import accept_baseline

    from_ns = time_option("--from", from_)
    if from_ns is None:
        raise typer.BadParameter("--from: name the first time of the new state, for example 2022-07-01T09:34:00Z")

    def agents() -> "AbstractContextManager[AnnouncementSender]":
        from streams.facility.agent_connection import agents_of
        from streams.settings import load_settings

        return agents_of(load_settings(config))

    accepted = accept_baseline(state, device, from_ns, reason, SystemClock(), agents).baseline
    typer.echo(
        f"{device} learns anew from its next records on, of {format_iso(accepted.from_ns)} at the earliest; "
        "what runs takes this up within seconds, what is stopped when it starts"
    )


def list_baselines(
    state: _State,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document a line.")] = False,
) -> None:
    """List the accepted baselines, oldest first."""
    import json

    from rich.console import Console

    from connectors.control_room.decisions import OperatorDecisions
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
            "told": recorded.told,
        }
        typer.echo(json.dumps(document))

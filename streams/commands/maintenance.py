"""`petawatch maintenance`: while somebody works at a stage, its alarms keep still."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from models.devices import Stage

_State = Annotated[Path, typer.Option(help="State directory of the watch or of the recorder.")]
_Config = Annotated[
    Path | None, typer.Option(help="TOML file with settings: who is told where no watch was started yet.")
]
_Stage = Annotated[str, typer.Option(help="The stage: front end, amplifier, arm, as LA-A3-31.")]
_EXAMPLE = "Example: petawatch maintenance"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    maintenance = typer.Typer(
        help="Say that somebody works at a stage: its alarms are suppressed meanwhile.", no_args_is_help=True
    )
    maintenance.command(
        epilog=f"{_EXAMPLE} start --stage LA-A3-31 --until 2022-07-01T18:00 --reason 'new crystal' --state "
        "/var/lib/petawatch"
    )(start)
    maintenance.command(epilog=f"{_EXAMPLE} end --stage LA-A3-31 --state /var/lib/petawatch")(end)
    maintenance.command("list", epilog=f"{_EXAMPLE} list --state /var/lib/petawatch")(list_maintenance)
    app.add_typer(maintenance, name="maintenance")


def start(
    state: _State,
    stage: _Stage,
    why: Annotated[str, typer.Option("--reason", help="What is done there, for those who come after.")],
    until: Annotated[
        str, typer.Option(help="When it ends by itself, ISO 8601, UTC if no zone; without it by `maintenance end`.")
    ] = "",
    config: _Config = None,
) -> None:
    """Suppress all alarms of a stage; of one under maintenance change the end."""
    from connectors.clock import SystemClock
    from connectors.control_room.decisions import operating_user
    from models.event_time import format_iso
    from streams.alarms.alarm_desk import open_desk
    from streams.commands.usage import time_option
    from streams.settings import load_settings

    until_ns = time_option("--until", until)
    with open_desk(state, load_settings(config), SystemClock()) as desk:
        begun = desk.start_maintenance(_parsed(stage), until_ns=until_ns, by=operating_user(), why=why)
    end_words = "until it is ended" if begun.until_ns is None else f"until {format_iso(begun.until_ns)}"
    typer.echo(f"{begun.stage} is under maintenance {end_words}")


def end(
    state: _State,
    stage: _Stage,
    why: Annotated[str, typer.Option("--reason", help="What was done, for those who come after.")] = "",
    config: _Config = None,
) -> None:
    """Suppress the alarms of a stage no longer; those that are active are announced."""
    from connectors.clock import SystemClock
    from connectors.control_room.decisions import operating_user
    from streams.alarms.alarm_desk import open_desk
    from streams.settings import load_settings

    with open_desk(state, load_settings(config), SystemClock()) as desk:
        ended = desk.end_maintenance(_parsed(stage), by=operating_user(), why=why)
    typer.echo(f"{ended.stage} is in operation again")


def list_maintenance(
    state: _State,
    past: Annotated[bool, typer.Option("--all", help="That of the past, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document a line.")] = False,
) -> None:
    """List the stages under maintenance, the latest first."""
    import json

    from rich.console import Console

    from connectors.control_room.documents import maintenance_document
    from connectors.control_room.reader import ControlRoomReader
    from connectors.state.reader import StateReader
    from dashboards.alarm_tables import print_maintenance

    with StateReader.open(state):  # a directory that is none is told apart from one without maintenance
        found = ControlRoomReader(state).maintenance(past=past)
    if not as_json:
        print_maintenance(found, Console())
        return
    for each in found:
        typer.echo(json.dumps(maintenance_document(each)))


def _parsed(text: str) -> "Stage":
    from models.devices import parse_stage

    stage = parse_stage(text)
    if stage is None:
        raise typer.BadParameter(f"--stage: {text!r} is no stage; write front end, amplifier and arm, as LA-A3-31")
    return stage

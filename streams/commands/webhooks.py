"""`petawatch webhooks`: who is told of alerts, and whether they hear of them."""

from pathlib import Path
from typing import Annotated

import typer

_State = Annotated[Path, typer.Option(help="State directory of the watch or of the recorder.")]
_Config = Annotated[Path | None, typer.Option(help="TOML file with settings.")]
_Name = Annotated[str, typer.Argument(metavar="[NAME]", help="Of the receiver or messenger; without it all.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    webhooks = typer.Typer(
        help="Look at receivers of alerts, try them, tell them again; make secrets for signatures.",
        no_args_is_help=True,
    )
    example = "Example: petawatch webhooks"
    webhooks.command("list", epilog=f"{example} list --state /var/lib/petawatch --config petawatch.toml")(
        list_receivers
    )
    webhooks.command("test", epilog=f"{example} test shift-log --config petawatch.toml")(send_test)
    webhooks.command(epilog=f"{example} redeliver 3f9a07 --state /var/lib/petawatch")(redeliver)
    webhooks.command(epilog=f"{example} resume shift-log --state /var/lib/petawatch --config petawatch.toml")(resume)
    webhooks.command(epilog=f"{example} move shift-log logbook --state /var/lib/petawatch --config petawatch.toml")(
        move
    )
    webhooks.command(epilog=f"{example} drop shift-log --state /var/lib/petawatch --config petawatch.toml")(drop)
    webhooks.command("new-secret", epilog=f"{example} new-secret")(new_secret)
    app.add_typer(webhooks, name="webhooks")


def list_receivers(
    state: _State,
    config: _Config = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document a line.")] = False,
) -> None:
    """List receivers and messengers: what waits for them, when they got something last, what they said."""
    import json

    from rich.console import Console

    from connectors.control_room.receipts import ReceiptReader
    from connectors.webhooks.standing import standings
    from dashboards.receiver_table import print_standings, standing_document
    from streams.settings import load_settings
    from streams.telling.receivers import all_told

    found = standings(ReceiptReader(state).standing(), all_told(load_settings(config)))
    if as_json:
        for one in found:
            typer.echo(json.dumps(standing_document(one)))
    else:
        print_standings(found, Console())


def send_test(name: _Name = "", config: _Config = None) -> int:
    """Send a test event now, signed like all others, and say what was answered; exit code 1 if one did not take it."""
    from connectors.clock import SystemClock
    from dashboards.printable import printable
    from streams.settings import load_settings
    from streams.telling.receiver_steps import try_receivers

    failed = False
    for one, error in try_receivers(load_settings(config), name, SystemClock()):
        failed = failed or bool(error)
        typer.echo(f"{one}: {printable(error) or 'took it'}")
    return int(failed)


def redeliver(
    state: _State,
    id_: Annotated[str, typer.Argument(metavar="[ID]", help="Of the alert or incident, or how it begins.")] = "",
    receiver: Annotated[str, typer.Option(help="Instead of an id: all that this receiver got ...")] = "",
    from_: Annotated[str, typer.Option("--from", help="... written from this time on (ISO 8601).")] = "",
    config: _Config = None,
) -> None:
    """Put messages that were delivered into the outbox again, under their ids; the running watch sends them."""
    from connectors.clock import SystemClock
    from connectors.control_room.decisions import operating_user
    from streams.commands.usage import time_option
    from streams.settings import load_settings
    from streams.telling.receiver_steps import look_up, tell_again

    from_ns = time_option("--from", from_)
    if bool(id_) is bool(receiver) or (from_ns is not None and not receiver) or (receiver and from_ns is None):
        raise typer.BadParameter("name an alert or incident, or --receiver with --from")
    if config is not None and receiver:
        look_up(load_settings(config), receiver)
    count = tell_again(
        state,
        beginning=id_.strip().lower(),
        receiver=receiver,
        from_ns=from_ns or 0,
        by=operating_user(),
        clock=SystemClock(),
    )
    typer.echo(f"{count} {'message waits' if count == 1 else 'messages wait'} to be told again")


def resume(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the receiver or messenger.")],
    state: _State,
    config: _Config = None,
) -> None:
    """Let a suspended receiver have all that waits for it, now; the running watch sends it."""
    from connectors.clock import SystemClock
    from connectors.control_room.decisions import operating_user
    from streams.settings import load_settings
    from streams.telling.receiver_steps import take_back

    was = take_back(state, load_settings(config), name, by=operating_user(), clock=SystemClock())
    typer.echo(f"{name} is asked again" if was else f"{name} was not suspended; what waits for it is tried at once")


def move(
    old: Annotated[str, typer.Argument(metavar="OLD", help="A name that the settings do not have any more.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="Of a receiver or messenger of the settings.")],
    state: _State,
    config: _Config = None,
) -> None:
    """Hand what waits for a receiver that was renamed or replaced to another; the running watch sends it."""
    from connectors.clock import SystemClock
    from connectors.control_room.decisions import operating_user
    from streams.settings import load_settings
    from streams.telling.receiver_steps import move_messages

    count = move_messages(state, load_settings(config), old, new, by=operating_user(), clock=SystemClock())
    typer.echo(f"{count} {'message waits' if count == 1 else 'messages wait'} for {new} now")


def drop(
    old: Annotated[str, typer.Argument(metavar="OLD", help="A name that the settings do not have any more.")],
    state: _State,
    config: _Config = None,
) -> None:
    """Let nothing wait any more for a receiver that was taken out of the settings; receipts say that nobody got it."""
    from connectors.clock import SystemClock
    from connectors.control_room.decisions import operating_user
    from streams.settings import load_settings
    from streams.telling.receiver_steps import drop_messages

    count = drop_messages(state, load_settings(config), old, by=operating_user(), clock=SystemClock())
    typer.echo(f"{count} {'message was' if count == 1 else 'messages were'} dropped")


def new_secret() -> None:
    """Print a fresh secret for the signatures of a receiver; it is kept nowhere."""
    from connectors.webhooks.signing import new_secret as fresh

    typer.echo(fresh())

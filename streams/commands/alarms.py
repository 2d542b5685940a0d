"""`petawatch alarms`: what is wrong now, and what operators say about it: seen, not now, not at all."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from models.alarms.alarm import Alarm
    from streams.alarms.alarm_desk import AlarmDesk

_State = Annotated[Path, typer.Option(help="State directory of the watch or of the recorder.")]
_Config = Annotated[
    Path | None,
    typer.Option(
        help="TOML file with settings: where the archive's folder is, with the alarms about tapes; how long may be "
        "shelved, who is told where no watch was started yet."
    ),
]
_Alarm = Annotated[str, typer.Argument(metavar="ID", help="The alarm's id, or how it begins; `alarms list` has it.")]
_Why = Annotated[str, typer.Option("--reason", help="Why, for those who come after.")]
_EXAMPLE = "Example: petawatch alarms"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    alarms = typer.Typer(
        help="List alarms; acknowledge, shelve, reset them, take them out of service and put them back.",
        no_args_is_help=True,
    )
    alarms.command("list", epilog=f"{_EXAMPLE} list --state /var/lib/petawatch")(list_alarms)
    alarms.command(epilog=f"{_EXAMPLE} acknowledge 3f9a07 --state /var/lib/petawatch")(acknowledge)
    alarms.command(
        epilog=f"{_EXAMPLE} shelve 3f9a07 --until 2022-07-01T18:00 --reason 'on its way' --state /var/lib/petawatch"
    )(shelve)
    alarms.command(epilog=f"{_EXAMPLE} unshelve 3f9a07 --state /var/lib/petawatch")(unshelve)
    alarms.command(epilog=f"{_EXAMPLE} out-of-service 3f9a07 --reason 'camera dismounted' --state /var/lib/petawatch")(
        out_of_service
    )
    alarms.command(epilog=f"{_EXAMPLE} in-service 3f9a07 --state /var/lib/petawatch")(in_service)
    alarms.command(epilog=f"{_EXAMPLE} reset 3f9a07 --state /var/lib/petawatch")(reset)
    app.add_typer(alarms, name="alarms")


def list_alarms(
    state: _State,
    every: Annotated[bool, typer.Option("--all", help="Those that are normal, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document a line.")] = False,
    config: _Config = None,
) -> int:
    """List the alarms that are not normal, also those about tapes, the most urgent first.

    Exit code 1 when some are missing here, and which.
    """
    import json

    from rich.console import Console

    from connectors.control_room.documents import alarm_document
    from connectors.state.reader import StateReader
    from dashboards.alarm_tables import print_alarms
    from models.alarms.life_cycle import AlarmState
    from streams.commands.usage import tell_all
    from streams.control_rooms import control_rooms
    from streams.settings import load_settings

    rooms = control_rooms(state, load_settings(config)).for_one_answer()
    with StateReader.open(state):  # a directory that is none is told apart from one without alarms
        found = rooms.alarms(states=None if every else {*AlarmState} - {AlarmState.NORMAL})
    if as_json:
        for alarm in found:
            typer.echo(json.dumps(alarm_document(alarm)))
    else:
        print_alarms(found, Console())
    return tell_all(rooms.troubles())


def acknowledge(
    state: _State,
    id_: Annotated[str, typer.Argument(metavar="ID", help="Of an incident, alarm or alert, or how it begins.")],
    why: _Why = "",
    config: _Config = None,
) -> int:
    """Say that somebody has seen it: an incident's own episodes, one alert, or all of an alarm."""

    def more(alarm: "Alarm") -> str:
        return "" if alarm.life.seen else "; other episodes of it are not acknowledged"

    return _step(state, config, id_, lambda desk, subject, who: desk.acknowledge(subject, by=who, why=why), more)


def shelve(
    state: _State,
    id_: _Alarm,
    until: Annotated[str, typer.Option(help="When it comes back by itself, ISO 8601; UTC if no zone.")],
    why: _Why,
    config: _Config = None,
) -> int:
    """Put an alarm off until a time; of one that is shelved change the end."""
    from streams.commands.usage import time_option

    until_ns = time_option("--until", until)
    if until_ns is None:
        raise typer.BadParameter("--until: shelving always has an end, for example 2022-07-01T18:00")
    return _step(state, config, id_, lambda desk, alarm, who: [desk.shelve(alarm, until_ns=until_ns, by=who, why=why)])


def unshelve(state: _State, id_: _Alarm, why: _Why = "", config: _Config = None) -> int:
    """Bring a shelved alarm back before its time."""
    return _step(state, config, id_, lambda desk, alarm, who: [desk.unshelve(alarm, by=who, why=why)])


def out_of_service(state: _State, id_: _Alarm, why: _Why, config: _Config = None) -> int:
    """Take an alarm out of service until somebody puts it back."""
    return _step(state, config, id_, lambda desk, alarm, who: [desk.take_out(alarm, by=who, why=why)])


def in_service(state: _State, id_: _Alarm, why: _Why = "", config: _Config = None) -> int:
    """Put an alarm back into service."""
    return _step(state, config, id_, lambda desk, alarm, who: [desk.put_back(alarm, by=who, why=why)])


def reset(state: _State, id_: _Alarm, why: _Why = "", config: _Config = None) -> int:
    """Let go of a latched alarm that was acknowledged, and whose condition is gone."""
    return _step(state, config, id_, lambda desk, alarm, who: [desk.reset(alarm, by=who, why=why)])


def _step(
    state: Path,
    config: Path | None,
    beginning: str,
    step: "Callable[[AlarmDesk, str, str], list[Alarm]]",
    more: "Callable[[Alarm], str]" = lambda _: "",
) -> int:
    """Take it where what is meant is kept; say how the alarms stand that it concerns, and ``more`` of each."""
    from connectors.clock import SystemClock
    from connectors.control_room.decisions import operating_user
    from connectors.control_room.rooms import one_each
    from connectors.state.reader import StateReader
    from dashboards.printable import printable
    from models.alarms.life_cycle import words_of
    from streams.alarms.alarm_desk import id_beginning_with
    from streams.alarms.desks import at_desks_of
    from streams.commands.usage import tell_all
    from streams.control_rooms import control_rooms
    from streams.settings import load_settings

    settings, who = load_settings(config), operating_user()
    rooms = control_rooms(state, settings)
    with StateReader.open(state):  # a directory that is none is told apart from one without alarms
        subject = id_beginning_with(rooms, beginning.strip().lower())
    taken, troubles = at_desks_of(rooms, subject, settings, SystemClock(), lambda desk: step(desk, subject, who))
    for alarm in one_each(alarm for alarms in taken for alarm in alarms):
        words = f"{alarm.id} {alarm.kind} {printable(alarm.subject)}: {words_of(alarm.state)}"
        typer.echo(f"{words}{more(alarm)}")
    return tell_all(troubles)

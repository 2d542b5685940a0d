"""`petawatch audit`: who decided what, when and why; and whether the log is as it was written."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from connectors.control_room.reader import ControlRoomReader
    from models.alarms.audit_chain import AuditEntry

_State = Annotated[Path, typer.Option(help="State directory of the watch or of the recorder.")]
_Config = Annotated[
    Path | None, typer.Option(help="TOML file with settings: where the archive's folder is, with the log about tapes.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    audit = typer.Typer(help="Look at the audit log, and check that nothing of it was changed.", no_args_is_help=True)
    audit.command("list", epilog="Example: petawatch audit list --state /var/lib/petawatch")(list_entries)
    audit.command(epilog="Example: petawatch audit verify --state /var/lib/petawatch")(verify)
    app.add_typer(audit, name="audit")


def list_entries(
    state: _State,
    after: Annotated[int, typer.Option(min=0, help="Of each log only entries with larger numbers.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document a line.")] = False,
    config: _Config = None,
) -> int:
    """List what was decided, oldest first: acknowledged, shelved, judged, accepted, promoted, set.

    What was decided about tapes stands in a log of its own, with numbers of its own. Exit code 1 when one is missing.
    """
    import json

    from rich.console import Console

    from connectors.control_room.documents import audit_document
    from connectors.control_room.room_entries import in_order
    from connectors.state.reader import StateReader
    from dashboards.alarm_tables import print_audit
    from streams.alarms.audited_subjects import names_in
    from streams.commands.usage import tell_all
    from streams.control_rooms import control_rooms
    from streams.settings import load_settings

    rooms = control_rooms(state, load_settings(config))

    def read(room: "ControlRoomReader") -> "tuple[tuple[str, Sequence[AuditEntry]], dict[str, str]]":
        # A directory that is none is told apart from one without decisions.
        with StateReader.open(room.state) as reader:
            found = room.audit(after, None)
            return (rooms.name_of(room.state), found), {} if as_json else names_in(found, room, reader)

    answers, troubles = rooms.look(read)
    entries = in_order(log for log, _ in answers)
    if as_json:
        for entry in entries:
            typer.echo(json.dumps(audit_document(entry)))
    else:
        names = {id_: name for _, named in answers for id_, name in named.items()}
        print_audit(entries, names, Console())
    return tell_all(troubles)


def verify(state: _State, config: _Config = None) -> int:
    """Check the chain of hashes; exit code 1 when an entry was changed, removed or put in, and where.

    Also when a log is missing, or was not checked because it can't be read just now: the sentence says which it is.
    Who may write the file could write all of it anew: that shows only beside a hash that was noted elsewhere. The log
    about tapes is a chain of its own, and checked, too.
    """
    from connectors.control_room.database import DECISIONS_NAME
    from connectors.state.reader import StateReader
    from models.errors import PetawatchError
    from streams.commands.usage import tell_all
    from streams.control_rooms import control_rooms
    from streams.settings import load_settings

    rooms = control_rooms(state, load_settings(config))
    with StateReader.open(state):
        checked = list(rooms.each(lambda room: (room.audit_breaks(), room.audit(0, None))))
    missing = rooms.without_decisions()
    troubles = [
        f"{place} has no audit log: somebody removed {DECISIONS_NAME}, or nothing that keeps alarms ever ran there; "
        "find out which"
        for place in missing
    ]
    for place, answer in checked:
        if place in missing:
            continue
        where = f"{place}: " if len({*dict(checked), *missing}) > 1 else ""
        if isinstance(answer, PetawatchError):
            troubles.append(f"The audit log in {place} was not checked: {answer}.")
            continue
        breaks, entries = answer
        if breaks:
            troubles += [f"{where}{sentence}" for sentence in breaks]
            continue
        head = f"; the last one's hash is {entries[-1].hash}" if entries else ""
        count = "1 entry" if len(entries) == 1 else f"{len(entries)} entries"
        typer.echo(f"{where}{count}, each as it was written{head}")
    return tell_all(troubles)

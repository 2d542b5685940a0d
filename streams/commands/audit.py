"""`petawatch audit`: who decided what, when and why; and whether the log is as it was written."""

from pathlib import Path
from typing import Annotated

import typer

_State = Annotated[Path, typer.Option(help="State directory of the watch or of the recorder.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    audit = typer.Typer(help="Look at the audit log, and check that nothing of it was changed.", no_args_is_help=True)
    audit.command("list", epilog="Example: petawatch audit list --state /var/lib/petawatch")(list_entries)
    audit.command(epilog="Example: petawatch audit verify --state /var/lib/petawatch")(verify)
    app.add_typer(audit, name="audit")


def list_entries(
    state: _State,
    after: Annotated[int, typer.Option(min=0, help="Only entries with larger numbers.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document a line.")] = False,
) -> None:
    """List what was decided, oldest first: acknowledged, shelved, judged, accepted, promoted, set."""
    import json

    from rich.console import Console

    from connectors.control_room.documents import audit_document
    from connectors.control_room.reader import ControlRoomReader
    from connectors.state.reader import StateReader
    from dashboards.alarm_tables import print_audit
    from streams.alarms.audited_subjects import names_in

    with StateReader.open(state) as reader:  # a directory that is none is told apart from one without decisions
        room = ControlRoomReader(state)
        found = room.audit(after, None)
        names = {} if as_json else names_in(found, room, reader)
    if not as_json:
        print_audit(found, names, Console())
        return
    for entry in found:
        typer.echo(json.dumps(audit_document(entry)))


def verify(state: _State) -> int:
    """Check the chain of hashes; exit code 1 when an entry was changed, removed or put in, and where.

    Who may write the file could write all of it anew: that shows only beside a hash that was noted elsewhere.
    """
    from connectors.control_room.reader import ControlRoomReader
    from connectors.state.reader import StateReader
    from streams.commands.usage import tell

    with StateReader.open(state):
        reader = ControlRoomReader(state)
        breaks, entries = reader.audit_breaks(), reader.audit(0, None)
    for sentence in breaks:
        tell(sentence)
    if breaks:
        return 1
    head = f"; the last one's hash is {entries[-1].hash}" if entries else ""
    typer.echo(f"{len(entries)} entries, each as it was written{head}")
    return 0

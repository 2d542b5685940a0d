"""`petawatch check`: what is wrong before anything runs."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: petawatch check --config petawatch.toml --state /var/lib/petawatch /data/recorders")(
        check
    )


def check(
    paths: Annotated[list[Path] | None, typer.Argument(help="Folders that are to be watched.")] = None,
    state: Annotated[Path | None, typer.Option(help="State directory that is to be used.")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file with settings.")] = None,
    console: Annotated[str | None, typer.Option(help="HOST:PORT at which a console is to be started.")] = None,
) -> int:
    """Check settings, folders, rights, control room, receivers, model, archive; exit code 1 when something is wrong."""
    from streams.installation_check import check_installation

    problems = 0
    for finding in check_installation(config, paths or [], state, console):
        judged = "PROBLEM" if not finding.ok else "warning" if finding.warns else "ok     "
        typer.echo(f"{judged} {finding.what}: {finding.sentence}")
        problems += not finding.ok
    return int(problems > 0)

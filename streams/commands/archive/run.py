"""`petawatch archive run`: the archiver as a process of its own."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: petawatch archive run --state /var/lib/petawatch --config petawatch.toml")(run)


def run(
    state: Annotated[Path, typer.Option(help="State directory of the watch, or journal of the connector.")],
    config: Annotated[Path | None, typer.Option(help="TOML file with settings.")] = None,
    once: Annotated[bool, typer.Option("--once", help="Archive what there is, and end.")] = False,
) -> None:
    """Copy each snapshot that a watch or connector has read into the store, and write it into the catalog."""
    import signal
    from contextlib import closing

    from connectors.clock import SystemClock
    from connectors.process_priority import step_back
    from models.errors import FatalError
    from streams.archive.uploading.archiver import Archiver
    from streams.commands.usage import tell
    from streams.settings import load_settings

    settings = load_settings(config)
    if not settings.archive.store:
        raise FatalError(
            "nothing says where the archive is; give archive.store in --config: s3://BUCKET, or a folder's whole path",
            reason="configuration",
        )

    with closing(Archiver(state, settings, SystemClock(), tell=tell)) as archiver:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: archiver.stop())
        archiver.check()
        step_back()  # its threads, which start from now on, have it, too
        if not once:
            typer.echo(f"archiving into {settings.archive.store}; stop with Ctrl-C", err=True)
            archiver.run()
            return
        fed = archiver.run_once()
        waiting = archiver.waiting_files()
    if waiting:
        tell(f"{waiting} files still wait for the archive; petawatch archive status says why")
    if waiting or not fed:
        raise typer.Exit(1)

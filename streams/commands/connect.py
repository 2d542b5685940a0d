"""`petawatch connect`: a recorder computer's part in the facility."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: petawatch connect /data/recorders --state /var/lib/petawatch --config petawatch.toml")(
        connect
    )


def connect(
    paths: Annotated[list[Path], typer.Argument(help="Folders into which the recorders write.")],
    state: Annotated[Path, typer.Option(help="Directory of the journal of sent files; made if absent.")],
    once: Annotated[bool, typer.Option("--once", help="Send what is there and the end of the input, and end.")] = False,
    http: Annotated[str, typer.Option(help="HOST:PORT for /metrics, /healthz and /readyz, or off.")] = "off",
    config: Annotated[Path | None, typer.Option(help="TOML file with settings.")] = None,
) -> None:
    """Send the records of finished snapshots to Kafka, where workers score them."""
    import os
    import signal
    import threading

    from dashboards.progress import progress_bar
    from streams.commands.usage import tell
    from streams.connector.connector import open_connector
    from streams.settings import load_settings

    settings = load_settings(config)

    with open_connector(paths, state, settings, http=http, tell=tell) as running:

        def end(*_: object) -> None:
            running.stop()
            # What still hangs in the network then was not acknowledged: the next run sends it again.
            limit = threading.Timer(_STOP_S, os._exit, (0,))
            limit.daemon = True
            limit.start()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, end)
        if once:
            with progress_bar("sending") as advance:
                running.run_once(advance)
            return
        typer.echo(f"sending {', '.join(str(path) for path in paths)}; stop with Ctrl-C", err=True)
        running.run()


#: A connector that is told to end is gone after so long.
_STOP_S = 8.0

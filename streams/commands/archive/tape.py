"""`petawatch archive tape`: the keeper of the tapes."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: petawatch archive tape --state /var/lib/petawatch --config petawatch.toml")(tape)


def tape(
    state: Annotated[Path | None, typer.Option(help="State directory of the watch or the connector.")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file with settings.")] = None,
    once: Annotated[
        bool,
        typer.Option("--once", help="Bundle all that waits, do what can be done, and end: with 1 if more is wanted."),
    ] = False,
    http: Annotated[str, typer.Option(help="HOST:PORT for metrics and health; off for none.")] = "off",
) -> None:
    """Bundle archived files, write them to cartridges, and read them back once those were mounted anew."""
    import signal
    import threading

    from connectors.clock import SystemClock
    from streams.archive.opened_archive import opened_archive
    from streams.archive.tape.tape_keeper import open_keeper
    from streams.archive.tape.tape_metrics import HANGS_AFTER_S, TapeMetrics
    from streams.archive.tape.tape_needs import what_is_left
    from streams.commands.usage import tell
    from streams.http_health import HealthServer

    clock = SystemClock()
    metrics = TapeMetrics(clock)
    with ExitStack() as stack:
        archive = stack.enter_context(opened_archive(state, config))
        keeper = stack.enter_context(open_keeper(archive, clock, tell, metrics))
        if http != "off":
            stack.enter_context(HealthServer(http, metrics, clock, stalled_after_s=HANGS_AFTER_S)).ready()
        if once:
            keeper.run_once()
            if left := what_is_left(len(keeper.bundles_on_disk), keeper.needs):
                tell(left)
                raise typer.Exit(1)
            return
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        keeper.run(stop)
